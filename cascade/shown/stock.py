"""Keeps the table of cameras true: read once, then only what somebody reported to have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import Final, Protocol

from cascade.ports import CascadeCatalog, Standing
from cascade.shown.channel_table import ChannelTable
from catalog.columns import DATABASE_AWAY
from catalog.model import Channel, ChannelKind

CAMERAS: Final = frozenset({ChannelKind.CAMERA})
AWAY: Final[tuple[type[Exception], ...]] = (*DATABASE_AWAY, OSError)
"""What a database says that does not answer now."""
REGIONS: Final = frozenset({ChannelKind.REGION})
PAGE: Final = 250
"""Channels read in one go: what the event loop can do without for their sake, some ten milliseconds."""


class Onlooker(Protocol):
    """Somebody who shows the cameras to others."""

    def stir(self) -> None:
        """Something has changed; what it is, ``settle`` finds out."""

    def note(self, rows: Iterable[int]) -> None:
        """These rows of the table have changed."""


class ChannelStock:
    """All superiors share one. Nothing is read before the first of them needs it."""

    def __init__(self, catalog: CascadeCatalog, standing: Standing) -> None:
        self.table: Final = ChannelTable()
        self.onlookers: Final[set[Onlooker]] = set()
        self._catalog = catalog
        self._standing = standing
        self._is_loaded = False
        self._channels: dict[str, set[str] | None] = {}
        """Of which devices which channels are to be read again; None stands for all."""
        self._devices: set[str] = set()
        """Which may have come or gone."""
        self._lock = asyncio.Lock()

    def open(self) -> None:
        self._catalog.listeners.append(self.channels_changed)

    def close(self) -> None:
        """Hear no more; what is known is known no longer. Harmless when repeated."""
        if self.channels_changed in self._catalog.listeners:
            self._catalog.listeners.remove(self.channels_changed)

    # ---------------------------------------------------------------- what others report

    def channels_changed(self, device_id: str, channel_ids: Collection[str] | None) -> None:
        """These channels of a device have changed; None: any of them may have."""
        if not self._is_loaded:
            return
        known = self._channels.setdefault(device_id, set())
        if channel_ids is None or known is None:
            self._channels[device_id] = None
        else:
            known.update(channel_ids)
        self._stir()

    def device_changed(self, device_id: str) -> None:
        """It came or went."""
        if self._is_loaded:
            self._devices.add(device_id)
            self._stir()

    def devices_changed(self) -> None:
        """Any of them may have come or gone."""
        if self._is_loaded:
            self._devices.update(self.table.online_devices(), self._standing.online_ids())
            self._stir()

    def rank_changed(self, device_id: str) -> None:
        """Another way to its cameras may be the best now."""
        if self._is_loaded:
            self._tell(list(self.table.rows_of(device_id).values()))
            self._stir()

    # ---------------------------------------------------------------- reading it

    async def settle(self) -> None:
        """Return when all that was reported before is in the table.

        Raises:
            SQLAlchemyError, OSError: the database is away; the next call tries again.
        """
        async with self._lock:
            if not self._is_loaded:
                await self._load()
            while self._channels:
                device_id, channel_ids = next(iter(self._channels.items()))
                del self._channels[device_id]
                try:
                    await self._read(device_id, channel_ids)
                except BaseException:
                    self._put_back(device_id, channel_ids)
                    raise
            devices, self._devices = self._devices, set()
            for device_id in devices:
                self._tell(self.table.set_online(device_id, self._standing.is_online(device_id)))

    async def region_names(self) -> dict[str, str]:
        """What administrative divisions are called, as far as somebody below lists them.

        Raises:
            SQLAlchemyError, OSError: the database is away.
        """
        names: dict[str, str] = {}
        cursor: str | None = None
        while True:
            page = await self._catalog.list_channels(None, cursor, PAGE, kinds=REGIONS)
            for region in page.items:
                if region.shown_name != region.channel_id:
                    names.setdefault(region.channel_id, region.shown_name)
            cursor = page.next
            if cursor is None:
                return names

    # ---------------------------------------------------------------- inside

    async def _load(self) -> None:
        self._is_loaded = True  # what is reported from now on may have been read too early
        try:
            for device_id in self._standing.online_ids():
                self.table.set_online(device_id, True)
            await self._read_all(None)
        except BaseException:
            self._is_loaded = False
            self._channels.clear()
            raise

    async def _read(self, device_id: str, channel_ids: set[str] | None) -> None:
        if channel_ids is None:
            await self._read_all(device_id)
            return
        channels = await self._catalog.load_some(device_id, channel_ids)
        found = {channel.channel_id for channel in channels if channel.kind in CAMERAS}
        self._put(channel for channel in channels if channel.kind in CAMERAS)
        self._drop(device_id, channel_ids - found)

    async def _read_all(self, device_id: str | None) -> None:
        """Page by page; whoever changes something meanwhile is heard after it."""
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            page = await self._catalog.list_channels(device_id, cursor, PAGE, kinds=CAMERAS)
            self._put(page.items)
            if device_id is not None:
                seen.update(channel.channel_id for channel in page.items)
            cursor = page.next
            if cursor is None:
                break
        if device_id is not None:
            self._drop(device_id, self.table.rows_of(device_id).keys() - seen)

    def _put(self, channels: Iterable[Channel]) -> None:
        self._tell([row for channel in channels if (row := self.table.put(channel)) is not None])

    def _drop(self, device_id: str, channel_ids: Iterable[str]) -> None:
        rows = self.table.rows_of(device_id)
        known = [rows[channel_id] for channel_id in channel_ids if channel_id in rows]
        self._tell([row for row in known if self.table.drop(row)])

    def _put_back(self, device_id: str, channel_ids: set[str] | None) -> None:
        newer = self._channels.get(device_id, set())
        self._channels[device_id] = None if channel_ids is None or newer is None else channel_ids | newer

    def _tell(self, rows: list[int]) -> None:
        if rows:
            for onlooker in self.onlookers:
                onlooker.note(rows)

    def _stir(self) -> None:
        for onlooker in self.onlookers:
            onlooker.stir()
