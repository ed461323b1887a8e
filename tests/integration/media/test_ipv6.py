"""Reception over IPv6 alone and over both families at once; an IPv4 host has one name everywhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from media.session import MediaPlane, MediaTransport, ReceiveOn
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera
from tests.integration.media.test_shared_ports import SHARED, TCP, UDP, shared_plane
from tests.support.families import has_ipv6

pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on its loopback (::1)")

LOCAL = {"::1": socket.AF_INET6, "127.0.0.1": socket.AF_INET}
OWN = ReceiveOn.OWN_PORT


@contextlib.contextmanager
def device(transport: MediaTransport, host: str, port: int) -> Iterator[socket.socket]:
    kind = socket.SOCK_STREAM if transport is TCP else socket.SOCK_DGRAM
    with socket.socket(LOCAL[host], kind) as made:
        made.bind((host, 0))
        made.connect((host, port))
        yield made


def send(camera: PretendCamera, sender: socket.socket, transport: MediaTransport, count: int) -> None:
    if transport is TCP:
        sender.sendall(camera.tcp_bytes(count))
        return
    for packet in camera.packets(count):
        sender.send(packet)


@pytest.mark.parametrize("receive_on", [OWN, SHARED])
@pytest.mark.parametrize("transport", [UDP, TCP])
@pytest.mark.parametrize("host", list(LOCAL))
async def test_one_plane_receives_from_both_families(
    make_plane: MakePlane, host: str, transport: MediaTransport, receive_on: ReceiveOn
) -> None:
    plane = await shared_plane(make_plane, rtp_host="::")
    session = await plane.open_session(transport=transport, ssrc=100, label="", receive_on=receive_on)
    with device(transport, host, session.port) as sender:
        send(PretendCamera(ssrc=100), sender, transport, 10)
        await session.wait_first_keyframe(10)
        shown = f"[{host}]" if ":" in host else host
        assert session.stats().source == f"{shown}:{sender.getsockname()[1]}"


@pytest.mark.parametrize("receive_on", [OWN, SHARED])
@pytest.mark.parametrize("host", list(LOCAL))
async def test_reports_go_back_over_the_family_of_the_sender(
    make_plane: MakePlane, host: str, receive_on: ReceiveOn
) -> None:
    """Q100: RR goes to the port above the source's, also from a socket of both families."""
    plane = await shared_plane(make_plane, rtp_host="::")
    session = await plane.open_session(transport=UDP, ssrc=100, label="", receive_on=receive_on)
    with device(UDP, host, session.port) as sender, socket.socket(LOCAL[host], socket.SOCK_DGRAM) as reports:
        reports.bind((host, sender.getsockname()[1] + 1))
        reports.setblocking(False)
        camera = PretendCamera(ssrc=100)
        arrived: list[tuple[bytes, tuple[str, int]]] = []

        async def listen() -> None:
            arrived.append(await asyncio.get_running_loop().sock_recvfrom(reports, 2_048))

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(20):
            while not listening.done():
                send(camera, sender, UDP, 1)
                await asyncio.sleep(0.02)
        [(report, (_, port, *_))] = arrived
        assert report[:2] == b"\x81\xc9"
        assert int.from_bytes(report[8:12], "big") == 100
        assert port == session.port + 1


async def test_a_device_known_by_its_address_is_known_by_the_mapped_one(make_plane: MakePlane) -> None:
    plane = await shared_plane(make_plane, rtp_host="::", ssrc_window_s=0.05)
    session = await plane.open_session(transport=UDP, ssrc=100, label="")
    session.expect_peer("::ffff:127.0.0.1")
    with device(UDP, "127.0.0.1", session.port) as sender:
        camera = PretendCamera(ssrc=7)
        waiting = asyncio.ensure_future(session.wait_first_keyframe(15))
        while not waiting.done():
            send(camera, sender, UDP, 1)
            await asyncio.sleep(0.01)
        await waiting
        assert session.stats().ssrc_mismatch


async def test_we_connect_to_a_device_over_ipv6(plane: MediaPlane) -> None:
    session = await plane.open_session(transport=MediaTransport.TCP_ACTIVE, ssrc=100, label="")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        address = listener.getsockname()
        await session.connect("::1", address[1])
        connection, _ = listener.accept()
        with connection:
            send(PretendCamera(ssrc=100), connection, TCP, 5)
            await session.wait_first_keyframe(10)
    assert session.stats().source == f"[::1]:{address[1]}"
    await until(lambda: session.stats().connections == 1)
