"""What is asked about platforms below us alone: totals of their catalogues, and how one goes."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import chunks, for_writing
from catalog.errors import UnknownDevice
from catalog.model import DEFAULT_PATH_RANK, ChannelKey, ChannelKind
from catalog.tables import channels, devices

DIRECTORIES: Final = frozenset(
    {
        ChannelKind.REGION,
        ChannelKind.SYSTEM,
        ChannelKind.BUSINESS_GROUP,
        ChannelKind.VIRTUAL_ORGANISATION,
    }
)


@dataclass(frozen=True, slots=True)
class CatalogTotals:
    """How many of what a platform lists; all but the last are in its newest catalogue."""

    cameras: int = 0
    cameras_on: int = 0
    """That it says are on, or says nothing about."""
    directories: int = 0
    others: int = 0
    missing: int = 0
    """That it listed once and does no more."""

    def __add__(self, other: "CatalogTotals") -> "CatalogTotals":
        return CatalogTotals(
            self.cameras + other.cameras,
            self.cameras_on + other.cameras_on,
            self.directories + other.directories,
            self.others + other.others,
            self.missing + other.missing,
        )


class SubordinateCatalogs:
    """The catalogue's queries about platforms below us."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def totals(self, device_ids: Collection[str]) -> dict[str, CatalogTotals]:
        """By device; one that lists nothing has zeros."""
        found = dict.fromkeys(device_ids, CatalogTotals())
        columns = (channels.c.device_id, channels.c.kind, channels.c.present, channels.c.status_online)
        async with self._reading.connect() as connection:
            for chunk in chunks(device_ids):
                query = select(*columns, func.count()).where(channels.c.device_id.in_(chunk))
                for device_id, kind, present, is_on, count in await connection.execute(
                    query.group_by(*columns)
                ):
                    found[device_id] += _counted(ChannelKind(kind), bool(present), is_on, int(count))
        return found

    async def other_ways(self, key: ChannelKey) -> list[ChannelKey]:
        """The same camera by others: by other platforms, or registered with us itself, the best first.

        Recorders number their channels as they like (lesson 13): that of a device counts only when no other
        device has the same number, and a camera of a device itself is not looked for elsewhere.
        """
        query = (
            select(channels.c.device_id, devices.c.is_subordinate, devices.c.path_rank)
            .join(devices, devices.c.device_id == channels.c.device_id)
            .where(
                channels.c.channel_id == key.channel_id,
                channels.c.present,
                channels.c.kind == ChannelKind.CAMERA.value,
            )
            .order_by(devices.c.path_rank, channels.c.device_id)
        )
        async with self._reading.connect() as connection:
            rows = (await connection.execute(query)).all()
        if not any(row.is_subordinate and row.device_id == key.device_id for row in rows):
            return []
        own = [row.device_id for row in rows if not row.is_subordinate]
        ways = own if len(own) == 1 else []
        ways += [row.device_id for row in rows if row.is_subordinate]
        return [ChannelKey(way, key.channel_id) for way in ways if way != key.device_id]

    async def remove(self, device_id: str, kept: Collection[str]) -> None:
        """Forget a platform with its catalogue, but for channels that something else refers to.

        With such channels its row stays as a device that may not register.

        Raises:
            UnknownDevice: it is not in the catalogue.
        """
        async with self._writing.begin() as connection:
            await connection.execute(
                delete(channels).where(channels.c.device_id == device_id, channels.c.channel_id.not_in(kept))
                if kept
                else delete(channels).where(channels.c.device_id == device_id)
            )
            if kept:
                gone = (
                    update(devices)
                    .where(devices.c.device_id == device_id)
                    .values(
                        is_subordinate=False, password_sealed=None, account="", expected_hosts="",
                        path_rank=DEFAULT_PATH_RANK, catalog_every_s=None, allowed=False, blocked=True,
                        online=False, catalog_complete=False,
                    )
                )  # fmt: skip
                await connection.execute(
                    update(channels)
                    .where(channels.c.device_id == device_id)
                    .values(present=False, record_always=False, digest=None)
                )
                count = (await connection.execute(gone)).rowcount
            else:
                count = (
                    await connection.execute(delete(devices).where(devices.c.device_id == device_id))
                ).rowcount
            if not count:
                raise UnknownDevice(device_id)


def _counted(kind: ChannelKind, present: bool, is_on: bool | None, count: int) -> CatalogTotals:
    if not present:
        return CatalogTotals(missing=count)
    if kind is ChannelKind.CAMERA:
        return CatalogTotals(cameras=count, cameras_on=0 if is_on is False else count)
    return CatalogTotals(directories=count) if kind in DIRECTORIES else CatalogTotals(others=count)
