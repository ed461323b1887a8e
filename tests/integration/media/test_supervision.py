"""A stream that stands still says why; a capture holds what arrived, within its bounds."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.capture import Capture
from media.errors import EngineError
from media.facts import Stall, StallReason
from media.ps_format import AudioCodec
from media.rtp import RtpPacket, frame_for_tcp
from media.session import MediaPlane, MediaSession, MediaTransport
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera, tone
from tests.integration.media.test_recording import probe

SSRC = 0x0BEBC201


async def open_camera(
    plane: MediaPlane, transport: MediaTransport = MediaTransport.UDP, ssrc: int | None = None
) -> MediaSession:
    return await plane.open_session(transport=transport, ssrc=ssrc, label="camera")


class Watched:
    """A stream that ran, and what is said of it."""

    def __init__(self, session: MediaSession, camera: PretendCamera) -> None:
        self.session, self.camera = session, camera
        self.said: list[Stall | None] = []
        session.on_stall = self.said.append

    async def reason(self) -> StallReason:
        await until(lambda: self.said, "the stall")
        stall = self.said[-1]
        assert stall is not None
        assert self.session.stall == stall
        await until(lambda: self.session.stats().stall == stall.reason)
        return stall.reason


@pytest.fixture
async def watched(make_plane: MakePlane, sender: socket.socket) -> Watched:
    plane = await make_plane(stall_s=0.5, relock_s=30.0)
    session = await open_camera(plane)
    camera = PretendCamera(ssrc=SSRC, audio=AudioCodec.G711A)
    camera.send_udp(sender, session.port, 30)
    await session.wait_first_keyframe(20)
    return Watched(session, camera)


async def keep(sending: Iterator[bytes], sender: socket.socket, port: int) -> None:
    for packet in sending:
        sender.sendto(packet, ("127.0.0.1", port))
        await asyncio.sleep(0.01)


class TestStall:
    async def test_nothing_comes_and_then_comes_again(self, watched: Watched, sender: socket.socket) -> None:
        assert await watched.reason() is StallReason.NO_PACKETS
        watched.camera.send_udp(sender, watched.session.port, 30)
        await until(lambda: watched.said[-1] is None, "the stream moves")
        assert watched.session.stall is None
        assert watched.said.count(None) == 1

    async def check(self, watched: Watched, sender: socket.socket, packets: Iterator[bytes]) -> StallReason:
        task = asyncio.ensure_future(keep(packets, sender, watched.session.port))
        try:
            return await watched.reason()
        finally:
            task.cancel()

    async def test_only_sound_comes(self, watched: Watched, sender: socket.socket) -> None:
        def sound() -> Iterator[bytes]:
            camera = watched.camera
            for number in range(3_000):
                pes = camera.muxer.mux_audio(tone(number * 320), 1_100_000 + number * 3_600)
                yield RtpPacket(
                    payload_type=96, sequence=(camera.sequence + number) & 0xFFFF, timestamp=number,
                    ssrc=SSRC, payload=pes, marker=True,
                ).serialize()  # fmt: skip

        assert await self.check(watched, sender, sound()) is StallReason.ONLY_SOUND

    async def test_pictures_come_and_wait_for_a_key_frame(
        self, watched: Watched, sender: socket.socket
    ) -> None:
        def without_keys() -> Iterator[bytes]:
            camera = watched.camera
            camera.sequence = (camera.sequence + 40) & 0xFFFF  # a loss
            while True:
                is_key = camera.pictures()[camera.index % 50].keyframe
                packets = camera.next_picture()
                if is_key:
                    camera.sequence = (camera.sequence - len(packets)) & 0xFFFF
                else:
                    yield from packets

        assert await self.check(watched, sender, without_keys()) is StallReason.NO_KEYFRAME

    async def test_packets_hold_no_pictures(self, watched: Watched, sender: socket.socket) -> None:
        def rubbish(step: int) -> Iterator[bytes]:
            for number in range(3_000):
                yield RtpPacket(
                    payload_type=96, sequence=(watched.camera.sequence + number) & 0xFFFF,
                    timestamp=5_000_000 + number * step, ssrc=SSRC, payload=b"\x7f" * 500, marker=False,
                ).serialize()  # fmt: skip

        assert await self.check(watched, sender, rubbish(3_600)) is StallReason.NO_PICTURES

    async def test_another_source_sends(self, watched: Watched) -> None:
        other = PretendCamera(ssrc=0x0BEBC2AA)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            packets = (packet for _ in range(3_000) for packet in other.next_picture())
            assert await self.check(watched, stranger, packets) is StallReason.SOURCE_CHANGED

    async def test_the_connection_is_lost(self, make_plane: MakePlane) -> None:
        plane = await make_plane(stall_s=0.5)
        session = await open_camera(plane, MediaTransport.TCP_PASSIVE)
        watched = Watched(session, PretendCamera(ssrc=SSRC))
        _, writer = await asyncio.open_connection("127.0.0.1", session.port)
        writer.write(watched.camera.tcp_bytes(30))
        await writer.drain()
        await session.wait_first_keyframe(20)
        writer.close()
        assert await watched.reason() is StallReason.CONNECTION_LOST

    async def test_a_stream_that_has_not_begun_is_left_to_whoever_waits_for_it(
        self, make_plane: MakePlane, sender: socket.socket
    ) -> None:
        plane = await make_plane(stall_s=0.5, silence_s=1.0)
        session = await open_camera(plane)
        said: list[Stall | None] = []
        session.on_stall = said.append
        await until(lambda: session.is_silent)
        assert said == []


def read_pcap(path: Path) -> list[tuple[bytes, bytes]]:
    """Head and payload of each packet, by a reader that knows nothing of the writer."""
    data = path.read_bytes()
    magic, major, minor, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    assert (magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 101)
    rows, at = [], 24
    while at < len(data):
        _, _, kept, length = struct.unpack_from("<IIII", data, at)
        assert kept == length
        packet = data[at + 16 : at + 16 + kept]
        head = 4 * (packet[0] & 0x0F) if packet[0] >> 4 == 4 else 40
        assert struct.unpack_from(">H", packet, 2)[0] == len(packet)
        transport = 8 if packet[9] == socket.IPPROTO_UDP else 20
        rows.append((packet[: head + transport], packet[head + transport :]))
        at += 16 + kept
    return rows


async def ended(capture: Capture) -> str:
    await until(lambda: capture.end is not None, "the end of the capture")
    assert capture.end is not None
    return capture.end.reason


class TestCapture:
    async def test_datagrams_and_their_payload_are_written(
        self, plane: MediaPlane, sender: socket.socket, tmp_path: Path
    ) -> None:
        session = await open_camera(plane)
        capture = session.start_capture(tmp_path, 10_000_000, 60.0)
        sent = list(PretendCamera(ssrc=SSRC, audio=AudioCodec.G711A).packets(60))
        for packet in sent:
            sender.sendto(packet, ("127.0.0.1", session.port))
        await until(lambda: session.stats().packets >= len(sent))
        capture.stop()
        assert await ended(capture) == "stopped"
        assert capture.end is not None
        pcap, stream = capture.end.files
        assert (pcap.suffix, stream.suffix, capture.end.dropped) == (".pcap", ".ps", 0)
        rows = read_pcap(pcap)
        assert [payload for _, payload in rows] == sent
        ports = struct.unpack_from(">HH", rows[0][0], 20)
        assert ports == (sender.getsockname()[1], session.port)
        shown = probe(stream)
        # FFmpeg takes G.711 of a program stream for something else; the pictures are what it can judge.
        video = next(found for found in shown["streams"] if found["codec_name"] == "h264")
        assert int(video["nb_read_frames"]) >= 59

    async def test_a_connection_is_written_with_its_framing(self, plane: MediaPlane, tmp_path: Path) -> None:
        session = await open_camera(plane, MediaTransport.TCP_PASSIVE)
        capture = session.start_capture(tmp_path, 10_000_000, 60.0)
        _, writer = await asyncio.open_connection("127.0.0.1", session.port)
        sent = b"".join(frame_for_tcp(packet) for packet in PretendCamera(ssrc=SSRC).packets(40))
        writer.write(sent)
        await writer.drain()
        await until(lambda: session.stats().access_units >= 38)
        await session.close("enough")
        assert await ended(capture) == "session closed"
        assert capture.end is not None
        rows = read_pcap(capture.end.files[0])
        assert b"".join(payload for _, payload in rows) == sent
        sequences = [struct.unpack_from(">I", head, 24)[0] for head, _ in rows]
        assert sequences == sorted(sequences)
        writer.close()

    async def test_it_ends_by_size_by_time_and_by_another(
        self, plane: MediaPlane, sender: socket.socket, tmp_path: Path
    ) -> None:
        session = await open_camera(plane)
        small = session.start_capture(tmp_path, 20_000, 60.0)
        PretendCamera(ssrc=SSRC).send_udp(sender, session.port, 60)
        assert await ended(small) == "size limit"
        assert small.end is not None
        assert sum(file.stat().st_size for file in small.end.files) == small.end.size_bytes <= 20_000
        short = session.start_capture(tmp_path, 1_000_000, 0.2)
        assert await ended(short) == "time limit"
        first = session.start_capture(tmp_path, 1_000_000, 60.0)
        session.start_capture(tmp_path, 1_000_000, 60.0)
        assert await ended(first) == "another capture was started"
        assert len(session.captures) == 1

    async def test_a_full_disk_ends_it_with_the_words_of_the_system(
        self, plane: MediaPlane, sender: socket.socket, tmp_path: Path
    ) -> None:
        session = await open_camera(plane)
        capture = session.start_capture(tmp_path, 1_000_000, 60.0)
        # The payload's file is made with the first packets: its place is taken by a directory.
        (tmp_path / f"{capture.capture_id}.ps").mkdir()
        PretendCamera(ssrc=SSRC).send_udp(sender, session.port, 30)
        assert os.strerror(errno.EEXIST) in await ended(capture)
        assert (await session.wait_first_keyframe(20)).codec == "H264"

    async def test_what_cannot_be_captured_is_refused(self, plane: MediaPlane, tmp_path: Path) -> None:
        session = await open_camera(plane)
        with pytest.raises(EngineError, match="No such file"):
            session.start_capture(tmp_path / "nowhere", 1_000, 1.0)
        with pytest.raises(EngineError, match="nothing"):
            session.start_capture(tmp_path, 0, 1.0)
        fed = await plane.open_fed(label="program")
        with pytest.raises(EngineError, match="no packets"):
            fed.start_capture(tmp_path, 1_000, 1.0)
        others = [await open_camera(plane) for _ in range(9)]
        for other in others[:8]:
            other.start_capture(tmp_path, 1_000, 60.0)
        with pytest.raises(EngineError, match="8 captures"):
            others[8].start_capture(tmp_path, 1_000, 60.0)
