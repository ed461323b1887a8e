"""Pages by key: a cursor is the key of the last row, so pages stay right while rows come and go."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from catalog.errors import BadCursor

Item = TypeVar("Item")

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
MAX_CURSOR_CHARS: Final = 512


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page; ``next`` is the cursor of the following one, None on the last."""

    items: list[Item]
    next: str | None = None


def clamp_limit(limit: int) -> int:
    """A page size that neither loops for ever nor fills the memory."""
    return max(1, min(limit, MAX_LIMIT))


def encode_cursor(*key: str | int) -> str:
    """An opaque text for the key of the last row of a page."""
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type]) -> tuple[str | int, ...]:
    """The key inside ``cursor``, whose parts must be of ``kinds``.

    Raises:
        BadCursor: it is not a cursor of this kind of list.
    """
    if len(cursor) > MAX_CURSOR_CHARS:
        raise BadCursor(cursor)
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise BadCursor(cursor) from None
    if not isinstance(key, list) or len(key) != len(kinds):
        raise BadCursor(cursor)
    if any(type(part) is not kind for part, kind in zip(key, kinds, strict=True)):
        raise BadCursor(cursor)
    if any(isinstance(part, int) and abs(part) >= 2**63 for part in key):
        raise BadCursor(cursor)
    return tuple(key)


def page_of(rows: Sequence[Item], limit: int, cursors: Sequence[str]) -> Page[Item]:
    """A page from ``limit + 1`` fetched rows; ``cursors[i]`` is the cursor of ``rows[i]``."""
    if len(rows) <= limit:
        return Page(list(rows))
    return Page(list(rows[:limit]), cursors[limit - 1])
