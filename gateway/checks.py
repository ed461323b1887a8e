"""Looks at sources that nobody reads, so that their status says what is so."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import Final

from gateway.entry import SourceEntry
from gateway.errors import GatewayError
from gateway.model import SourceState
from gateway.pulled import PulledPicture
from gateway.stats import GatewayStats
from media.errors import MediaError
from media.sources.errors import SourceFailed
from media.sources.reach import reach
from media.sources.settings import SourceSettings

TICK_S: Final = 1.0
PURPOSE: Final = "check"

logger = logging.getLogger(__name__)


class SourceChecks:
    """Asks each pulled source every ``check_s`` whether it is there.

    One whose stream could not be had although it answered is pulled for a moment instead, and so is one that
    was never looked at: only a picture proves that there is one.
    """

    def __init__(
        self,
        settings: SourceSettings,
        entries: Callable[[], Iterable[SourceEntry]],
        stats: GatewayStats,
        *,
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._entries = entries
        self._stats = stats
        self._clock = clock
        self._chance = chance
        self._places = asyncio.Semaphore(settings.checks_parallel)
        self._tasks: set[asyncio.Task[None]] = set()

    def tick(self) -> None:
        """Begin the checks that are due."""
        now = self._clock()
        for entry in self._entries():
            picture = entry.pulled.get(False)
            if picture is None or entry.is_checking or now < entry.next_check_at:
                continue
            if picture.state in (SourceState.STREAMING, SourceState.CONNECTING) or picture.is_kept:
                continue
            entry.is_checking = True
            task = asyncio.create_task(self._check(entry, picture), name=f"check {entry.key.channel_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _check(self, entry: SourceEntry, picture: PulledPicture) -> None:
        try:
            async with self._places:
                self._stats.checks += 1
                await self._look(picture)
        except Exception:
            logger.exception("source %s could not be looked at", entry.key.channel_id)
        finally:
            # Spread out, so that a thousand sources do not fall due together.
            entry.next_check_at = self._clock() + self._settings.check_s * (0.75 + self._chance() / 2)
            entry.is_checking = False

    async def _look(self, picture: PulledPicture) -> None:
        failure = picture.failure
        if picture.state is SourceState.UNKNOWN or (failure is not None and failure.is_reachable):
            try:
                hold = await picture.hold(PURPOSE, "")
            except (MediaError, GatewayError) as error:
                logger.debug("source %s: %s", picture.key.channel_id, error)
            else:
                await hold.release()
            return
        try:
            await reach(picture.request.address, self._settings.open_timeout_s)
        except SourceFailed as error:
            picture.seen(error)
        else:
            picture.seen(None)
