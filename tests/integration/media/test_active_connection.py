"""TCP active: the device listens, and this side connects to it. GB-C102, GB-C103."""

from __future__ import annotations

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
