"""Packets in over real sockets: what is taken, what is refused, and what is said about it."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from media.errors import NoKeyframe, NoMedia, NoPackHeader, OnlyStrangers, SessionClosed, WrongSsrc
from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.rtp import frame_for_tcp, rtp_packetize
from media.session import MediaPlane, MediaSession, MediaTransport, SessionStats
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.pretend_camera import NAMES, PretendCamera


async def reached(session: MediaSession, **least: int) -> SessionStats:
    """The statistics once these counters are so high."""

    def found() -> SessionStats | None:
        stats = session.stats()
        return stats if all(getattr(stats, name) >= value for name, value in least.items()) else None

    stats: SessionStats = await until(found, str(least))
    return stats


UDP, TCP = MediaTransport.UDP, MediaTransport.TCP_PASSIVE


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_a_stream_over_udp_is_described_and_counted(
    plane: MediaPlane, sender: socket.socket, codec: VideoCodec
) -> None:
    session = await plane.open_session(transport=UDP, ssrc=0x0BEBC201, label="camera")
    camera = PretendCamera(codec=codec, audio=AudioCodec.G711A)
    camera.send_udp(sender, session.port, 30)
    info = await session.wait_first_keyframe(10)
    assert (info.codec, info.width, info.height) == (NAMES[codec], 320, 240)
    assert info.audio is not None
    assert (info.audio.codec, info.audio.sample_rate) == ("G711A", 8000)
    stats = await reached(session, access_units=29)
    assert stats.lost == stats.duplicates == stats.stranger == stats.wrong_ssrc == stats.malformed == 0
    assert stats.packets == camera.sequence
    assert stats.source == f"127.0.0.1:{sender.getsockname()[1]}"
    assert (stats.ssrc, stats.codec, stats.audio_codec) == (0x0BEBC201, NAMES[codec], "G711A")
    assert stats.keyframes == 2
    assert stats.keyframe_age_s is not None
    keyframe = session.keyframe()
    assert keyframe is not None
    assert keyframe.annexb.startswith(b"\0\0\0\1")
    assert [row.session_id for row in plane.snapshot()] == [session.session_id]


async def test_a_stream_without_sound_starts_after_a_short_wait(
    plane: MediaPlane, sender: socket.socket
) -> None:
    session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
    camera = PretendCamera()
    camera.send_udp(sender, session.port, 5)
    info = await session.wait_first_keyframe(10)
    assert info.audio is None


async def test_another_ssrc_is_taken_after_the_window_and_counted(
    make_plane: MakePlane, sender: socket.socket
) -> None:
    plane = await make_plane(ssrc_window_s=0.05, audio_wait_s=0.0)
    session = await plane.open_session(transport=UDP, ssrc=7, label="camera")
    camera = PretendCamera(ssrc=9)
    waiting = asyncio.ensure_future(session.wait_first_keyframe(15))
    while not waiting.done():
        camera.send_udp(sender, session.port, 1)
        await asyncio.sleep(0.01)
    assert (await waiting).codec == "H264"
    stats = session.stats()
    assert stats.ssrc == 9
    assert stats.ssrc_mismatch
    assert stats.wrong_ssrc > 0


async def test_a_strict_room_refuses_another_ssrc(make_plane: MakePlane, sender: socket.socket) -> None:
    plane = await make_plane(strict_ssrc=True, ssrc_window_s=0.0)
    session = await plane.open_session(transport=UDP, ssrc=7, label="camera")
    camera = PretendCamera(ssrc=9)
    camera.send_udp(sender, session.port, 30)
    await until(lambda: session.stats().wrong_ssrc)
    with pytest.raises(WrongSsrc, match="another SSRC"):
        await session.wait_first_keyframe(0.05)
    session.expect_ssrc(9)
    camera.index = 0
    waiting = asyncio.ensure_future(session.wait_first_keyframe(15))
    while not waiting.done():
        camera.send_udp(sender, session.port, 5)
        await asyncio.sleep(0.01)
    assert (await waiting).codec == "H264"


async def test_a_flood_of_strangers_changes_nothing(make_plane: MakePlane, sender: socket.socket) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
    camera = PretendCamera()
    camera.send_udp(sender, session.port, 3)
    await session.wait_first_keyframe(10)
    before = session.stats()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        foreign = list(PretendCamera(ssrc=1).packets(5))
        for _ in range(20):
            for packet in foreign:
                stranger.sendto(packet, ("127.0.0.1", session.port))
            stranger.sendto(b"not RTP at all", ("127.0.0.1", session.port))
            await asyncio.sleep(0)
    await until(lambda: session.stats().stranger >= 20 * len(foreign) * 0.9)
    camera.send_udp(sender, session.port, 5)
    stats = await reached(session, access_units=7)
    assert stats.source == before.source
    assert stats.lost == 0
    assert stats.malformed > 0


async def test_a_new_source_is_taken_after_silence(make_plane: MakePlane, sender: socket.socket) -> None:
    plane = await make_plane(relock_s=0.1, audio_wait_s=0.0, silence_s=0.1)
    session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
    silences: list[bool] = []
    session.on_silence = silences.append
    PretendCamera().send_udp(sender, session.port, 3)
    await session.wait_first_keyframe(10)
    await until(lambda: silences)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        camera = PretendCamera(sequence=30_000, first_pts=5_000_000)
        camera.send_udp(other, session.port, 3)
        await until(lambda: (session.stats().source or "").endswith(f":{other.getsockname()[1]}"))
    await until(lambda: silences[:2] == [True, False])


async def test_half_frames_and_lost_packets_are_counted_and_passed_over(
    make_plane: MakePlane, sender: socket.socket
) -> None:
    plane = await make_plane(audio_wait_s=0.0, reorder_ms=50.0)
    session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
    camera = PretendCamera(width=640, height=480, gop=10)
    for number in range(40):
        packets = camera.next_picture()
        if number == 15:
            packets = packets[: len(packets) // 2]
        for packet in packets:
            sender.sendto(packet, ("127.0.0.1", session.port))
        await asyncio.sleep(0)
    stats = await reached(session, keyframes=4)
    assert stats.lost > 0
    # Pictures 15 to 19 refer to something that is gone.
    assert stats.dropped_damaged >= 4
    assert stats.access_units <= 35


async def test_over_tcp_packets_may_be_cut_anywhere_and_the_connection_replaced(
    make_plane: MakePlane,
) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await plane.open_session(transport=TCP, ssrc=0x0BEBC201, label="camera")
    camera = PretendCamera(width=640, height=480, gop=10)
    reader, writer = await asyncio.open_connection("127.0.0.1", session.port)
    data = camera.tcp_bytes(12)
    for start in range(0, len(data), 977):
        writer.write(data[start : start + 977])
        await writer.drain()
    await session.wait_first_keyframe(10)
    half = camera.tcp_bytes(1)
    writer.write(half[: len(half) // 2])
    await writer.drain()
    await until(lambda: session.stats().access_units >= 11)
    second_reader, second = await asyncio.open_connection("127.0.0.1", session.port)
    camera.index = 20
    second.write(camera.tcp_bytes(15))
    await second.drain()
    stats = await reached(session, keyframes=4)
    assert stats.connections == 2
    assert stats.framing == "rfc4571"
    assert await reader.read() == b""
    second.close()
    writer.close()
    del second_reader


async def test_a_stranger_s_connection_is_refused_while_the_device_sends(make_plane: MakePlane) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await plane.open_session(transport=TCP, ssrc=None, label="camera")
    camera = PretendCamera()
    _, device = await asyncio.open_connection("127.0.0.1", session.port)
    device.write(camera.tcp_bytes(3))
    await session.wait_first_keyframe(10)
    # Another address of the loopback network stands for another machine.
    reader, stranger = await asyncio.open_connection("127.0.0.1", session.port, local_addr=("127.0.0.9", 0))
    assert await asyncio.wait_for(reader.read(), 10) == b""
    device.write(camera.tcp_bytes(3))
    await until(lambda: session.stats().access_units >= 5)
    assert (session.stats().stranger, session.stats().connections) == (1, 1)
    stranger.close()
    device.close()


async def test_interleaved_framing_is_understood(make_plane: MakePlane) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await plane.open_session(transport=TCP, ssrc=None, label="camera")
    camera = PretendCamera()
    _, writer = await asyncio.open_connection("127.0.0.1", session.port)
    for packet in camera.packets(4):
        writer.write(b"$\0" + frame_for_tcp(packet))
    await writer.drain()
    assert (await session.wait_first_keyframe(10)).codec == "H264"
    assert session.stats().framing == "interleaved"
    writer.close()


async def test_a_garbled_connection_is_searched_for_the_next_packet(make_plane: MakePlane) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await plane.open_session(transport=TCP, ssrc=0x0BEBC201, label="camera")
    camera = PretendCamera(gop=5)
    _, writer = await asyncio.open_connection("127.0.0.1", session.port)
    writer.write(camera.tcp_bytes(4) + b"\xff" * 1_000 + camera.tcp_bytes(10))
    await writer.drain()
    await until(lambda: session.stats().keyframes >= 2)
    assert session.stats().framing_resyncs >= 1
    writer.close()


async def test_receiver_reports_go_to_the_port_after_the_source(plane: MediaPlane) -> None:
    session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp,
    ):
        rtp.bind(("127.0.0.1", 0))
        rtcp.setblocking(False)
        try:
            rtcp.bind(("127.0.0.1", rtp.getsockname()[1] + 1))
        except OSError as error:
            pytest.skip(f"no pair of free ports for the sender: {error}")
        camera = PretendCamera()

        async def keep_sending() -> None:
            while True:
                camera.send_udp(rtp, session.port, 1)
                await asyncio.sleep(0.04)

        sending = asyncio.ensure_future(keep_sending())
        report = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(rtcp, 2_000), 15)
        sending.cancel()
    first, kind, words, _, source = struct.unpack_from("!BBHII", report)
    assert (first, kind, words, source) == (0x81, 201, 7, camera.ssrc)
    assert report[32:34] == b"\x81\xca"


class TestVerdicts:
    """Waiting in vain ends with the error that the evidence supports."""

    async def test_nothing_at_all(self, plane: MediaPlane) -> None:
        session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
        with pytest.raises(NoMedia, match=f"no packet arrived on port {session.port}"):
            await session.wait_first_keyframe(0.05)

    async def test_nobody_connected(self, plane: MediaPlane) -> None:
        session = await plane.open_session(transport=TCP, ssrc=None, label="camera")
        with pytest.raises(NoMedia, match="did not connect"):
            await session.wait_first_keyframe(0.05)

    async def test_no_rtp(self, plane: MediaPlane, sender: socket.socket) -> None:
        session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
        sender.sendto(b"hello, is this a camera port?", ("127.0.0.1", session.port))
        await until(lambda: session.stats().malformed)
        with pytest.raises(OnlyStrangers, match="1 datagrams that are no RTP"):
            await session.wait_first_keyframe(0.05)

    async def test_no_pack_header(self, plane: MediaPlane, sender: socket.socket) -> None:
        session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
        for number in range(40):
            packet = rtp_packetize(b"\xff" * 400, sequence=number, timestamp=number * 3600, ssrc=1)[0]
            sender.sendto(packet.serialize(), ("127.0.0.1", session.port))
        await until(lambda: session.stats().packets == 40)
        with pytest.raises(NoPackHeader):
            await session.wait_first_keyframe(0.05)

    async def test_a_known_stream_that_is_not_carried(self, plane: MediaPlane, sender: socket.socket) -> None:
        session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
        private = b"DHAV" + bytes(1300)
        for number in range(40):
            packet = rtp_packetize(private, sequence=number, timestamp=number * 3600, ssrc=1)[0]
            sender.sendto(packet.serialize(), ("127.0.0.1", session.port))
        await until(lambda: session.stats().unsupported)
        with pytest.raises(NoPackHeader, match="Dahua"):
            await session.wait_first_keyframe(0.05)

    async def test_no_keyframe(self, plane: MediaPlane, sender: socket.socket) -> None:
        session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
        camera = PretendCamera(index=1, gop=25)
        camera.send_udp(sender, session.port, 15)
        await until(lambda: session.stats().dropped_before_keyframe >= 10)
        with pytest.raises(NoKeyframe, match="no whole key frame"):
            await session.wait_first_keyframe(0.05)

    async def test_closed_while_waiting(self, plane: MediaPlane) -> None:
        session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
        waiting = asyncio.ensure_future(session.wait_first_keyframe(10))
        await asyncio.sleep(0)
        await session.close("BYE")
        with pytest.raises(SessionClosed, match="BYE"):
            await waiting
