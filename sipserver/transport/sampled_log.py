"""Warnings that a flood cannot turn into a flood of lines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

INTERVAL_S: Final = 10.0
MAX_KEYS: Final = 256


class SampledLog:
    """At most one line per message text and interval; the next line says how many were left out.

    The text with its ``%s`` marks is the key, so the table grows with the code and not with what
    peers send; ``MAX_KEYS`` bounds it all the same.
    """

    def __init__(
        self,
        logger: logging.Logger,
        *,
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._logger = logger
        self._interval_s = interval_s
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}

    @property
    def texts(self) -> int:
        """How many different texts are remembered."""
        return len(self._seen)

    def warning(self, text: str, *args: object) -> None:
        now = self._clock()
        quiet_until, left_out = self._seen.get(text, (0.0, 0))
        if now < quiet_until:
            self._seen[text] = (quiet_until, left_out + 1)
            return
        if len(self._seen) >= MAX_KEYS and text not in self._seen:
            self._seen.clear()
        self._seen[text] = (now + self._interval_s, 0)
        if left_out:
            self._logger.warning(text + " (and %d more like it)", *args, left_out)
        else:
            self._logger.warning(text, *args)
