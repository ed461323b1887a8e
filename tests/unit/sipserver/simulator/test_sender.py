"""Prebuilt packets and the sender, driven by the test's own clock."""

import errno
import itertools
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from media import nal
from media.ps import AccessUnit, PsDemuxer
from media.rtp import MAX_UDP_PAYLOAD, RtpPacket, TcpDeframer
from sipserver.simulator import sender as sender_module
from sipserver.simulator.encoder import EncodedPicture
from sipserver.simulator.loops import EncodedLoop, cached_loop
from sipserver.simulator.sender import LoopSource, RtpSender
from sipserver.simulator.wire import (
    MAX_PICTURE_PACKETS,
    MediaTransport,
    WireBuffer,
    WirePacker,
    WirePicture,
    packed_loop,
)
from tests.unit.sipserver.simulator.small_platform import SMALL

UDP, TCP = MediaTransport.UDP, MediaTransport.TCP
BIG = nal.join_nal_units([b"\x67\x42", b"\x68\xce", b"\x65\x88" + b"\x55" * 150_000])


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        opened.bind(("127.0.0.1", 0))
        opened.setblocking(False)
        yield opened


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def waiting(receiver: socket.socket) -> list[bytes]:
    received = []
    while True:
        try:
            received.append(receiver.recv(65_536))
        except BlockingIOError:
            return received
        if not received[-1]:
            return received[:-1]


def demux(packets: list[RtpPacket]) -> list[AccessUnit]:
    demuxer = PsDemuxer()
    units = [unit for packet in packets for unit in demuxer.receive(packet.payload, packet.timestamp)]
    return units + demuxer.flush()


def loop_of(*pictures: bytes) -> EncodedLoop:
    encoded = [EncodedPicture(data, nal.is_keyframe(data, SMALL.codec)) for data in pictures]
    return EncodedLoop(replace(SMALL, with_audio=False), encoded, [b""] * len(encoded))


def units_of(annexb: bytes) -> list[bytes]:
    return nal.split_nal_units(annexb)


def test_sent_loop_is_received_with_continuous_numbers(udp: socket.socket) -> None:
    """GB-C125, C126: one timestamp for each picture, sequence without a gap, over the seam of the loop."""
    loop = cached_loop(SMALL)
    sender = RtpSender(
        loop, 200_000_001, udp.getsockname(), first_sequence=65_530, first_timestamp=2**32 - 36_000
    )
    for _ in range(2 * len(loop.pictures)):
        sender.send_next()
    packets = [RtpPacket.parse(data) for data in waiting(udp)]
    assert [packet.sequence for packet in packets] == [
        (65_530 + step) % 2**16 for step in range(len(packets))
    ]
    assert {packet.ssrc for packet in packets} == {200_000_001}
    assert max(len(packet.payload) for packet in packets) <= MAX_UDP_PAYLOAD
    timestamps = list(dict.fromkeys(packet.timestamp for packet in packets))
    first = 2**32 - 36_000
    assert timestamps == [(first + 3600 * step) % 2**32 for step in range(len(timestamps))]
    assert sum(packet.marker for packet in packets) == len(timestamps)
    pictures = [unit for unit in demux(packets) if unit.is_video]
    assert [unit.pts_90k for unit in pictures] == [first + 3600 * step for step in range(len(pictures))]
    assert [units_of(unit.data) for unit in pictures] == [units_of(each.annexb) for each in loop.pictures] * 2
    sounds = [unit for unit in demux(packets) if not unit.is_video]
    assert [unit.pts_90k for unit in sounds] == [unit.pts_90k for unit in pictures]
    assert b"".join(unit.data for unit in sounds) == b"".join(loop.sound) * 2
    assert (sender.stats.pictures, sender.stats.packets) == (50, len(packets))
    sender.close()


def test_without_segmentation_of_the_kernel_the_same_is_sent(
    udp: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_has_segmentation", lambda: False)
    sender = RtpSender(loop_of(BIG), 7, udp.getsockname())
    sender.send_next()
    [unit] = demux([RtpPacket.parse(data) for data in waiting(udp)])
    assert unit.data == BIG
    sender.close()


class Unsegmented:
    """A socket whose route cannot segment: datagrams one by one, or nothing."""

    def __init__(self, inner: socket.socket) -> None:
        self.inner = inner

    def sendmsg(self, *_: object) -> int:
        raise OSError(errno.EIO, "no checksum offload")

    def send(self, data: bytes) -> int:
        return self.inner.send(data)


def test_route_that_cannot_segment_is_noticed(udp: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inner:
        inner.connect(udp.getsockname())
        sender = RtpSender(loop_of(BIG), 7, udp.getsockname())
        ours, sender._socket = sender._socket, Unsegmented(inner)  # type: ignore[assignment]
        sender._segments = True
        sender.send_next()
        assert not sender._segments
        assert len(waiting(udp)) == sender.stats.packets == 108
        ours.close()


def test_large_key_frame_is_spread_over_its_interval(udp: socket.socket) -> None:
    """7.6: peak control is required of senders."""
    sender = RtpSender(loop_of(BIG), 7, udp.getsockname())
    now, sent = 100.0, []
    while now < 100.04:
        now = sender.tick(now)
        sent.append(len(waiting(udp)))
    assert sent == [44, 44, 20]
    assert sum(sent) == sender.stats.packets
    assert now == pytest.approx(100.04)
    sender.close()


def test_pictures_are_paced_by_the_clock(udp: socket.socket) -> None:
    sender = RtpSender(cached_loop(SMALL), 7, udp.getsockname())
    assert sender.tick(10.0) == pytest.approx(10.04)
    assert sender.tick(10.02) == pytest.approx(10.04)
    assert sender.stats.pictures == 1
    for step in range(1, 26):
        sender.tick(10.0 + step * 0.0401)
    assert sender.stats.pictures == 26
    sender.close()


def test_after_a_pause_of_the_process_nothing_is_made_up_for(udp: socket.socket) -> None:
    sender = RtpSender(cached_loop(SMALL), 7, udp.getsockname())
    sender.tick(10.0)
    assert sender.tick(60.0) == pytest.approx(60.04)
    assert sender.stats.pictures == 2
    sender.close()


def test_tcp_receiver_that_does_not_keep_up_loses_whole_pictures_up_to_a_key_frame(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    delta = nal.join_nal_units([b"\x41\x9a" + b"\x33" * 60_000])
    sender = RtpSender(loop_of(BIG, delta, delta, delta), 7, ("", 0), TCP, connected=ours)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
    for step in range(8):
        sender.tick(step * 0.04)
    assert sender.stats.pictures_dropped >= 3
    deframer, packets = TcpDeframer(), []
    for step in range(8, 200):
        for data in waiting(theirs):
            packets += deframer.receive_data(data)
        sender.tick(step * 0.04)
    parsed = [RtpPacket.parse(packet) for packet in packets]
    assert all((one.sequence + 1) % 2**16 == two.sequence for one, two in itertools.pairwise(parsed))
    units = demux(parsed)[:-1]
    assert {len(unit.data) for unit in units} <= {len(BIG), len(delta)}
    broken = False
    for previous, unit in itertools.pairwise(units):
        broken = (unit.pts_90k or 0) - (previous.pts_90k or 0) != 3600
        assert unit.keyframe or not broken
    sender.close()


def test_peer_that_went_away_is_reported_once(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    sender = RtpSender(cached_loop(SMALL), 7, ("", 0), TCP, connected=ours)
    broken: list[bool] = []
    sender.on_broken = lambda: broken.append(True)
    theirs.close()
    for step in range(3):
        if sender.is_open:
            sender.tick(step * 0.04)
    assert broken == [True]
    assert not sender.is_open
    sender.close()


def test_receiver_that_is_not_there_yet_breaks_nothing_over_udp(udp: socket.socket) -> None:
    address = udp.getsockname()
    udp.close()
    sender = RtpSender(cached_loop(SMALL), 7, address)
    for _ in range(5):
        sender.send_next()
    assert sender.is_open
    assert sender.stats.errors == 0
    sender.close()


def test_refused_tcp_connection_is_an_error_of_the_caller() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(OSError, match="refused"):
        RtpSender(cached_loop(SMALL), 7, address, TCP)


def test_sender_without_sip_connects_by_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = RtpSender(cached_loop(SMALL), 7, server.getsockname(), TCP)
        accepted, peer = server.accept()
        with accepted:
            assert peer == sender.local_address
            sender.send_next()
            accepted.settimeout(5.0)
            assert TcpDeframer().receive_data(accepted.recv(65_536))
        sender.close()


def test_restart_goes_to_the_next_key_frame_and_then_around() -> None:
    source = LoopSource(cached_loop(SMALL), UDP)
    source.next_picture()
    source.restart_at_keyframe()
    assert source.next_picture().keyframe
    for _ in range(13):
        source.next_picture()
    source.restart_at_keyframe()
    assert source.next_picture().keyframe


class Late:
    """A live encoder that has nothing ready the first time."""

    fps = 25

    def __init__(self, picture: WirePicture) -> None:
        self.pictures = [None, picture]

    def next_picture(self) -> WirePicture | None:
        return self.pictures.pop(0) if self.pictures else None

    def restart_at_keyframe(self) -> None:
        self.pictures.clear()


def test_late_live_picture_is_asked_for_again_soon(udp: socket.socket) -> None:
    late = Late(WirePacker(SMALL.codec, False, UDP).pack(BIG[:100], True))
    sender = RtpSender(late, 7, udp.getsockname())
    assert sender.tick(10.0) == pytest.approx(10.005)
    sender.tick(10.005)
    assert sender.stats.pictures == 1
    sender.restart_at_keyframe()
    sender.send_next()
    assert sender.stats.pictures == 1
    sender.close()


def test_time_stamp_that_lies_in_two_packets_is_written_right() -> None:
    """Sound moves the second PTS over the edge of a packet, one byte at a time."""
    packer = WirePacker(SMALL.codec, True, UDP)
    for size in range(1250, 1400):
        picture = packer.pack(nal.START_CODE + b"\x41" + b"\x33" * size, False, b"\xd5" * 40)
        data = WireBuffer(UDP).fill(picture, 0, 900_000, 7, 900_000)
        packets = [
            RtpPacket.parse(bytes(data[at : at + UDP.stride_bytes]))
            for at in range(0, len(data), UDP.stride_bytes)
        ]
        assert [unit.pts_90k for unit in demux(packets)] == [900_000, 900_000]


def test_size_of_a_picture_has_a_limit() -> None:
    buffer = WireBuffer(UDP, packets=1)
    pack = WirePicture(b"\0" * 100, MAX_PICTURE_PACKETS, True, ())
    assert len(buffer.fill(pack, 0, 0, 0, 0)) == 100
    with pytest.raises(ValueError, match="packets for one picture"):
        buffer.fill(replace(pack, packets=MAX_PICTURE_PACKETS + 1), 0, 0, 0, 0)


def test_loop_is_packetised_once_for_each_transport() -> None:
    loop = cached_loop(SMALL)
    assert packed_loop(loop, UDP) is packed_loop(loop, UDP)
    assert packed_loop(loop, UDP) is not packed_loop(loop, TCP)
    assert packed_loop(loop, UDP) is not packed_loop(loop, UDP, with_map=False)
