"""Foreign bytes against the SIP room: damaged real messages find more than noise does (GB-C026)."""

from __future__ import annotations

from contextlib import suppress
from itertools import count, pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sipserver.sip.credentials import Authorization, Challenge
from sipserver.sip.endpoint import Endpoint, Flow, ReceivedPacket, Transport
from sipserver.sip.errors import MalformedMessage
from sipserver.sip.events import RequestReceived
from sipserver.sip.fields import NameAddr, Via
from sipserver.sip.framer import StreamFramer
from sipserver.sip.message import make_response, parse_message
from sipserver.sip.uri import SipUri

VECTORS = [
    path.read_bytes() for path in sorted((Path(__file__).parents[1] / "vectors" / "sip").glob("*.dat"))
]
UDP = Flow(Transport.UDP, ("192.0.2.10", 5060), ("198.51.100.20", 5060))
# What an answer may add to the request: status line, received, rport, To tag, Retry-After.
MAX_GROWTH_BYTES = 300

_NOISE = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            b"\r\n",
            b"\n",
            b"\r",
            b"\0",
            b" ",
            b"\t",
            b":",
            b";",
            b",",
            b'"',
            b"<",
            b">",
            b"\\",
            b"%",
            b"@",
            b"=",
            b"\r\n\r\n",
        ]
    ),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message of the vectors with pieces taken out, put in, doubled or exchanged."""
    data = draw(st.sampled_from(VECTORS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            data = data[:start] + data[end:]
        elif kind == 1:
            data = data[:start] + draw(_NOISE) + data[start:]
        elif kind == 2:
            data = data[:end] + data[start:end] + data[end:]
        else:
            other = draw(st.sampled_from(VECTORS))
            data = data[:start] + other[start:end] + data[end:]
    return data


@settings(max_examples=400, deadline=None)
@given(st.lists(damaged(), min_size=1, max_size=4))
def test_damaged_messages_never_stop_the_endpoint_and_never_amplify(messages: list[bytes]) -> None:
    tokens = count()
    endpoint = Endpoint(lambda: f"token{next(tokens):011d}")
    for data in messages:
        endpoint.receive(ReceivedPacket(data, UDP), 0.0)
        for event in endpoint.events():
            if isinstance(event, RequestReceived):
                assert event.request.from_.uri.host
                endpoint.respond(event.key, make_response(event.request, 200), 0.0)
        packets = endpoint.packets_to_send()
        # A CANCEL may be answered together with its INVITE.
        assert len(packets) <= 2
        assert all(packet.flow == UDP for packet in packets)
        assert sum(len(packet.data) for packet in packets) <= len(packets) * (len(data) + MAX_GROWTH_BYTES)
    for _ in range(100):
        due = endpoint.next_timer()
        if due is None:
            break
        endpoint.handle_timer(due)
    assert endpoint.next_timer() is None


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_a_damaged_message_that_is_read_can_be_written_and_read_again(data: bytes) -> None:
    with suppress(MalformedMessage):
        message = parse_message(data)
        assert parse_message(message.serialize()) == message
        for name in ("from_", "to", "top_via", "vias", "contact"):
            with suppress(MalformedMessage):
                getattr(message, name)


@settings(max_examples=200, deadline=None)
@given(st.lists(damaged(), max_size=3), st.lists(st.integers(0, 3000), max_size=5))
def test_a_damaged_stream_gives_the_same_messages_however_it_is_cut(
    parts: list[bytes], places: list[int]
) -> None:
    stream = b"".join(parts)
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    results = []
    for pieces in ([stream], [stream[start:end] for start, end in pairwise(edges)]):
        framer = StreamFramer()
        messages: list[bytes] = []
        with suppress(MalformedMessage):
            for piece in pieces:
                messages += framer.receive_data(piece)
        results.append((messages, framer.pings, str(framer.error)))
    assert results[0] == results[1]


_FIELD_TEXT = st.text('sip:@;=<>"\\,/ 0123[]UDPtagDigestrealmnonce\t\x00é门', max_size=60)


@settings(max_examples=500, deadline=None)
@given(_FIELD_TEXT)
def test_any_header_text_gives_a_value_or_a_refusal(text: str) -> None:
    for parse in (SipUri.parse, NameAddr.parse, Via.parse, Challenge.parse, Authorization.parse):
        with suppress(MalformedMessage):
            parse(text)
    with suppress(MalformedMessage):
        Authorization.parse(f"Digest {text}")
