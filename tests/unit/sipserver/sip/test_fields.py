"""CSeq, Via and name-addr."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.fields import (
    MAX_CSEQ,
    CSeq,
    NameAddr,
    Via,
    end_of_quoted,
    parse_params,
    split_list,
    unquote,
)


@pytest.mark.parametrize("text", ["20 MESSAGE", "  20\tMESSAGE ", "0020   MESSAGE"])
def test_cseq_is_read_with_any_blanks(text: str) -> None:
    assert CSeq.parse(text) == CSeq(20, "MESSAGE")
    assert CSeq(20, "MESSAGE").serialize() == "20 MESSAGE"


@pytest.mark.parametrize(
    "text", ["", "20", "MESSAGE 20", "20 ME,SSAGE", "-1 BYE", "1 2 BYE", "\u0661 BYE", "9" * 21 + " BYE"]
)
def test_cseq_that_is_not_number_and_method_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        CSeq.parse(text)


def test_cseq_limit() -> None:
    assert CSeq.parse(f"{MAX_CSEQ} BYE").number == MAX_CSEQ
    with pytest.raises(MalformedMessage):
        CSeq.parse(f"{MAX_CSEQ + 1} BYE")


@pytest.mark.parametrize(
    ("text", "display", "user", "tag"),
    [
        ("<sip:a@b>;tag=t1", "", "a", "t1"),
        ("<sip:a@b>;tag=t1;x=y", "", "a", "t1"),
        ("<sip:a@b> ; TAG = t1", "", "a", "t1"),
        ("<sip:a@b>", "", "a", None),
        ("<sip:a@b>;tag=", "", "a", None),
        ("sip:a@b;tag=t1", "", "a", "t1"),
        ('"Gate; <1>, \\"north\\"" <sip:a@b>;tag=t1', 'Gate; <1>, "north"', "a", "t1"),
        ("Gate 1 <sip:a@b>;tag=t1", "Gate 1", "a", "t1"),
        ('"\u897f\u95e8" <sip:a@b>', "\u897f\u95e8", "a", None),
        ("<sip:a;x=1@b;y=2>;tag=t1", "", "a;x=1", "t1"),
        ('"never closed <sip:a@b>;tag=t1', "never closed", "a", "t1"),
        ("<sip:a@b;tag=inside", "", "a", None),
        ("Gate <sip:a@b;tag=inside", "Gate", "a", None),
        ('<sip:a@b>;note="x;tag=no";tag=yes', "", "a", "yes"),
    ],
)
def test_name_addr_forms(text: str, display: str, user: str, tag: str | None) -> None:
    address = NameAddr.parse(text)
    assert (address.display, address.uri.user, address.tag) == (display, user, tag)


def test_without_angle_brackets_parameters_belong_to_the_header() -> None:
    """RFC 3261 section 20.10."""
    address = NameAddr.parse("sip:a@b;transport=tcp")
    assert dict(address.uri.params) == {}
    assert dict(address.params) == {"transport": "tcp"}


def test_name_addr_is_written_with_escapes() -> None:
    address = NameAddr.parse('"a \\"b\\" \\\\" <sip:x@y;lr>;tag=1;flag')
    assert str(address) == '"a \\"b\\" \\\\" <sip:x@y;lr>;tag=1;flag'


@given(st.text('ab"\\;,<> \u897f', max_size=20))
def test_any_display_name_survives(display: str) -> None:
    text = NameAddr(display.strip(), NameAddr.parse("<sip:a@b>").uri, {"tag": "1"}).serialize()
    assert NameAddr.parse(text).display == display.strip()
    assert NameAddr.parse(text).tag == "1"


def test_via_parts() -> None:
    via = Via.parse("SIP/2.0/udp 198.51.100.20:5060;rport;branch=z9hG4bK1;received=192.0.2.1")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "198.51.100.20", 5060, "z9hG4bK1")
    assert via.sent_by == "198.51.100.20:5060"
    assert via.received == "192.0.2.1"
    assert "rport" in via.params
    assert Via.parse(via.serialize()) == via


def test_via_with_blanks_around_slashes_and_ipv6() -> None:
    via = Via.parse("SIP / 2.0 / UDP\t[2001:db8::9:1] ; branch=x")
    assert (via.host, via.port, via.branch, via.sent_by) == ("2001:db8::9:1", None, "x", "[2001:db8::9:1]")
    assert Via.parse("SIP/2.0/TCP host").branch == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ;branch=x",
        "HTTP/2.0/UDP h",
        "SIP/3.0/UDP h",
        "SIP/2.0 h",
        "SIP/2.0/UDP h:x",
    ],
)
def test_via_that_names_no_hop_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Via.parse(text)


def test_lists_split_only_outside_quotes_and_brackets() -> None:
    assert list(split_list('a,"b,c",<d,e>,f')) == ["a", '"b,c"', "<d,e>", "f"]
    assert list(split_list("a,b")) == ["a", "b"]
    assert list(split_list('a,"open,b')) == ["a", '"open', "b"]
    assert list(split_list("a,<open,b")) == ["a", "<open", "b"]


def test_first_of_two_equal_parameters_counts() -> None:
    assert parse_params('a=1;A=2;b;"q;x";=3') == {"a": "1", "b": None, '"q;x"': None}


def test_quotes_and_escapes_come_off() -> None:
    assert unquote('"a\\"b\\\\"') == 'a"b\\'
    assert unquote('"plain"') == "plain"
    assert unquote("token") == "token"
    assert unquote('"') == '"'
    assert end_of_quoted('"a\\\\"', 0) == 4
    assert end_of_quoted('"a\\"', 0) == -1
