"""One timer for many streams: hundreds of cameras, one scheduled call."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import Protocol

# Streams that fall due within this time are served together.
_SLICE_S = 0.002


class Paced(Protocol):
    """Something that is called at times of its own choosing."""

    is_open: bool

    def tick(self, now: float) -> float: ...


class Pacer:
    """Calls every stream when it is due. Lives on one event loop; needs no task of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._due: list[tuple[float, int, Paced]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._clock: Callable[[], float] = self._loop.time

    def add(self, stream: Paced, delay_s: float = 0.0) -> None:
        """Begin to call a stream; it leaves by itself once it is closed."""
        heapq.heappush(self._due, (self._clock() + delay_s, next(self._order), stream))
        self._arm()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due.clear()

    def __len__(self) -> int:
        return len(self._due)

    def _run(self) -> None:
        self._timer = None
        now = self._clock()
        due = self._due
        while due and due[0][0] < now + _SLICE_S:
            _, order, stream = due[0]
            if stream.is_open:
                following = stream.tick(max(now, due[0][0]))
                # Not again within this run, whatever it asks for.
                heapq.heapreplace(due, (max(following, now + _SLICE_S), order, stream))
            else:
                heapq.heappop(due)
        self._arm()

    def _arm(self) -> None:
        if not self._due:
            return
        at = self._due[0][0]
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._run)
