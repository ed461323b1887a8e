"""Keepalive. GB-C045, C049, C056."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.messages.keepalive import (
    Keepalive,
    is_plain_keepalive,
    match_keepalive,
    parse_keepalive,
)

VECTORS = Path(__file__).parents[4] / "vectors" / "gb"
NVR = GbId("34020000001180000005")
PLAIN = (VECTORS / "keepalive_plain.xml").read_bytes()


def test_plain_form_needs_no_xml_parser() -> None:
    assert match_keepalive(PLAIN) == Keepalive("917", NVR)
    assert is_plain_keepalive(PLAIN)


@pytest.mark.parametrize(
    "variant",
    [
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"\r\n", b""),
        PLAIN.replace(b"GB2312", b"UTF-8"),
        PLAIN.replace(b' encoding="GB2312"', b""),
        PLAIN.replace(b"</Notify>", b"<Info>\r\n</Info>\r\n</Notify>"),
        PLAIN.replace(b"</Notify>", b"<Info/></Notify>"),
        PLAIN.split(b"\r\n", 1)[1],
    ],
)
def test_fast_path_and_xml_parser_agree(variant: bytes) -> None:
    fast = match_keepalive(variant)
    assert fast is not None
    assert fast == Keepalive.from_xml(manscdp.parse_document(variant).element)


@pytest.mark.parametrize(
    "variant",
    [
        PLAIN.replace(b"917", b"9171917191"[:10] + b"1"),
        PLAIN.replace(b"917", "９１７".encode()),
        PLAIN.replace(b"34020000001180000005", b"340200000011800000"),
        PLAIN.replace(b"OK", b"ok"),
        PLAIN.replace(b"<Notify>", b"<Notify a='1'>"),
        PLAIN.replace(b"</Notify>", b"<Extra/></Notify>"),
        PLAIN + b"x",
        b"<!DOCTYPE a>" + PLAIN,
    ],
)
def test_fast_path_leaves_everything_else_to_the_parser(variant: bytes) -> None:
    assert match_keepalive(variant) is None
    assert not is_plain_keepalive(variant)


def test_tolerant_form_is_read_by_the_parser() -> None:
    """GB-C056, Q27."""
    body = (VECTORS / "keepalive_attributes.xml").read_bytes()
    assert match_keepalive(body) is None
    assert parse_keepalive(body) == Keepalive("17", NVR)


def test_faulty_sub_devices_are_kept() -> None:
    """GB-C049. ERROR does not mean offline: it is a sign of life all the same."""
    keepalive = parse_keepalive((VECTORS / "keepalive_faulty.xml").read_bytes())
    assert not keepalive.healthy
    assert keepalive.faulty_devices == ("34020000001320000012", "34020000001320000013")


def test_ids_that_are_none_are_left_out() -> None:
    body = b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>34</DeviceID><Info><DeviceID/>"
    body += b"<DeviceID>a b</DeviceID><DeviceID>3402</DeviceID></Info></Notify>"
    assert parse_keepalive(body).faulty_devices == ("3402",)


@pytest.mark.parametrize(
    "body", [b"", b"<Notify><CmdType>Alarm</CmdType></Notify>", PLAIN.replace(b"Notify", b"Query")]
)
def test_other_documents_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse_keepalive(body)


@given(
    sn=st.integers(1, 2**31 - 1).map(str),
    healthy=st.booleans(),
    faulty=st.lists(st.from_regex(r"[0-9]{20}", fullmatch=True), max_size=3),
)
def test_what_is_written_is_read_back(sn: str, healthy: bool, faulty: list[str]) -> None:
    keepalive = Keepalive(sn, NVR, healthy, tuple(GbId(each) for each in faulty))
    assert parse_keepalive(manscdp.serialize_document(keepalive.to_xml())) == keepalive
