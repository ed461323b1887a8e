"""The table of oddities: every row works, and every row is used by a parser."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sipserver.gb
from sipserver.gb import quirks, repair

SOURCES = Path(next(iter(sipserver.gb.__path__)))


@pytest.mark.parametrize("name", list(quirks.QUIRKS))
def test_each_quirk_is_applied_somewhere(name: str) -> None:
    users = [
        path
        for path in SOURCES.rglob("*.py")
        if path.name != "quirks.py" and f'"{name}"' in path.read_text(encoding="utf-8")
    ]
    assert users or name in quirks.DOCUMENT_REPAIRS


@pytest.mark.parametrize("name", list(quirks.QUIRKS))
def test_each_quirk_names_its_catalogue_number(name: str) -> None:
    row = quirks.QUIRKS[name]
    assert row.number.startswith("Q")
    assert row.symptom
    assert row.seen_at


@pytest.mark.parametrize("name", list(quirks.QUIRKS))
@given(text=st.text(max_size=200))
def test_no_quirk_ever_fails(name: str, text: str) -> None:
    assert isinstance(quirks.apply(name, text), str)


@pytest.mark.parametrize(
    ("text", "kept"), [("0007", "7"), ("7", "7"), ("000", "0"), ("", ""), (" 12 ", "12")]
)
def test_serial_numbers_are_compared_without_leading_zeros(text: str, kept: str) -> None:
    """Q28."""
    assert quirks.apply("sn-zero-stripped", text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<N>a & b</N>", "<N>a &amp; b</N>"),
        ("<N>a &amp; &#38; &#x26; b</N>", "<N>a &amp; &#38; &#x26; b</N>"),
        ("<N>R&D;</N>", "<N>R&amp;D;</N>"),
    ],
)
def test_only_raw_ampersands_are_escaped(text: str, kept: str) -> None:
    """Q25."""
    assert quirks.apply("raw-ampersand", text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<N>1<2</N>", "<N>1&lt;2</N>"),
        ("<N><3F></N>", "<N>&lt;3F></N>"),
        ("<N><gate></N>", "<N>&lt;gate></N>"),
        ("<N><X/></N>", "<N><X/></N>"),
        ("<!-- a --><N></N>", "<!-- a --><N></N>"),
        ("<?pi?><N></N>", "<?pi?><N></N>"),
        ("<!x><N></N>", "&lt;!x><N></N>"),
    ],
)
def test_only_raw_less_than_signs_are_escaped(text: str, kept: str) -> None:
    """Q25."""
    assert quirks.apply("raw-less-than", text) == kept


def test_complete_items_are_found_in_any_case_and_with_attributes() -> None:
    text = "<Item>1</Item><ITEM a='2'>2</item><ItemX>3</ItemX><Item>4"
    assert repair.complete_items(text) == ["<Item>1</Item>", "<ITEM a='2'>2</item>"]
    assert repair.complete_items("İ<Item>1</Item>") == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('\n<?xml version="1.0" encoding="GB2312"?>\n<a/>\n', "<a/>"),
        ("<a/>\x00", "<a/>"),
        ("rubbish<a/>", "<a/>"),
        ("no markup", ""),
        ("><", ""),
    ],
)
def test_declaration_and_surroundings_are_stripped(text: str, kept: str) -> None:
    assert repair.strip_declaration(text) == kept
