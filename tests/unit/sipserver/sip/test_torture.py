"""Messages in the spirit of RFC 4475; the file name says what has to happen (GB-C018, GB-C026)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.events import RequestReceived
from sipserver.sip.message import SipRequest, SipResponse, make_response, parse_message
from tests.unit.sipserver.sip.builders import Desk

VECTORS = Path(__file__).parents[3] / "vectors" / "sip"
NAMES = sorted(path.stem for path in VECTORS.glob("*.dat"))


def load(name: str) -> bytes:
    return (VECTORS / f"{name}.dat").read_bytes()


def read(name: str) -> SipRequest:
    message = parse_message(load(name))
    assert isinstance(message, SipRequest)
    return message


@pytest.mark.parametrize("name", NAMES)
def test_each_message_meets_the_fate_in_its_name(name: str) -> None:
    data = load(name)
    kind, _, rest = name.partition("_")
    desk = Desk()
    desk.receive(data)
    stats = desk.endpoint.stats
    if kind == "valid":
        assert parse_message(data).suspicion == ""
        assert stats.malformed == 0
    elif kind == "doubtful":
        assert parse_message(data).suspicion
        assert (stats.suspicious, stats.malformed) == (1, 0)
    elif kind == "refused":
        with pytest.raises(MalformedMessage):
            parse_message(data)
        assert desk.statuses() == [int(rest[:3])]
        assert stats.malformed == 1
    else:
        assert kind == "dropped"
        with pytest.raises(MalformedMessage):
            parse_message(data)
        assert desk.sent() == []
        assert stats.malformed + stats.pings == 1


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("valid", "doubtful"))])
def test_each_usable_message_can_be_written_and_read_again(name: str) -> None:
    message = parse_message(load(name))
    again = parse_message(message.serialize())
    assert again == message
    assert again.suspicion == ""


def test_folds_blanks_and_odd_case_change_nothing() -> None:
    message = read("valid_twisted_whitespace")
    assert message.cseq == (20, "MESSAGE")
    assert message.from_.tag == "aa10"
    assert message.to.uri.user == "34020000002000000001"
    assert set(message.to.params) == {"x-mark", "y"}
    assert message.call_id == "tw.isted*%25@[]{}'~"
    assert [via.branch for via in message.vias] == ["z9hG4bKtwisted", "z9hG4bKsecond", "z9hG4bKthird"]
    assert message.top_via.host == "198.51.100.20"
    assert message.headers.get("newfangled") == "newfangled value continued newfangled value"


def test_compact_names_without_blanks() -> None:
    message = read("valid_compact_names")
    assert message.content_type == "application/manscdp+xml"
    assert message.headers.get("Subject") == "one"
    assert message.headers.get("Event") == message.headers.get("Allow-Events") == "presence"
    assert message.body == b"body"


def test_line_ends_of_any_kind() -> None:
    assert read("valid_bare_line_feeds").body == b"body"
    assert read("valid_mixed_line_ends").body == b"body"
    assert read("valid_leading_line_ends").method == "MESSAGE"


def test_names_are_decoded_by_evidence_and_answered_in_the_same_encoding() -> None:
    for name, charset in (("valid_gbk_display_name", "gb18030"), ("valid_utf8_display_name", "utf-8")):
        message = read(name)
        assert message.from_.display == "西门卡口"
        assert message.from_.uri.user == "34020000001180000005"
        desk = Desk()
        (event,) = desk.receive(load(name))
        assert isinstance(event, RequestReceived)
        desk.endpoint.respond(event.key, make_response(event.request, 200), 0.0)
        assert "西门卡口".encode(charset) in desk.sent()[0].data


def test_lines_of_different_encodings_are_decoded_one_by_one() -> None:
    message = read("valid_gbk_beside_utf8")
    assert message.headers.get("Subject") == "北京"
    assert message.headers.get("User-Agent") == "海康"
    assert message.headers.get("Organization") == "ÿþ"


def test_loose_forms_of_addresses() -> None:
    assert read("valid_no_angle_brackets").from_.tag == "aa10"
    assert read("valid_no_from_tag").from_.tag is None
    assert read("valid_user_with_blank").uri == "sip:3402000000 2000000001@3402000000"
    assert read("valid_tel_request_uri").uri == "tel:+86-10-1234"
    contact = read("valid_many_unknown_parameters").contact
    assert contact is not None
    assert (contact.display, contact.uri.user) == ("a, b", "c,d")
    assert read("valid_many_unknown_parameters").top_via.branch == "z9hG4bKvec1"


def test_noise_lines_are_passed_over() -> None:
    message = read("valid_noise_between_headers")
    assert set(message.headers.fields) == {"Via", "From", "To", "Call-ID", "CSeq", "Content-Length"}


def test_responses_with_defects_are_read() -> None:
    bare = parse_message(load("valid_response_without_reason"))
    assert isinstance(bare, SipResponse)
    assert (bare.status, bare.reason) == (200, "")
    provisional = parse_message(load("valid_response_101_without_via"))
    assert isinstance(provisional, SipResponse)
    assert (provisional.status, provisional.reason) == (101, "Dialog Establishment")
    assert provisional.vias == []


def test_content_length_rules_for_datagrams() -> None:
    """gb28181 2.1."""
    assert read("doubtful_length_too_large").body == b"all there is"
    assert read("doubtful_length_too_small_xml").body.endswith(b"</Notify>")
    assert read("doubtful_length_too_small_text").body == b"body"
    assert read("valid_length_missing").body == b"the rest is the body"
