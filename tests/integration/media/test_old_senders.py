"""Field lesson 7: a device that goes on sending after its session never shows up in another one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from media.errors import NoPortFree, OnlyStrangers, SsrcTaken
from media.rtp import frame_for_tcp
from media.session import MediaPlane, MediaTransport, ReceiveOn
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera
from tests.integration.media.test_shared_ports import HOST, SHARED, TCP, UDP, shared_plane, udp_socket
from tests.support.port_ranges import rtp_ports

FRAME_S = 0.04
OLD, NEW = 100, 200


@contextlib.asynccontextmanager
async def sending(camera: PretendCamera, send: Callable[[bytes], object]) -> AsyncIterator[None]:
    """A camera in real time, that nothing stops."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while True:
            # A picture for each 40 ms that have passed: its clock keeps the time on a busy machine, too.
            while sent * FRAME_S <= loop.time() - began:
                for packet in camera.next_picture():
                    with contextlib.suppress(OSError):
                        send(packet)
                sent += 1
            await asyncio.sleep(FRAME_S / 2)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()


def towards(sender: socket.socket, port: int) -> Callable[[bytes], object]:
    return lambda packet: sender.sendto(packet, (HOST, port))


async def test_on_a_port_of_its_own_the_last_sender_is_never_put_up_with(make_plane: MakePlane) -> None:
    """The port has rested, the old camera has not, and the new one is late."""
    plane = await make_plane(
        rtp_ports=rtp_ports(2), port_cool_down_s=0.2, ssrc_window_s=0.05, relock_s=0.2, audio_wait_s=0.0
    )
    first = await plane.open_session(transport=UDP, ssrc=OLD, label="old")
    with udp_socket() as old, udp_socket() as new:
        async with sending(PretendCamera(ssrc=OLD), towards(old, first.port)):
            await first.wait_first_keyframe(10)
            await first.close("BYE was lost")
            with pytest.raises(NoPortFree, match="resting"):
                await plane.open_session(transport=UDP, ssrc=NEW, label="new")
            await asyncio.sleep(0.3)
            second = await plane.open_session(transport=UDP, ssrc=NEW, label="new")
            assert second.port == first.port
            await until(lambda: second.stats().stranger > 10)
            with pytest.raises(OnlyStrangers):
                await second.wait_first_keyframe(0.3)
            async with sending(PretendCamera(ssrc=NEW, width=640, height=480), towards(new, second.port)):
                info = await second.wait_first_keyframe(10)
                assert (info.width, info.height) == (640, 480)
                await until(lambda: second.stats().access_units > 20)
            stats = second.stats()
            assert (stats.ssrc, stats.wrong_ssrc) == (NEW, 0)
            assert second.info is not None
            assert second.info.width == 640


async def test_on_the_shared_port_an_old_stream_belongs_to_nobody(make_plane: MakePlane) -> None:
    """The same device, at the same address, still sends what it was to stop: it is not the new picture."""
    plane = await shared_plane(make_plane, port_cool_down_s=0.3, ssrc_window_s=0.05)
    [first] = [await plane.open_session(transport=UDP, ssrc=OLD, label="old")]
    with udp_socket() as old, udp_socket() as new:
        async with sending(PretendCamera(ssrc=OLD), towards(old, first.port)):
            await first.wait_first_keyframe(10)
            await first.close("BYE was lost")
            second = await plane.open_session(transport=UDP, ssrc=NEW, label="new")
            second.expect_peer(HOST)
            await until(lambda: plane.shared_ports().unknown > 50)
            # It rests as long as it is heard, and longer.
            await asyncio.sleep(0.5)
            with pytest.raises(SsrcTaken, match="rests"):
                await plane.open_session(transport=UDP, ssrc=OLD, label="", receive_on=SHARED)
            assert second.stats().packets == 0
            async with sending(PretendCamera(ssrc=NEW, width=640, height=480), towards(new, second.port)):
                info = await second.wait_first_keyframe(10)
                assert (info.width, info.height) == (640, 480)
                await until(lambda: second.stats().access_units > 20)
            stats = second.stats()
            assert (stats.ssrc, stats.stranger) == (NEW, 0)
        await asyncio.sleep(0.4)
        third = await plane.open_session(transport=UDP, ssrc=OLD, label="", receive_on=SHARED)
        assert third.receive_on is SHARED


async def test_a_device_that_connects_again_after_its_session_finds_nobody(make_plane: MakePlane) -> None:
    plane = await shared_plane(make_plane, ssrc_window_s=0.05)
    first = await plane.open_session(transport=TCP, ssrc=OLD, label="old")
    with socket.create_connection((HOST, first.port)) as old:
        old.sendall(PretendCamera(ssrc=OLD).tcp_bytes(5))
        await first.wait_first_keyframe(10)
        await first.close("BYE was lost")
        old.settimeout(10)
        with contextlib.suppress(ConnectionError):
            assert old.recv(1) == b""
    second = await plane.open_session(transport=TCP, ssrc=NEW, label="new")
    second.expect_peer(HOST)
    with (
        socket.create_connection((HOST, first.port)) as again,
        socket.create_connection((HOST, first.port)) as new,
    ):
        again.sendall(PretendCamera(ssrc=OLD).tcp_bytes(5))
        await until(lambda: plane.shared_ports().unknown)
        await asyncio.sleep(0.2)
        assert second.stats().connections == 0
        new.sendall(b"".join(map(frame_for_tcp, PretendCamera(ssrc=NEW, width=640, height=480).packets(5))))
        assert (await second.wait_first_keyframe(10)).width == 640


@pytest.mark.parametrize("transport", [UDP, TCP])
async def test_a_port_rests_over_either_transport(make_plane: MakePlane, transport: MediaTransport) -> None:
    plane: MediaPlane = await make_plane(rtp_ports=rtp_ports(2), port_cool_down_s=60.0)
    session = await plane.open_session(transport=transport, ssrc=1, label="")
    assert session.receive_on is ReceiveOn.OWN_PORT
    await session.close("over")
    for other in (UDP, TCP):
        with pytest.raises(NoPortFree, match="1 resting"):
            await plane.open_session(transport=other, ssrc=2, label="")
