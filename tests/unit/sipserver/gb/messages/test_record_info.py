"""RecordInfo and MediaStatus. GB-C060, GB-C073, GB-C074; 3.8 and 3.9 of the protocol notes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.errors import MalformedDocument
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages import read_message
from sipserver.gb.messages.media_status import MediaStatus
from sipserver.gb.messages.record_info import RecordItem, RecordQuery, RecordResponse, record_fragments

CHANNEL = GbId("34020000001320000012")
PLATFORM = "34020000002000000001"

instants = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
words = st.text(st.characters(categories=("L", "N")), max_size=12)
numbers = st.none() | st.integers(0, 9)


@st.composite
def items(draw: st.DrawFn) -> RecordItem:
    start = draw(instants)
    return RecordItem(
        device_id=str(CHANNEL),
        start=start,
        end=start + timedelta(seconds=draw(st.integers(0, 90_000))),
        name=draw(words),
        file_path=draw(words),
        address=draw(words),
        secrecy=draw(st.integers(0, 1)),
        record_type=draw(st.sampled_from(["", "time", "alarm", "manual"])),
        recorder_id=draw(words),
        size_bytes=draw(st.none() | st.integers(0, 2**40)),
        location=draw(st.sampled_from(["", PLATFORM])),
        stream_number=draw(numbers),
    )


@given(
    start=instants,
    end=instants,
    record_type=st.sampled_from(["", "all", "time", "alarm", "manual"]),
    file_path=words,
    address=words,
    recorder_id=words,
    indistinct=st.none() | st.booleans(),
    stream_number=numbers,
)
def test_queries_come_back_as_they_were(
    start: datetime,
    end: datetime,
    record_type: str,
    file_path: str,
    address: str,
    recorder_id: str,
    indistinct: bool | None,
    stream_number: int | None,
) -> None:
    query = RecordQuery(
        "17",
        CHANNEL,
        start,
        end,
        record_type,
        file_path=file_path,
        address=address,
        recorder_id=recorder_id,
        indistinct=indistinct,
        stream_number=stream_number,
    )
    assert read_message(parse_document(serialize_document(query.to_xml()))) == query


@given(st.lists(items(), max_size=5))
def test_answers_come_back_as_they_were(found: list[RecordItem]) -> None:
    answer = RecordResponse("17", CHANNEL, len(found), tuple(found), "东门")
    assert read_message(parse_document(serialize_document(answer.to_xml()))) == answer


def test_a_query_is_written_as_the_notes_print_it() -> None:
    """GB-C073: StartTime, EndTime and Type=all, in Beijing time and in this order."""
    start = datetime(2024, 5, 1, tzinfo=BEIJING)
    query = RecordQuery("2310", CHANNEL, start, start + timedelta(hours=24, seconds=-1))
    assert serialize_document(query.to_xml()).decode().replace("\r\n", "\n") == (
        '<?xml version="1.0" encoding="GB2312"?>\n'
        "<Query>\n"
        "<CmdType>RecordInfo</CmdType>\n"
        "<SN>2310</SN>\n"
        "<DeviceID>34020000001320000012</DeviceID>\n"
        "<StartTime>2024-05-01T00:00:00</StartTime>\n"
        "<EndTime>2024-05-01T23:59:59</EndTime>\n"
        "<Secrecy>0</Secrecy>\n"
        "<Type>all</Type>\n"
        "</Query>\n"
    )


def test_several_storages_are_asked_and_told() -> None:
    """GB-C074."""
    query = RecordQuery(
        "1", CHANNEL, datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC), indistinct=True
    )
    assert b"<IndistinctQuery>1</IndistinctQuery>" in serialize_document(query.to_xml())
    item = RecordItem(str(CHANNEL), query.start, query.end, location=PLATFORM)
    body = serialize_document(RecordResponse("1", CHANNEL, 1, (item,)).to_xml())
    assert RecordResponse.from_xml(parse_document(body).element).items[0].location == PLATFORM


def test_an_empty_answer_has_no_list() -> None:
    """GB-C060."""
    (empty,) = record_fragments("1", CHANNEL, [], 10)
    body = serialize_document(empty.to_xml())
    assert b"<SumNum>0</SumNum>" in body
    assert b"RecordList" not in body


def test_lines_that_cannot_be_played_are_counted_and_the_rest_is_kept() -> None:
    body = b"""<?xml version="1.0" encoding="GB2312"?>
<Response><CmdType>RecordInfo</CmdType><SN>1</SN><DeviceID>34020000001320000012</DeviceID><Name>x</Name>
<SumNum>4</SumNum><RecordList Num="4">
<Item><DeviceID>34020000001320000012</DeviceID><StartTime>2024-05-01 08:00:00</StartTime>
<EndTime>2024-05-01T09:00:00</EndTime><FileSize>-1</FileSize></Item>
<Item><DeviceID>34020000001320000012</DeviceID><StartTime>2024-05-01T10:00:00</StartTime></Item>
<Item><DeviceID>34020000001320000012</DeviceID><StartTime>2024-05-01T11:00:00</StartTime>
<EndTime>2024-05-01T10:00:00</EndTime></Item>
<Item><StartTime>2024-05-01T11:00:00</StartTime><EndTime>2024-05-01T12:00:00</EndTime></Item>
</RecordList></Response>"""
    answer = RecordResponse.from_xml(parse_document(body).element)
    assert (len(answer.items), answer.unusable, answer.sum_num) == (1, 3, 4)
    assert answer.items[0].start == datetime(2024, 5, 1, tzinfo=UTC)
    assert answer.items[0].size_bytes is None


def test_a_query_without_times_is_refused() -> None:
    body = b"<Query><CmdType>RecordInfo</CmdType><SN>1</SN><DeviceID>34020000001320000012</DeviceID></Query>"
    with pytest.raises(MalformedDocument, match="StartTime"):
        read_message(parse_document(body))


def test_fragments_hold_what_they_may() -> None:
    with pytest.raises(ValueError, match="10001"):
        record_fragments("1", CHANNEL, [], 10_001)


def test_the_end_of_a_file_is_told_as_the_notes_print_it() -> None:
    """GB-C110."""
    status = MediaStatus("8", CHANNEL)
    body = serialize_document(status.to_xml())
    assert b"<NotifyType>121</NotifyType>" in body
    assert read_message(parse_document(body)) == status
    assert status.is_end_of_file
    assert not MediaStatus("8", CHANNEL, "122").is_end_of_file
