"""A stream that begins amid a group of pictures: its camera is asked for a key frame."""

import asyncio
from collections.abc import Callable
from typing import Final

LOOK_S: Final = 0.05
"""Between two looks at what has come, while a camera is expected to begin."""
IDLE_LOOK_S: Final = 0.5
"""The same later."""
PATIENCE_S: Final = 2.0
"""Groups of pictures of a minute exist, and streams in which nothing can be seen: then it is asked anyway."""


class KeyframeWish:
    """Asks as soon as pictures have come that nobody can begin with, and once when the patience is over.

    Args:
        left_out: pictures so far that came before a key frame.
        ask: asks the device, and never fails.
    """

    def __init__(self, left_out: Callable[[], int], ask: Callable[[], None]) -> None:
        self._left_out = left_out
        self._ask = ask
        self._has_seen = False
        self._is_patient = True
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._next = self._loop.call_later(LOOK_S, self._look)

    def cancel(self) -> None:
        """The key frame has come, or is not waited for any more."""
        self._next.cancel()

    def _look(self) -> None:
        lasted_s = self._loop.time() - self._since
        is_seen = not self._has_seen and self._left_out() > 0
        is_over = self._is_patient and lasted_s >= PATIENCE_S
        self._has_seen = self._has_seen or is_seen
        self._is_patient = self._is_patient and not is_over
        if is_seen or is_over:
            self._ask()
        if not self._has_seen or self._is_patient:
            self._next = self._loop.call_later(LOOK_S if self._is_patient else IDLE_LOOK_S, self._look)
