"""Charset by evidence. GB-C053, Q26, field lesson 15."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.charset import codec_of, decode_text, known_label

HEAD = '<?xml version="1.0" encoding="{}"?>'
NAME = "<Name>东门１号镕喆</Name>"


def body(label: str, codec: str, text: str = NAME) -> bytes:
    return (HEAD.format(label) + text).encode(codec)


@pytest.mark.parametrize(
    "label", ["GB2312", "gb2312", "GBK", "gb_2312-80", "GB18030", "utf-8", "UTF8", "cp936"]
)
@pytest.mark.parametrize("codec", ["gb18030", "utf-8"])
def test_bytes_decide_whatever_the_label_says(label: str, codec: str) -> None:
    """GB-C053."""
    decoded = decode_text(body(label, codec))
    assert NAME in decoded.text
    assert not decoded.damaged


@pytest.mark.parametrize(
    ("label", "codec", "answer_with"),
    [
        ("GB2312", "gb18030", "GB2312"),
        ("gbk", "gb18030", "GBK"),
        ("GB18030", "gb18030", "GB18030"),
        ("GB2312", "utf-8", "UTF-8"),
        ("UTF-8", "gb18030", "GB2312"),
        ("UTF-8", "utf-8", "UTF-8"),
        ("klingon", "gb18030", "GB2312"),
    ],
)
def test_answer_goes_out_in_what_the_peer_really_speaks(label: str, codec: str, answer_with: str) -> None:
    assert decode_text(body(label, codec)).charset == answer_with


def test_ascii_keeps_the_label_of_its_declaration() -> None:
    assert decode_text(body("GB18030", "ascii", "<Name>East</Name>")).charset == "GB18030"
    assert decode_text(b"<Name>East</Name>").charset == "GB2312"
    assert decode_text(b"<Name>East</Name>", "utf-8").charset == "UTF-8"


def test_without_a_declaration_the_header_parameter_counts() -> None:
    assert decode_text(NAME.encode("gb18030"), "gbk").charset == "GBK"
    assert decode_text(NAME.encode(), "gb2312").text == NAME


def test_pairs_that_are_valid_utf8_by_chance_stay_chinese() -> None:
    """The bytes of 模 (C4 A3) are a valid pair of UTF-8 too, but nobody names a camera ģ."""
    raw = "模".encode("gb2312")
    assert raw.decode("utf-8")
    assert decode_text(raw).text == "模"
    assert decode_text(body("GB2312", "gb2312", "模")).text.endswith("模")


def test_pairs_under_a_utf8_label_are_utf8() -> None:
    assert decode_text(body("utf-8", "utf-8", "é")).text.endswith("é")


@pytest.mark.parametrize(
    ("bom", "codec"),
    [
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"\x84\x31\x95\x33", "gb18030"),
    ],
)
def test_byte_order_mark_wins_over_any_label(bom: bytes, codec: str) -> None:
    assert decode_text(bom + body("ISO-8859-1", codec)).text.endswith(NAME)


def test_bytes_that_are_neither_are_replaced_and_flagged() -> None:
    decoded = decode_text(b"<Name>\xff\xff\xe4\xb8</Name>")
    assert decoded.damaged
    assert decoded.text.startswith("<Name>")


def test_labels_have_one_canonical_name() -> None:
    assert known_label(None) is None
    assert known_label("latin-1") is None
    assert known_label("Gb_2312-80") == "GB2312"
    assert codec_of("GB2312") == codec_of("GBK") == "gb18030"
    assert codec_of("UTF-8") == "utf-8"


@given(st.binary(max_size=400))
def test_any_bytes_become_text(data: bytes) -> None:
    assert isinstance(decode_text(data).text, str)


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=3))
def test_chinese_text_survives_both_encodings(text: str) -> None:
    assert decode_text(text.encode("utf-8")).text == text
