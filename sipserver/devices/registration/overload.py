"""Knows when this platform is behind with its work, and spreads those that are put off for it.

A device that is told 503 and Retry-After comes back at its time; one that is kept waiting repeats itself and
makes it worse. Only devices that are not registered are put off, and before they are challenged: who has
answered a challenge, or is online already, is served.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from sipserver.devices.registration.settings import RegistrationSettings
from sipserver.devices.tasks import TaskOwner

SAMPLE_S: Final = 0.1
CALM_S: Final = 2.0
LATE_IN_A_ROW: Final = 3
"""One late turn is somebody's long step; several in a row are more work than there is time for."""
BUSY_SHARE: Final = 0.2
"""Of the paced rate; that many registrations a second take about a tenth of a core."""

logger = logging.getLogger(__name__)


class Overload:
    """Looks ten times a second at the event loop, the database and the queue of unread datagrams.

    Args:
        saving_for_s: for how long the database has been busy with the presence that changed.
        queue_fraction: how full the kernel's queue of unread datagrams is, 0 to 1.
    """

    def __init__(
        self,
        settings: RegistrationSettings,
        *,
        clock: Callable[[], float],
        saving_for_s: Callable[[], float],
        queue_fraction: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._saving_for_s = saving_for_s
        self._queue_fraction = queue_fraction
        self._behind_until = -math.inf
        self._late_turns = 0
        self._slot_at = -math.inf
        self._put_off = 0
        self._second = -math.inf
        self._accepted = 0
        self._accepted_before = 0
        self._tasks = TaskOwner("overload watch")
        self.is_behind = False

    async def open(self) -> None:
        self._tasks.spawn(self._watch(), "watch")

    async def close(self) -> None:
        await self._tasks.close()

    def sample(self, late_s: float, now: float) -> None:
        """Judge: ``late_s`` is by how much the event loop came too late to this."""
        is_late = late_s > self._settings.overload_loop_delay_s
        self._late_turns = self._late_turns + 1 if is_late else 0
        reason = self._reason(late_s)
        if reason:
            self._behind_until = now + CALM_S
            if not self.is_behind:
                logger.warning("behind with the work, new devices are put off: %s", reason)
            self.is_behind = True
        elif self.is_behind and now >= self._behind_until:
            logger.info("the work is caught up; %d registrations were put off", self._put_off)
            self.is_behind = False
            self._put_off = 0

    def retry_after_s(self, now: float) -> int:
        """When the next device that is put off may come again: one after the other, at the paced rate."""
        settings = self._settings
        self._put_off += 1
        earliest, latest = now + settings.retry_after_min_s, now + settings.retry_after_max_s
        slot_at = max(self._slot_at + 1 / settings.paced_per_second, earliest)
        # More than fit: they begin again at the front, and meet an answer like this once more.
        self._slot_at = slot_at if slot_at <= latest else earliest
        return math.ceil(self._slot_at - now)

    def accepted(self, now: float) -> bool:
        """Count a registration; True when so many came in this second that refreshes shall be spread."""
        self._turn(now)
        self._accepted += 1
        return self._accepted > self._settings.paced_per_second

    def is_busy(self) -> bool:
        """Whether so many devices register that what can wait should: catalogues."""
        self._turn(self._clock())
        many = self._settings.paced_per_second * BUSY_SHARE
        return self.is_behind or max(self._accepted, self._accepted_before) > many

    # ---------------------------------------------------------------- inside

    def _turn(self, now: float) -> None:
        if now - self._second >= 1.0:
            self._accepted_before = self._accepted if now - self._second < 2.0 else 0
            self._second, self._accepted = now, 0

    def _reason(self, late_s: float) -> str:
        settings = self._settings
        if self._late_turns >= LATE_IN_A_ROW:
            return f"the event loop is {late_s:.2f} s late"
        if (saving_s := self._saving_for_s()) > settings.overload_database_s:
            return f"the database has been busy for {saving_s:.1f} s"
        if (fraction := self._queue_fraction()) > settings.overload_queue_fraction:
            return f"the queue of unread datagrams is {fraction:.0%} full"
        return ""

    async def _watch(self) -> None:
        while True:
            due = self._clock() + SAMPLE_S
            await asyncio.sleep(SAMPLE_S)
            now = self._clock()
            self.sample(max(0.0, now - due), now)
