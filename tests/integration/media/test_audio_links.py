"""Links of sound over real sockets: who is heard, who is not, and what closing leaves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from media.audio.errors import LinkFailed
from media.audio.g711 import FRAME_BYTES
from media.audio.link import AudioLink, LinkTerms, same_host
from media.audio.packing import AudioFormat, AudioPacker
from media.audio.plane import AudioPlane
from media.audio.tcp_link import MAX_WAITING_BYTES
from media.errors import NoPortFree
from media.rtp import frame_for_tcp
from tests.support.platform_process import eventually

HOST = "127.0.0.1"
FRAME = b"\x55" * FRAME_BYTES


@pytest.fixture
async def plane() -> AsyncIterator[AudioPlane]:
    opened = AudioPlane(HOST, (23_502, 23_540), cool_down_s=0.0)
    yield opened
    opened.close()
    assert opened.links == 0


def terms(remote: tuple[str, int] | None, *hosts: str) -> LinkTerms:
    return LinkTerms(AudioFormat(), 7, remote, frozenset(hosts or (HOST,)))


def peer_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((HOST, 0))
    made.setblocking(False)
    return made


async def received(peer: socket.socket) -> bytes:
    async with asyncio.timeout(5.0):
        return await asyncio.get_running_loop().sock_recv(peer, 2_000)


async def heard_by(link: AudioLink, count: int) -> None:
    async def enough() -> bool:
        return link.stats.packets_heard >= count

    await eventually(enough, f"{count} packets are heard")


async def test_sound_goes_to_the_address_of_the_description(plane: AudioPlane) -> None:
    with peer_socket() as peer:
        link = plane.open_udp(terms(peer.getsockname()))
        assert link.port % 2 == 0
        await link.connect(1.0)
        assert len(await received(peer)) == 4  # opens the way back through a firewall
        link.send_frame(FRAME)
        assert (await received(peer)).endswith(FRAME)
        assert link.stats.frames_sent == 1
        plane.drop(link)
        link.send_frame(FRAME)
        assert link.stats.frames_dropped == 1


async def test_peer_behind_nat_is_followed_to_where_it_sends_from(plane: AudioPlane) -> None:
    with peer_socket() as announced, peer_socket() as real:
        link = plane.open_udp(terms(announced.getsockname()))
        sound: list[bytes] = []
        link.on_heard = sound.append
        real.sendto(AudioPacker(AudioFormat(), 9).pack(FRAME), (HOST, link.port))
        await heard_by(link, 1)
        assert sound == [FRAME]
        assert link.peer == real.getsockname()
        link.send_frame(FRAME)
        assert (await received(real)).endswith(FRAME)


async def test_strangers_are_counted_and_change_nothing(plane: AudioPlane) -> None:
    with peer_socket() as stranger:
        link = plane.open_udp(terms(("192.0.2.1", 20_000), "192.0.2.1"))
        stranger.sendto(AudioPacker(AudioFormat(), 9).pack(FRAME), (HOST, link.port))

        async def counted() -> bool:
            return link.stats.packets_of_strangers == 1

        await eventually(counted, "the stranger is counted")
        assert link.peer == ("192.0.2.1", 20_000)
        assert link.stats.packets_heard == 0


async def test_garbage_of_the_peer_is_no_sound(plane: AudioPlane) -> None:
    with peer_socket() as peer:
        link = plane.open_udp(terms(peer.getsockname()))
        for data in (b"", b"\0" * 5, b"\xff" * 200, b"\x80\x08\x00\x01"):
            peer.sendto(data, (HOST, link.port))
        peer.sendto(AudioPacker(AudioFormat(), 9).pack(FRAME), (HOST, link.port))
        sound: list[bytes] = []
        link.on_heard = sound.append
        await heard_by(link, 3)
        assert sound == [FRAME]


async def test_second_connection_of_the_peer_replaces_the_first(plane: AudioPlane) -> None:
    link = plane.listen_tcp(terms(None))
    broken: list[str] = []
    link.on_broken = broken.append
    opening = asyncio.create_task(link.connect(5.0))
    first, replaced = await asyncio.open_connection(HOST, link.port)
    await opening
    second, writer = await asyncio.open_connection(HOST, link.port)
    async with asyncio.timeout(5.0):
        assert await first.read() == b""
    link.send_frame(FRAME)
    async with asyncio.timeout(5.0):
        assert (await second.readexactly(14 + FRAME_BYTES)).endswith(FRAME)
    assert broken == []
    replaced.close()
    writer.close()
    await writer.wait_closed()

    async def told() -> bool:
        return bool(broken)

    await eventually(told, "the loss is told")


async def test_packets_over_tcp_may_be_cut_anywhere(plane: AudioPlane) -> None:
    """GB-C119 for sound: RFC 4571, one byte at a time."""
    link = plane.listen_tcp(terms(None))
    sound: list[bytes] = []
    link.on_heard = sound.append
    opening = asyncio.create_task(link.connect(5.0))
    _, writer = await asyncio.open_connection(HOST, link.port)
    await opening
    packer = AudioPacker(AudioFormat(), 9)
    for byte in b"".join(frame_for_tcp(packer.pack(FRAME)) for _ in range(3)):
        writer.write(bytes([byte]))
        await writer.drain()
    await heard_by(link, 3)
    assert sound == [FRAME] * 3
    writer.close()
    await writer.wait_closed()


async def test_stranger_may_not_connect(plane: AudioPlane) -> None:
    link = plane.listen_tcp(terms(None, "192.0.2.1"))
    opening = asyncio.create_task(link.connect(5.0))
    reader, writer = await asyncio.open_connection(HOST, link.port)
    async with asyncio.timeout(5.0):
        assert await reader.read() == b""
    assert not opening.done()
    assert link.stats.packets_of_strangers == 1
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    writer.close()


async def test_peer_that_never_connects_is_an_error(plane: AudioPlane) -> None:
    link = plane.listen_tcp(terms(None))
    with pytest.raises(LinkFailed, match="did not connect"):
        await link.connect(0.05)


async def test_refused_connection_is_tried_three_times(
    plane: AudioPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6.5: at least three attempts; the pause between them is shortened here."""
    monkeypatch.setattr("media.audio.tcp_link.CONNECT_PAUSE_S", 0.01)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as closed:
        closed.bind((HOST, 0))
        link = plane.dial_tcp(terms(closed.getsockname()))
        with pytest.raises(LinkFailed, match="3 attempts"):
            await link.connect(5.0)
    assert link.stats.connects_failed == 3


async def test_peer_that_does_not_read_loses_sound_and_costs_no_memory(plane: AudioPlane) -> None:
    link = plane.listen_tcp(terms(None))
    opening = asyncio.create_task(link.connect(5.0))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.setblocking(False)
        await asyncio.get_running_loop().sock_connect(peer, (HOST, link.port))
        await opening
        for _ in range(100_000):
            link.send_frame(FRAME)
            if link.stats.frames_dropped > 10:
                break
        assert link.stats.frames_dropped > 10
        assert link.waiting_bytes <= MAX_WAITING_BYTES + 200


async def test_ports_run_out_and_come_back() -> None:
    plane = AudioPlane(HOST, (23_542, 23_545), cool_down_s=0.0)
    first = plane.open_udp(terms(None))
    second = plane.open_udp(terms(None))
    with pytest.raises(NoPortFree):
        plane.open_udp(terms(None))
    plane.drop(first)
    third = plane.listen_tcp(terms(None))
    assert third.port == first.port
    plane.drop(second)
    plane.close()
    assert plane.links == 0


@pytest.mark.parametrize(
    ("host", "hosts", "same"),
    [
        ("127.0.0.1", {"127.0.0.1"}, True),
        ("::ffff:127.0.0.1", {"127.0.0.1"}, True),
        ("fe80::1%eth0", {"fe80::1"}, True),
        ("192.0.2.1", {"192.0.2.2", "camera.example"}, False),
        ("camera.example", {"camera.example"}, True),
    ],
)
def test_addresses_are_compared_by_what_they_mean(host: str, hosts: set[str], same: bool) -> None:
    assert same_host(host, hosts) is same


@pytest.mark.parametrize(("peer", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
async def test_wildcard_takes_the_family_of_the_peer(peer: str, family: socket.AddressFamily) -> None:
    plane = AudioPlane("0.0.0.0", (23_546, 23_552), cool_down_s=0.0)  # noqa: S104
    with socket.socket(family, socket.SOCK_DGRAM) as listening:
        listening.bind((peer, 0))
        listening.setblocking(False)
        link = plane.open_udp(terms(listening.getsockname()[:2], peer))
        link.send_frame(FRAME)
        assert (await received(listening)).endswith(FRAME)
    plane.close()
