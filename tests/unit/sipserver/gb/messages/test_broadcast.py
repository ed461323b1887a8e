"""Broadcast: the notice and the answer to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages import read_message
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse

SOURCE = GbId("34020000002000000001")
TARGET = GbId("34020000001370000012")
IDS = st.from_regex(r"[0-9]{20}", fullmatch=True).map(GbId)
NUMBERS = st.integers(0, 2_147_483_647).map(str)

NOTICE = (
    b'<?xml version="1.0" encoding="GB2312"?>\r\n'
    b"<Notify>\r\n<CmdType>Broadcast</CmdType>\r\n<SN>910</SN>\r\n"
    b"<SourceID>34020000002000000001</SourceID>\r\n<TargetID>34020000001370000012</TargetID>\r\n"
    b"</Notify>\r\n"
)


def test_notice_is_written_as_the_standard_prints_it() -> None:
    """6.11: no DeviceID; source before target. GB-C115."""
    assert serialize_document(BroadcastNotify("910", SOURCE, TARGET).to_xml()) == NOTICE


def test_notice_is_read() -> None:
    assert read_message(parse_document(NOTICE)) == BroadcastNotify("910", SOURCE, TARGET)


@given(NUMBERS, IDS, IDS)
def test_notice_survives_the_way_there(sn: str, source: GbId, target: GbId) -> None:
    notice = BroadcastNotify(sn, source, target)
    assert read_message(parse_document(serialize_document(notice.to_xml()))) == notice


@given(NUMBERS, IDS, st.booleans())
def test_response_survives_the_way_there(sn: str, device_id: GbId, ok: bool) -> None:
    response = BroadcastResponse(sn, device_id, ok)
    assert read_message(parse_document(serialize_document(response.to_xml()))) == response


@pytest.mark.parametrize(
    ("result", "ok"),
    [("OK", True), ("ok", True), ("Ok ", True), ("ERROR", False), ("Error", False), ("", True)],
)
def test_result_is_read_in_any_case_and_none_is_no_refusal(result: str, ok: bool) -> None:
    """Q53; a device without Result says at least that it understood."""
    body = (
        "<Response><CmdType>Broadcast</CmdType><SN>1</SN><DeviceID>34020000001370000012</DeviceID>"
        f"<Result>{result}</Result></Response>"
    )
    read = read_message(parse_document(body.encode()))
    assert isinstance(read, BroadcastResponse)
    assert read.ok is ok


def test_notice_without_target_is_malformed() -> None:
    body = b"<Notify><CmdType>Broadcast</CmdType><SN>1</SN><SourceID>34020000002000000001</SourceID></Notify>"
    with pytest.raises(MalformedDocument, match="TargetID"):
        read_message(parse_document(body))
