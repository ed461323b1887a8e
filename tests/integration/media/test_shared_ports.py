"""Many streams on one port, over UDP and over TCP, told apart by their SSRC."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from media.errors import ListenFailed, LocalViolation, NoMedia, SsrcTaken, WrongSsrc
from media.rtp import frame_for_tcp
from media.session import MediaPlane, MediaSession, MediaTransport, ReceiveOn
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera
from tests.support.port_ranges import free_ports_in_a_row

UDP, TCP = MediaTransport.UDP, MediaTransport.TCP_PASSIVE
SHARED, OWN = ReceiveOn.SHARED_PORT, ReceiveOn.OWN_PORT
HOST = "127.0.0.1"
PORT_ATTEMPTS = 20


async def shared_plane(make_plane: MakePlane, **changes: Any) -> MediaPlane:
    for _ in range(PORT_ATTEMPTS):
        ports = free_ports_in_a_row(4)
        values = {"shared_udp_port": ports.start, "shared_tcp_port": ports.start + 2, "receive_on": SHARED}
        try:
            return await make_plane(**values | {"threads": 3, "audio_wait_s": 0.0} | changes)
        except ListenFailed:
            continue  # somebody took them meanwhile
    pytest.fail(f"{PORT_ATTEMPTS} times in a row the ports were taken by others")


@contextlib.contextmanager
def udp_socket(host: str = HOST) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((host, 0))
        yield made


@contextlib.contextmanager
def connection(port: int, host: str = HOST) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, port), timeout=10, source_address=(host, 0)) as made:
        yield made


async def opened(plane: MediaPlane, transport: MediaTransport, *ssrcs: int) -> list[MediaSession]:
    return [await plane.open_session(transport=transport, ssrc=ssrc, label=str(ssrc)) for ssrc in ssrcs]


async def test_streams_on_one_datagram_port_find_their_sessions(make_plane: MakePlane) -> None:
    """Eight cameras over three threads, all on one port, and one socket that sends two of them."""
    plane = await shared_plane(make_plane)
    sessions = await opened(plane, UDP, *range(100, 108))
    assert {session.port for session in sessions} == {plane.settings.shared_udp_port}
    assert {session.receive_on for session in sessions} == {SHARED}
    cameras = [PretendCamera(ssrc=ssrc) for ssrc in range(100, 108)]
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(udp_socket()) for _ in range(7)]
        senders.append(senders[0])  # a recorder: two channels from one socket
        for _ in range(30):
            for camera, sender in zip(cameras, senders, strict=True):
                camera.send_udp(sender, plane.settings.shared_udp_port, 1)
            await asyncio.sleep(0.002)
        for session, camera in zip(sessions, cameras, strict=True):
            await session.wait_first_keyframe(10)
            await until(lambda session=session: session.stats().access_units >= 29)
            stats = session.stats()
            assert (stats.packets, stats.lost, stats.ssrc) == (camera.sequence, 0, camera.ssrc)
            assert stats.stranger == stats.wrong_ssrc == stats.malformed == 0
    ports = plane.shared_ports()
    assert (ports.unknown, ports.malformed, ports.handed_dropped) == (0, 0, 0)
    assert ports.steered == (ports.handed == 0)


async def test_connections_to_one_port_find_their_sessions(make_plane: MakePlane) -> None:
    """One connection cuts its first packet, one frames as RTSP does, one comes before its session."""
    plane = await shared_plane(make_plane)
    port = plane.settings.shared_tcp_port
    first, second = await opened(plane, TCP, 100, 101)
    assert {first.port, second.port} == {port}
    with connection(port) as one, connection(port) as two, connection(port) as three:
        wire = PretendCamera(ssrc=100).tcp_bytes(30)
        one.sendall(wire[:9])
        await asyncio.sleep(0.05)
        one.sendall(wire[9:])
        for packet in PretendCamera(ssrc=101).packets(30):
            two.sendall(b"$\0" + frame_for_tcp(packet))
        three.sendall(PretendCamera(ssrc=102).tcp_bytes(30))
        for session in (first, second):
            await session.wait_first_keyframe(10)
        await until(lambda: plane.totals.unknown_ssrcs == 1)
        [early] = await opened(plane, TCP, 102)
        await early.wait_first_keyframe(10)
        assert [session.stats().framing for session in (first, second, early)] == [
            "rfc4571",
            "interleaved",
            "rfc4571",
        ]
        ports = plane.shared_ports()
        assert (ports.connections, ports.connections_by_source) == (3, {HOST: 3})
        assert (ports.connections_waiting, ports.connections_refused) == (0, 0)
        await first.close("over")
        await until(lambda: plane.shared_ports().connections_by_source == {HOST: 2})


@pytest.mark.parametrize("transport", [UDP, TCP])
async def test_an_answer_with_another_ssrc_re_keys_the_session(
    make_plane: MakePlane, transport: MediaTransport
) -> None:
    """GB-C106: the SSRC of the answer overrides that of the offer, also where it is another thread's."""
    plane = await shared_plane(make_plane)
    sessions = await opened(plane, transport, 200, 203)
    for session, answered in zip(sessions, (301, 302), strict=True):
        session.expect_ssrc(answered)
    with contextlib.ExitStack() as stack:
        for session, answered in zip(sessions, (301, 302), strict=True):
            camera = PretendCamera(ssrc=answered)
            if transport is UDP:
                camera.send_udp(stack.enter_context(udp_socket()), session.port, 30)
            else:
                stack.enter_context(connection(session.port)).sendall(camera.tcp_bytes(30))
        for session, answered in zip(sessions, (301, 302), strict=True):
            await session.wait_first_keyframe(10)
            assert (session.stats().ssrc, session.stats().ssrc_mismatch) == (answered, False)


async def test_no_two_sessions_have_one_ssrc(make_plane: MakePlane) -> None:
    """The newer one gets a port of its own, or is refused where the shared one was asked for."""
    plane = await shared_plane(make_plane)
    first, second = await opened(plane, UDP, 100, 100)
    assert (first.receive_on, second.receive_on) == (SHARED, OWN)
    assert plane.totals.ssrcs_refused == 1
    with pytest.raises(SsrcTaken, match="another session has SSRC 0000000100"):
        await plane.open_session(transport=UDP, ssrc=100, label="", receive_on=SHARED)
    [third] = await opened(plane, UDP, 101)
    with pytest.raises(SsrcTaken):
        third.expect_ssrc(100)
    await first.close("over")
    with pytest.raises(SsrcTaken, match="rests"):
        third.expect_ssrc(100)


async def test_where_a_session_is_received(make_plane: MakePlane) -> None:
    plane = await shared_plane(make_plane, shared_tcp_port=0)
    without_ssrc = await plane.open_session(transport=UDP, ssrc=None, label="")
    over_tcp = await plane.open_session(transport=TCP, ssrc=1, label="")
    active = await plane.open_session(transport=MediaTransport.TCP_ACTIVE, ssrc=2, label="")
    own = await plane.open_session(transport=UDP, ssrc=3, label="", receive_on=OWN)
    assert {each.receive_on for each in (without_ssrc, over_tcp, active, own)} == {OWN}
    with pytest.raises(LocalViolation, match="needs an SSRC"):
        await plane.open_session(transport=UDP, ssrc=None, label="", receive_on=SHARED)
    with pytest.raises(LocalViolation, match="no shared port"):
        await plane.open_session(transport=TCP, ssrc=4, label="", receive_on=SHARED)


async def test_what_belongs_to_nobody_is_counted_reported_once_and_never_kept(make_plane: MakePlane) -> None:
    plane = await shared_plane(make_plane)
    [session] = await opened(plane, UDP, 100)
    camera, foreign = PretendCamera(ssrc=100), PretendCamera(ssrc=999)
    with udp_socket() as sender, udp_socket() as stranger:
        for _ in range(20):
            foreign.send_udp(stranger, session.port, 1)
            stranger.sendto(b"not RTP", (HOST, session.port))
            camera.send_udp(sender, session.port, 1)
            await asyncio.sleep(0.002)
        await session.wait_first_keyframe(10)
        await until(lambda: plane.shared_ports().unknown == foreign.sequence)
        ports = plane.shared_ports()
        [row] = ports.unknown_rows
        assert (row.ssrc, row.transport, row.count) == (999, "udp", foreign.sequence)
        assert row.source == f"{HOST}:{stranger.getsockname()[1]}"
        assert ports.malformed == 20
        assert plane.totals.unknown_ssrcs == 1
        [packet, *_] = PretendCamera().packets(1)
        flood = [packet[:8] + number.to_bytes(4, "big") + packet[12:] for number in range(5_000, 9_000)]
        for packet in flood:
            stranger.sendto(packet, (HOST, session.port))
        await until(lambda: plane.shared_ports().unknown > foreign.sequence + 1_000)
        assert len(plane.shared_ports().unknown_rows) <= 256
        assert session.stats().wrong_ssrc == session.stats().stranger == 0


@pytest.mark.parametrize("transport", [UDP, TCP])
async def test_a_device_with_an_ssrc_of_its_own_is_known_by_its_address(
    make_plane: MakePlane, transport: MediaTransport
) -> None:
    """Field lesson 8: a short window where the session knows the address. Two devices send zero (Q56)."""
    plane = await shared_plane(make_plane, ssrc_window_s=0.05)
    sessions = await opened(plane, transport, 100, 101)
    hosts = ["127.0.0.2", "127.0.0.3"]
    for session, host in zip(sessions, hosts, strict=True):
        session.expect_peer(host)
    cameras = [PretendCamera(ssrc=0), PretendCamera(ssrc=0, width=640, height=480)]
    with contextlib.ExitStack() as stack:
        senders = [
            stack.enter_context(udp_socket(host) if transport is UDP else connection(sessions[0].port, host))
            for host in hosts
        ]
        waiting = asyncio.gather(*(session.wait_first_keyframe(15) for session in sessions))
        while not waiting.done():
            for camera, sender in zip(cameras, senders, strict=True):
                if transport is UDP:
                    camera.send_udp(sender, sessions[0].port, 1)
                else:
                    sender.sendall(camera.tcp_bytes(1))
            await asyncio.sleep(0.01)
        assert [info.width for info in await waiting] == [320, 640]
    for session, host in zip(sessions, hosts, strict=True):
        stats = session.stats()
        assert (stats.ssrc, stats.ssrc_mismatch) == (0, True)
        assert (stats.source or "").startswith(f"{host}:")


@pytest.mark.parametrize("transport", [UDP, TCP])
async def test_where_the_address_does_not_tell_the_session_the_reason_does(
    make_plane: MakePlane, transport: MediaTransport
) -> None:
    """Two channels of one recorder, both with SSRCs of their own: neither is guessed."""
    plane = await shared_plane(make_plane, ssrc_window_s=0.0)
    sessions = await opened(plane, transport, 100, 101)
    for session in sessions:
        session.expect_peer("127.0.0.2")
    camera = PretendCamera(ssrc=7)
    with udp_socket("127.0.0.2") if transport is UDP else connection(sessions[0].port, "127.0.0.2") as sender:
        if transport is UDP:
            camera.send_udp(sender, sessions[0].port, 20)
        else:
            sender.sendall(camera.tcp_bytes(20))
        await until(lambda: all(session.stats().wrong_ssrc for session in sessions))
        for session in sessions:
            with pytest.raises(WrongSsrc, match="another SSRC than agreed"):
                await session.wait_first_keyframe(0.05)
    [lonely] = await opened(plane, transport, 102)
    with pytest.raises(NoMedia):
        await lonely.wait_first_keyframe(0.05)


async def test_one_host_has_a_limited_number_of_connections(make_plane: MakePlane) -> None:
    plane = await shared_plane(make_plane, connections_per_source=2)
    port = plane.settings.shared_tcp_port
    [session] = await opened(plane, TCP, 100)
    with connection(port) as one, connection(port), connection(port) as refused:
        refused.settimeout(10)
        assert refused.recv(1) == b""
        with connection(port, "127.0.0.2") as other:
            other.sendall(PretendCamera(ssrc=100).tcp_bytes(5))
            await session.wait_first_keyframe(10)
        one.close()
        await until(lambda: plane.shared_ports().connections_by_source.get(HOST) == 1)
        assert plane.shared_ports().connections_refused == 1
