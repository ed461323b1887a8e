"""The ring of packets: bounded, without keepalives, with everything of a watched device."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from sipserver.sip.flow import Flow, OutgoingPacket, ReceivedPacket, Transport
from sipserver.transport.trace import (
    BURST_OVERHEAD_BYTES,
    PACKET_OVERHEAD_BYTES,
    WATCHED_REMOTES_MAX,
    WATCHES_MAX,
    PacketRing,
    SipTrace,
    TracedPacket,
)

LOCAL = ("192.0.2.10", 5060)
FLOW = Flow(Transport.UDP, LOCAL, ("198.51.100.20", 5060))
OTHER = Flow(Transport.UDP, LOCAL, ("198.51.100.21", 5060))
DEVICE, NEIGHBOUR = "34020000001320000001", "34020000001320000002"


def _keepalive(call_id: str, device: str = DEVICE, name: bytes = b"Call-ID: ") -> bytes:
    head = f"MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\nFrom: <sip:{device}@3402000000>;tag=1\r\n"
    body = f"\r\n\r\n<Notify><CmdType>Keepalive</CmdType><DeviceID>{device}</DeviceID></Notify>"
    return head.encode() + name + call_id.encode() + body.encode()


def _answer(call_id: str, status: int = 200) -> bytes:
    return f"SIP/2.0 {status} OK\r\nVia: x\r\nCall-ID: {call_id}\r\nCSeq: 1 MESSAGE\r\n\r\n".encode()


def _trace(size_bytes: int = 100_000) -> SipTrace:
    return SipTrace(size_bytes, 50_000, wall=lambda: 1000.0)


def _data(packets: Iterable[TracedPacket]) -> list[bytes]:
    return [packet.data for packet in packets]


def test_both_directions_are_kept_in_order_with_their_time() -> None:
    trace = _trace()
    trace.received([ReceivedPacket(b"REGISTER 1", FLOW)])
    trace.sent([OutgoingPacket(b"SIP/2.0 401 U", FLOW)])
    assert trace.ring.packets() == [
        TracedPacket(1000.0, False, FLOW, b"REGISTER 1"),
        TracedPacket(1000.0, True, FLOW, b"SIP/2.0 401 U"),
    ]


def test_a_keepalive_and_the_answer_to_it_are_left_out_and_nothing_else() -> None:
    trace = _trace()
    trace.received(
        [
            ReceivedPacket(_keepalive("a"), FLOW),
            ReceivedPacket(b"MESSAGE x\r\nCall-ID: b\r\n\r\n<Notify>Alarm", FLOW),
            ReceivedPacket(_keepalive("c", name=b"i:"), FLOW),
            ReceivedPacket(_keepalive("d", NEIGHBOUR), OTHER),
        ]
    )
    trace.sent([OutgoingPacket(_answer(call_id), FLOW) for call_id in "abc"])
    trace.sent([OutgoingPacket(_answer("d", 403), OTHER)])
    assert _data(trace.ring.packets()) == [
        b"MESSAGE x\r\nCall-ID: b\r\n\r\n<Notify>Alarm",
        _answer("b"),
        _answer("d", 403),
    ]


def test_what_is_quiet_ends_with_the_burst() -> None:
    trace = _trace()
    trace.received([ReceivedPacket(_keepalive("a"), FLOW)])
    trace.received([ReceivedPacket(b"OPTIONS", FLOW)])
    trace.sent([OutgoingPacket(_answer("a"), FLOW)])
    assert _data(trace.ring.packets()) == [b"OPTIONS", _answer("a")]


def test_what_is_sent_after_the_burst_answers_something_else() -> None:
    trace = _trace()
    trace.received([ReceivedPacket(_keepalive("a"), FLOW), ReceivedPacket(_keepalive("b"), OTHER)])
    trace.received([ReceivedPacket(_keepalive("c"), FLOW), ReceivedPacket(b"OPTIONS", FLOW)])
    trace.handled()
    trace.sent([OutgoingPacket(_answer("c"), FLOW), OutgoingPacket(_answer("b"), OTHER)])
    assert _data(trace.ring.packets()) == [b"OPTIONS", _answer("c"), _answer("b")]


def test_among_other_requests_of_its_flow_an_answer_is_known_by_its_call_id() -> None:
    trace = _trace()
    trace.received([ReceivedPacket(_keepalive("a"), FLOW), ReceivedPacket(b"OPTIONS", FLOW)])
    trace.sent([OutgoingPacket(data, FLOW) for data in (b"SIP/2.0 200 without", _answer("a"), b"BYE x")])
    assert _data(trace.ring.packets()) == [b"OPTIONS", b"SIP/2.0 200 without", b"BYE x"]


def test_a_watched_device_keeps_its_keepalives_and_what_is_said_to_its_channels() -> None:
    trace = _trace()
    assert trace.watch(DEVICE, None)
    assert trace.watch(DEVICE, None), "twice is once"
    trace.received([ReceivedPacket(_keepalive("a"), FLOW), ReceivedPacket(_keepalive("n", NEIGHBOUR), OTHER)])
    trace.sent([OutgoingPacket(_answer("a"), FLOW), OutgoingPacket(_answer("n"), OTHER)])
    trace.sent([OutgoingPacket(b"INVITE sip:34020000001310000001@x", FLOW)])
    ring = trace.watched[DEVICE]
    assert _data(ring.packets()) == [_keepalive("a"), _answer("a"), b"INVITE sip:34020000001310000001@x"]
    assert _data(trace.ring.packets()) == [b"INVITE sip:34020000001310000001@x"]
    trace.unwatch(DEVICE)
    trace.unwatch(DEVICE)
    assert not trace.watched


def test_watches_are_bounded_and_so_is_what_a_forger_makes_of_them() -> None:
    trace = _trace()
    for number in range(WATCHES_MAX):
        assert trace.watch(f"{number:020d}", None)
    assert not trace.watch(DEVICE, None)
    trace.unwatch(f"{0:020d}")
    assert trace.watch(DEVICE, None)
    for port in range(1, WATCHED_REMOTES_MAX + 100):
        flow = Flow(Transport.UDP, LOCAL, ("203.0.113.1", port))
        trace.received([ReceivedPacket(_keepalive("a"), flow)])
    trace.received([ReceivedPacket(b"OPTIONS last", Flow(Transport.UDP, LOCAL, ("203.0.113.1", port)))])
    assert b"OPTIONS last" not in _data(trace.watched[DEVICE].packets())


def test_every_sink_gets_what_is_kept() -> None:
    trace, seen = _trace(), list[TracedPacket]()
    trace.sinks.append(seen.append)
    trace.received([ReceivedPacket(_keepalive("a"), FLOW), ReceivedPacket(b"REGISTER", FLOW)])
    assert _data(seen) == [b"REGISTER"]


@given(st.lists(st.lists(st.integers(0, 400), min_size=1, max_size=4), max_size=30), st.integers(0, 5000))
def test_the_ring_holds_the_newest_bursts_that_fit(bursts: list[list[int]], limit: int) -> None:
    ring = PacketRing(limit)
    for number, sizes in enumerate(bursts):
        ring.add(number, False, [ReceivedPacket(bytes(size), FLOW) for size in sizes])
    costs = [BURST_OVERHEAD_BYTES + sum(PACKET_OVERHEAD_BYTES + size for size in sizes) for sizes in bursts]
    held = ring.bursts()
    first = len(bursts) - len(held)
    assert ring.held_bytes == sum(costs[first:]) <= limit
    assert [burst.time_s for burst in held] == list(range(first, len(bursts)))
    assert [len(packet.data) for packet in ring.packets()] == list(chain.from_iterable(bursts[first:]))
    assert len(ring) == len(ring.packets())
    if first:
        assert ring.held_bytes + costs[first - 1] > limit
