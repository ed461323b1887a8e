"""The clocks of all devices: evidence from what they say anyway, a question now and then, an alarm.

A wrong clock spoils evidence: its recordings cannot be found, its alarms lie in the future. The platform
corrects it with the Date of the 200 to REGISTER, unless that is switched off for the device (Q7).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from sipserver.devices.clocks.device_clock import (
    ERROR_S,
    Change,
    ClockSample,
    ClockSource,
    DeviceClock,
    rtcp_sample,
)
from sipserver.devices.clocks.store import (
    ClockLogLine,
    ClockRow,
    ClockStore,
    MemoryClockStore,
    SqlClockStore,
)
from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.errors import DeviceError
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceClockCorrected,
    DeviceClockDrifted,
    DeviceEvent,
    DeviceSaidTime,
)
from sipserver.devices.features import Parts
from sipserver.devices.router import CommandHandler
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.until_written import until_written
from sipserver.gb import gb_time, manscdp
from sipserver.gb.errors import MalformedTime
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.device_status import DeviceStatusQuery
from sipserver.transport.driver import IncomingRequest

FIRST_QUESTION_WITHIN_S: Final = 3_600.0
"""A county that comes back at once is asked over an hour, not at once."""
TURN_S: Final = 5.0
ASKED_PER_TURN: Final = 50
ASKED_AT_ONCE: Final = 20
SAVE_EVERY_S: Final = 30.0
AHEAD_S: Final = 5.0
"""A record that ends less ahead of us is one that is being written."""
LOG_LIMIT: Final = 200
LOG_WAITING_MAX: Final = 10_000
"""Lines that wait for the database; the oldest are dropped first."""
SETTLE_S: Final = 1.0
FORGET_EVERY_S: Final = 3_600.0

# Where a document says what time its device thinks it is.
TIME_ELEMENTS: Final[Mapping[tuple[str, str], tuple[str, ClockSource]]] = {
    ("Response", "DeviceStatus"): ("DeviceTime", ClockSource.STATUS),
    ("Notify", "Alarm"): ("AlarmTime", ClockSource.ALARM),
    ("Notify", "MobilePosition"): ("Time", ClockSource.POSITION),
}
RECORDS: Final = ("Response", "RecordInfo")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClockView:
    """What others see of a device's clock."""

    device_id: str
    sample: ClockSample
    drifting_since: datetime | None


class Clocks:
    """Listens along with what other parts of this room receive; built after them."""

    listens_to: Final = (DeviceCameOnline, DeviceSaidTime)

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings: Final = parts.features.clocks
        self._clocks: dict[str, DeviceClock] = {}
        self._due: list[tuple[float, str]] = []
        self._queued: set[str] = set()
        self._changed: set[str] = set()
        self._log: deque[ClockLogLine] = deque(maxlen=LOG_WAITING_MAX)
        self._save_lock = asyncio.Lock()
        self._saving: asyncio.Task[None] | None = None
        self._store: ClockStore = (
            MemoryClockStore() if parts.database is None else SqlClockStore(parts.database)
        )
        self._tasks = TaskOwner("clocks")
        commands = parts.router.commands
        for key in (*TIME_ELEMENTS, RECORDS):
            commands[key] = self._listening(commands.get(key, parts.router.take_response))

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        for row in await self._store.load():
            clock = DeviceClock(drifting_since=row.drifting_since)
            sample = ClockSample(row.offset_s, row.error_s, ClockSource(row.source), row.measured_time)
            clock.restore(sample)
            self._clocks[row.device_id] = clock
        await self._forget_old()
        self._tasks.spawn(self._ask_for_ever(), "questions")
        self._tasks.spawn(self._sample_for_ever(), "sender reports")
        self._tasks.spawn(self._save_for_ever(), "saving")

    async def close(self) -> None:
        await self._tasks.close()
        await self.save()

    def device_removed(self, device_id: str) -> None:
        """Its log stays until its time is over: it says when its evidence was off."""
        self._clocks.pop(device_id, None)
        self._changed.discard(device_id)
        self._due = [due for due in self._due if due[1] != device_id]
        heapq.heapify(self._due)
        self._queued.discard(device_id)
        forget = partial(self._store.forget_device, device_id)
        self._tasks.spawn(until_written(forget, f"the removal of {device_id}"), f"removal of {device_id}")

    def listen(self, event: DeviceEvent) -> None:
        match event:
            case DeviceCameOnline(device_id):
                self._question(device_id, min(FIRST_QUESTION_WITHIN_S, self._settings.ask_interval_s))
            case DeviceSaidTime(device_id, said):
                self.note(device_id, said, ClockSource.REGISTER)
            case _:
                pass

    # ---------------------------------------------------------------- questions

    def get(self, device_id: str) -> ClockView | None:
        """None: nothing fresh has shown the device's time."""
        clock = self._clocks.get(device_id)
        sample = None if clock is None else clock.best(self._parts.wall())
        if clock is None or sample is None:
            return None
        return ClockView(device_id, sample, clock.drifting_since)

    def drifting(self) -> list[ClockView]:
        """Every device whose alarm is on, the worst first."""
        views = (self.get(device_id) for device_id, clock in self._clocks.items() if clock.drifting_since)
        return sorted((view for view in views if view), key=lambda view: -abs(view.sample.offset_s))

    async def log_of(self, device_id: str, limit: int = LOG_LIMIT) -> list[ClockLogLine]:
        """Its drifts and corrections, newest first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await asyncio.shield(self._save_soon())
        return await self._store.log_of(device_id, limit)

    async def ask(self, device_id: str) -> ClockView | None:
        """Ask the device for its time now; None when its answer names none.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        sn = self._parts.signalling.next_sn()
        query = DeviceStatusQuery(sn, GbId(device_id)).to_xml()
        timeout_s = self._parts.settings.query_timeout_s
        await self._parts.queries.ask(device_id, "DeviceStatus", sn, query, timeout_s=timeout_s)
        return self.get(device_id)

    # ---------------------------------------------------------------- evidence

    def note(self, device_id: str, said: str, source: ClockSource) -> None:
        """A device wrote what time it is; what cannot be read is no evidence."""
        try:
            moment = gb_time.parse_time(said)
        except MalformedTime:
            return
        now = self._parts.wall()
        self.add(device_id, ClockSample((moment - now).total_seconds(), ERROR_S[source], source, now))

    def add(self, device_id: str, sample: ClockSample) -> None:
        """Take one piece of evidence in."""
        clock = self._clocks.setdefault(device_id, DeviceClock())
        change = clock.add(sample, self._settings.drift_alarm_s)
        self._changed.add(device_id)
        if change is not None:
            self._report(device_id, change, sample)

    def _report(self, device_id: str, change: Change, sample: ClockSample) -> None:
        line = ClockLogLine(
            device_id, sample.measured_time, change.value, sample.offset_s, sample.source.value
        )
        self._log.append(line)
        if change is Change.DRIFTED:
            zone = f", {sample.zone_hours:+d} h: another zone" if sample.zone_hours else ""
            logger.warning(
                "clock of %s is off by %.1f s (%s)%s", device_id, sample.offset_s, sample.source, zone
            )
            self._parts.presence.announce(DeviceClockDrifted(device_id, sample.offset_s))
        else:
            logger.info("clock of %s is right again (%.1f s)", device_id, sample.offset_s)
            self._parts.presence.announce(DeviceClockCorrected(device_id, sample.offset_s))

    def _listening(self, handler: CommandHandler) -> CommandHandler:
        """The handler of a command, and an ear for the time in it."""

        def handle(entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
            self._hear(entry.device_id, document)
            handler(entry, incoming, document)

        return handle

    def _hear(self, device_id: str, document: Document) -> None:
        key = (document.root, document.cmd_type)
        if key == RECORDS:
            self._hear_records(device_id, document)
            return
        name, source = TIME_ELEMENTS[key]
        if said := manscdp.child_text(document.element, name):
            self.note(device_id, said, source)

    def _hear_records(self, device_id: str, document: Document) -> None:
        """A record that ends in the future was written by a clock that is at least so far ahead."""
        ends = [
            end
            for item in manscdp.list_items(document.element, "RecordList")
            if (end := _time_of(manscdp.child_text(item, "EndTime"))) is not None
        ]
        now = self._parts.wall()
        ahead_s = (max(ends) - now).total_seconds() if ends else 0.0
        if ahead_s > AHEAD_S:
            sample = ClockSample(ahead_s, ERROR_S[ClockSource.RECORDS], ClockSource.RECORDS, now)
            self.add(device_id, sample)

    # ---------------------------------------------------------------- loops

    def _question(self, device_id: str, within_s: float) -> None:
        """Queue a question, at a moment of the device's own within the time."""
        if self._settings.ask_interval_s and device_id not in self._queued:
            self._queued.add(device_id)
            share = hash(device_id) % 10_000 / 10_000
            heapq.heappush(self._due, (self._parts.clock() + within_s * share, device_id))

    async def _ask_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TURN_S)
            due = self._take_due()
            for start in range(0, len(due), ASKED_AT_ONCE):
                await asyncio.gather(
                    *(self._ask_quietly(each) for each in due[start : start + ASKED_AT_ONCE])
                )

    def _take_due(self) -> list[str]:
        now = self._parts.clock()
        due: list[str] = []
        while self._due and self._due[0][0] <= now and len(due) < ASKED_PER_TURN:
            _, device_id = heapq.heappop(self._due)
            self._queued.discard(device_id)
            # One that is away is asked when it comes back.
            if self._parts.presence.is_online(device_id):
                due.append(device_id)
        return due

    async def _ask_quietly(self, device_id: str) -> None:
        try:
            await self.ask(device_id)
        except DeviceError as error:
            logger.debug("%s does not tell its time: %s", device_id, error)
        finally:
            # One that was removed meanwhile is asked no more.
            if self._parts.presence.table.get(device_id) is not None and device_id not in self._queued:
                heapq.heappush(self._due, (self._parts.clock() + self._settings.ask_interval_s, device_id))
                self._queued.add(device_id)

    async def _sample_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sample_interval_s)
            self.sample_streams()

    def sample_streams(self) -> None:
        """Read the sender reports of the open streams; it also runs by itself."""
        sessions, now = self._parts.media.sessions, self._parts.wall()
        for invite in self._parts.invites.snapshot():
            session = sessions.get(invite.session_id or "")
            offset_s = None if session is None else session.stats().sender_clock_offset_s
            if offset_s is not None:
                self.add(invite.key.device_id, rtcp_sample(offset_s, now))

    async def _save_for_ever(self) -> None:
        forget_at = self._parts.clock() + FORGET_EVERY_S
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            # A save that is under way is finished even when this task is cancelled.
            await asyncio.shield(self._save_soon())
            if self._parts.clock() >= forget_at:
                forget_at = self._parts.clock() + FORGET_EVERY_S
                await self._forget_old()

    async def _forget_old(self) -> None:
        try:
            await self._store.forget_before(self._parts.wall() - timedelta(days=self._settings.log_days))
        except (SQLAlchemyError, OSError) as error:
            logger.warning("old lines of the clocks could not be forgotten, will try again: %s", error)

    def _save_soon(self) -> asyncio.Task[None]:
        """The save that is under way, or a new one: those who wait share it."""
        if self._saving is None or self._saving.done():
            self._saving = asyncio.ensure_future(self.save())
        return self._saving

    async def save(self) -> None:
        """Write what changed; what cannot be written is tried again."""
        async with self._save_lock:
            changed, self._changed = self._changed, set()
            lines, self._log = self._log, deque(maxlen=LOG_WAITING_MAX)
            if not (changed or lines):
                return
            try:
                await self._store.save([row for each in changed if (row := self._row(each))], list(lines))
            except Exception as error:  # the database may be away; clocks go on
                logger.warning("cannot save the clocks of %d devices: %s", len(changed), error)
                self._changed |= changed & self._clocks.keys()
                self._log = deque((*lines, *self._log), maxlen=LOG_WAITING_MAX)

    def _row(self, device_id: str) -> ClockRow | None:
        view = self.get(device_id)
        if view is None:
            return None
        sample = view.sample
        return ClockRow(
            device_id,
            sample.offset_s,
            sample.error_s,
            sample.source.value,
            sample.measured_time,
            view.drifting_since,
        )


def _time_of(text: str) -> datetime | None:
    try:
        return gb_time.parse_time(text) if text else None
    except MalformedTime:
        return None
