"""A small RTSP client that can also misbehave. It shares no code with the platform."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Talk:
    """One connection. What comes between the answers is kept by channel."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    url: str
    cseq: int = 0
    session: str | None = None
    frames: dict[int, list[bytes]] = field(default_factory=dict)

    async def ask(self, method: str, uri: str | None = None, body: str = "", **headers: str) -> Answer:
        self.cseq += 1
        lines = [f"{method} {uri or self.url} RTSP/1.0", f"CSeq: {self.cseq}"]
        if self.session is not None and "Session" not in headers:
            lines.append(f"Session: {self.session}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        answer = await self.answer()
        assert answer.headers["cseq"] == str(self.cseq)
        if "session" in answer.headers:
            self.session = answer.headers["session"].split(";")[0]
        return answer

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE_S):
            while (start := await self.reader.readexactly(1)) == b"$":
                await self._keep_frame()
            head = (start + await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            match = re.fullmatch(r"RTSP/1\.0 (\d{3}) .+", first)
            assert match is not None, first
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(match[1]), headers, body.decode())

    async def frame(self) -> tuple[int, bytes]:
        """The next packet between the answers."""
        async with asyncio.timeout(PATIENCE_S):
            assert await self.reader.readexactly(1) == b"$"
            return await self._keep_frame()

    async def _keep_frame(self) -> tuple[int, bytes]:
        head = await self.reader.readexactly(3)
        data = await self.reader.readexactly(int.from_bytes(head[1:]))
        self.frames.setdefault(head[0], []).append(data)
        return head[0], data

    async def rest(self) -> bytes:
        """All until the other side closes."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def set_up(self, track: int = 0, transport: str = "RTP/AVP/TCP;unicast;interleaved=0-1") -> Answer:
        return await self.ask("SETUP", f"{self.url}/track{track}", Transport=transport)

    async def play(self) -> Answer:
        """DESCRIBE, SETUP of the pictures and PLAY."""
        for answer in (await self.ask("DESCRIBE"), await self.set_up()):
            assert answer.status == 200, answer
        return await self.ask("PLAY", Range="npt=0.000-")


@asynccontextmanager
async def talk(url: str) -> AsyncIterator[Talk]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Talk(reader, writer, url)
    finally:
        writer.transport.abort()


@dataclass(frozen=True)
class Packet:
    """What an RTP header says."""

    sequence: int
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> Packet:
        assert data[0] == 0x80
        return cls(
            int.from_bytes(data[2:4]),
            int.from_bytes(data[4:8]),
            int.from_bytes(data[8:12]),
            data[1] & 0x7F,
            bool(data[1] & 0x80),
            data[12:],
        )
