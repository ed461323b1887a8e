"""Unguessable tokens for branches, tags and Call-IDs, without one system call each."""

from __future__ import annotations

from secrets import token_bytes
from typing import Final

TOKEN_BYTES: Final = 8
TOKENS_PER_DRAW: Final = 512


class TokenSource:
    """Callable that returns 16 hexadecimal digits from the system's random source."""

    def __init__(self) -> None:
        self._drawn = ""
        self._next = 0

    def __call__(self) -> str:
        start = self._next
        if start >= len(self._drawn):
            self._drawn = token_bytes(TOKEN_BYTES * TOKENS_PER_DRAW).hex()
            start = 0
        self._next = start + 2 * TOKEN_BYTES
        return self._drawn[start : self._next]
