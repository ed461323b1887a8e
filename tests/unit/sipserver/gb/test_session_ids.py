"""SessionIDs and the names of snapshot files. GB-C068."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.session_ids import FILE_ID_LENGTH, SnapshotFileId, is_session_id, new_session_id


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("a" * 31, False),
        ("a" * 32, True),
        ("Az0-" * 32, True),
        ("a" * 129, False),
        ("a" * 31 + "_", False),
        ("a" * 31 + "\n", False),
        ("东" * 32, False),
    ],
)
def test_session_ids_have_32_to_128_letters_digits_and_hyphens(text: str, is_one: bool) -> None:
    """GB-C068."""
    assert is_session_id(text) is is_one


@given(st.lists(st.text(), min_size=0, max_size=5))
def test_made_session_ids_are_ones(odd: list[str]) -> None:
    """GB-C068: whatever the source of random text gives."""
    tokens = iter([*odd, *["0123456789abcdef"] * 2])
    assert is_session_id(new_session_id(lambda: next(tokens)))


def test_the_name_of_a_picture_says_who_when_and_which() -> None:
    """41 characters: device, 02, local time to the millisecond, number."""
    moment = datetime(2024, 5, 1, 0, 0, 0, 125_000, tzinfo=UTC)
    name = str(SnapshotFileId("34020000001320000012", moment, 3))
    assert name == "34020000001320000012" + "02" + "20240501080000125" + "03"
    assert len(name) == FILE_ID_LENGTH
    assert SnapshotFileId.parse(name) == SnapshotFileId("34020000001320000012", moment, 3)


@pytest.mark.parametrize("text", ["", "picture", "3402000000132000001202" + "2024133108000012503", "1" * 41])
def test_other_names_are_no_rule(text: str) -> None:
    assert SnapshotFileId.parse(text) is None
