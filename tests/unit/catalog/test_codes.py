"""Digits and their meaning."""

import pytest

from catalog.codes import PROVINCES, TYPE_CODES, region_level, region_parent, type_code, type_name
from catalog.model import ChannelKey


def test_type_digits_are_read_from_standard_ids_only() -> None:
    assert type_code("34020000001320000012") == "132"
    assert type_code("340200000013200000") == ""
    assert type_code("3402000000132000001x") == ""
    name = type_name("34020000001180000005")
    assert name is not None
    assert (name.en, name.zh) == ("NVR", "网络视频录像机")
    assert type_name("34020000009990000005") is None


def test_regions_know_their_level_and_the_region_above() -> None:
    assert [region_level(code) for code in ("34", "3402", "340203", "34020301", "340")] == [
        "province",
        "prefecture",
        "county",
        "unit",
        None,
    ]
    assert region_parent("340203") == "3402"
    assert region_parent("34") is None


def test_tables_have_the_form_of_their_codes() -> None:
    assert all(len(code) == 3 and code.isdigit() for code in TYPE_CODES)
    assert len(PROVINCES) == 34


def test_channel_key_survives_its_text_form() -> None:
    key = ChannelKey("00020000001180000005", "34020000001320000012")
    assert ChannelKey.parse(str(key)) == key


@pytest.mark.parametrize("text", ["", "a", "~b", "a~", "a~b~c"])
def test_other_texts_are_no_channel_key(text: str) -> None:
    with pytest.raises(ValueError, match="device~channel"):
        ChannelKey.parse(text)
