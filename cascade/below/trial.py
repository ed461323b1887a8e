"""Tries a platform below us out: is it registered, does it answer, what does it list, one picture.

Every step has a deadline, and what it opened is given back. A step that cannot be done without the one
before it is left out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from cascade.below.subordinates import CatalogState, SubordinateState, SubordinateView
from cascade.ports import LivePictures
from catalog.model import Channel
from catalog.store import CatalogStore
from sipserver.devices.errors import DeviceError, Refused
from sipserver.devices.service import DeviceService
from sipserver.gb.errors import MalformedText

CATALOG_S: Final = 60.0
PICTURE_S: Final = 20.0
PICTURES_TRIED: Final = 3
"""Cameras that are asked for a picture until one shows it."""
LOOKED_AT: Final = 500
"""Cameras among which those are chosen that are said to be on."""

STEPS: Final = ("registration", "answer", "catalogue", "picture")


@dataclass(frozen=True, slots=True)
class TrialStep:
    """How one step went."""

    name: str
    ok: bool
    detail: str
    took_ms: float


class Trial:
    """One try of one platform."""

    def __init__(
        self, view: SubordinateView, devices: DeviceService, catalog: CatalogStore, pictures: LivePictures
    ) -> None:
        self._view = view
        self._device_id: Final = view.device.device_id
        self._devices = devices
        self._catalog = catalog
        self._pictures = pictures

    async def run(self) -> list[TrialStep]:
        """Up to the first step that fails."""
        done: list[TrialStep] = []
        steps: tuple[Callable[[], Awaitable[str]], ...] = (
            self._registration, self._answer, self._catalogue, self._picture,
        )  # fmt: skip
        for name, step in zip(STEPS, steps, strict=True):
            begun = time.monotonic()
            ok = True
            try:
                detail = await step()
            except (DeviceError, MalformedText, TimeoutError) as error:
                ok, detail = False, str(error) or "it took too long"
            done.append(TrialStep(name, ok, detail, round(1000 * (time.monotonic() - begun), 1)))
            if not ok:
                break
        return done

    async def _registration(self) -> str:
        view = self._view
        if view.state not in (SubordinateState.ONLINE, SubordinateState.DOUBTFUL):
            raise DeviceError(f"{view.state.value}: {view.why}")
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
            raise DeviceError(f"{result.items} of {result.sum_num} items came")
        return f"{result.items} items"

    async def _picture(self) -> str:
        cameras = await self._cameras()
        if not cameras:
            raise DeviceError("it lists no camera that is on")
        failures = []
        for camera in cameras[:PICTURES_TRIED]:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(PICTURE_S):
                    held = await self._pictures.hold(camera.key, "trial", tag=f"trial {self._device_id}")
            except (DeviceError, TimeoutError) as error:
                failures.append(f"{camera.channel_id}: {str(error) or 'no picture in time'}")
                continue
            info = held.session.info
            await held.release()
            size = f" {info.codec} {info.width}x{info.height}" if info is not None else ""
            return f"{camera.channel_id}{size} after {time.monotonic() - begun:.1f} s"
        raise DeviceError("; ".join(failures))

    async def _cameras(self) -> list[Channel]:
        page = await self._catalog.list_channels(self._device_id, limit=LOOKED_AT)
        return [channel for channel in page.items if channel.status_online is not False]
