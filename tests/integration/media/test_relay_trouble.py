"""Many receivers, slow ones, receivers that vanish, and loss on the way in."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from itertools import pairwise

from media.rtp import RtpPacket
from media.session import MediaPlane, SenderEnd
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.far_platform import (
    TcpPlatform,
    indexes,
    received,
    tcp_client_platform,
    tcp_server_platform,
    udp_platform,
)
from tests.integration.media.pretend_camera import FRAME_TICKS, PretendCamera
from tests.integration.media.test_relay import ACTIVE, PASSIVE, SSRC, passing, play, running, to


async def test_twenty_receivers_of_one_stream_each_with_numbers_of_its_own(
    plane: MediaPlane, sender: socket.socket
) -> None:
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    with ExitStack() as stack:
        platforms, relays = [], []
        for number in range(20):
            platform, port, _ = stack.enter_context(udp_platform())
            relay = session.attach_sender(to(port, ssrc=SSRC + number))
            relay.start()
            platforms.append(platform)
            relays.append(relay)
        await until(lambda: all(platform.packets for platform in platforms), "all have started")
        await play(camera, sender, session, 40)
        for relay in relays:
            await passing(relay)
        await play(camera, sender, session, 10)
        for number, platform in enumerate(platforms):
            found = await received(platform, 78, camera)
            assert found == list(range(25, found[-1] + 1))
            assert {packet.ssrc for packet in platform.packets} == {SSRC + number}
        assert len({platform.packets[0].sequence for platform in platforms}) > 10
        assert len({relay.local_port for relay in relays}) == 20
        for relay in relays:
            relay.close("enough")
        await until(lambda: session.readers == 0, "all have ended")
        assert plane.counters().senders_closed_by_reason == {"closed": 20}


async def test_a_receiver_that_never_reads_loses_pictures_and_is_given_up_and_hinders_nobody(
    make_plane: MakePlane, sender: socket.socket
) -> None:
    plane = await make_plane(relay_queue_bytes=1_000_000, relay_stuck_s=1.5)
    camera = PretendCamera(width=640, height=480)
    session = await running(plane, sender, camera)
    lazy = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    stuck = session.attach_sender(to(0, transport=PASSIVE, host=None))
    stuck.start()
    well = session.attach_sender(to(0, transport=PASSIVE))
    well.start()
    async with tcp_client_platform("127.0.0.1", well.local_port) as platform:
        lazy.connect(("127.0.0.1", stuck.local_port))
        await until(lambda: platform.packets, "the start of the stream")
        while not stuck.is_closed:
            await play(camera, sender, session, 1)
            await asyncio.sleep(0.01)
        stats = stuck.stats()
        assert stuck.end is SenderEnd.STUCK
        assert stats.drops >= 1
        assert stats.dropped_frames > 5
        found = await received(platform, camera.index - 3, camera)
        assert found == list(range(25, found[-1] + 1))
        assert well.stats().drops == 0
        lazy.close()


def stamped(packet: RtpPacket, camera: PretendCamera) -> int:
    return (packet.timestamp - camera.first_pts) // FRAME_TICKS


async def test_a_slow_receiver_goes_on_at_a_key_frame_with_whole_pictures(
    make_plane: MakePlane, sender: socket.socket
) -> None:
    plane = await make_plane(relay_queue_bytes=262_144)
    camera = PretendCamera(width=640, height=480)
    session = await running(plane, sender, camera)
    relay = session.attach_sender(to(0, transport=PASSIVE))
    relay.start()
    slow = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    slow.connect(("127.0.0.1", relay.local_port))
    while relay.stats().drops == 0:
        await play(camera, sender, session, 5)
    platform = TcpPlatform()
    slow.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=slow)
    task = asyncio.ensure_future(platform.read(reader))
    await until(lambda: relay.stats().queued_bytes == 0, "the queue is empty")
    resumed = camera.index + 30
    while not any(packet.marker and stamped(packet, camera) >= resumed for packet in platform.packets):
        await play(camera, sender, session, 1)
        await asyncio.sleep(0.02)
    found = indexes(platform.pictures(), camera)
    assert platform.stream
    gaps = [(a, b) for a, b in pairwise(found) if b != a + 1]
    assert gaps
    assert all(b > a and camera.pictures()[b % 50].keyframe for a, b in gaps), gaps
    task.cancel()
    writer.close()


async def test_a_connection_that_is_reset_is_the_end(plane: MediaPlane, sender: socket.socket) -> None:
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    relay = session.attach_sender(to(0, transport=PASSIVE))
    relay.start()
    async with tcp_client_platform("127.0.0.1", relay.local_port) as platform:
        await until(lambda: platform.packets, "the start of the stream")
    await until(lambda: relay.is_closed, "its end is noticed without any picture")
    assert relay.end is SenderEnd.CONNECTION_LOST
    async with tcp_server_platform() as (server, port):
        again = session.attach_sender(to(port, transport=ACTIVE))
        again.start()
        await until(lambda: server.packets, "the start of the stream")


async def test_a_connection_from_elsewhere_is_closed(plane: MediaPlane, sender: socket.socket) -> None:
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    relay = session.attach_sender(to(0, transport=PASSIVE))
    relay.start()
    stranger = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.connect(("127.0.0.1", relay.local_port))
        await until(lambda: relay.stats().strangers == 1, "it is counted")
        async with tcp_client_platform("127.0.0.1", relay.local_port) as platform:
            await until(lambda: platform.packets, "the right one is served")


async def test_after_a_loss_on_the_way_in_only_whole_pictures_go_on(
    make_plane: MakePlane, sender: socket.socket
) -> None:
    plane = await make_plane(reorder_packets=4, reorder_ms=20.0)
    camera = PretendCamera(width=640, height=480)
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
        await play(camera, sender, session, 30)
        await passing(relay)
        for number in range(200):
            packets = camera.next_picture()
            if number in {20, 90}:
                packets = packets[:1] + packets[2:]
            for packet in packets:
                sender.sendto(packet, ("127.0.0.1", session.port))
            await asyncio.sleep(0.003)
        assert session.stats().lost == 2
        found = await received(platform, camera.index - 3, camera)
        assert platform.stream, "numbers go on"
        gaps = [(a, b) for a, b in pairwise(found) if b != a + 1]
        assert gaps == [(79, 100), (149, 175)]
        await passing(relay)


async def test_the_plane_closes_under_its_senders(make_plane: MakePlane, sender: socket.socket) -> None:
    plane = await make_plane()
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        waiting = session.attach_sender(to(port))
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
        await plane.close()
        assert (relay.end, waiting.end) == (SenderEnd.SOURCE_ENDED, SenderEnd.SOURCE_ENDED)
        assert indexes(platform.pictures(), camera)[0] == 25
