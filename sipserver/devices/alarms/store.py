"""Alarms in the database: one function per query."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from catalog.columns import chunks, for_writing, from_us, to_us, upsert
from catalog.keyset import Page, clamp_limit, decode_cursor, encode_cursor, page_of
from catalog.model import ChannelKey
from sipserver.devices.alarms.model import (
    LOWEST_PRIORITY,
    ActionKind,
    ActionOutcome,
    Alarm,
    AlarmAction,
    AlarmFilter,
    AlarmForm,
)
from sipserver.devices.alarms.tables import alarm_actions, alarms

_COLUMNS: Final = (
    "alarm_id", "device_id", "source_id", "channel_id", "priority", "method", "alarm_type", "type_text",
    "event_type", "alarm_time", "received_time", "last_time", "repeats", "description", "longitude",
    "latitude", "extra", "acknowledged_by", "acknowledged_time", "note",
)  # fmt: skip


@dataclass(slots=True)
class AlarmBatch:
    """What changed since the last flush; stored in one transaction."""

    alarms: dict[str, Alarm] = field(default_factory=dict)
    repeats: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Alarm id to how often more, and when last; for alarms that are stored already."""
    actions: dict[tuple[str, int], AlarmAction] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.alarms) + len(self.repeats) + len(self.actions)


class AlarmStore(Protocol):
    """Where alarms are kept."""

    async def save(self, batch: AlarmBatch) -> None: ...
    async def get(self, alarm_id: str) -> Alarm | None: ...
    async def find(self, wanted: AlarmFilter, cursor: str | None, limit: int) -> Page[Alarm]: ...
    async def actions_of(self, alarm_ids: Collection[str]) -> dict[str, list[AlarmAction]]: ...
    async def acknowledge(self, alarm_id: str, by: str, now: datetime, note: str) -> bool: ...
    async def newest_of(self, device_id: str) -> Alarm | None: ...
    async def forget_older(self, before: datetime, keep_rows: int, limit: int) -> int: ...
    async def give_up_waiting(self, detail: str) -> None: ...


class SqlAlarmStore:
    """The tables ``alarms`` and ``alarm_actions``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        self._dialect = engine.dialect.name

    async def save(self, batch: AlarmBatch) -> None:
        """Add alarms, count repeats, and bring actions up to date."""
        async with self._writing.begin() as connection:
            if batch.alarms:
                rows = [_values(alarm) for alarm in batch.alarms.values()]
                await connection.execute(
                    upsert(self._dialect, alarms, key=["alarm_id"], update=["repeats", "last_time"]), rows
                )
            if batch.repeats:
                await connection.execute(_COUNT, _count_values(batch.repeats))
            if batch.actions:
                statement = upsert(
                    self._dialect,
                    alarm_actions,
                    key=["alarm_id", "number"],
                    update=["outcome", "detail", "file_id"],
                )
                await connection.execute(statement, [_action_values(each) for each in batch.actions.values()])

    async def get(self, alarm_id: str) -> Alarm | None:
        async with self._reading.connect() as connection:
            row = (
                (await connection.execute(select(alarms).where(alarms.c.alarm_id == alarm_id)))
                .mappings()
                .first()
            )
        return None if row is None else _alarm(row)

    async def find(self, wanted: AlarmFilter, cursor: str | None, limit: int) -> Page[Alarm]:
        """The newest first.

        Raises:
            BadCursor
        """
        limit = clamp_limit(limit)
        order = (alarms.c.received_time.desc(), alarms.c.alarm_id.desc())
        query = select(alarms).where(*_conditions(wanted)).order_by(*order).limit(limit + 1)
        if cursor is not None:
            before_us, before_id = decode_cursor(cursor, (int, str))
            query = query.where(_older(from_us(int(before_us)), str(before_id)))
        async with self._reading.connect() as connection:
            found = [_alarm(row) for row in (await connection.execute(query)).mappings()]
        return page_of(found, limit, [cursor_of(alarm) for alarm in found])

    async def actions_of(self, alarm_ids: Collection[str]) -> dict[str, list[AlarmAction]]:
        """What was done about each of these alarms, in order."""
        found: dict[str, list[AlarmAction]] = {}
        async with self._reading.connect() as connection:
            for chunk in chunks(alarm_ids):
                query = (
                    select(alarm_actions)
                    .where(alarm_actions.c.alarm_id.in_(chunk))
                    .order_by(alarm_actions.c.alarm_id, alarm_actions.c.number)
                )
                for row in (await connection.execute(query)).mappings():
                    found.setdefault(row["alarm_id"], []).append(_action(row))
        return found

    async def acknowledge(self, alarm_id: str, by: str, now: datetime, note: str) -> bool:
        """Note who saw it first; False when somebody had, or there is no such alarm."""
        statement = (
            update(alarms)
            .where(alarms.c.alarm_id == alarm_id, alarms.c.acknowledged_time.is_(None))
            .values(acknowledged_by=by, acknowledged_time=now, note=note)
        )
        async with self._writing.begin() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def newest_of(self, device_id: str) -> Alarm | None:
        page = await self.find(AlarmFilter(device_id=device_id), None, 1)
        return page.items[0] if page.items else None

    async def forget_older(self, before: datetime, keep_rows: int, limit: int) -> int:
        """Drop alarms received before ``before``, and the oldest beyond ``keep_rows``; at most ``limit``."""
        async with self._writing.begin() as connection:
            count = int((await connection.execute(select(func.count()).select_from(alarms))).scalar_one())
            due = await _oldest(connection, min(limit, max(count - keep_rows, 0)))
            if len(due) < limit:
                query = select(alarms.c.alarm_id).where(alarms.c.received_time < before).limit(limit)
                due |= set((await connection.execute(query)).scalars())
            for chunk in chunks(due):
                await connection.execute(delete(alarm_actions).where(alarm_actions.c.alarm_id.in_(chunk)))
                await connection.execute(delete(alarms).where(alarms.c.alarm_id.in_(chunk)))
        return len(due)

    async def give_up_waiting(self, detail: str) -> None:
        """Actions that a former run did not end have failed."""
        statement = (
            update(alarm_actions)
            .where(alarm_actions.c.outcome == ActionOutcome.WAITING.value)
            .values(outcome=ActionOutcome.FAILED.value, detail=detail)
        )
        async with self._writing.begin() as connection:
            await connection.execute(statement)


async def _oldest(connection: AsyncConnection, count: int) -> set[str]:
    if count == 0:
        return set()
    query = select(alarms.c.alarm_id).order_by(alarms.c.received_time, alarms.c.alarm_id).limit(count)
    return set((await connection.execute(query)).scalars())


def cursor_of(alarm: Alarm) -> str:
    """Where the page after this alarm begins."""
    return encode_cursor(to_us(alarm.received_time), alarm.alarm_id)


_COUNT: Final = (
    update(alarms)
    .where(alarms.c.alarm_id == bindparam("key"))
    .values(repeats=alarms.c.repeats + bindparam("more"), last_time=bindparam("last"))
)


def _count_values(repeats: Mapping[str, tuple[int, datetime]]) -> Sequence[dict[str, Any]]:
    return [{"key": alarm_id, "more": more, "last": last} for alarm_id, (more, last) in repeats.items()]


def _conditions(wanted: AlarmFilter) -> list[ColumnElement[bool]]:
    c = alarms.c
    found: list[ColumnElement[bool]] = []
    if wanted.device_id:
        found.append(c.device_id == wanted.device_id)
    if wanted.channel_id:
        found.append(or_(c.channel_id == wanted.channel_id, c.source_id == wanted.channel_id))
    if wanted.method is not None:
        found.append(c.method == wanted.method)
    if wanted.alarm_type is not None:
        found.append(c.alarm_type == wanted.alarm_type)
    if wanted.lowest_priority is not None and wanted.lowest_priority < LOWEST_PRIORITY:
        found.append(c.priority.between(1, wanted.lowest_priority))
    if wanted.is_acknowledged is not None:
        is_open = c.acknowledged_time.is_(None)
        found.append(c.acknowledged_time.is_not(None) if wanted.is_acknowledged else is_open)
    if wanted.start is not None:
        found.append(c.received_time >= wanted.start)
    if wanted.end is not None:
        found.append(c.received_time < wanted.end)
    return found


def _older(received_time: datetime, alarm_id: str) -> ColumnElement[bool]:
    same = and_(alarms.c.received_time == received_time, alarms.c.alarm_id < alarm_id)
    return or_(alarms.c.received_time < received_time, same)


def _values(alarm: Alarm) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(alarm, name) for name in _COLUMNS}
    words = alarm.words
    return values | {"form": alarm.form.value, "text": words.english, "text_chinese": words.chinese}


def _alarm(row: RowMapping) -> Alarm:
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    return Alarm(**values, form=AlarmForm(row["form"]))


def _action_values(action: AlarmAction) -> dict[str, Any]:
    return {
        "alarm_id": action.alarm_id,
        "number": action.number,
        "kind": action.kind.value,
        "device_id": action.channel.device_id if action.channel else "",
        "channel_id": action.channel.channel_id if action.channel else "",
        "outcome": action.outcome.value,
        "detail": action.detail,
        "file_id": action.file_id,
    }


def _action(row: RowMapping) -> AlarmAction:
    channel = ChannelKey(row["device_id"], row["channel_id"]) if row["channel_id"] else None
    return AlarmAction(
        alarm_id=row["alarm_id"],
        number=row["number"],
        kind=ActionKind(row["kind"]),
        channel=channel,
        outcome=ActionOutcome(row["outcome"]),
        detail=row["detail"],
        file_id=row["file_id"],
    )
