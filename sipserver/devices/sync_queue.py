"""Which devices are to be asked for their catalogue, in which order, and when again.

After a power cut tens of thousands of devices come back at once. Each that waits for its turn is one small
object here and no task; only so many as may be asked at the same time have one.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

from sipserver.devices.tasks import TaskOwner

MAX_BACKOFF_S: Final = 3600.0


class Errand:
    """What is still to be done for one device."""

    __slots__ = ("device_id", "is_over", "pause_s", "tries_left", "wants_info")

    def __init__(self, device_id: str, tries: int, pause_s: float) -> None:
        self.device_id: Final = device_id
        self.tries_left = tries
        self.pause_s = pause_s
        self.wants_info = True
        self.is_over = False


class SyncQueue:
    """A bounded number of errands at a time; those that failed come again, after growing pauses.

    Args:
        run: does one errand; True when nothing is left to do for its device.
        at_once: how many may run.
        tries: how often each is tried in all.
        pause_s: before the second try; doubled for each further one.
        is_busy: whether there is more urgent work; one errand at a time goes on.
    """

    def __init__(
        self,
        run: Callable[[Errand], Awaitable[bool]],
        *,
        at_once: int,
        tries: int,
        pause_s: float,
        is_busy: Callable[[], bool] = lambda: False,
        clock: Callable[[], float],
    ) -> None:
        self._run = run
        self._at_once = at_once
        self._tries = tries
        self._pause_s = pause_s
        self._is_busy = is_busy
        self._clock = clock
        self._ready: dict[str, Errand] = {}
        self._later: list[tuple[float, int, Errand]] = []
        self._pausing: dict[str, Errand] = {}
        self._order = count()
        self._active: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = TaskOwner("catalogue sync")

    async def close(self) -> None:
        self._ready.clear()
        self._pausing.clear()
        self._later.clear()
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.close()

    def __len__(self) -> int:
        """Devices that wait for their turn, for another try, or for their answer."""
        return len(self._ready) + len(self._pausing) + len(self._active)

    def __contains__(self, device_id: str) -> bool:
        return device_id in self._ready or device_id in self._pausing or device_id in self._active

    def add(self, device_id: str) -> None:
        """Ask this device as soon as it is its turn, with all its tries, whatever it was waiting for.

        A question that is under way goes on, and is not followed by another.
        """
        if device_id in self._active or device_id in self._ready:
            return
        earlier = self._pausing.pop(device_id, None)
        if earlier is not None:
            earlier.is_over = True
        self._ready[device_id] = Errand(device_id, self._tries, self._pause_s)
        self._start()

    def remove(self, device_id: str) -> None:
        """The device is gone: nothing more is asked."""
        self._ready.pop(device_id, None)
        pausing = self._pausing.pop(device_id, None)
        if pausing is not None:
            pausing.is_over = True
        active = self._active.pop(device_id, None)
        if active is not None:
            active.cancel()
            self._start()

    # ---------------------------------------------------------------- inside

    def _start(self) -> None:
        at_once = 1 if self._is_busy() else self._at_once
        while self._ready and len(self._active) < at_once:
            device_id = next(iter(self._ready))
            task = self._tasks.spawn(self._work(self._ready.pop(device_id)), device_id)
            if task is None:
                return
            self._active[device_id] = task

    async def _work(self, errand: Errand) -> None:
        device_id = errand.device_id
        is_done = True
        try:
            errand.tries_left -= 1
            is_done = await self._run(errand)
        finally:
            # A device that went and came back may have another errand by now.
            if self._active.get(device_id) is asyncio.current_task():
                del self._active[device_id]
                if not is_done and errand.tries_left > 0:
                    self._pause(errand)
            self._start()

    def _pause(self, errand: Errand) -> None:
        self._pausing[errand.device_id] = errand
        heapq.heappush(self._later, (self._clock() + errand.pause_s, next(self._order), errand))
        errand.pause_s = min(2 * errand.pause_s, MAX_BACKOFF_S)
        self._arm()

    def _arm(self) -> None:
        while self._later and self._later[0][2].is_over:
            heapq.heappop(self._later)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._later:
            wait_s = max(0.0, self._later[0][0] - self._clock())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._pause_over)

    def _pause_over(self) -> None:
        now = self._clock()
        while self._later and (self._later[0][2].is_over or self._later[0][0] <= now):
            errand = heapq.heappop(self._later)[2]
            if not errand.is_over:
                del self._pausing[errand.device_id]
                self._ready[errand.device_id] = errand
        self._timer = None
        self._arm()
        self._start()
