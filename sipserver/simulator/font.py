"""A small bitmap font: five columns by seven rows, for clock and name in the picture."""

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bitmap: TypeAlias = NDArray[np.bool_]

ROWS: Final = 7
COLUMNS: Final = 5

# Seven rows a character, five bits a row, the leftmost column in the highest bit.
_GLYPHS: Final = {
    "0": "0E 11 13 15 19 11 0E", "1": "04 0C 04 04 04 04 0E", "2": "0E 11 01 02 04 08 1F",
    "3": "1F 02 04 02 01 11 0E", "4": "02 06 0A 12 1F 02 02", "5": "1F 10 1E 01 01 11 0E",
    "6": "06 08 10 1E 11 11 0E", "7": "1F 01 02 04 08 08 08", "8": "0E 11 11 0E 11 11 0E",
    "9": "0E 11 11 0F 01 02 0C", "A": "0E 11 11 1F 11 11 11", "B": "1E 11 11 1E 11 11 1E",
    "C": "0E 11 10 10 10 11 0E", "D": "1E 11 11 11 11 11 1E", "E": "1F 10 10 1E 10 10 1F",
    "F": "1F 10 10 1E 10 10 10", "G": "0E 11 10 17 11 11 0F", "H": "11 11 11 1F 11 11 11",
    "I": "0E 04 04 04 04 04 0E", "J": "07 02 02 02 02 12 0C", "K": "11 12 14 18 14 12 11",
    "L": "10 10 10 10 10 10 1F", "M": "11 1B 15 15 11 11 11", "N": "11 19 15 13 11 11 11",
    "O": "0E 11 11 11 11 11 0E", "P": "1E 11 11 1E 10 10 10", "Q": "0E 11 11 11 15 12 0D",
    "R": "1E 11 11 1E 14 12 11", "S": "0F 10 10 0E 01 01 1E", "T": "1F 04 04 04 04 04 04",
    "U": "11 11 11 11 11 11 0E", "V": "11 11 11 11 11 0A 04", "W": "11 11 11 15 15 1B 11",
    "X": "11 11 0A 04 0A 11 11", "Y": "11 11 0A 04 04 04 04", "Z": "1F 01 02 04 08 10 1F",
    ":": "00 04 04 00 04 04 00", ".": "00 00 00 00 00 0C 0C", "-": "00 00 00 1F 00 00 00",
    "/": "01 01 02 04 08 10 10", " ": "00 00 00 00 00 00 00",
}  # fmt: skip


def text_bitmap(text: str, scale: int) -> Bitmap:
    """The pixels of a line of text, each font pixel ``scale`` pixels wide; unknown characters are blank."""
    return np.hstack([_glyph(character, scale) for character in text.upper() or " "])


@lru_cache(maxsize=512)
def _glyph(character: str, scale: int) -> Bitmap:
    rows = [int(word, 16) for word in _GLYPHS.get(character, _GLYPHS[" "]).split()]
    bits = [[row >> (COLUMNS - 1 - column) & 1 for column in range(COLUMNS)] + [0] for row in rows]
    return np.kron(np.array(bits, dtype=np.bool_), np.ones((scale, scale), dtype=np.bool_))
