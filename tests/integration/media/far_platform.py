"""What another platform does with the RTP that it is sent: plain sockets, read with the Python formats."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from media.nal import VideoCodec, split_nal_units
from media.ps import AccessUnit, PsDemuxer
from media.rtp import RtpPacket, TcpDeframer
from tests.integration.media.conftest import until
from tests.integration.media.pretend_camera import FRAME_TICKS, PretendCamera

BUFFER_BYTES = 8 << 20
PARAMETER_SETS = {VideoCodec.H264: {7, 8, 9}, VideoCodec.H265: {32, 33, 34, 35}}


@dataclass
class FarPlatform:
    """Collects packets; read from the event loop."""

    packets: list[RtpPacket] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    rtcp: list[bytes] = field(default_factory=list)
    ended: bool = False

    def take(self, packet: bytes) -> None:
        if 200 <= packet[1] <= 204:
            self.rtcp.append(packet)
            return
        self.packets.append(RtpPacket.parse(packet))
        self.arrivals.append(time.monotonic())

    @property
    def stream(self) -> bytes:
        """The program stream, of contiguous packets of one SSRC."""
        first = self.packets[0]
        for index, packet in enumerate(self.packets):
            assert packet.sequence == (first.sequence + index) & 0xFFFF, f"packet {index}"
            assert (packet.ssrc, packet.payload_type) == (first.ssrc, 96)
        return b"".join(packet.payload for packet in self.packets)

    def units(self) -> list[AccessUnit]:
        """What is in the frames that are complete."""
        demuxer = PsDemuxer()
        whole = list(self.packets)
        while whole and not whole[-1].marker:
            whole.pop()
        units = [unit for packet in whole for unit in demuxer.receive(packet.payload, packet.timestamp)]
        assert demuxer.skipped_bytes == 0
        return units + demuxer.flush()

    def pictures(self) -> list[AccessUnit]:
        return [unit for unit in self.units() if unit.is_video]

    def sounds(self) -> list[AccessUnit]:
        return [unit for unit in self.units() if not unit.is_video]


def slices(annexb: bytes, codec: VideoCodec) -> list[bytes]:
    """NAL units without parameter sets and delimiters."""
    shift = 0 if codec is VideoCodec.H264 else 1
    return [
        unit
        for unit in split_nal_units(annexb)
        if (unit[0] >> shift) & (0x1F if shift == 0 else 0x3F) not in PARAMETER_SETS[codec]
    ]


def indexes(units: list[AccessUnit], camera: PretendCamera) -> list[int]:
    """Which pictures of the camera these are; each is compared bit for bit."""
    found = []
    for unit in units:
        assert unit.pts_90k is not None
        index, rest = divmod(unit.pts_90k - camera.first_pts, FRAME_TICKS)
        assert rest == 0, f"PTS {unit.pts_90k}"
        pictures = camera.pictures()
        expected = pictures[index % len(pictures)]
        assert slices(unit.data, camera.codec) == slices(expected.annexb, camera.codec), f"picture {index}"
        assert unit.keyframe == expected.keyframe
        found.append(index)
    return found


@contextlib.contextmanager
def udp_platform(host: str = "127.0.0.1") -> Iterator[tuple[FarPlatform, int, socket.socket]]:
    """A platform that receives datagrams at a port, with RTCP on the next one."""
    loop = asyncio.get_running_loop()
    platform = FarPlatform()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    rtp, rtcp = _pair(family, host)
    with rtp, rtcp:
        for made in (rtp, rtcp):
            made.setblocking(False)
            loop.add_reader(made.fileno(), _read_datagrams, made, platform)
        try:
            yield platform, rtp.getsockname()[1], rtcp
        finally:
            for made in (rtp, rtcp):
                loop.remove_reader(made.fileno())


def _pair(family: int, host: str) -> tuple[socket.socket, socket.socket]:
    while True:
        rtp = socket.socket(family, socket.SOCK_DGRAM)
        rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        rtp.bind((host, 0))
        rtcp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            rtcp.bind((host, rtp.getsockname()[1] + 1))
        except (OSError, OverflowError):
            rtp.close()
            rtcp.close()
            continue
        return rtp, rtcp


def _read_datagrams(made: socket.socket, platform: FarPlatform) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            platform.take(made.recv(65_536))


@dataclass
class TcpPlatform(FarPlatform):
    """One connection."""

    peer_port: int = 0

    async def read(self, reader: asyncio.StreamReader) -> None:
        deframer = TcpDeframer()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                for packet in deframer.receive_data(data):
                    self.take(packet)
        self.ended = True


@contextlib.asynccontextmanager
async def tcp_server_platform(host: str = "127.0.0.1") -> AsyncIterator[tuple[TcpPlatform, int]]:
    """A platform to which the sender connects."""
    platform = TcpPlatform()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        platform.peer_port = writer.get_extra_info("peername")[1]
        await platform.read(reader)
        writer.close()

    server = await asyncio.start_server(serve, host, 0, limit=1 << 20)
    async with server:
        yield platform, server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def tcp_client_platform(host: str, port: int) -> AsyncIterator[TcpPlatform]:
    """A platform that connects to the sender."""
    platform = TcpPlatform()
    reader, writer = await asyncio.open_connection(host, port)
    task = asyncio.ensure_future(platform.read(reader))
    try:
        yield platform
    finally:
        task.cancel()
        writer.close()


async def received(platform: FarPlatform, last: int, camera: PretendCamera) -> list[int]:
    """The pictures once the one with this number is there (it is complete when the next one has begun)."""

    def there() -> bool:
        wanted = camera.first_pts + last * FRAME_TICKS & 0xFFFFFFFF
        return any(packet.timestamp == wanted and packet.marker for packet in platform.packets)

    await until(there, f"picture {last} arrives")
    return indexes(platform.pictures(), camera)


def receiver_report(ssrc: int, *, last_sr: int = 0, delay: int = 0, lost: int = 0, jitter: int = 0) -> bytes:
    """RFC 3550 section 6.4.2, one block."""
    return struct.pack("!BBHII", 0x81, 201, 7, 0x1234, ssrc) + struct.pack(
        "!IIIII", 51 << 24 | lost, 70_000, jitter, last_sr, delay
    )
