"""RTP to other platforms over real sockets: what arrives is what the camera sent. GB-C125, GB-C126."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.session import (
    MediaPlane,
    MediaSession,
    MediaTransport,
    RtpSender,
    SenderEnd,
    SenderRequest,
)
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.far_platform import (
    FarPlatform,
    indexes,
    received,
    receiver_report,
    tcp_client_platform,
    tcp_server_platform,
    udp_platform,
)
from tests.integration.media.pretend_camera import PretendCamera

SSRC = 1_300_000_001
UDP, ACTIVE, PASSIVE = MediaTransport.UDP, MediaTransport.TCP_ACTIVE, MediaTransport.TCP_PASSIVE


async def play(camera: PretendCamera, sender: socket.socket, session: MediaSession, count: int) -> None:
    """Send pictures one by one, each as a burst."""
    for _ in range(count):
        camera.send_udp(sender, session.port, 1)
        await asyncio.sleep(0.002)


async def running(
    plane: MediaPlane, sender: socket.socket, camera: PretendCamera, pictures: int = 30
) -> MediaSession:
    """A session into which the camera has sent some pictures."""
    session = await plane.open_session(transport=UDP, ssrc=camera.ssrc, label="camera")
    await play(camera, sender, session, pictures)
    await session.wait_first_keyframe(10)
    await until(lambda: session.stats().access_units >= pictures - 1, "all pictures are read")
    return session


def to(port: int, **changes: object) -> SenderRequest:
    values: dict[str, object] = {"transport": UDP, "ssrc": SSRC, "host": "127.0.0.1", "port": port}
    return SenderRequest(**values | changes)  # type: ignore[arg-type]


async def passing(relay: RtpSender) -> None:
    await until(lambda: relay.stats().form == "passed", "payloads are passed on")


@pytest.mark.parametrize("codec", list(VideoCodec))
@pytest.mark.parametrize("audio", [None, AudioCodec.G711A])
async def test_a_program_stream_goes_on_over_udp_without_a_doubled_or_missing_picture(
    plane: MediaPlane, sender: socket.socket, codec: VideoCodec, audio: AudioCodec | None
) -> None:
    """GB-C126: the agreed SSRC, 90 kHz, one timestamp for each frame."""
    camera = PretendCamera(codec=codec, audio=audio)
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        assert relay.local_port % 2 == 0
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
        await play(camera, sender, session, 40)
        await passing(relay)
        await play(camera, sender, session, 20)
        found = await received(platform, 88, camera)
        assert found == list(range(25, found[-1] + 1))
        assert {packet.ssrc for packet in platform.packets} == {SSRC}
        assert platform.stream.startswith(b"\0\0\1\xba")
        # At the last marker, so that no frame is there in part.
        await until(lambda: platform.packets[-1].marker, "the frame is whole")
        packets = list(platform.packets)
        by_stamp = {unit.pts_90k for unit in platform.pictures()}
        assert {packet.timestamp for packet in packets} == by_stamp
        stats = await until(lambda: (s := relay.stats()).passed_frames > 20 and s, "statistics")
        assert (stats.dropped_frames, stats.drops, stats.refusals) == (0, 0, 0)
        await until(lambda: len(platform.packets) >= stats.packets, "all that was sent")
        if audio is not None:
            stamps = [unit.pts_90k for unit in platform.sounds()]
            assert stamps == sorted(set(stamps)), "no sound twice"
            assert len(stamps) >= 60


@pytest.mark.parametrize("transport", [ACTIVE, PASSIVE])
async def test_the_same_over_tcp_in_both_roles(
    plane: MediaPlane, sender: socket.socket, transport: MediaTransport
) -> None:
    camera = PretendCamera(audio=AudioCodec.G711A)
    session = await running(plane, sender, camera)

    async def watch(platform: FarPlatform, relay: RtpSender) -> None:
        await until(lambda: platform.packets, "the start of the stream")
        await play(camera, sender, session, 40)
        await passing(relay)
        await play(camera, sender, session, 20)
        found = await received(platform, 88, camera)
        assert found == list(range(25, found[-1] + 1))
        assert platform.stream
        assert platform.rtcp == []

    if transport is ACTIVE:
        async with tcp_server_platform() as (server, port):
            relay = session.attach_sender(to(port, transport=ACTIVE))
            relay.start()
            await watch(server, relay)
            assert server.peer_port == relay.local_port
    else:
        relay = session.attach_sender(to(0, transport=PASSIVE))
        relay.start()
        async with tcp_client_platform("127.0.0.1", relay.local_port) as client:
            await watch(client, relay)


async def test_the_end_of_the_source_is_the_end_of_the_sender_after_the_last_picture(
    plane: MediaPlane, sender: socket.socket
) -> None:
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        ends: list[SenderEnd] = []
        relay.on_closed = ends.append
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
        await play(camera, sender, session, 20)
        await until(lambda: session.stats().access_units >= 49, "all pictures are read")
        await session.close("the camera said BYE")
        await until(lambda: ends, "the sender ends")
        assert ends == [SenderEnd.SOURCE_ENDED]
        assert relay.close_reason == "source_ended: the camera said BYE"
        found = await received(platform, 49, camera)
        assert found == list(range(25, 50))
        await until(lambda: any(packet[-24:].count(b"source_ended") for packet in platform.rtcp), "goodbye")
        assert relay.stats().packets == len(platform.packets)


async def test_reports_go_both_ways(plane: MediaPlane, sender: socket.socket) -> None:
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, rtcp):
        relay = session.attach_sender(to(port))
        relay.start()
        await until(lambda: platform.rtcp, "a sender report")
        report = platform.rtcp[0]
        assert report[:2] == b"\x80\xc8"
        ssrc, seconds, fraction = struct.unpack_from("!III", report, 4)
        assert ssrc == SSRC
        middle = (seconds & 0xFFFF) << 16 | fraction >> 16
        answer = receiver_report(SSRC, last_sr=middle, lost=7, jitter=900)
        rtcp.sendto(answer, ("127.0.0.1", relay.local_port + 1))
        stats = await until(lambda: (s := relay.stats()).reports and s, "the report is read")
        assert (stats.lost, stats.jitter_ms) == (7, 10.0)
        assert stats.fraction_lost == pytest.approx(0.2, abs=0.01)
        assert stats.round_trip_ms is not None
        assert stats.round_trip_ms < 5_000


async def test_a_receiver_that_reported_and_stops_to_is_given_up(
    make_plane: MakePlane, sender: socket.socket
) -> None:
    """Who never reports is left alone: many platforms do not."""
    plane = await make_plane(relay_report_timeout_s=0.3)
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, rtcp), udp_platform() as (other, silent, _):
        reporting, never = session.attach_sender(to(port)), session.attach_sender(to(silent))
        reporting.start()
        never.start()
        await until(lambda: platform.packets and other.packets, "the start of the stream")
        rtcp.sendto(receiver_report(SSRC), ("127.0.0.1", reporting.local_port + 1))
        await until(lambda: reporting.is_closed, "it is given up")
        assert (reporting.end, never.is_closed) == (SenderEnd.REPORTS_STOPPED, False)
        assert "1 reports had come" in str(reporting.close_reason)


async def test_a_sender_that_nobody_starts_ends(make_plane: MakePlane, sender: socket.socket) -> None:
    plane = await make_plane(relay_start_timeout_s=0.2)
    session = await running(plane, sender, PretendCamera())
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        await until(lambda: relay.is_closed, "it is given up")
        assert relay.end is SenderEnd.NEVER_STARTED
        assert platform.packets == []
        assert session.readers == 0


async def test_a_receiver_that_never_connects_and_one_that_refuses(
    make_plane: MakePlane, sender: socket.socket
) -> None:
    plane = await make_plane(relay_accept_timeout_s=0.2)
    session = await running(plane, sender, PretendCamera())
    waiting = session.attach_sender(to(0, transport=PASSIVE))
    waiting.start()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    refused = session.attach_sender(to(port, transport=ACTIVE))
    refused.start()
    await until(lambda: waiting.is_closed and refused.is_closed, "both are given up")
    assert (waiting.end, refused.end) == (SenderEnd.NOBODY_CONNECTED, SenderEnd.NOT_CONNECTED)
    assert refused.stats().connect_attempts == 3
    assert "refused" in str(refused.close_reason)
    totals = plane.counters()
    assert totals.senders_closed_by_reason == {"nobody_connected": 1, "not_connected": 1}


async def test_a_receiver_that_is_gone_is_found(make_plane: MakePlane, sender: socket.socket) -> None:
    plane = await make_plane(relay_refused_s=0.3)
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
    for _ in range(2_000):
        await play(camera, sender, session, 1)
        await asyncio.sleep(0.005)
        if relay.is_closed:
            break
    assert relay.end is SenderEnd.REFUSED


async def test_a_sender_is_closed_by_its_owner_and_its_port_rests(
    plane: MediaPlane, sender: socket.socket
) -> None:
    session = await running(plane, sender, PretendCamera())
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
        assert session.stats().senders == session.readers == 1
        relay.close("the platform said BYE")
        await until(lambda: relay.is_closed, "it ends")
        assert relay.close_reason == "closed: the platform said BYE"
        relay.close("again")
        relay.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", relay.local_port))
        assert indexes(platform.pictures(), PretendCamera())[0] == 25
