"""Linked actions: what rules do about an alarm, carried out beside the SIP path and bounded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.alarms.model import (
    ActionKind,
    ActionOutcome,
    Alarm,
    AlarmAction,
    AlarmRule,
    LinkedAction,
)
from sipserver.devices.alarms.ports import EvidenceKeeper, PresetCaller
from sipserver.devices.alarms.settings import AlarmSettings
from sipserver.devices.stats import DeviceStats
from sipserver.devices.tasks import TaskOwner
from sipserver.transport.sampled_log import SampledLog

DETAIL_MAX: Final = 500
ACTIONS_MAX: Final = 32
"""Actions for one alarm, whatever its rules ask for together."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ports:
    """The rooms that carry out actions."""

    evidence: EvidenceKeeper
    presets: PresetCaller


class Linkage:
    """A few workers over a bounded queue: a storm of alarms costs actions, never memory.

    ``report`` hears each action when it begins to wait, and when it ended.
    """

    def __init__(
        self,
        settings: AlarmSettings,
        stats: DeviceStats,
        report: Callable[[Alarm, AlarmAction], None],
    ) -> None:
        self._settings = settings
        self._stats = stats
        self._report = report
        self._ports: Ports | None = None
        self._queue: asyncio.Queue[tuple[Alarm, Sequence[tuple[AlarmAction, LinkedAction]]]] = asyncio.Queue(
            settings.linkage_waiting
        )
        self._tasks = TaskOwner("alarm linkage")
        self._log = SampledLog(logger)
        self._kinds: Final[
            Mapping[ActionKind, Callable[[Ports, Alarm, ChannelKey, LinkedAction], Awaitable[str]]]
        ] = {
            ActionKind.RECORD: _record,
            ActionKind.SNAPSHOT: _snapshot,
            ActionKind.PRESET: _preset,
        }

    def connect(self, ports: Ports) -> None:
        """Hand in the rooms; they are built after this one."""
        self._ports = ports

    def open(self) -> None:
        for number in range(self._settings.linkage_workers):
            self._tasks.spawn(self._work(), f"worker {number}")

    async def close(self) -> None:
        await self._tasks.close()

    def watch(self, before_s: Mapping[ChannelKey, float]) -> None:
        """Have footage kept of the cameras whose rules ask for seconds before an alarm."""
        if self._ports is not None:
            self._ports.evidence.watch(before_s)

    def act(self, alarm: Alarm, rules: Iterable[AlarmRule]) -> None:
        """Begin what the rules ask for."""
        wanted = actions_for(alarm, rules)
        if not wanted:
            return
        jobs = [
            (AlarmAction(alarm_id=alarm.alarm_id, number=number, kind=action.kind, channel=key), action)
            for number, (key, action) in enumerate(wanted)
        ]
        is_queued = not self._queue.full()
        if is_queued:
            self._queue.put_nowait((alarm, jobs))
        else:
            self._log.warning("too many alarms at once: the actions for %s are left out", alarm.alarm_id)
        for entry, _ in jobs:
            if not is_queued:
                self._stats.alarm_actions[ActionOutcome.LEFT_OUT.value] += 1
                entry = replace(entry, outcome=ActionOutcome.LEFT_OUT, detail="too many alarms at once")
            self._report(alarm, entry)

    async def _work(self) -> None:
        while True:
            alarm, jobs = await self._queue.get()
            await asyncio.gather(*(self._run(alarm, entry, action) for entry, action in jobs))

    async def _run(self, alarm: Alarm, entry: AlarmAction, action: LinkedAction) -> None:
        outcome, detail, file_id = ActionOutcome.FAILED, "", ""
        try:
            async with asyncio.timeout(self._settings.linkage_timeout_s):
                file_id = await self._carry_out(alarm, entry, action)
            outcome = ActionOutcome.DONE
        except TimeoutError:
            detail = f"not done within {self._settings.linkage_timeout_s:g} s"
        except Exception as error:
            detail = str(error)[:DETAIL_MAX] or type(error).__name__
            self._log.warning("%s for alarm %s failed: %s", action.kind.value, alarm.alarm_id, detail)
        self._stats.alarm_actions[outcome.value] += 1
        self._report(alarm, replace(entry, outcome=outcome, detail=detail, file_id=file_id))

    async def _carry_out(self, alarm: Alarm, entry: AlarmAction, action: LinkedAction) -> str:
        if self._ports is None:
            raise NotPossible("recording and control are not ready yet")
        if entry.channel is None:
            raise NotPossible("no camera belongs to this alarm: name one in the rule")
        return await self._kinds[action.kind](self._ports, alarm, entry.channel, action)


class NotPossible(Exception):
    """An action that cannot be carried out; the text is for the operator."""


async def _record(ports: Ports, alarm: Alarm, key: ChannelKey, action: LinkedAction) -> str:
    # Our own clock, not the device's: footage carries it.
    return await ports.evidence.keep_clip(
        alarm.alarm_id, key, alarm.received_time, before_s=action.before_s, after_s=action.after_s
    )


async def _snapshot(ports: Ports, alarm: Alarm, key: ChannelKey, action: LinkedAction) -> str:
    return await ports.evidence.keep_picture(alarm.alarm_id, key)


async def _preset(ports: Ports, alarm: Alarm, key: ChannelKey, action: LinkedAction) -> str:
    await ports.presets.call_preset(key, action.preset)
    return ""


def actions_for(alarm: Alarm, rules: Iterable[AlarmRule]) -> list[tuple[ChannelKey | None, LinkedAction]]:
    """What all rules together ask for, each thing once; of two recordings of a camera the longest."""
    wanted: dict[tuple[ActionKind, ChannelKey | None, int], LinkedAction] = {}
    for rule in rules:
        if not rule.matches(alarm):
            continue
        for action in rule.actions:
            key = action.channel or alarm.channel
            same = (action.kind, key, action.preset)
            known = wanted.get(same)
            wanted[same] = action if known is None else _longest(known, action)
    return [(key, action) for (_, key, _), action in list(wanted.items())[:ACTIONS_MAX]]


def _longest(first: LinkedAction, second: LinkedAction) -> LinkedAction:
    return replace(
        first, before_s=max(first.before_s, second.before_s), after_s=max(first.after_s, second.after_s)
    )
