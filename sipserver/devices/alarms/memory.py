"""The twins without a database: they forget with the process, and hold the same contract."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Final

from catalog.columns import to_us
from catalog.keyset import Page, clamp_limit, decode_cursor, page_of
from sipserver.devices.alarms.model import (
    LOWEST_PRIORITY,
    ActionOutcome,
    Alarm,
    AlarmAction,
    AlarmFilter,
    AlarmRule,
    DevicePolicy,
    Guard,
)
from sipserver.devices.alarms.store import AlarmBatch, cursor_of

MAX_ALARMS: Final = 10_000


class MemoryAlarmStore:
    """At most ``MAX_ALARMS`` alarms; the oldest go."""

    def __init__(self) -> None:
        self._alarms: dict[str, Alarm] = {}
        self._actions: dict[tuple[str, int], AlarmAction] = {}

    async def save(self, batch: AlarmBatch) -> None:
        for alarm in batch.alarms.values():
            known = self._alarms.get(alarm.alarm_id)
            self._alarms[alarm.alarm_id] = (
                alarm if known is None else replace(known, repeats=alarm.repeats, last_time=alarm.last_time)
            )
        for alarm_id, (more, last) in batch.repeats.items():
            if (repeated := self._alarms.get(alarm_id)) is not None:
                self._alarms[alarm_id] = replace(repeated, repeats=repeated.repeats + more, last_time=last)
        self._actions.update(batch.actions)
        self._forget(list(self._alarms)[: max(len(self._alarms) - MAX_ALARMS, 0)])

    async def get(self, alarm_id: str) -> Alarm | None:
        return self._alarms.get(alarm_id)

    async def find(self, wanted: AlarmFilter, cursor: str | None, limit: int) -> Page[Alarm]:
        limit = clamp_limit(limit)
        found = sorted(
            (alarm for alarm in self._alarms.values() if _is_wanted(alarm, wanted)), key=_order, reverse=True
        )
        if cursor is not None:
            before = decode_cursor(cursor, (int, str))
            found = [alarm for alarm in found if _order(alarm) < before]
        return page_of(found[: limit + 1], limit, [cursor_of(alarm) for alarm in found[: limit + 1]])

    async def actions_of(self, alarm_ids: Collection[str]) -> dict[str, list[AlarmAction]]:
        found: dict[str, list[AlarmAction]] = {}
        for (alarm_id, _), action in sorted(self._actions.items(), key=lambda item: item[0]):
            if alarm_id in alarm_ids:
                found.setdefault(alarm_id, []).append(action)
        return found

    async def acknowledge(self, alarm_id: str, by: str, now: datetime, note: str) -> bool:
        alarm = self._alarms.get(alarm_id)
        if alarm is None or alarm.is_acknowledged:
            return False
        self._alarms[alarm_id] = replace(alarm, acknowledged_by=by, acknowledged_time=now, note=note)
        return True

    async def newest_of(self, device_id: str) -> Alarm | None:
        page = await self.find(AlarmFilter(device_id=device_id), None, 1)
        return page.items[0] if page.items else None

    async def forget_older(self, before: datetime, keep_rows: int, limit: int) -> int:
        oldest_first = sorted(self._alarms.values(), key=_order)
        excess = max(len(oldest_first) - keep_rows, 0)
        due = [
            alarm.alarm_id
            for number, alarm in enumerate(oldest_first)
            if number < excess or alarm.received_time < before
        ][:limit]
        self._forget(due)
        return len(due)

    async def give_up_waiting(self, detail: str) -> None:
        for key, action in self._actions.items():
            if action.outcome is ActionOutcome.WAITING:
                self._actions[key] = replace(action, outcome=ActionOutcome.FAILED, detail=detail)

    def _forget(self, alarm_ids: Collection[str]) -> None:
        gone = set(alarm_ids)
        for alarm_id in gone:
            del self._alarms[alarm_id]
        if gone:
            self._actions = {key: action for key, action in self._actions.items() if key[0] not in gone}


class MemoryRuleStore:
    """Rules, policies and guards by their keys."""

    def __init__(self) -> None:
        self._rules: dict[str, AlarmRule] = {}
        self._policies: dict[str, DevicePolicy] = {}
        self._guards: dict[tuple[str, str], Guard] = {}

    async def rules(self) -> list[AlarmRule]:
        return sorted(self._rules.values(), key=lambda rule: (rule.name, rule.rule_id))

    async def save_rule(self, rule: AlarmRule) -> None:
        self._rules[rule.rule_id] = rule

    async def remove_rule(self, rule_id: str) -> None:
        self._rules.pop(rule_id, None)

    async def policies(self) -> list[DevicePolicy]:
        return list(self._policies.values())

    async def save_policy(self, policy: DevicePolicy) -> None:
        self._policies[policy.device_id] = policy

    async def guards(self) -> list[Guard]:
        return list(self._guards.values())

    async def save_guard(self, guard: Guard) -> None:
        self._guards[guard.device_id, guard.target_id] = guard

    async def forget_device(self, device_id: str) -> None:
        self._policies.pop(device_id, None)
        for key in [key for key in self._guards if key[0] == device_id]:
            del self._guards[key]


def _order(alarm: Alarm) -> tuple[int, str]:
    return to_us(alarm.received_time), alarm.alarm_id


def _is_wanted(alarm: Alarm, wanted: AlarmFilter) -> bool:
    lowest = LOWEST_PRIORITY if wanted.lowest_priority is None else wanted.lowest_priority
    return (
        wanted.device_id in ("", alarm.device_id)
        and wanted.channel_id in ("", alarm.channel_id, alarm.source_id)
        and wanted.method in (None, alarm.method)
        and wanted.alarm_type in (None, alarm.alarm_type)
        and (lowest >= LOWEST_PRIORITY or 1 <= alarm.priority <= lowest)
        and wanted.is_acknowledged in (None, alarm.is_acknowledged)
        and (wanted.start is None or alarm.received_time >= wanted.start)
        and (wanted.end is None or alarm.received_time < wanted.end)
    )
