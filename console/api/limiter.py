"""How many log-ins one address may try: a token bucket per source, bounded in number."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

SOURCES_MAX: Final = 4096


class LoginLimiter:
    """Access locks names and sources after failures; this keeps a flood away from the password hash.

    Args:
        per_minute: steady rate; as many may come at once.
        clock: monotonic seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_minute / 60
        self._burst = float(per_minute)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.refused = 0

    def admit(self, source: str) -> float:
        """Count a try.

        Returns:
            0.0 when it may go on, otherwise the seconds to wait.
        """
        now = self._clock()
        level, at = self._buckets.pop(source, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._per_second)
        wait_s = 0.0 if level >= 1.0 else (1.0 - level) / self._per_second
        self._buckets[source] = (level - 1.0 if wait_s == 0.0 else level, now)
        if len(self._buckets) > SOURCES_MAX:
            # The least recently seen goes: it has had the longest time to fill up again.
            self._buckets.popitem(last=False)
        self.refused += wait_s > 0.0
        return wait_s
