"""The catalogue's queries, one named function each. Bound parameters only."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Unpack

from sqlalchemy import RowMapping, Select, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from catalog import statements
from catalog.codes import is_platform_id
from catalog.columns import chunks, for_writing, upsert
from catalog.comparison import compare, mark_missing
from catalog.errors import AmbiguousChannel, UnknownChannel, UnknownDevice
from catalog.keyset import DEFAULT_LIMIT, Page, clamp_limit, decode_cursor, encode_cursor, page_of
from catalog.model import (
    RETENTION_OF_PRIORITY,
    CatalogCounts,
    CatalogReplaced,
    CatalogRow,
    Channel,
    ChannelChanges,
    ChannelKey,
    ChannelKind,
    Device,
    DeviceChanges,
    PresenceRow,
    RetentionClass,
)
from catalog.notified import CatalogChange, CatalogChanged, apply_changes
from catalog.rows import (
    channel_from,
    device_from,
    device_values,
    presence_values,
)
from catalog.tables import channels, devices

CAMERAS: Final = frozenset({ChannelKind.CAMERA})
"""The kinds that lists of channels show unless asked for more."""

EVERY_KIND: Final = frozenset(ChannelKind)

REPLACE_ROWS: Final = 250
"""Channels written in one go: what the event loop can do without for their sake, some ten milliseconds."""

MAX_CANDIDATES: Final = 20
"""Devices named in the message about an ambiguous channel."""


def wall_clock() -> datetime:
    """Now, as an aware instant."""
    return datetime.now(UTC)


Listener = Callable[[str, Collection[str] | None], None]
"""Hears of which device which channels have changed; None: any of them may have."""


class CatalogStore:
    """Devices and channels in SQL. The only writer of the catalogue's tables."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], datetime] = wall_clock) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        self._clock = clock
        self.listeners: list[Listener] = []
        """Called on the event loop after each change of channels; must not take long."""
        # Built once: to write down a statement of so many columns costs more than to execute it.
        dialect = engine.dialect.name
        self._upsert_device = statements.upsert_device(dialect)
        self._add_device = upsert(dialect, devices, key=["device_id"], update=())
        self._note_info = statements.note_info()
        self._save_presence = statements.save_presence()
        self._store_channel = statements.store_channel(dialect)

    # ------------------------------------------------------------------ devices

    async def list_devices(
        self, cursor: str | None = None, limit: int = DEFAULT_LIMIT, *, subordinates: bool = False
    ) -> Page[Device]:
        """Devices in the order of their ids, or the platforms among them alone."""
        limit = clamp_limit(limit)
        query = select(devices).order_by(devices.c.device_id).limit(limit + 1)
        if subordinates:
            query = query.where(devices.c.is_subordinate)
        if cursor is not None:
            (after,) = decode_cursor(cursor, (str,))
            query = query.where(devices.c.device_id > after)
        found = [device_from(row) for row in await self._rows(query)]
        return page_of(found, limit, [encode_cursor(device.device_id) for device in found])

    async def get_device(self, device_id: str) -> Device | None:
        """The device, or None when nobody knows it."""
        rows = await self._rows(select(devices).where(devices.c.device_id == device_id))
        return device_from(rows[0]) if rows else None

    async def load_registrations(self) -> list[Device]:
        """Every device that registers, for presence to start from after our own restart."""
        query = select(devices).where(~devices.c.is_gateway).order_by(devices.c.device_id)
        return [device_from(row) for row in await self._rows(query)]

    async def upsert_device(self, device: Device) -> None:
        """Add a device, or replace what is said about it.

        The presence of a device that exists is left alone: it belongs to ``save_presence``, and a
        device that was read, changed and written back must not turn the clock back.
        """
        async with self._writing.begin() as connection:
            await connection.execute(self._upsert_device, [device_values(device, self._clock())])

    async def add_devices(self, device_ids: Collection[str]) -> None:
        """See that each of them has a row; those that have one are left alone."""
        if not device_ids:
            return
        now = self._clock()
        rows = [
            {"device_id": device_id, "created_time": now, "is_subordinate": is_platform_id(device_id)}
            for device_id in device_ids
        ]
        async with self._writing.begin() as connection:
            await connection.execute(self._add_device, rows)

    async def note_device_info(
        self, device_id: str, *, name: str, manufacturer: str, model: str, firmware: str
    ) -> None:
        """What a device says about itself: a name that is set stays, nothing is replaced by nothing."""
        values = {"name": name, "manufacturer": manufacturer, "model": model, "firmware": firmware}
        said = {f"said_{column}": text for column, text in values.items()}
        async with self._writing.begin() as connection:
            await connection.execute(self._note_info, {"key_device_id": device_id, **said})

    async def set_device(self, device_id: str, **changes: Unpack[DeviceChanges]) -> None:
        """Change single fields of a device.

        Raises:
            UnknownDevice: it is not in the catalogue.
        """
        if not changes:
            return
        statement = update(devices).where(devices.c.device_id == device_id).values(**changes)
        async with self._writing.begin() as connection:
            if (await connection.execute(statement)).rowcount == 0:
                raise UnknownDevice(device_id)

    async def save_presence(self, rows: Iterable[PresenceRow]) -> None:
        """Store the presence of many devices in one transaction; devices that are gone are passed over."""
        values = [presence_values(row) for row in rows]
        if not values:
            return
        async with self._writing.begin() as connection:
            await connection.execute(self._save_presence, values)

    # ------------------------------------------------------------------ channels

    async def list_channels(
        self,
        device_id: str | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
        *,
        kinds: Collection[ChannelKind] = CAMERAS,
        include_missing: bool = False,
    ) -> Page[Channel]:
        """Channels in the order of their keys: the cameras that are present, unless asked otherwise."""
        limit = clamp_limit(limit)
        query = _channels_query(device_id, kinds, include_missing).limit(limit + 1)
        if cursor is not None:
            after = decode_cursor(cursor, (str, str))
            query = query.where(tuple_(channels.c.device_id, channels.c.channel_id) > tuple_(*after))
        found = [channel_from(row) for row in await self._rows(query)]
        return page_of(found, limit, [encode_cursor(*channel.key) for channel in found])

    async def load_channels(
        self,
        device_id: str | None = None,
        *,
        kinds: Collection[ChannelKind] = EVERY_KIND,
        include_missing: bool = False,
    ) -> list[Channel]:
        """All channels of one device or of all, for trees and metrics."""
        return [
            channel_from(row) for row in await self._rows(_channels_query(device_id, kinds, include_missing))
        ]

    async def load_some(self, device_id: str, channel_ids: Collection[str]) -> list[Channel]:
        """These channels of a device, as far as they are present, of whatever kind."""
        return [
            channel_from(row)
            for chunk in chunks(channel_ids)
            for row in await self._rows(
                select(channels).where(
                    channels.c.device_id == device_id, channels.c.channel_id.in_(chunk), channels.c.present
                )
            )
        ]

    async def get_channel(self, key: ChannelKey) -> Channel | None:
        """The channel, present or not, or None when nobody knows it."""
        rows = await self._rows(select(channels).where(*_is_channel(key)))
        return channel_from(rows[0]) if rows else None

    async def resolve_channel(self, text: str) -> ChannelKey:
        """Which channel is meant by ``channel_id`` or ``device_id~channel_id``.

        A channel that is present wins over others of its id that have gone; one that has gone is
        still found, because recordings of it may remain. A camera that several platforms bring is one
        camera (annex H of 2022): the device itself wins, then the platform with the lowest rank.

        Raises:
            UnknownChannel: there is none.
            AmbiguousChannel: the id alone does not say which.
        """
        where = _text_condition(text)
        query = (
            select(
                channels.c.device_id,
                channels.c.channel_id,
                channels.c.present,
                devices.c.is_subordinate,
                devices.c.path_rank,
            )
            .join(devices, devices.c.device_id == channels.c.device_id)
            .where(*where)
            .order_by(channels.c.present.desc(), channels.c.device_id)
            .limit(MAX_CANDIDATES + 1)
        )
        rows = await self._rows(query)
        if not rows:
            raise UnknownChannel(text)
        candidates = [row for row in rows if row["present"]] or rows
        if sum(not row["is_subordinate"] for row in candidates) <= 1:
            candidates = sorted(candidates, key=lambda row: (row["is_subordinate"], row["path_rank"]))[:1]
        if len(candidates) > 1:
            keys = [ChannelKey(row["device_id"], row["channel_id"]) for row in candidates]
            raise AmbiguousChannel(text, [str(key) for key in keys])
        return ChannelKey(candidates[0]["device_id"], candidates[0]["channel_id"])

    async def channel_ids(self, prefix: str) -> set[str]:
        """The ids that begin so, of channels present and gone, on whatever device."""
        query = select(channels.c.channel_id).where(channels.c.channel_id.startswith(prefix, autoescape=True))
        return {row["channel_id"] for row in await self._rows(query)}

    async def set_channel(self, key: ChannelKey, **changes: Unpack[ChannelChanges]) -> None:
        """Change what this platform decided about a channel.

        A priority brings its retention class with it (R-8, R-15), unless a class is named too.

        Raises:
            UnknownChannel: it is not in the catalogue.
        """
        if not changes:
            return
        if "priority" in changes and "retention_class" not in changes:
            changes["retention_class"] = RETENTION_OF_PRIORITY[changes["priority"]]
        statement = update(channels).where(*_is_channel(key)).values(**changes)
        async with self._writing.begin() as connection:
            if (await connection.execute(statement)).rowcount == 0:
                raise UnknownChannel(str(key))
        self._tell(key.device_id, (key.channel_id,))

    async def replace_catalog(
        self, device_id: str, items: Sequence[CatalogRow], complete: bool
    ) -> CatalogReplaced:
        """Store what an answer changes in one transaction: readers see the old catalogue until then.

        A whole answer marks the channels that it lacks as missing; their rows stay, recordings
        refer to them. An answer with holes adds and updates, and takes nothing away.

        Raises:
            UnknownDevice: the device is not in the catalogue.
        """
        found = await compare(self._reading, device_id, items, complete=complete)
        now = self._clock()
        async with self._writing.begin() as connection:
            run = await self._next_run(connection, device_id, complete, now)
            for chunk in chunks(found.rows(device_id, run, now), REPLACE_ROWS):
                await connection.execute(self._store_channel, chunk)
            missing = await mark_missing(connection, device_id, found.missing, now)
        if found:
            self._tell(device_id, found.touched)
        return CatalogReplaced(
            stored=found.named, missing=missing, complete=complete, written=len(found.to_write)
        )

    async def apply_events(self, device_id: str, changes: Sequence[CatalogChange]) -> CatalogChanged:
        """Apply notified changes of one device, in their order and in one transaction (GB-C091).

        Raises:
            UnknownDevice: the device is not in the catalogue.
        """
        async with self._writing.begin() as connection:
            changed = await apply_changes(connection, device_id, changes, self._clock())
        self._tell(device_id, changed.touched)
        return changed

    def changed_elsewhere(self, device_id: str) -> None:
        """Tell the listeners of a change of a device's channels that was made beside this store."""
        self._tell(device_id, None)

    # ------------------------------------------------------------------ for storage

    async def channels_recorded_always(self) -> list[ChannelKey]:
        """Channels to be recorded without being asked; one that went missing is still tried."""
        query = select(channels.c.device_id, channels.c.channel_id).where(channels.c.record_always)
        return [ChannelKey(row["device_id"], row["channel_id"]) for row in await self._rows(query)]

    async def retention_classes(
        self, keys: Collection[ChannelKey] | None = None
    ) -> dict[ChannelKey, RetentionClass]:
        """The class of each known key; without keys, of every channel that is not ordinary."""
        columns = (channels.c.device_id, channels.c.channel_id, channels.c.retention_class)
        if keys is None:
            queries = [select(*columns).where(channels.c.retention_class != RetentionClass.ORDINARY.value)]
        else:
            queries = [
                select(*columns).where(tuple_(channels.c.device_id, channels.c.channel_id).in_(chunk))
                for chunk in chunks(keys)
            ]
        return {
            ChannelKey(row["device_id"], row["channel_id"]): RetentionClass(row["retention_class"])
            for query in queries
            for row in await self._rows(query)
        }

    # ------------------------------------------------------------------ counts

    async def counts(self) -> CatalogCounts:
        """Totals over the whole catalogue."""
        cameras = channels.c.kind.in_([kind.value for kind in CAMERAS])
        async with self._reading.connect() as connection:
            by_online = await connection.execute(
                select(devices.c.online, func.count()).group_by(devices.c.online)
            )
            online = {bool(state): count for state, count in by_online.all()}
            by_present = await connection.execute(
                select(channels.c.present, func.count()).where(cameras).group_by(channels.c.present)
            )
            present = {bool(state): count for state, count in by_present.all()}
        return CatalogCounts(
            devices=sum(online.values()),
            devices_online=online.get(True, 0),
            channels=present.get(True, 0),
            channels_missing=present.get(False, 0),
        )

    async def channel_counts(self, device_ids: Collection[str] | None = None) -> dict[str, int]:
        """How many cameras are present on each device; a device without any is left out."""
        query = (
            select(channels.c.device_id, func.count().label("cameras"))
            .where(channels.c.present, channels.c.kind.in_([kind.value for kind in CAMERAS]))
            .group_by(channels.c.device_id)
        )
        if device_ids is None:
            queries = [query]
        else:
            queries = [query.where(channels.c.device_id.in_(chunk)) for chunk in chunks(device_ids)]
        return {row["device_id"]: row["cameras"] for each in queries for row in await self._rows(each)}

    # ------------------------------------------------------------------ inside

    def _tell(self, device_id: str, channel_ids: Collection[str] | None) -> None:
        for listener in self.listeners:
            listener(device_id, channel_ids)

    async def _rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        async with self._reading.connect() as connection:
            rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
        return rows

    async def _next_run(
        self, connection: AsyncConnection, device_id: str, complete: bool, now: datetime
    ) -> int:
        statement = (
            update(devices)
            .where(devices.c.device_id == device_id)
            .values(catalog_run=devices.c.catalog_run + 1, catalog_time=now, catalog_complete=complete)
            .returning(devices.c.catalog_run)
        )
        run: int | None = (await connection.execute(statement)).scalar_one_or_none()
        if run is None:
            raise UnknownDevice(device_id)
        return run


def _channels_query(
    device_id: str | None, kinds: Collection[ChannelKind], include_missing: bool
) -> Select[Any]:
    query = select(channels).order_by(channels.c.device_id, channels.c.channel_id)
    if device_id is not None:
        query = query.where(channels.c.device_id == device_id)
    if len(kinds) < len(EVERY_KIND):
        query = query.where(channels.c.kind.in_([kind.value for kind in kinds]))
    return query if include_missing else query.where(channels.c.present)


def _is_channel(key: ChannelKey) -> tuple[Any, Any]:
    return channels.c.device_id == key.device_id, channels.c.channel_id == key.channel_id


def _text_condition(text: str) -> tuple[Any, ...]:
    if "~" not in text:
        return (channels.c.channel_id == text,)
    try:
        return _is_channel(ChannelKey.parse(text))
    except ValueError:
        raise UnknownChannel(text) from None
