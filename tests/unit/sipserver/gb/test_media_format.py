"""The f= line. GB-C107."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.media_format import EMPTY_FORMAT, MediaFormat


@pytest.mark.parametrize(
    "text",
    [
        "v/2/6/25/2/4096a/1/8/1",
        "v/2/6/25/1/4096a///",
        "v/////a/1/8/1",
        "v/////a///",
        "v/5/2560x1440/25/2/4096a/6/10/3",
    ],
)
def test_complete_lines_are_read_and_written_alike(text: str) -> None:
    assert str(MediaFormat.parse(text)) == text


def test_nothing_said_is_still_complete() -> None:
    """GB-C107, Q77."""
    assert str(EMPTY_FORMAT) == "v/////a///"


@pytest.mark.parametrize(("text", "kept"), [
    ("v/2/4", "v/2/4///a///"),
    ("", "v/////a///"),
    ("v/2/6/25/2/4096 a/1/8/1", "v/2/6/25/2/4096a/1/8/1"),
    ("v/2/6/25/2/4096a/1/8/1/9/9", "v/2/6/25/2/4096a/1/8/1"),
    ("v/<b>/6///a///", "v//6///a///"),
])  # fmt: skip
def test_incomplete_or_odd_lines_keep_what_makes_sense(text: str, kept: str) -> None:
    assert str(MediaFormat.parse(text)) == kept


@pytest.mark.parametrize(
    ("resolution", "size"),
    [
        ("6", (1920, 1080)),
        ("5", (1280, 720)),
        ("2560x1440", (2560, 1440)),
        ("640X360", (640, 360)),
        ("", None),
        ("9", None),
    ],
)
def test_size_comes_from_a_code_or_from_the_2022_form(resolution: str, size: tuple[int, int] | None) -> None:
    assert MediaFormat(resolution=resolution).size == size


@given(st.text(max_size=60))
def test_any_text_gives_a_complete_line(text: str) -> None:
    line = str(MediaFormat.parse(text))
    assert line.count("/") == 8
    assert str(MediaFormat.parse(line)) == line
