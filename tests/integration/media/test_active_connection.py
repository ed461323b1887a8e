"""TCP active: the device listens, and this side connects to it. GB-C102, GB-C103."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

import pytest

from media.errors import ConnectRefused
from media.session import MediaPlane, MediaTransport
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera

NTP_1970 = 2_208_988_800


async def test_a_stream_comes_over_the_connection_that_we_open(plane: MediaPlane) -> None:
    session = await plane.open_session(transport=MediaTransport.TCP_ACTIVE, ssrc=0x0BEBC201, label="camera")
    with socket.create_server(("127.0.0.1", 0)) as device:
        await session.connect(*device.getsockname())
        connection, _ = device.accept()
        with connection:
            connection.sendall(PretendCamera().tcp_bytes(30))
            info = await session.wait_first_keyframe(10)
            assert (info.codec, info.width) == ("H264", 320)
            assert session.stats().transport == "TCP_ACTIVE"


async def test_a_device_that_refuses_is_tried_three_times_a_second_apart(make_plane: MakePlane) -> None:
    """GB-C103."""
    plane = await make_plane(connect_interval_s=1.0)
    session = await plane.open_session(transport=MediaTransport.TCP_ACTIVE, ssrc=None, label="camera")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    began = time.monotonic()
    with pytest.raises(ConnectRefused, match="accepted none of 3 connections"):
        await session.connect(*address)
    assert time.monotonic() - began >= 2.0


async def test_a_sender_report_tells_the_clock_of_the_camera(
    plane: MediaPlane, sender: socket.socket
) -> None:
    session = await plane.open_session(transport=MediaTransport.UDP, ssrc=0x0BEBC201, label="camera")
    PretendCamera().send_udp(sender, session.port, 30)
    await session.wait_first_keyframe(10)
    assert session.stats().sender_clock_offset_s is None
    camera_time = time.time() + 90
    seconds, fraction = int(camera_time) + NTP_1970, int(camera_time % 1 * 2**32)
    report = struct.pack("!BBHIIIIII", 0x80, 200, 6, 0x0BEBC201, seconds, fraction, 0, 30, 1000)
    sender.sendto(report, ("127.0.0.1", session.port + 1))
    offset = await until(lambda: session.stats().sender_clock_offset_s, "the report is read")
    assert offset == pytest.approx(90, abs=5)


async def test_a_broken_connection_is_opened_again(make_plane: MakePlane) -> None:
    """The device hangs up in the middle of a packet, and goes on over the next connection that we open."""
    plane = await make_plane(connect_interval_s=1.0, audio_wait_s=0.0)
    session = await plane.open_session(transport=MediaTransport.TCP_ACTIVE, ssrc=0x0BEBC201, label="camera")
    camera = PretendCamera()
    with socket.create_server(("127.0.0.1", 0)) as device:
        device.setblocking(False)
        loop = asyncio.get_running_loop()
        await session.connect(*device.getsockname(), reconnect=True)
        for round_number in range(3):
            connection, _ = await asyncio.wait_for(loop.sock_accept(device), 10)
            with connection:
                await loop.sock_sendall(connection, camera.tcp_bytes(30))
                await session.wait_first_keyframe(10)
                await until(lambda n=round_number: session.stats().keyframes > n)
                await loop.sock_sendall(connection, camera.tcp_bytes(1)[:40])
        connection, _ = await asyncio.wait_for(loop.sock_accept(device), 10)
        await until(lambda: session.stats().connections == 4)
        connection.close()


async def test_a_connection_that_is_not_to_be_opened_again_is_not(plane: MediaPlane) -> None:
    session = await plane.open_session(transport=MediaTransport.TCP_ACTIVE, ssrc=0x0BEBC201, label="camera")
    with socket.create_server(("127.0.0.1", 0)) as device:
        await session.connect(*device.getsockname())
        connection, _ = device.accept()
        connection.sendall(PretendCamera().tcp_bytes(5))
        await session.wait_first_keyframe(10)
        connection.close()
        device.settimeout(0.5)
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(device.accept)


async def test_a_device_that_connects_although_we_were_to_is_taken(plane: MediaPlane) -> None:
    """Both roles of ``setup``: the port of a session listens, whatever was agreed."""
    session = await plane.open_session(transport=MediaTransport.TCP_ACTIVE, ssrc=0x0BEBC201, label="camera")
    with socket.create_connection(("127.0.0.1", session.port)) as connection:
        connection.sendall(PretendCamera().tcp_bytes(5))
        await session.wait_first_keyframe(10)
