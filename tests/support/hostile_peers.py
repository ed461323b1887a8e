"""Peers that misbehave on connections, and a viewer that sees whether pictures go on."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import struct
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from tests.support.hostile import STRANGER
from tests.support.platform_process import eventually

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(address: tuple[str, int], host: str = STRANGER) -> Streams:
    async with asyncio.timeout(10):
        return await asyncio.open_connection(*address, local_addr=(host, 0))


async def drop(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def held(address: tuple[str, int], count: int, host: str = STRANGER) -> AsyncIterator[list[Streams]]:
    """Many connections at once."""
    streams: list[Streams] = []
    try:
        while len(streams) < count:
            streams.append(await connect(address, host))
        yield streams
    finally:
        for _, writer in streams:
            await drop(writer)


async def exchange(address: tuple[str, int], *pieces: bytes, timeout_s: float = 10.0) -> bytes:
    """Send what the peer takes, then everything that it answers until it closes."""
    reader, writer = await connect(address)
    try:
        with contextlib.suppress(OSError):
            async with asyncio.timeout(timeout_s):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        async with asyncio.timeout(timeout_s):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        await drop(writer)


class Watcher:
    """A viewer over HTTP that counts fragments."""

    def __init__(self) -> None:
        self.fragments = 0

    async def more(self, count: int = 5, timeout_s: float = 10.0) -> None:
        """Wait until so many fragments more have come."""
        wanted = self.fragments + count

        async def seen() -> bool:
            return self.fragments >= wanted

        await eventually(seen, f"{count} fragments more", timeout_s, every_s=0.02)


@contextlib.asynccontextmanager
async def watching(url: str) -> AsyncIterator[Watcher]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    watcher = Watcher()

    async def read() -> None:
        tail = b""
        while data := await reader.read(65_536):
            tail += data
            watcher.fragments += tail.count(b"moof")
            tail = tail[-3:]

    reading = asyncio.create_task(read())
    try:
        await watcher.more(1)
        yield watcher
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await drop(writer)


def websocket_handshake(url: str) -> bytes:
    parts = urlsplit(url)
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


WRONG_FRAMES = {
    "unmasked": b"\x81\x02hi",
    "reserved bits": b"\xf1\x80\0\0\0\0",
    "unknown opcode": b"\x83\x80\0\0\0\0",
    "long control frame": b"\x89\xfe\x00\x80\0\0\0\0",
    "endless length": b"\x82\xff" + struct.pack("!Q", 1 << 62) + b"\0" * 4,
    "noise": bytes(range(256)),
}


def websocket_frames(data: bytes) -> list[tuple[int, bytes]]:
    """Opcode and body of each whole frame of a server."""
    found = []
    at = 0
    while at + 2 <= len(data):
        opcode, size, body = data[at] & 15, data[at + 1] & 127, at + 2
        if size == 126:
            size, body = int.from_bytes(data[at + 2 : at + 4]), at + 4
        elif size == 127:
            size, body = int.from_bytes(data[at + 2 : at + 10]), at + 10
        if body + size > len(data):
            break
        found.append((opcode, data[body : body + size]))
        at = body + size
    return found
