"""SIP URIs in all the forms that peers write (GB-C002)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.uri import MAX_URI_CHARS, SipUri


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:34020000001320000001@3402000000", "34020000001320000001", "3402000000", None),
        ("sip:34020000001320000001@3402000000.spvmn.cn", "34020000001320000001", "3402000000.spvmn.cn", None),
        ("sip:34020000001320000001@192.0.2.10:5060", "34020000001320000001", "192.0.2.10", 5060),
        ("sips:cam@example.org:5061", "cam", "example.org", 5061),
        ("<sip:cam@example.org>", "cam", "example.org", None),
        ("sip:[2001:db8::1]:5060", "", "2001:db8::1", 5060),
        ("sip:cam@[2001:db8::1]", "cam", "2001:db8::1", None),
        ("sip:3402000000", "", "3402000000", None),
        (" sip: 34 02@ 3402000000 ", "34 02", "3402000000", None),
        ("SIP:cam@host", "cam", "host", None),
        ("cam@host", "cam", "host", None),
        ("192.0.2.10:5060", "", "192.0.2.10", 5060),
        ("host", "", "host", None),
        ("sip:cam@host:", "cam", "host", None),
        ("*", "", "*", None),
    ],
)
def test_every_form_of_address_in_the_field_is_read(
    text: str, user: str, host: str, port: int | None
) -> None:
    uri = SipUri.parse(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)


def test_parameters_and_headers_are_kept() -> None:
    uri = SipUri.parse("sip:a@b;Transport=tcp;lr;lr=2;;?subject=x")
    assert dict(uri.params) == {"transport": "tcp", "lr": None}
    assert uri.headers == "subject=x"
    assert str(uri) == "sip:a@b;transport=tcp;lr?subject=x"


def test_other_schemes_pass_through_untouched() -> None:
    uri = SipUri.parse("tel:+8610;phone-context=x")
    assert (uri.scheme, uri.host) == ("tel", "+8610;phone-context=x")
    assert uri.serialize() == "tel:+8610;phone-context=x"


@pytest.mark.parametrize(
    "text", ["", "sip:", "sip:user@", "sip:a@b:x", "sip:a@b:65536", "sip:a@b:123456", "sip:a@b:\u0665"]
)
def test_a_uri_without_host_or_with_an_impossible_port_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        SipUri.parse(text)


def test_the_longest_uri_is_read_and_one_character_more_is_refused() -> None:
    longest = "sip:" + "u" * (MAX_URI_CHARS - 8) + "@abc"
    assert SipUri.parse(longest).host == "abc"
    with pytest.raises(MalformedMessage, match=str(MAX_URI_CHARS)):
        SipUri.parse(longest + "d")


_WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)


@given(
    st.builds(
        SipUri,
        scheme=st.sampled_from(["sip", "sips"]),
        user=st.one_of(st.just(""), _WORD),
        host=st.one_of(_WORD, st.just("2001:db8::7")),
        port=st.one_of(st.none(), st.integers(0, 65535)),
        params=st.dictionaries(_WORD, st.one_of(st.none(), _WORD), max_size=3),
        headers=st.one_of(st.just(""), _WORD),
    )
)
def test_what_is_written_is_read_back(uri: SipUri) -> None:
    assert SipUri.parse(uri.serialize()) == uri
