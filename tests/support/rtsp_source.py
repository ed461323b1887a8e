"""A camera that speaks RTSP and nothing of GB/T 28181, with the faults of such cameras."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import secrets
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.moving_clip import Clip, clip, tone, units_of

PAYLOAD = 1200
VIDEO_PT, AAC_PT, PCMA_PT = 96, 97, 8


@dataclass
class Habits:
    """How the camera behaves; may be changed while it runs."""

    codec: str = "H264"
    b_pictures: int = 0
    audio: str | None = "PCMA"
    has_video: bool = True
    video_name: str = ""
    """Another name in the SDP, of a codec that nobody carries."""
    sets_in_band: bool = True
    username: str = ""
    password: str = ""
    describe_status: int = 200
    refuses_tcp: bool = False
    is_mute: bool = False
    """Takes connections and answers nothing."""
    is_hung: bool = False
    """Keeps its connections and sends no media."""
    is_dripping: bool = False
    """Begins a packet and sends a byte of it now and then."""


@dataclass(eq=False)
class _Viewer:
    """One connection and what it has set up."""

    writer: asyncio.StreamWriter
    session: str = field(default_factory=lambda: secrets.token_hex(4))
    channels: dict[int, int] = field(default_factory=dict)
    targets: dict[int, tuple[str, int]] = field(default_factory=dict)
    playing: asyncio.Task[None] | None = None


class RtspSource:
    """``async with RtspSource(...) as camera``: an address to pull from."""

    def __init__(self, habits: Habits | None = None, path: str = "/stream1") -> None:
        self.habits = habits or Habits()
        self.path = path
        self.port = 0
        self.requests: list[str] = []
        self.unauthorised = 0
        self._nonce = secrets.token_hex(8)
        self._server: asyncio.Server | None = None
        self._viewers: set[_Viewer] = set()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}{self.path}"

    @property
    def viewers(self) -> int:
        return sum(viewer.playing is not None for viewer in self._viewers)

    async def __aenter__(self) -> RtspSource:
        self._udp.bind(("127.0.0.1", 0))
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        self._udp.close()

    async def start(self) -> None:
        """Listen; after ``kill`` again at the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """Drop everything, as a camera does whose power is cut."""
        if self._server is not None:
            self._server.close()
        for viewer in list(self._viewers):
            viewer.writer.transport.abort()
            if viewer.playing is not None:
                viewer.playing.cancel()
        self._server = None
        while self._viewers:  # noqa: ASYNC110  (their tasks end by themselves)
            await asyncio.sleep(0.01)

    # -- requests

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        viewer = _Viewer(writer)
        self._viewers.add(viewer)
        try:
            while not (await reader.read(65_536) == b"" if self.habits.is_mute else False):
                if not self.habits.is_mute:
                    await self._answer_one(reader, viewer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            if viewer.playing is not None:
                viewer.playing.cancel()
            self._viewers.discard(viewer)
            writer.transport.abort()

    async def _answer_one(self, reader: asyncio.StreamReader, viewer: _Viewer) -> None:
        first = await reader.readexactly(1)
        if first == b"$":  # RTCP of the viewer
            header = await reader.readexactly(3)
            await reader.readexactly(struct.unpack(">H", header[1:])[0])
            return
        text = (first + await reader.readuntil(b"\r\n\r\n")).decode()
        method, url, _ = text.split(" ", 2)
        headers = dict(re.findall(r"(?m)^([\w-]+):\s*(.*?)\r$", text))
        headers = {name.lower(): value for name, value in headers.items()}
        self.requests.append(method)
        status, extra, body = self._reply(method, url, headers, viewer)
        reason = {200: "OK", 401: "Unauthorized", 404: "Not Found", 461: "Unsupported Transport"}
        lines = [f"RTSP/1.0 {status} {reason.get(status, 'No')}", f"CSeq: {headers.get('cseq', '0')}", *extra]
        if body:
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        viewer.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        await viewer.writer.drain()
        if method == "PLAY" and status == 200:
            viewer.playing = asyncio.create_task(self._play(viewer))

    def _reply(
        self, method: str, url: str, headers: dict[str, str], viewer: _Viewer
    ) -> tuple[int, list[str], bytes]:
        if method == "OPTIONS":
            return 200, ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"], b""
        if self.habits.username and not self._is_authorised(method, headers.get("authorization", "")):
            self.unauthorised += 1
            challenge = f'WWW-Authenticate: Digest realm="cam", nonce="{self._nonce}", algorithm="MD5"'
            return 401, [challenge], b""
        if method == "DESCRIBE":
            if self.habits.describe_status != 200:
                return self.habits.describe_status, [], b""
            if self.path not in url:
                return 404, [], b""
            return 200, [f"Content-Base: {url}/"], self._sdp().encode()
        if method == "SETUP":
            return self._set_up(int(url.rpartition("track")[2] or 0), headers["transport"], viewer)
        return 200, [f"Session: {viewer.session}"], b""

    def _set_up(self, track: int, transport: str, viewer: _Viewer) -> tuple[int, list[str], bytes]:
        if "interleaved" in transport or "TCP" in transport:
            if self.habits.refuses_tcp:
                return 461, [], b""
            channel = int(re.search(r"interleaved=(\d+)", transport)[1])  # type: ignore[index]
            viewer.channels[track] = channel
            answer = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        else:
            port = int(re.search(r"client_port=(\d+)", transport)[1])  # type: ignore[index]
            viewer.targets[track] = ("127.0.0.1", port)
            own = self._udp.getsockname()[1]
            answer = f"RTP/AVP;unicast;client_port={port}-{port + 1};server_port={own}-{own + 1}"
        return 200, [f"Transport: {answer}", f"Session: {viewer.session};timeout=60"], b""

    def _is_authorised(self, method: str, header: str) -> bool:
        given = dict(re.findall(r'(\w+)="([^"]*)"', header))
        habits = self.habits
        first = hashlib.md5(f"{habits.username}:cam:{habits.password}".encode()).hexdigest()  # noqa: S324
        second = hashlib.md5(f"{method}:{given.get('uri', '')}".encode()).hexdigest()  # noqa: S324
        wanted = hashlib.md5(f"{first}:{self._nonce}:{second}".encode()).hexdigest()  # noqa: S324
        return given.get("username") == habits.username and given.get("response") == wanted

    def _sdp(self) -> str:
        habits = self.habits
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"]
        if habits.has_video:
            name = habits.video_name or habits.codec
            lines += [f"m=video 0 RTP/AVP {VIDEO_PT}", f"a=rtpmap:{VIDEO_PT} {name}/90000"]
            lines += [f"a=fmtp:{VIDEO_PT} {self._fmtp()}", "a=control:track0"]
        if habits.audio == "PCMA":
            lines += [f"m=audio 0 RTP/AVP {PCMA_PT}", "a=control:track1"]
        elif habits.audio == "AAC":
            asc, _, _, rate = tone("AAC")
            lines += [f"m=audio 0 RTP/AVP {AAC_PT}", f"a=rtpmap:{AAC_PT} mpeg4-generic/{rate}/1"]
            mode = (
                "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
            )
            lines += [f"a=fmtp:{AAC_PT} {mode};config={asc.hex()}", "a=control:track1"]
        return "\r\n".join(lines) + "\r\n"

    def _fmtp(self) -> str:
        sets = [base64.b64encode(unit).decode() for unit in self._clip().parameter_sets]
        if self.habits.codec == "H264":
            return f"packetization-mode=1;sprop-parameter-sets={','.join(sets)}"
        return ";".join(
            f"sprop-{name}={text}" for name, text in zip(("vps", "sps", "pps"), sets, strict=True)
        )

    def _clip(self) -> Clip:
        return clip(self.habits.codec, self.habits.b_pictures)

    # -- media

    async def _play(self, viewer: _Viewer) -> None:
        loop = asyncio.get_running_loop()
        began, lap = loop.time(), 0
        numbers = {0: secrets.randbelow(60_000), 1: secrets.randbelow(60_000)}
        video_origin, audio_origin = secrets.randbits(31), secrets.randbits(31)
        shown = self._clip()
        _, pieces, samples, rate = tone(self.habits.audio or "PCMA")
        piece, audio_at = 0, 0.0
        with contextlib.suppress(ConnectionError):
            while True:
                for picture in shown.pictures:
                    at = (lap * shown.duration_90k + picture.dts_90k) / 90_000
                    await asyncio.sleep(max(0.0, began + at - loop.time()))
                    if self.habits.is_dripping:
                        await self._drip(viewer)
                    if self.habits.is_hung:
                        continue
                    stamp = video_origin + lap * shown.duration_90k + picture.pts_90k
                    if 0 in viewer.channels or 0 in viewer.targets:
                        payloads = list(self._video_payloads(shown, picture.annexb))
                        for number, payload in enumerate(payloads):
                            last = number == len(payloads) - 1
                            self._send(viewer, 0, VIDEO_PT, numbers, stamp, payload, last)
                    while self.habits.audio and audio_at <= at:
                        payload = pieces[piece % len(pieces)]
                        if self.habits.audio == "AAC":
                            payload = struct.pack(">HH", 16, len(payload) << 3) + payload
                        pt = AAC_PT if self.habits.audio == "AAC" else PCMA_PT
                        self._send(viewer, 1, pt, numbers, audio_origin + piece * samples, payload, True)
                        piece += 1
                        audio_at = piece * samples / rate
                    await viewer.writer.drain()
                lap += 1

    async def _drip(self, viewer: _Viewer) -> None:
        viewer.writer.write(b"$\x00\xff\xff")
        while True:
            viewer.writer.write(b"\x80")
            await viewer.writer.drain()
            await asyncio.sleep(0.2)

    def _send(
        self,
        viewer: _Viewer,
        track: int,
        pt: int,
        numbers: dict[int, int],
        stamp: int,
        payload: bytes,
        marker: bool,
    ) -> None:
        numbers[track] = numbers[track] + 1 & 0xFFFF
        head = struct.pack(
            ">BBHII", 0x80, pt | (0x80 if marker else 0), numbers[track], stamp & 0xFFFFFFFF, 7 + track
        )
        if track in viewer.channels:
            framed = struct.pack(">cBH", b"$", viewer.channels[track], len(head) + len(payload))
            viewer.writer.write(framed + head + payload)
        elif track in viewer.targets:
            self._udp.sendto(head + payload, viewer.targets[track])

    def _video_payloads(self, shown: Clip, annexb: bytes) -> Iterator[bytes]:
        for unit in units_of(annexb):
            if shown.is_set(unit) and not self.habits.sets_in_band:
                continue
            if len(unit) <= PAYLOAD:
                yield unit
            elif shown.codec == "H264":
                yield from _cut(
                    unit[1:], bytes([unit[0] & 0xE0 | 28]), lambda s, e, k=unit[0] & 0x1F: s << 7 | e << 6 | k
                )
            else:
                kind = unit[0] >> 1 & 0x3F
                head = bytes([unit[0] & 0x81 | 49 << 1, unit[1]])
                yield from _cut(unit[2:], head, lambda s, e, k=kind: s << 7 | e << 6 | k)


def _cut(body: bytes, head: bytes, mark: object) -> Iterator[bytes]:
    """Fragmentation units (RFC 6184 section 5.8, RFC 7798 section 4.4.3)."""
    for start in range(0, len(body), PAYLOAD):
        piece = body[start : start + PAYLOAD]
        yield head + bytes([mark(start == 0, start + PAYLOAD >= len(body))]) + piece  # type: ignore[operator]
