"""Content-Length against the bytes that are there (gb28181 2.1)."""

from __future__ import annotations

import pytest

from sipserver.sip.body import MAX_LENGTH_DIGITS, cut_body, parse_content_length
from sipserver.sip.errors import MalformedMessage

XML = b'<?xml version="1.0"?>\r\n<Notify>\r\n<SN>1</SN>\r\n</Notify>'


def test_an_exact_length_raises_no_doubt() -> None:
    assert cut_body(b"body", 4) == (b"body", "")
    assert cut_body(b"", 0) == (b"", "")


def test_a_missing_length_takes_the_rest_of_the_datagram() -> None:
    assert cut_body(b"body", None) == (b"body", "")


def test_a_length_beyond_the_datagram_takes_what_is_there_with_doubt() -> None:
    content, suspicion = cut_body(b"body", 5)
    assert content == b"body"
    assert "5" in suspicion
    assert "4" in suspicion


@pytest.mark.parametrize("declared", [0, 1, len(XML) - 1])
def test_a_length_that_cuts_a_document_short_yields_to_its_end_tag(declared: int) -> None:
    content, suspicion = cut_body(XML + b"\r\n\0", declared)
    assert content == XML
    assert str(declared) in suspicion


def test_bytes_behind_a_complete_document_are_dropped() -> None:
    assert cut_body(XML + b"junk", len(XML)).content == XML


@pytest.mark.parametrize(
    "rest", [b"<", b"<?xml?>", b"<a>no end", b"text <a></a>", b"<a></b>", b"\xef\xbb\xbf <!-- -->", b"</a>"]
)
def test_what_is_no_whole_document_is_cut_at_the_declared_length(rest: bytes) -> None:
    assert cut_body(rest, 1).content == rest[:1]


def test_one_length_said_twice_is_believed() -> None:
    assert parse_content_length(["12", "12"]) == 12
    assert parse_content_length(["12", "012"]) == 12
    assert parse_content_length([]) is None


@pytest.mark.parametrize(
    "values", [["1", "2"], ["1", "x"], [""], ["-1"], ["+1"], ["1 2"], ["\u0661"], ["1, 1"]]
)
def test_lengths_that_differ_or_are_no_numbers_deserve_400(values: list[str]) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_content_length(values)
    assert caught.value.status == 400


def test_longest_length_text() -> None:
    assert parse_content_length(["9" * MAX_LENGTH_DIGITS]) == 10**MAX_LENGTH_DIGITS - 1
    with pytest.raises(MalformedMessage):
        parse_content_length(["0" * (MAX_LENGTH_DIGITS + 1)])
