"""The order in which session descriptions are to be written: v o s u c t m a y f."""

from __future__ import annotations

from typing import Final, NamedTuple

ORDER: Final = "vosuctmayf"


class LineOrder(NamedTuple):
    """The letters of the lines as they came, each run of the same letter once."""

    found: str
    is_right: bool


def line_order(description: str) -> LineOrder:
    letters = [line[0] for line in description.splitlines() if len(line) > 1 and line[1] == "="]
    runs = [letter for index, letter in enumerate(letters) if index == 0 or letters[index - 1] != letter]
    places = [ORDER.find(letter) for letter in runs]
    is_right = -1 not in places and places == sorted(set(places))
    return LineOrder(" ".join(runs), is_right)
