"""Alarms of devices: taken, answered, counted, stored, told, and acted on.

The SIP path only reads, compares and enqueues; the catalogue, the database and linked actions come after.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from catalog.keyset import Page
from sipserver.devices.alarms.answers import Answers
from sipserver.devices.alarms.cameras import CameraFinder, CamerasOf
from sipserver.devices.alarms.guarding import Guarding
from sipserver.devices.alarms.journal import AlarmJournal
from sipserver.devices.alarms.linkage import Linkage, Ports
from sipserver.devices.alarms.memory import MemoryAlarmStore, MemoryRuleStore
from sipserver.devices.alarms.model import (
    Alarm,
    AlarmAction,
    AlarmFilter,
    AlarmForm,
    AlarmNews,
    NewsKind,
)
from sipserver.devices.alarms.ports import AlarmCommands
from sipserver.devices.alarms.repeats import AlarmKind, Repeats
from sipserver.devices.alarms.rule_store import SqlRuleStore
from sipserver.devices.alarms.rules import Rules
from sipserver.devices.alarms.store import AlarmStore, SqlAlarmStore
from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.errors import UnknownAlarm
from sipserver.devices.events import DeviceCameOnline, DeviceEvent, DeviceRestarted, DeviceWentOffline
from sipserver.devices.features import Parts
from sipserver.devices.limiter import TokenBuckets
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.alarm import AlarmNotify
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.sampled_log import SampledLog

ARRIVING_MAX: Final = 5000
"""New alarms between the SIP path and the journal."""
RECENT_MAX: Final = 2000
"""Alarms that are remembered, so that news of them needs no query."""
FORGET_S: Final = 600.0
FORGET_ROWS: Final = 1000
FORGET_PAUSE_S: Final = 0.1
MINUTE_S: Final = 60.0

logger = logging.getLogger(__name__)

Listener = Callable[[AlarmNews], None]


class Alarms:
    """All about alarms; ``guarding`` arms and resets, ``rules`` says what is done."""

    listens_to: Final = (DeviceCameOnline, DeviceRestarted, DeviceWentOffline)

    def __init__(self, parts: Parts, commands: AlarmCommands) -> None:
        settings = parts.features.alarms
        self._parts = parts
        self._settings = settings
        self._stats = parts.stats
        self._wall = parts.wall
        self._repeats = Repeats(settings.duplicate_window_s, settings.duplicate_longest_s)
        self._storms = TokenBuckets(settings.storm_burst, settings.storm_per_minute / MINUTE_S)
        self._arriving: OrderedDict[str, Alarm] = OrderedDict()
        self._arrived = asyncio.Event()
        self._recent: OrderedDict[str, Alarm] = OrderedDict()
        self._store: Final[AlarmStore] = (
            MemoryAlarmStore() if parts.database is None else SqlAlarmStore(parts.database)
        )
        rule_store = MemoryRuleStore() if parts.database is None else SqlRuleStore(parts.database)
        self._journal = AlarmJournal(self._store, parts.stats, self._tell_changed)
        self._answers = Answers(parts.signalling, parts.stats, timeout_s=parts.settings.query_timeout_s)
        self._cameras = CameraFinder(parts.catalog)
        self._linkage = Linkage(settings, parts.stats, self._acted)
        self.rules: Final = Rules(rule_store, self._linkage, self._cameras)
        self.guarding: Final = Guarding(settings, commands, rule_store, parts.stats, wall=parts.wall)
        self._tasks = TaskOwner("alarms")
        self._log = SampledLog(logger)
        self.listeners: Final[list[Listener]] = []
        """Called on the event loop; must not take long."""
        parts.router.commands["Notify", "Alarm"] = self._receive

    # ---------------------------------------------------------------- life

    def connect(self, ports: Ports, cameras_of: CamerasOf) -> None:
        """Hand in the rooms that carry out actions; they are built after the devices."""
        self._cameras.cameras_of = cameras_of
        self._linkage.connect(ports)
        self._tasks.spawn(self.rules.watch(), "watch")

    async def open(self) -> None:
        await self._store.give_up_waiting("the platform was stopped before")
        await self.rules.open()
        await self.guarding.open()
        self._linkage.open()
        self._tasks.spawn(self._take_arriving(), "arriving")
        self._tasks.spawn(self._flush_often(), "journal")
        self._tasks.spawn(self._forget_old(), "retention")

    async def close(self) -> None:
        """What came is stored; linked actions that did not begin are given up."""
        await self._tasks.close()
        await self.guarding.close()
        await self._linkage.close()
        await self._answers.close()
        while self._arriving:
            self._settle(*self._arriving.popitem(last=False), "")
        await self._journal.flush()

    def device_removed(self, device_id: str) -> None:
        """Its alarms stay until their time is over: they are what happened."""
        self.guarding.device_removed(device_id)

    def listen(self, event: DeviceEvent) -> None:
        match event:
            case DeviceCameOnline(device_id) | DeviceRestarted(device_id):
                self.guarding.registered(device_id)
            case DeviceWentOffline(device_id, _):
                self.guarding.went_offline(device_id)
            case _:
                pass

    # ---------------------------------------------------------------- what others may ask

    async def find(self, wanted: AlarmFilter, cursor: str | None, limit: int) -> Page[Alarm]:
        """Stored alarms, the newest first.

        Raises:
            BadCursor
        """
        await self._journal.settle()
        return await self._store.find(wanted, cursor, limit)

    async def get(self, alarm_id: str) -> Alarm:
        """One alarm.

        Raises:
            UnknownAlarm
        """
        await self._journal.settle()
        alarm = await self._store.get(alarm_id) or self._recent.get(alarm_id)
        if alarm is None:
            raise UnknownAlarm(f"there is no alarm {alarm_id[:64]}")
        return alarm

    async def actions_of(self, alarm_ids: Collection[str]) -> dict[str, list[AlarmAction]]:
        """What was done about each of these alarms."""
        await self._journal.settle()
        return await self._store.actions_of(alarm_ids)

    async def newest_of(self, device_id: str) -> Alarm | None:
        await self._journal.settle()
        return await self._store.newest_of(device_id)

    async def acknowledge(self, alarm_id: str, by: str, note: str = "") -> Alarm:
        """Note that somebody saw it; the first one counts.

        Raises:
            UnknownAlarm
        """
        await self.get(alarm_id)
        is_first = await self._store.acknowledge(alarm_id, by, self._wall(), note)
        alarm = await self.get(alarm_id)
        if is_first:
            self.guarding.acknowledged(alarm)
            self._remember(alarm)
            self._tell(AlarmNews(NewsKind.CHANGED, alarm))
        return alarm

    async def reset(self, alarm_id: str) -> bool | None:
        """Reset the alarm at its device; True when it reported OK, None when it reported nothing.

        Raises:
            UnknownAlarm, UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        alarm = await self.get(alarm_id)
        methods = (alarm.method,) if alarm.method else ()
        return await self.guarding.reset(alarm.device_id, alarm.source_id, methods, alarm.alarm_type)

    def test(self, device_id: str, source_id: str, *, method: int, alarm_type: int | None, by: str) -> Alarm:
        """An alarm as if the device had sent it, to try rules with."""
        notify = AlarmNotify(
            sn="0",
            device_id=GbId(source_id),
            priority=4,
            method=method,
            alarm_type=alarm_type,
            description=f"test alarm by {by}",
        )
        return self._begin(device_id, notify, AlarmForm.TEST)

    # ---------------------------------------------------------------- the SIP path

    def _receive(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        try:
            notify = AlarmNotify.from_xml(document.element)
        except MalformedText as error:
            self._stats.malformed_bodies += 1
            self._log.warning("unreadable alarm of device %s: %s", entry.device_id, error)
            return
        is_message = incoming.request.method == "MESSAGE"
        if is_message or self._settings.answer_notify:
            self._answers.answer(entry.device_id, notify)
        self._take(
            entry.device_id,
            notify,
            AlarmForm.MESSAGE if is_message else AlarmForm.NOTIFY,
            incoming.received_at,
        )

    def _take(self, device_id: str, notify: AlarmNotify, form: AlarmForm, now: float) -> None:
        self._stats.alarms += 1
        self.guarding.alarm_came(device_id, notify.device_id, notify.method)
        kind = AlarmKind(
            device_id,
            notify.device_id,
            notify.method,
            notify.alarm_type,
            notify.type_text,
            notify.event_type,
        )
        known = self._repeats.repeated(kind, now)
        if known is not None:
            self._repeated(known)
        elif self._storms.take(device_id, now) and len(self._arriving) < ARRIVING_MAX:
            self._repeats.began(kind, self._begin(device_id, notify, form).alarm_id, now)
        else:
            self._stats.alarms_left_out += 1
            self._log.warning("device %s raises too many alarms: some are left out", device_id)

    def _begin(self, device_id: str, notify: AlarmNotify, form: AlarmForm) -> Alarm:
        now_time = self._wall()
        alarm = Alarm(
            alarm_id=secrets.token_hex(8),
            device_id=device_id,
            source_id=notify.device_id,
            priority=notify.priority,
            method=notify.method,
            alarm_type=notify.alarm_type,
            type_text=notify.type_text,
            event_type=notify.event_type,
            alarm_time=notify.alarm_time or now_time,
            received_time=now_time,
            last_time=now_time,
            description=notify.description,
            longitude=notify.longitude,
            latitude=notify.latitude,
            extra="\n".join(notify.extra),
            form=form,
        )
        self._arriving[alarm.alarm_id] = alarm
        self._arrived.set()
        return alarm

    def _repeated(self, alarm_id: str) -> None:
        self._stats.alarm_repeats += 1
        now_time = self._wall()
        for place in (self._arriving, self._recent):
            if (known := place.get(alarm_id)) is not None:
                place[alarm_id] = replace(known, repeats=known.repeats + 1, last_time=now_time)
        if alarm_id not in self._arriving:
            self._journal.repeated(alarm_id, now_time)

    # ---------------------------------------------------------------- beside the SIP path

    async def _take_arriving(self) -> None:
        while True:
            while not self._arriving:
                self._arrived.clear()
                await self._arrived.wait()
            alarm_id, alarm = next(iter(self._arriving.items()))
            camera = await self._cameras.camera_of(alarm.device_id, alarm.source_id)
            self._settle(alarm_id, self._arriving.pop(alarm_id), camera)

    def _settle(self, alarm_id: str, alarm: Alarm, camera: str) -> None:
        """The alarm is complete: into the journal, to the listeners, to the rules."""
        complete = replace(alarm, channel_id=camera)
        self._journal.raised(complete)
        self._remember(complete)
        self._tell(AlarmNews(NewsKind.RAISED, complete))
        self._linkage.act(complete, self.rules.all())

    def _acted(self, alarm: Alarm, action: AlarmAction) -> None:
        self._journal.acted(action)
        self._tell(AlarmNews(NewsKind.CHANGED, self._recent.get(alarm.alarm_id, alarm)))

    def _tell_changed(self, alarm_ids: Collection[str]) -> None:
        for alarm_id in alarm_ids:
            if (alarm := self._recent.get(alarm_id)) is not None:
                self._tell(AlarmNews(NewsKind.CHANGED, alarm))

    def _tell(self, news: AlarmNews) -> None:
        for listener in self.listeners:
            listener(news)

    def _remember(self, alarm: Alarm) -> None:
        self._recent[alarm.alarm_id] = alarm
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(self._settings.flush_s)
            await self._journal.flush()

    async def _forget_old(self) -> None:
        while True:
            more = False
            try:
                more = await self._forget_some()
            except (SQLAlchemyError, OSError) as error:
                logger.error("old alarms could not be forgotten, will try again: %s", error)
            await asyncio.sleep(FORGET_PAUSE_S if more else FORGET_S)

    async def _forget_some(self) -> bool:
        """Forget a batch; True when there may be more."""
        before = self._wall() - timedelta(days=self._settings.keep_days)
        forgotten = await self._store.forget_older(before, self._settings.keep_rows, FORGET_ROWS)
        return forgotten >= FORGET_ROWS
