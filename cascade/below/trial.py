"""Tries a platform below us out: is it registered, does it answer, what does it list, one picture."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from cascade.below.subordinates import CatalogState, SubordinateState, SubordinateView
from cascade.ports import LivePictures
from cascade.trial import Step, TrialFailed, one_picture
from catalog.store import CatalogStore
from sipserver.devices.errors import Refused
from sipserver.devices.service import DeviceService

CATALOG_S: Final = 60.0
LOOKED_AT: Final = 500
"""Cameras among which those are chosen that are said to be on."""


class SubordinateTrial:
    """One try of one platform."""

    def __init__(
        self, view: SubordinateView, devices: DeviceService, catalog: CatalogStore, pictures: LivePictures
    ) -> None:
        self._view = view
        self._device_id: Final = view.device.device_id
        self._devices = devices
        self._catalog = catalog
        self._pictures = pictures

    @property
    def steps(self) -> Mapping[str, Step]:
        return {
            "registration": self._registration,
            "answer": self._answer,
            "catalogue": self._catalogue,
            "picture": self._picture,
        }

    async def _registration(self) -> str:
        view = self._view
        if view.state not in (SubordinateState.ONLINE, SubordinateState.DOUBTFUL):
            raise TrialFailed(f"{view.state.value}: {view.why}")
        presence = view.presence
        remote = presence.remote if presence is not None else None
        return "registered" if remote is None else f"registered from {remote[0]}:{remote[1]}"

    async def _answer(self) -> str:
        """DeviceInfo may be refused (gb28181.md 8.2): that is an answer too."""
        try:
            info = await self._devices.query_info(self._device_id)
        except Refused as error:
            return f"it refuses to say who it is, with {error.status}"
        return " ".join(filter(None, (info.name, info.manufacturer, info.model, info.firmware))) or "answers"

    async def _catalogue(self) -> str:
        if self._view.catalog_state is CatalogState.WHOLE:
            return f"{self._view.totals.cameras} cameras"
        async with asyncio.timeout(CATALOG_S):
            result = await self._devices.sync_catalog(self._device_id)
        if not result.complete:
            raise TrialFailed(f"{result.items} of {result.sum_num} items came")
        return f"{result.items} items"

    async def _picture(self) -> str:
        page = await self._catalog.list_channels(self._device_id, limit=LOOKED_AT)
        cameras = (channel.key for channel in page.items if channel.status_online is not False)
        return await one_picture(self._pictures, cameras, f"{self._device_id}")
