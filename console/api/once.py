"""Remember briefly what was done, so that one viewing is one entry in the audit log.

A browser that plays a file asks for many ranges of it; each would be an entry of its own.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

REMEMBERED_MAX: Final = 4096


class Once:
    """True the first time, then false until ``window_s`` has passed; bounded in number."""

    def __init__(self, window_s: float = 600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._clock = clock
        self._seen: OrderedDict[Hashable, float] = OrderedDict()

    def is_first(self, what: Hashable) -> bool:
        now = self._clock()
        at = self._seen.get(what)
        if at is not None and now - at < self._window_s:
            return False
        self._seen[what] = now
        self._seen.move_to_end(what)
        if len(self._seen) > REMEMBERED_MAX:
            self._seen.popitem(last=False)
        return True
