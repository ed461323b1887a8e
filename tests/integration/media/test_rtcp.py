"""RTCP in: reports, descriptions and goodbyes of the device, inside TCP as well; and what is forged."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from media.rtp import frame_for_tcp
from media.session import ReceiveOn
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera
from tests.integration.media.test_shared_ports import (
    HOST,
    SHARED,
    TCP,
    UDP,
    connection,
    shared_plane,
    udp_socket,
)

SSRC = 100
NTP_1970 = 2_208_988_800
OWN = ReceiveOn.OWN_PORT


def sender_report(ssrc: int, ahead_s: float) -> bytes:
    at = time.time() + ahead_s + NTP_1970
    words = (ssrc, int(at), int(at % 1 * 2**32), 0, 30, 1000)
    return struct.pack("!BBH6I", 0x80, 200, 6, *words)


def description(ssrc: int) -> bytes:
    return struct.pack("!BBHI", 0x81, 202, 3, ssrc) + b"\x01\x04cam1\0\0"


def goodbye(ssrc: int) -> bytes:
    return struct.pack("!BBHI", 0x81, 203, 1, ssrc)


@pytest.mark.parametrize("receive_on", [OWN, SHARED])
async def test_what_a_device_says_is_read_and_a_goodbye_ends_nothing(
    make_plane: MakePlane, receive_on: ReceiveOn
) -> None:
    plane = await shared_plane(make_plane)
    session = await plane.open_session(transport=UDP, ssrc=SSRC, label="", receive_on=receive_on)
    with udp_socket() as sender:
        camera = PretendCamera(ssrc=SSRC)
        camera.send_udp(sender, session.port, 5)
        await session.wait_first_keyframe(10)
        sender.sendto(sender_report(SSRC, 90) + description(SSRC), (HOST, session.port + 1))
        assert await until(lambda: session.stats().sender_clock_offset_s) == pytest.approx(90, abs=5)
        sender.sendto(goodbye(SSRC), (HOST, session.port + 1))
        sender.sendto(goodbye(SSRC), (HOST, session.port))
        await until(lambda: session.stats().rtcp == 3)
        camera.send_udp(sender, session.port, 5)
        await until(lambda: session.stats().access_units >= 9)
        assert session.stats().rtcp_refused == 0


@pytest.mark.parametrize("receive_on", [OWN, SHARED])
async def test_forged_reports_are_counted_and_not_believed(
    make_plane: MakePlane, receive_on: ReceiveOn
) -> None:
    """From another host, of another SSRC, cut, and claiming more than is there."""
    plane = await shared_plane(make_plane)
    session = await plane.open_session(transport=UDP, ssrc=SSRC, label="", receive_on=receive_on)
    with udp_socket() as sender, udp_socket("127.0.0.9") as forger:
        PretendCamera(ssrc=SSRC).send_udp(sender, session.port, 5)
        await session.wait_first_keyframe(10)
        report = sender_report(SSRC, 3600)
        for port in (session.port, session.port + 1):
            forger.sendto(report, (HOST, port))
        await until(lambda: session.stats().rtcp_refused == 2)
        for forged in (
            sender_report(SSRC + 1, 60),
            report[:20],
            report[:2] + b"\xff\xff" + report[4:],
            b"\x80",
        ):
            sender.sendto(forged, (HOST, session.port + 1))
        sender.sendto(sender_report(SSRC, 90), (HOST, session.port + 1))
        assert await until(lambda: session.stats().sender_clock_offset_s) == pytest.approx(90, abs=5)
        assert (session.stats().source or "").startswith(f"{HOST}:")


@pytest.mark.parametrize("receive_on", [OWN, SHARED])
async def test_reports_inside_a_connection_are_counted_and_cost_no_picture(
    make_plane: MakePlane, receive_on: ReceiveOn
) -> None:
    plane = await shared_plane(make_plane)
    session = await plane.open_session(transport=TCP, ssrc=SSRC, label="", receive_on=receive_on)
    camera = PretendCamera(ssrc=SSRC)
    with connection(session.port) as sender:
        for report in (sender_report(SSRC, 90), goodbye(SSRC), description(SSRC)):
            sender.sendall(frame_for_tcp(report) + camera.tcp_bytes(5))
        await session.wait_first_keyframe(10)
        await until(lambda: session.stats().access_units >= 14)
        stats = session.stats()
        assert (stats.rtcp, stats.framing_resyncs, stats.lost) == (3, 0, 0)


async def test_rtcp_of_nobody_on_the_shared_port_is_counted(make_plane: MakePlane) -> None:
    plane = await shared_plane(make_plane)
    port = plane.settings.shared_udp_port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for at in (port, port + 1):
            sender.sendto(sender_report(999, 0), (HOST, at))
        await until(lambda: plane.shared_ports().stray_rtcp == 2)
    assert plane.shared_ports().unknown == 0
