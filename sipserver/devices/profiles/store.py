"""Keeps the profiles over a restart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from sqlalchemy import RowMapping, Table, bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from catalog.columns import for_writing
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.model import DeviationRow, DeviceKind, Learned, ProfileRow
from sipserver.devices.profiles.tables import device_deviations, device_profiles

ProfileKey = tuple[DeviceKind, Facet]
DeviationKey = tuple[str, Facet]


class ProfileStore(Protocol):
    """Where profiles are kept; in ``save`` None takes the row away."""

    async def load(self) -> tuple[list[ProfileRow], list[DeviationRow]]: ...
    async def save(
        self,
        profiles: Mapping[ProfileKey, Learned | None],
        deviations: Mapping[DeviationKey, Learned | None],
    ) -> None: ...


class SqlProfileStore:
    """The tables ``device_profiles`` and ``device_deviations``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def load(self) -> tuple[list[ProfileRow], list[DeviationRow]]:
        async with self._reading.connect() as connection:
            profiles = (await connection.execute(select(device_profiles))).mappings().all()
            deviations = (await connection.execute(select(device_deviations))).mappings().all()
        known = set(Facet)
        return (
            [
                ProfileRow(
                    DeviceKind(row["manufacturer"], row["model"], row["firmware"]),
                    Facet(row["facet"]),
                    _learned(row),
                )
                for row in profiles
                if row["facet"] in known
            ],
            [
                DeviationRow(row["device_id"], Facet(row["facet"]), _learned(row))
                for row in deviations
                if row["facet"] in known
            ],
        )

    async def save(
        self,
        profiles: Mapping[ProfileKey, Learned | None],
        deviations: Mapping[DeviationKey, Learned | None],
    ) -> None:
        """Everything in one transaction."""
        async with self._writing.begin() as connection:
            await _replace(
                connection,
                device_profiles,
                [
                    ({**kind._asdict(), "facet": facet.value}, learned)
                    for (kind, facet), learned in profiles.items()
                ],
            )
            await _replace(
                connection,
                device_deviations,
                [
                    ({"device_id": device_id, "facet": facet.value}, learned)
                    for (device_id, facet), learned in deviations.items()
                ],
            )


class MemoryProfileStore:
    """The twin without a database: forgets with the process."""

    def __init__(self) -> None:
        self.profiles: dict[ProfileKey, Learned] = {}
        self.deviations: dict[DeviationKey, Learned] = {}

    async def load(self) -> tuple[list[ProfileRow], list[DeviationRow]]:
        return (
            [ProfileRow(*key, learned) for key, learned in self.profiles.items()],
            [DeviationRow(*key, learned) for key, learned in self.deviations.items()],
        )

    async def save(
        self,
        profiles: Mapping[ProfileKey, Learned | None],
        deviations: Mapping[DeviationKey, Learned | None],
    ) -> None:
        _apply(self.profiles, profiles)
        _apply(self.deviations, deviations)


def _apply(held: dict[Any, Learned], changes: Mapping[Any, Learned | None]) -> None:
    for key, learned in changes.items():
        if learned is None:
            held.pop(key, None)
        else:
            held[key] = learned


async def _replace(
    connection: AsyncConnection, table: Table, rows: Iterable[tuple[dict[str, str], Learned | None]]
) -> None:
    rows = list(rows)
    if not rows:
        return
    names = list(rows[0][0])
    gone = delete(table).where(*(table.c[name] == bindparam(f"old_{name}") for name in names))
    await connection.execute(gone, [{f"old_{name}": key[name] for name in names} for key, _ in rows])
    kept = [{**key, **_columns(learned)} for key, learned in rows if learned is not None]
    if kept:
        await connection.execute(insert(table), kept)


def _columns(learned: Learned) -> dict[str, object]:
    return {
        "value": learned.value,
        "evidence": learned.evidence,
        "learned_time": learned.learned_time,
        "is_pinned": learned.is_pinned,
    }


def _learned(row: RowMapping) -> Learned:
    return Learned(row["value"], row["evidence"], row["learned_time"], row["is_pinned"])
