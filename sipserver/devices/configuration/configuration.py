"""The settings of devices: ask, change, storage cards. The face of this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.configuration.download import ConfigDownloads
from sipserver.devices.configuration.outcomes import ConfigReport, Confirmation, SetOutcome
from sipserver.devices.configuration.sd_cards import SdCards
from sipserver.devices.configuration.setting import ConfigSetter
from sipserver.devices.configuration.targets import Targets
from sipserver.devices.events import DeviceCameOnline, DeviceEvent, DeviceRefreshed, DeviceRestarted
from sipserver.devices.features import Parts
from sipserver.gb.config_blocks.block import Block


class Configuration:
    """A key that names the device twice means the device itself, any other one its channel."""

    listens_to: Final = (DeviceCameOnline, DeviceRefreshed, DeviceRestarted)

    def __init__(self, parts: Parts) -> None:
        targets = Targets(parts.profiles)
        self._downloads = ConfigDownloads(parts, targets)
        self._setter = ConfigSetter(parts, targets, self._downloads)
        self.sd_cards: Final = SdCards(parts)

    async def open(self) -> None:
        """Nothing to begin: it acts when it is asked."""

    async def close(self) -> None:
        """Nothing to end: calls end with their callers."""

    def device_removed(self, device_id: str) -> None:
        self._downloads.forget(device_id)

    def listen(self, event: DeviceEvent) -> None:
        self._setter.listen(event)
        if isinstance(event, DeviceCameOnline):
            self._downloads.forget(event.device_id)

    async def download(
        self, key: ChannelKey, types: Sequence[str] = (), *, despite_edition: bool = False
    ) -> ConfigReport:
        """See :meth:`ConfigDownloads.download`."""
        return await self._downloads.download(key, types, despite_edition=despite_edition)

    async def set(
        self, key: ChannelKey, block: Block, *, read_back: bool = False, despite_edition: bool = False
    ) -> SetOutcome:
        """See :meth:`ConfigSetter.set`."""
        return await self._setter.set(key, block, read_back=read_back, despite_edition=despite_edition)

    async def send(self, key: ChannelKey, block: Block) -> Confirmation:
        """Send a block that is a command, such as the one for stills. See :meth:`ConfigSetter.send`."""
        return (await self._setter.send(key, block))[1]
