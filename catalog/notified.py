"""Single changes of a catalogue, as a device notifies them: what each does to the rows that are there.

Source: gb28181.md 5.3. GB-C091.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog.columns import chunks, upsert
from catalog.comparison import pages_of
from catalog.errors import UnknownDevice
from catalog.model import CatalogRow, ChannelKind, Row
from catalog.rows import CATALOG_COLUMNS, channel_values
from catalog.tables import channels, devices


class ChangeKind(StrEnum):
    """What happened to one item."""

    ON = "ON"
    OFF = "OFF"
    VLOST = "VLOST"
    DEFECT = "DEFECT"
    ADD = "ADD"
    DEL = "DEL"
    UPDATE = "UPDATE"


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """One notified item.

    ``kind`` None: an update of an item that is known, else an addition. ``given`` names the columns that the
    device spoke about; in an update the others keep their value.
    """

    kind: ChangeKind | None
    row: CatalogRow
    given: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CatalogChanged:
    """What a notification changed. ``unknown`` items are not in the catalogue: it should be asked for."""

    added: int = 0
    updated: int = 0
    removed: int = 0
    statuses: int = 0
    unknown: tuple[str, ...] = ()
    orphaned: int = field(default=0, compare=False)
    """Of those removed, how many went with the system or device that they hung under."""
    touched: tuple[str, ...] = field(default=(), compare=False)
    """The channels whose rows were written."""


# Status, fault and defect after each status event. VLOST and DEFECT: reachable, but no picture.
STATUS_OF: Final[Mapping[ChangeKind, tuple[bool, bool, bool]]] = {
    ChangeKind.ON: (True, False, False),
    ChangeKind.OFF: (False, False, False),
    ChangeKind.VLOST: (True, True, False),
    ChangeKind.DEFECT: (True, True, True),
}
# The columns that a change may write to a row that exists; what this platform decided is not among them.
# The digest goes with the first of them: what the last catalogue answer said is no longer what stands there.
WRITTEN: Final = (*CATALOG_COLUMNS, "present", "missing_since_time", "digest")
MERGED: Final = ("info", "unknown")
# What ``channel_values`` gives a new row. A row that is read has the same: both go into one statement.
_COLUMNS: Final = (
    "device_id",
    "channel_id",
    *CATALOG_COLUMNS,
    "position",
    "present",
    "catalog_run",
    "first_seen_time",
    "missing_since_time",
    "digest",
)


PHYSICAL: Final = frozenset({ChannelKind.SYSTEM.value, ChannelKind.MAIN_DEVICE.value})
"""Kinds of which the things below are parts, and gone when they are."""


@dataclass(frozen=True, slots=True)
class Below:
    """The physical tree of a device, as far as removals need it."""

    children: Mapping[str, Sequence[str]]
    standing: set[str]
    """Systems and devices that are there; the registering device always is."""


@dataclass(slots=True)
class Fold:
    """Takes changes one after the other, in the order in which the device sent them."""

    device_id: str
    rows: dict[str, Row]
    """The device's rows that the changes name, by channel id."""
    run: int
    next_position: int
    now: datetime
    changed: dict[str, None] = field(default_factory=dict)
    added: int = 0
    updated: int = 0
    removed: int = 0
    statuses: int = 0
    unknown: dict[str, None] = field(default_factory=dict)
    orphaned: int = 0
    below: Below | None = None
    """What hangs under the systems and devices that the changes remove; None: they remove none."""

    def take(self, change: CatalogChange) -> None:
        channel_id = change.row.channel_id
        row = self.rows.get(channel_id)
        is_known = row is not None and bool(row["present"])
        if change.kind is ChangeKind.DEL:
            if row is not None and is_known:
                self._remove(channel_id, row)
                self._remove_below(channel_id)
        elif change.kind is None or change.kind in (ChangeKind.ADD, ChangeKind.UPDATE):
            self._full(change, row, is_known=is_known)
        elif row is None or not is_known:
            self.unknown[channel_id] = None
        else:
            row["status_online"], row["fault"], row["defect"] = STATUS_OF[change.kind]
            row["digest"] = None
            self.statuses += 1
            self.changed[channel_id] = None

    def _remove(self, channel_id: str, row: Row) -> None:
        row |= {"present": False, "missing_since_time": self.now, "digest": None}
        self.removed += 1
        self.changed[channel_id] = None

    def _remove_below(self, gone: str) -> None:
        """A system or device takes with it what hung under it alone; a directory takes nothing.

        What hung in a region, group or organisation is there all the same, and moves up.
        """
        waiting = [gone] if self.below is not None and gone != self.device_id else []
        while waiting and self.below is not None:
            parent = waiting.pop()
            self.below.standing.discard(parent)
            for child in self.below.children.get(parent, ()):
                row = self.rows.get(child)
                if row is None or not row["present"] or parent not in row["parent_ids"]:
                    continue
                if any(each in self.below.standing for each in row["parent_ids"]):
                    continue
                self._remove(child, row)
                self.orphaned += 1
                waiting.append(child)

    def _full(self, change: CatalogChange, row: Row | None, *, is_known: bool) -> None:
        """ADD of a known item is an update; UPDATE of an unknown one adds it."""
        channel_id = change.row.channel_id
        if row is None:
            self.rows[channel_id] = channel_values(
                self.device_id, change.row, self.next_position, self.run, self.now
            )
            self.next_position += 1
        else:
            row |= _merged(row, change) | {"present": True, "missing_since_time": None, "digest": None}
        self.added += not is_known
        self.updated += is_known
        self.changed[channel_id] = None
        self.unknown.pop(channel_id, None)


def _merged(row: Row, change: CatalogChange) -> Row:
    """The new values: what was given and can be used; an empty name and an unknown place keep the old."""
    values: Row = {}
    for name in change.given:
        value = getattr(change.row, name)
        if value is None or (name == "name" and value in ("", change.row.channel_id)):
            continue
        values[name] = list(value) if name == "parent_ids" else value
    for name in MERGED:
        values[name] = dict(row[name]) | dict(getattr(change.row, name))
    return values


async def apply_changes(
    connection: AsyncConnection, device_id: str, changes: Sequence[CatalogChange], now: datetime
) -> CatalogChanged:
    """Apply changes inside the caller's transaction.

    Raises:
        UnknownDevice: the device is not in the catalogue.
    """
    fold = await _load(connection, device_id, changes, now)
    for slice_ in chunks(changes):
        for change in slice_:
            fold.take(change)
        await asyncio.sleep(0)  # thousands of changes are not to hold up everybody else
    await _write(connection, [fold.rows[channel_id] for channel_id in fold.changed])
    return CatalogChanged(
        fold.added,
        fold.updated,
        fold.removed,
        fold.statuses,
        tuple(fold.unknown),
        fold.orphaned,
        tuple(fold.changed),
    )


async def _load(
    connection: AsyncConnection, device_id: str, changes: Iterable[CatalogChange], now: datetime
) -> Fold:
    run = (
        await connection.execute(select(devices.c.catalog_run).where(devices.c.device_id == device_id))
    ).scalar_one_or_none()
    if run is None:
        raise UnknownDevice(device_id)
    highest = (
        await connection.execute(
            select(func.max(channels.c.position)).where(channels.c.device_id == device_id)
        )
    ).scalar_one_or_none()
    wanted = dict.fromkeys(change.row.channel_id for change in changes)
    rows = await _rows(connection, device_id, wanted)
    removed = {change.row.channel_id for change in changes if change.kind is ChangeKind.DEL}
    removed = {each for each in removed if each in rows and rows[each]["kind"] in PHYSICAL}
    below = await _below(connection, device_id) if removed else None
    if below is not None:
        rows |= await _rows(connection, device_id, _descendants(below.children, removed) - rows.keys())
    return Fold(device_id, rows, run, 0 if highest is None else highest + 1, now, below=below)


async def _rows(connection: AsyncConnection, device_id: str, channel_ids: Iterable[str]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for chunk in chunks(channel_ids):
        query = select(*(channels.c[name] for name in _COLUMNS)).where(
            channels.c.device_id == device_id, channels.c.channel_id.in_(chunk)
        )
        for row in (await connection.execute(query)).mappings():
            rows[row["channel_id"]] = dict(row)
    return rows


async def _below(connection: AsyncConnection, device_id: str) -> Below:
    """Rarely needed, and then all items of the device are looked at."""
    children: dict[str, list[str]] = {}
    standing = {device_id}
    async for page in pages_of(connection, device_id, ("kind", "present", "parent_ids")):
        for channel_id, kind, present, parent_ids in page:
            if not present:
                continue
            if kind in PHYSICAL:
                standing.add(channel_id)
            for parent in parent_ids:
                children.setdefault(parent, []).append(channel_id)
    return Below(children, standing)


def _descendants(children: Mapping[str, Sequence[str]], roots: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


async def _write(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    statement: Any = upsert(
        connection.dialect.name, channels, key=["device_id", "channel_id"], update=list(WRITTEN)
    )
    for chunk in chunks(rows):
        await connection.execute(statement, chunk)
