"""Messages out of a byte stream (GB-C027)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.framer import StreamFramer
from sipserver.sip.head import MAX_HEAD_BYTES
from tests.unit.sipserver.sip.builders import request_bytes

ONE = request_bytes(body=b"<Notify/>")
TWO = request_bytes("BYE")
FED_LF = request_bytes("INFO", b"PLAY", end="\n")


def cut(data: bytes, *places: int) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def feed(pieces: list[bytes], framer: StreamFramer) -> list[bytes]:
    messages: list[bytes] = []
    for piece in pieces:
        try:
            messages += framer.receive_data(piece)
        except MalformedMessage:
            break
    return messages


def test_several_messages_in_one_segment() -> None:
    assert StreamFramer().receive_data(ONE + TWO + FED_LF) == [ONE, TWO, FED_LF]


def test_one_message_byte_by_byte() -> None:
    framer = StreamFramer()
    pieces = [ONE[i : i + 1] for i in range(len(ONE))]
    assert [framer.receive_data(piece) for piece in pieces] == [[]] * (len(ONE) - 1) + [[ONE]]
    assert framer.buffered_bytes == 0


def test_line_ends_between_messages_are_skipped_and_pings_counted() -> None:
    """RFC 5626 section 3.5.1."""
    framer = StreamFramer()
    assert framer.receive_data(b"\r\n\r\n") == []
    assert framer.pings == 1
    assert framer.receive_data(ONE + b"\r\n" + TWO + b"\r\n\r\n\r\n") == [ONE, TWO]
    assert framer.pings == 2
    assert framer.receive_data(b"\r") == framer.receive_data(b"\n") == []
    assert framer.pings == 3


@pytest.mark.parametrize(
    "header",
    [
        "Content-Length: 4",
        "content-length:4",
        "CONTENT-LENGTH :4",
        "l: 4",
        "L:4",
        "Content-Length:\r\n 4",
        "l: 4\r\nContent-Length: 04",
    ],
)
def test_content_length_in_any_spelling(header: str) -> None:
    message = (
        request_bytes(Content_Length=None).replace(b"\r\n\r\n", f"\r\n{header}\r\n\r\n".encode()) + b"body"
    )
    assert StreamFramer().receive_data(message + TWO) == [message, TWO]


def test_a_message_without_length_has_no_body() -> None:
    message = request_bytes("ACK", Content_Length=None)
    assert StreamFramer().receive_data(message + TWO) == [message, TWO]


@pytest.mark.parametrize("length", ["-1", "x", "99999999999", "1\r\nContent-Length: 2"])
def test_a_length_that_cannot_be_believed_ends_the_stream(length: str) -> None:
    framer = StreamFramer()
    with pytest.raises(MalformedMessage):
        framer.receive_data(request_bytes(length=length))
    with pytest.raises(MalformedMessage):
        framer.receive_data(TWO)
    assert framer.buffered_bytes == 0


def test_messages_before_the_broken_one_are_not_lost() -> None:
    framer = StreamFramer()
    assert framer.receive_data(ONE + request_bytes(length="x")) == [ONE]
    assert framer.error is not None
    with pytest.raises(MalformedMessage):
        framer.receive_data(b"")


def test_longest_head_on_a_stream() -> None:
    empty = request_bytes(Subject="")
    room = MAX_HEAD_BYTES - len(empty)
    longest = request_bytes(Subject="s" * room)
    assert StreamFramer().receive_data(longest) == [longest]
    with pytest.raises(MalformedMessage, match="head"):
        StreamFramer().receive_data(request_bytes(Subject="s" * (room + 1)))


def test_a_head_that_never_ends_is_given_up_at_the_limit() -> None:
    framer = StreamFramer()
    assert framer.receive_data(b"x" * MAX_HEAD_BYTES) == []
    with pytest.raises(MalformedMessage):
        framer.receive_data(b"x")


def test_longest_body_on_a_stream() -> None:
    framer = StreamFramer(max_body_bytes=10)
    ten = request_bytes(body=bytes(10))
    assert framer.receive_data(ten) == [ten]
    with pytest.raises(MalformedMessage, match="11 bytes"):
        framer.receive_data(request_bytes(body=bytes(11)))


_PART = st.sampled_from(
    [
        ONE,
        TWO,
        FED_LF,
        b"\r\n\r\n",
        b"\r\n",
        b"\n",
        b"\0\0\0\0",
        b"garbage\r\n\r\n",
        request_bytes(length="x"),
        b"\xff\n\n",
        b"x\n",
    ]
)


@given(st.lists(_PART, max_size=6), st.lists(st.integers(0, 5000), max_size=8))
def test_any_cut_of_a_stream_gives_the_same_messages(parts: list[bytes], places: list[int]) -> None:
    stream = b"".join(parts)
    whole, pieces = StreamFramer(), StreamFramer()
    assert feed([stream], whole) == feed(cut(stream, *places), pieces)
    assert whole.pings == pieces.pings
    assert str(whole.error) == str(pieces.error)


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_in_any_pieces_give_the_same_messages(data: bytes, places: list[int]) -> None:
    whole, pieces = StreamFramer(), StreamFramer()
    assert feed([data], whole) == feed(cut(data, *places), pieces)
