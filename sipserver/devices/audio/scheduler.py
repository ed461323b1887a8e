"""Plays clips at their times. The plan is in the store; what runs is a session like any other."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from sipserver.devices.audio.errors import TooManySessions, UnknownSchedule
from sipserver.devices.audio.settings import AudioSettings
from sipserver.devices.audio.store import AudioStore, Schedule
from sipserver.devices.errors import DeviceError
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.until_written import until_written

if TYPE_CHECKING:
    from sipserver.devices.audio.service import Audio

LOOK_EVERY_S: Final = 30.0
"""The wall clock may be set meanwhile, so no sleep is longer."""
PLAYING: Final = "is played now"
MISSED_MAX: Final = 1000

logger = logging.getLogger(__name__)


class Scheduler:
    """All schedules, in memory and in the store; one loop looks at them."""

    def __init__(
        self, settings: AudioSettings, store: AudioStore, audio: Audio, wall: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._store = store
        self._audio = audio
        self._wall = wall
        self._schedules: dict[str, Schedule] = {}
        self._due: dict[str, datetime] = {}
        self._changed = asyncio.Event()
        self._tasks = TaskOwner("audio schedule")

    async def open(self) -> None:
        """Load; what was due a moment ago, while the platform started, is still played.

        What was due before is not, and its schedule says so.
        """
        earliest = self._wall() - timedelta(seconds=self._settings.late_start_s)
        for schedule in await self._store.list_schedules():
            if schedule.last_result == PLAYING:
                schedule = self._result(schedule, "ended with the platform, while it was played")
            since = schedule.considered_time or schedule.last_time
            if since is not None and since < earliest and schedule.is_enabled:
                schedule = self._missed(schedule, since, earliest)
            self._keep(schedule, earliest if since is None else max(earliest, since))
        self._tasks.spawn(self._run(), "loop")

    async def close(self) -> None:
        await self._tasks.close()

    def list(self) -> list[tuple[Schedule, datetime | None]]:
        """Each with the time of its next start."""
        ordered = sorted(self._schedules.values(), key=lambda each: (each.name, each.schedule_id))
        return [(schedule, self._due.get(schedule.schedule_id)) for schedule in ordered]

    def get(self, schedule_id: str) -> tuple[Schedule, datetime | None]:
        """Raises UnknownSchedule."""
        schedule = self._schedules.get(schedule_id)
        if schedule is None:
            raise UnknownSchedule(f"no schedule has the id {schedule_id[:64]!r}")
        return schedule, self._due.get(schedule_id)

    async def add(self, schedule: Schedule) -> Schedule:
        """Keep a new one; its id is made here.

        Raises:
            TooManySessions: audio.schedules_max are kept.
        """
        if len(self._schedules) >= self._settings.schedules_max:
            raise TooManySessions(f"{self._settings.schedules_max} schedules are kept: audio.schedules_max")
        return await self._put(replace(schedule, schedule_id=secrets.token_hex(16)))

    async def change(self, schedule: Schedule) -> Schedule:
        """Raises UnknownSchedule."""
        self.get(schedule.schedule_id)
        return await self._put(schedule)

    async def remove(self, schedule_id: str) -> None:
        """Raises UnknownSchedule."""
        self.get(schedule_id)
        await self._store.remove_schedule(schedule_id)
        self._schedules.pop(schedule_id, None)
        self._due.pop(schedule_id, None)

    def uses(self, clip_id: str) -> bool:
        return any(schedule.clip_id == clip_id for schedule in self._schedules.values())

    def run_due(self, now: datetime) -> int:
        """Start what is due; returns how many were started."""
        started = 0
        for schedule_id in [each for each, due in self._due.items() if due <= now]:
            schedule, due = self._schedules[schedule_id], self._due[schedule_id]
            self._plan(schedule, now)
            if now - due > timedelta(seconds=self._settings.late_start_s):
                logger.warning("announcement %s of %s was missed", schedule.name, due)
                self._schedules[schedule_id] = self._result(
                    replace(schedule, considered_time=now), f"missed at {due:%Y-%m-%d %H:%M:%S}"
                )
                continue
            schedule = replace(schedule, last_time=now, considered_time=now)
            self._schedules[schedule_id] = self._result(schedule, PLAYING)
            self._tasks.spawn(self._play(schedule, now), schedule.name)
            started += 1
        return started

    # ---------------------------------------------------------------- inside

    async def _put(self, schedule: Schedule) -> Schedule:
        schedule = replace(schedule, considered_time=self._wall())
        await self._store.put_schedule(schedule)
        self._keep(schedule, self._wall())
        self._changed.set()
        return schedule

    def _keep(self, schedule: Schedule, since: datetime) -> None:
        self._schedules[schedule.schedule_id] = schedule
        self._plan(schedule, since)

    def _missed(self, schedule: Schedule, since: datetime, until: datetime) -> Schedule:
        """Say what was due while the platform was not running."""
        first = due = schedule.timetable.next_after(since)
        count = 0
        while due is not None and due <= until and count < MISSED_MAX:
            count, last = count + 1, due
            due = schedule.timetable.next_after(due)
        if first is None or not count:
            return schedule
        times = f"at {first:%Y-%m-%d %H:%M:%S}"
        if count > 1:
            times = f"{count} times from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}"
        logger.warning("announcement %s was missed %s: the platform was not running", schedule.name, times)
        schedule = replace(schedule, considered_time=until)
        return self._result(schedule, f"missed {times}: the platform was not running")

    def _result(self, schedule: Schedule, result: str) -> Schedule:
        """Note what came of it; a database that is away delays nothing."""
        schedule = replace(schedule, last_result=result)
        save = partial(self._save, schedule.schedule_id)
        self._tasks.spawn(until_written(save, f"the result of {schedule.name}"), schedule.name)
        return schedule

    async def _save(self, schedule_id: str) -> None:
        """Its newest form, whatever was to be written when this was asked for."""
        if (schedule := self._schedules.get(schedule_id)) is not None:
            await self._store.save_progress(schedule)

    def _plan(self, schedule: Schedule, since: datetime) -> None:
        due = schedule.timetable.next_after(since) if schedule.is_enabled else None
        if due is None:
            self._due.pop(schedule.schedule_id, None)
        else:
            self._due[schedule.schedule_id] = due

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            soonest = min(self._due.values(), default=None)
            wait_s = LOOK_EVERY_S
            if soonest is not None:
                wait_s = min(wait_s, max(0.0, (soonest - self._wall()).total_seconds()))
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                self.run_due(self._wall())

    async def _play(self, schedule: Schedule, now: datetime) -> None:
        try:
            session = await self._audio.announce(
                schedule.targets,
                schedule.clip_id,
                mode=schedule.mode,
                repeats=schedule.repeats,
                holder=f"schedule {schedule.name}",
            )
            await session.ended.wait()
            view = session.view()
            reached = sum(target.error is None for target in view.targets)
            result = f"{reached} of {len(view.targets)} loudspeakers reached; {view.end_reason}"
        except (DeviceError, SQLAlchemyError, OSError) as error:
            result = f"failed: {error}"
        logger.info("announcement %s: %s", schedule.name, result)
        if (kept := self._schedules.get(schedule.schedule_id)) is not None:
            self._schedules[schedule.schedule_id] = self._result(replace(kept, last_time=now), result)
