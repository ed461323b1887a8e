"""Sources as channels of one device in the catalogue, and their status there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from catalog.columns import DATABASE_AWAY
from catalog.errors import CatalogError
from catalog.from_gb import civil_region
from catalog.model import CatalogRow, Channel, ChannelKey, Device, PresenceRow
from catalog.notified import CatalogChange, ChangeKind
from gateway.model import ChannelFile, Source, Status
from gateway.ports import GatewayCatalog
from gateway.stats import GatewayStats

GIVEN: Final = frozenset(
    {
        "name",
        "manufacturer",
        "model",
        "civil_code",
        "region_code",
        "address",
        "parent_ids",
        "ip_address",
        "port",
        "longitude",
        "latitude",
    }
)
REGISTER_WAY: Final = 1
UNWRITABLE: Final[tuple[type[Exception], ...]] = (CatalogError, *DATABASE_AWAY)

logger = logging.getLogger(__name__)


class SourceChannels:
    """Writes the gateway's device and its channels; reads what operators decided about them."""

    def __init__(self, device_id: str, catalog: GatewayCatalog, stats: GatewayStats) -> None:
        self.device_id: Final = device_id
        self._catalog = catalog
        self._stats = stats
        self._due: dict[str, Status] = {}
        self.is_on_file = False
        """Whether the device is in the catalogue: a platform without sources has none."""

    async def ensure_device(self, name: str) -> None:
        """See that the device is on file; it is online as long as this platform runs."""
        if self.is_on_file:
            return
        if await self._catalog.get_device(self.device_id) is None:
            await self._catalog.upsert_device(
                Device(
                    device_id=self.device_id,
                    name=name,
                    manufacturer="Tongshi",
                    model="gateway",
                    is_gateway=True,
                    catalog_complete=True,
                )
            )
        await self._catalog.save_presence([PresenceRow(device_id=self.device_id, online=True)])
        self.is_on_file = True

    async def close(self) -> None:
        """The device leaves with the platform."""
        if not self.is_on_file:
            return
        await self.flush()
        await self._catalog.save_presence([PresenceRow(device_id=self.device_id, online=False)])

    async def ids(self, prefix: str) -> set[str]:
        """The channel ids that begin so, of whatever device: a new one is to be none of them."""
        return await self._catalog.channel_ids(prefix)

    async def file_of(self, channel_id: str) -> ChannelFile:
        """What the catalogue says of a source."""
        channel = await self._catalog.get_channel(ChannelKey(self.device_id, channel_id))
        return ChannelFile(name=channel_id) if channel is None else _file(channel)

    async def files(self) -> dict[str, ChannelFile]:
        """The same of all sources, by channel id."""
        channels = await self._catalog.load_channels(self.device_id)
        return {channel.channel_id: _file(channel) for channel in channels}

    async def put(self, source: Source, file: ChannelFile) -> None:
        """Add the channel of a source, or write what changed."""
        address = source.address
        parents = tuple(each for each in (file.parent_id or self.device_id,) if each)
        row = CatalogRow(
            channel_id=source.channel_id,
            name=file.name,
            manufacturer=file.manufacturer,
            model=file.model,
            owner="",
            civil_code=file.civil_code,
            region_code=civil_region(file.civil_code, source.channel_id),
            address=file.address,
            parental=0,
            parent_ids=parents,
            register_way=REGISTER_WAY,
            secrecy=0,
            ip_address=address.host if address is not None else "",
            port=address.port if address is not None else None,
            status_online=False,
            longitude=file.longitude,
            latitude=file.latitude,
        )
        await self._catalog.apply_events(self.device_id, [CatalogChange(ChangeKind.UPDATE, row, GIVEN)])

    async def remove(self, channel_id: str) -> None:
        """The channel goes; its recordings and what was decided about it stay."""
        self._due.pop(channel_id, None)
        await self._catalog.apply_events(self.device_id, [_event(ChangeKind.DEL, channel_id)])

    def note(self, channel_id: str, status: Status) -> None:
        """Remember a status; ``flush`` writes it."""
        self._due[channel_id] = status

    async def flush(self) -> None:
        """Write every status that changed, in one transaction; what cannot be written waits."""
        if not self._due:
            return
        due, self._due = self._due, {}
        events = [_event(ChangeKind(status.value), channel_id) for channel_id, status in due.items()]
        try:
            await self._catalog.apply_events(self.device_id, events)
        except UNWRITABLE as error:
            self._stats.status_failures += 1
            logger.warning("the status of %d sources could not be written: %s", len(due), error)
            self._put_back(due)

    def _put_back(self, due: Mapping[str, Status]) -> None:
        self._due = {**due, **self._due}


def _file(channel: Channel) -> ChannelFile:
    return ChannelFile(
        name=channel.shown_name,
        civil_code=channel.civil_code,
        parent_id=next(iter(channel.parent_ids), ""),
        address=channel.address,
        manufacturer=channel.manufacturer,
        model=channel.model,
        longitude=channel.longitude,
        latitude=channel.latitude,
    )


def _event(kind: ChangeKind, channel_id: str) -> CatalogChange:
    return CatalogChange(kind, CatalogRow(channel_id=channel_id, name=channel_id))
