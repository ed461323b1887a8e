"""Identifiers. GB-C001 to C003, C006, C012."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.errors import MalformedId
from sipserver.gb.ids import RELAXED_ID_MAX_LENGTH, GbId, ItemKind, is_region_code, item_kind, region_of_id


def test_leading_zeros_survive_because_an_id_is_text() -> None:
    """GB-C001."""
    assert GbId.parse("00020000001320000012") == "00020000001320000012"


def test_domain_is_the_first_ten_digits() -> None:
    """GB-C002."""
    assert GbId.parse("34020000002000000001").domain == "3402000000"


def test_digits_are_named_as_the_standard_divides_them() -> None:
    parsed = GbId.parse("34020355001327000012")
    assert (parsed.civil_code, parsed.industry_code, parsed.type_code) == ("34020355", "00", "132")
    assert (parsed.network_code, parsed.serial) == ("7", "000012")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("34", ItemKind.REGION),
        ("3402", ItemKind.REGION),
        ("340203", ItemKind.REGION),
        ("34020301", ItemKind.REGION),
        ("340", ItemKind.DEVICE),
        ("34020000002000000001", ItemKind.SYSTEM),
        ("34020000002150000001", ItemKind.BUSINESS_GROUP),
        ("34020000002160000001", ItemKind.VIRTUAL_ORGANISATION),
        ("34020000001320000001", ItemKind.DEVICE),
        ("34020000004920000001", ItemKind.DEVICE),
        ("camera-ish", ItemKind.DEVICE),
    ],
)
def test_items_are_classified_by_length_and_type_code(text: str, kind: ItemKind) -> None:
    """GB-C003."""
    assert item_kind(text) is kind


@pytest.mark.parametrize("text", ["", "3402000000132000001", "340200000013200000012", "3402000000132000001x"])
def test_strict_mode_wants_twenty_digits(text: str) -> None:
    with pytest.raises(MalformedId, match="20 digits"):
        GbId.parse(text)


@pytest.mark.parametrize("text", ["340200000013200012", "Cam01", "34"])
def test_relaxed_mode_takes_the_numbering_of_old_sites(text: str) -> None:
    """GB-C012, Q80."""
    assert GbId.parse(text, relaxed=True) == text
    assert not GbId.parse(text, relaxed=True).is_standard
    assert GbId.parse(text, relaxed=True).type_code == ""


def test_relaxed_mode_has_a_limit() -> None:
    GbId.parse("a" * RELAXED_ID_MAX_LENGTH, relaxed=True)
    with pytest.raises(MalformedId):
        GbId.parse("a" * (RELAXED_ID_MAX_LENGTH + 1), relaxed=True)


def test_full_width_digits_are_no_digits() -> None:
    with pytest.raises(MalformedId):
        GbId.parse("３４０２００００００１３２０００００１２", relaxed=True)


@pytest.mark.parametrize(
    ("device_id", "region"),
    [
        ("34020300001320000012", "340203"),
        ("34020355001320000012", "34020355"),
        ("34000000001320000012", "34"),
        ("00000000001320000012", ""),
        ("Cam01", ""),
    ],
)
def test_region_comes_from_the_centre_code_without_trailing_zeros(device_id: str, region: str) -> None:
    """GB-C006."""
    assert region_of_id(device_id) == region


@given(st.text(max_size=30))
def test_any_text_is_an_id_or_malformed(text: str) -> None:
    try:
        parsed = GbId.parse(text, relaxed=True)
    except MalformedId:
        return
    assert parsed == text.strip()
    assert is_region_code(parsed) == (item_kind(parsed) is ItemKind.REGION)
