"""One text of the pages in all their languages."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")


class Text(NamedTuple):
    """One text in all languages."""

    zh: str
    en: str
