"""Hostile bytes for the readers of recordings: RecordInfo, MediaStatus, MANSRTSP.

The contract: a value or a typed error, in bounded time.
"""

import contextlib
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.errors import MalformedMansrtsp, MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.mansrtsp import Answer, Control, Controls, NptRange
from sipserver.gb.messages import read_message
from sipserver.gb.messages.media_status import MediaStatus
from sipserver.gb.messages.record_info import RecordItem, RecordQuery, RecordResponse
from sipserver.gb.record_collector import RecordCollector, coverage

CHANNEL = GbId("34020000001320000012")
DAY = datetime(2024, 5, 1, tzinfo=UTC)
ITEMS = tuple(
    RecordItem(
        str(CHANNEL), DAY + timedelta(hours=hour), DAY + timedelta(hours=hour + 1), name="东门", size_bytes=9
    )
    for hour in range(3)
)
DOCUMENTS = [
    serialize_document(message.to_xml())
    for message in (
        RecordQuery("1", CHANNEL, DAY, DAY + timedelta(days=1)),
        RecordResponse("1", CHANNEL, 3, ITEMS),
        MediaStatus("1", CHANNEL),
    )
]
CONTROLS = [
    Controls().pause().serialize(),
    Controls().speed(-1.0).serialize(),
    Controls().seek(12.5).serialize(),
    Answer(200, 3, 2.0, NptRange(4.0), 7, 9).serialize(),
]
TOKENS = [
    b"<", b">", b"&", b"]]>", b"\0", b"</Item>", b"<Item>", b"9" * 30, b"-1", b"T24:00:00", b"0000-00-00",
    b"npt=", b"now-", b"1e9", b"Scale: ", b"\r\n\r\n", b":", b"\xff\xfe",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A well-formed original with a few cuts, copies and insertions."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(at + draw(st.integers(0, 40)), len(data))
        match draw(st.sampled_from(["delete", "insert", "copy", "flip"])):
            case "delete":
                del data[at:end]
            case "insert":
                data[at:at] = draw(st.sampled_from(TOKENS) | st.binary(max_size=8))
            case "copy":
                data[at:at] = data[at:end] * draw(st.integers(1, 3))
            case _ if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(data)


@given(damaged(DOCUMENTS))
def test_damaged_documents_are_values_or_typed_errors(body: bytes) -> None:
    with contextlib.suppress(MalformedText):
        message = read_message(parse_document(body))
        if isinstance(message, RecordResponse):
            collector = RecordCollector(now=0.0)
            collector.receive(message, now=1.0)
            collector.handle_timer(1e9)
            assert collector.result is not None
            spans = coverage(collector.result.items, DAY, DAY + timedelta(days=1))
            assert all(start < end for start, end in spans)
        if message is not None:
            serialize_document(message.to_xml())


@given(damaged(CONTROLS) | st.binary(max_size=200))
def test_damaged_controls_are_values_or_typed_errors(body: bytes) -> None:
    with contextlib.suppress(MalformedMansrtsp):
        control = Control.parse(body)
        assert Control.parse(control.serialize()).method is control.method
    with contextlib.suppress(MalformedMansrtsp):
        Answer.parse(body).serialize()
