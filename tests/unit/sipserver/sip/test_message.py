"""Reading and writing whole messages."""

from __future__ import annotations

import string
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipserver.sip import message as message_module
from sipserver.sip.errors import LocalViolation, MalformedMessage
from sipserver.sip.head import MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_HEADER_LINES
from sipserver.sip.message import (
    MAX_METHOD_CHARS,
    Headers,
    SipMessage,
    SipRequest,
    SipResponse,
    has_tag,
    make_response,
    parse_message,
)
from tests.unit.sipserver.sip.builders import CAMERA, FIELDS, own_request, request, request_bytes


def test_a_keepalive_is_read_whole() -> None:
    message = parse_message(
        request_bytes(body=b"<Notify/>", Content_Type="Application/MANSCDP+xml; charset=x")
    )
    assert isinstance(message, SipRequest)
    assert (message.method, message.uri) == ("MESSAGE", "sip:34020000002000000001@3402000000")
    assert message.call_id == FIELDS["Call-ID"]
    assert message.cseq == (1, "MESSAGE")
    assert message.from_.uri.user == CAMERA
    assert message.from_.tag == "c41d0a7e"
    assert message.to.tag is None
    assert message.top_via.sent_by == "198.51.100.20:5060"
    assert message.vias == [message.top_via]
    assert message.contact is None
    assert message.content_type == "application/manscdp+xml"
    assert message.body == b"<Notify/>"
    assert repr(message) == f"<SipRequest MESSAGE {message.uri} cseq='1 MESSAGE'>"


def test_values_are_read_once() -> None:
    message = request()
    assert message.from_ is message.from_
    assert message.to is message.to
    assert message.cseq is message.cseq
    assert message.top_via is message.top_via


def test_a_60_kb_message_is_read() -> None:
    """GB-C017."""
    body = b"<Notify>" + b"x" * 60_000 + b"</Notify>"
    assert request(body=body).body == body


def test_content_length_is_exact_and_counts_bytes() -> None:
    message = SipResponse(200, "OK", FIELDS.items(), "门".encode())
    message.headers.add("Content-Length", "99")
    assert b"\r\nContent-Length: 3\r\n\r\n" in message.serialize()
    assert b"99" not in message.serialize()


def test_several_values_become_several_lines() -> None:
    message = request(Via="SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2")
    message.headers.add("Via", "SIP/2.0/TCP c;branch=3")
    again = parse_message(message.serialize())
    assert [via.branch for via in again.vias] == ["1", "2", "3"]


def test_equality_looks_at_content_and_not_at_its_length_header() -> None:
    one, two = request(), request()
    one.headers.remove("Content-Length")
    assert one == two
    two.body = b"x"
    assert one != two
    assert one != make_response(two, 200)
    assert one != "MESSAGE"


@pytest.mark.parametrize("tag", [None, "ours"])
def test_an_answer_repeats_what_the_request_said(tag: str | None) -> None:
    """RFC 3261 section 8.2.6.2."""
    message = request(Via="SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2", Subject="not this")
    response = make_response(
        message, 200, to_tag=tag, headers=[("Expires", "60")], body=b"b", content_type="text/plain"
    )
    for name in ("Via", "From", "Call-ID", "CSeq"):
        assert response.headers.get_all(name) == message.headers.get_all(name)
    assert response.to.tag == tag
    assert (response.status, response.reason, response.body) == (200, "OK", b"b")
    assert response.content_type == "text/plain"
    assert response.headers.get("Expires") == "60"
    assert "Subject" not in response.headers
    response.headers.add("Via", "x")
    assert len(message.headers.get_all("Via")) == 1
    assert repr(response) == "<SipResponse 200 OK cseq='1 MESSAGE'>"


def test_a_tag_that_is_there_stays() -> None:
    message = request(To="<sip:a@b>;tag=theirs")
    assert make_response(message, 200, to_tag="ours").to.tag == "theirs"
    assert has_tag("sip:a@b;TAG=x")
    assert not has_tag("sip:stage@b")
    assert not has_tag("<sip:a@b;tag=x>")


def test_reason_phrases_are_known_or_given_or_empty() -> None:
    assert SipResponse(486).reason == "Busy Here"
    assert SipResponse(486, "No").reason == "No"
    assert SipResponse(299).start_line == "SIP/2.0 299 "
    assert make_response(request(), 486, "No").start_line == "SIP/2.0 486 No"
    assert make_response(request(), 299).start_line == "SIP/2.0 299 "
    with pytest.raises(LocalViolation):
        make_response(request(), 99)


@pytest.mark.parametrize("status", [99, 700])
def test_status_outside_the_classes_is_our_own_mistake(status: int) -> None:
    with pytest.raises(LocalViolation):
        SipResponse(status)


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        ("", "sip:a"),
        ("A B", "sip:a"),
        ("M" * (MAX_METHOD_CHARS + 1), "sip:a"),
        ("BYE", ""),
        ("BYE", "sip:a\r\nX: y"),
        ("BYE", " sip:a"),
        ("BYE", "a\nb"),
    ],
)
def test_a_request_line_that_cannot_be_written_is_our_own_mistake(method: str, uri: str) -> None:
    with pytest.raises(LocalViolation):
        SipRequest(method, uri)


@pytest.mark.parametrize("reason", ["a\r\nX: y", "a\nb", "a\rb"])
def test_a_reason_cannot_smuggle_in_a_header(reason: str) -> None:
    with pytest.raises(LocalViolation):
        SipResponse(200, reason)


def test_text_that_no_charset_can_write_is_our_own_mistake() -> None:
    message = own_request()
    message.headers.add("Subject", "\ud800")
    with pytest.raises(LocalViolation, match="utf-8"):
        message.serialize()


def test_longest_method() -> None:
    method = "M" * MAX_METHOD_CHARS
    assert request(method).method == method
    with pytest.raises(MalformedMessage):
        request(method + "M")


def test_most_header_lines() -> None:
    base = request_bytes().count(b"\r\n") - 2
    lines = [("Subject", "x")] * (MAX_HEADER_LINES - base)
    message = SipRequest("MESSAGE", "sip:a", [*FIELDS.items(), ("CSeq", "1 MESSAGE"), *lines])
    message.headers.set("CSeq", "1 MESSAGE")
    assert len(parse_message(message.serialize()).headers.get_all("Subject")) == len(lines)
    message.headers.add("Subject", "one more")
    with pytest.raises(MalformedMessage, match=str(MAX_HEADER_LINES)):
        parse_message(message.serialize())


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_longest_head(end: str) -> None:
    empty = request_bytes(Subject="", end=end)
    room = MAX_HEAD_BYTES - len(empty) + 2 * len(end)
    assert len(request_bytes(Subject="s" * room, end=end)) == MAX_HEAD_BYTES + 2 * len(end)
    assert parse_message(request_bytes(Subject="s" * room, end=end)).headers.get("Subject") == "s" * room
    with pytest.raises(MalformedMessage, match="head of"):
        parse_message(request_bytes(Subject="s" * (room + 1), end=end))


def test_longest_body() -> None:
    body = bytes(MAX_BODY_BYTES)
    assert len(parse_message(request_bytes(body=body)).body) == MAX_BODY_BYTES
    with pytest.raises(MalformedMessage, match="body of"):
        parse_message(request_bytes(body=body + b"\0"))


def test_a_head_of_one_line_that_never_ends_is_refused_quickly() -> None:
    with pytest.raises(MalformedMessage):
        parse_message(b"A" * (MAX_HEAD_BYTES + 1))


@pytest.mark.parametrize(
    "line",
    [
        "SIP/2.0 099 x",
        "SIP/2.0 700 x",
        "SIP/2.0 20 x",
        "SIP/2.0 2000 x",
        "SIP/2.0 \u0662\u0660\u0660 x",
        "SIP/2.0",
        "MESSAGE sip:a",
        "MESSAGE  SIP/2.0",
        "ME,SSAGE sip:a SIP/2.0",
        " SIP/2.0",
    ],
)
def test_a_first_line_that_is_neither_is_refused(line: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_message(line.encode() + request_bytes()[request_bytes().index(b"\r\n") :])


def test_a_response_names_any_method() -> None:
    data = make_response(request("MESSAGE"), 200).serialize().replace(b"1 MESSAGE", b"1 FETCH")
    assert parse_message(data).cseq.method == "FETCH"


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call_ID", "CSeq"])
def test_a_request_without_what_transactions_need_is_refused(name: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_message(request_bytes(**{name: None}))


def test_a_repeated_single_header_is_tolerated_only_when_it_says_the_same() -> None:
    data = request_bytes().replace(b"\r\nTo:", b"\r\nCSeq: 1 MESSAGE\r\nTo:")
    assert parse_message(data).cseq.number == 1
    folded = data.replace(b"\r\nCall-ID", b"\r\n folded\r\nCall-ID")
    assert parse_message(folded).to.tag is None
    with pytest.raises(MalformedMessage) as caught:
        parse_message(data.replace(b"CSeq: 1 MESSAGE\r\nTo", b"CSeq: 2 MESSAGE\r\nTo"))
    assert caught.value.status == 400
    assert caught.value.request is not None


def test_a_fold_behind_the_request_line_or_noise_belongs_to_nothing() -> None:
    data = request_bytes().replace(b"SIP/2.0\r\nVia", b"SIP/2.0\r\n folded\r\nnoise\r\n\tfolded\r\nVia")
    assert parse_message(data) == request()


def test_a_base_message_has_no_start_line() -> None:
    assert SipMessage(Headers([("To", "<sip:a@b>")])).to.uri.user == "a"


_TEXT = st.text(string.ascii_letters + string.digits + ' ;,="<>@:/%()\\西门卡口é', max_size=24).map(
    lambda text: text.strip(" \t")
)
_NAME = st.sampled_from(["Subject", "X-GB-Ver", "Contact", "X-Vendor", "User-Agent", "Via", "Expires"])


@st.composite
def _messages(draw: st.DrawFn) -> SipRequest | SipResponse:
    method = draw(st.sampled_from(["MESSAGE", "REGISTER", "INVITE", "X-OTHER"]))
    fields = {**FIELDS, "CSeq": f"{draw(st.integers(0, 2**31))} {method}"}
    extra = draw(st.lists(st.tuples(_NAME, _TEXT), max_size=5))
    items = [*fields.items(), *extra]
    body = draw(st.binary(max_size=40))
    if draw(st.booleans()):
        return SipResponse(draw(st.integers(100, 699)), draw(_TEXT), items, body)
    uri = draw(_TEXT.filter(bool))
    return SipRequest(method, uri, items, body)


@given(_messages())
def test_what_is_written_is_read_back(message: SipRequest | SipResponse) -> None:
    again = parse_message(message.serialize())
    assert again == message
    assert again.suspicion == ""


@given(
    _messages(),
    st.integers(0, 60),
    st.sampled_from([b"\r\n", b"\n", b" ", b"\t", b": ", b"\r", b"\xff", b"v:", b""]),
)
@example(SipRequest("MESSAGE", "sip:a", {**FIELDS}.items()), 3, b"\r\n ")
@example(SipRequest("MESSAGE", "sip:a", {**FIELDS, "Subject": "a  b"}.items()), 0, b"")
@example(SipRequest("MESSAGE", "sip:a", {**FIELDS, "Subject": "a\x0bb\x85c"}.items()), 0, b"")
def test_the_quick_reader_and_the_patient_one_agree(
    message: SipRequest | SipResponse, where: int, noise: bytes
) -> None:
    data = message.serialize()
    cut = where * 7 % len(data)
    data = data[:cut] + noise + data[cut:]
    end = data.find(b"\r\n\r\n")
    quick = message_module._parse_plain(data, end) if end > 0 else None
    if quick is not None:
        patient = message_module._parse_any(data)
        assert quick == patient
        assert quick.suspicion == patient.suspicion
        assert quick.charset == patient.charset
        assert quick.cseq == patient.cseq


@given(st.binary(max_size=300))
def test_any_bytes_give_a_message_or_a_refusal(data: bytes) -> None:
    with suppress(MalformedMessage):
        assert isinstance(parse_message(data), SipRequest | SipResponse)
