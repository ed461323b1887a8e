"""Which camera an alarm belongs to: its source may be a camera, an alarm input, or the device itself."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from catalog.errors import CatalogError
from catalog.model import ChannelKey, ChannelKind
from sipserver.devices.ports import DeviceCatalog

CamerasOf = Callable[[str], Awaitable[list[str]]]
"""The channel ids of the cameras of a device; two are enough to know that it is not one."""

logger = logging.getLogger(__name__)


async def no_cameras(device_id: str) -> list[str]:
    """What is known of a device's cameras before the catalogue is connected."""
    return []


class CameraFinder:
    """Asks the catalogue; a device can only name cameras of its own."""

    def __init__(self, catalog: DeviceCatalog) -> None:
        self._catalog: Final = catalog
        self.cameras_of: CamerasOf = no_cameras

    async def camera_of(self, device_id: str, source_id: str) -> str:
        """The channel id, or empty when no camera or no single camera comes into question."""
        try:
            return await self._find(device_id, source_id)
        except (CatalogError, SQLAlchemyError, OSError) as error:
            logger.error("the camera of an alarm of %s cannot be looked up: %s", source_id, error)
            return ""

    async def _find(self, device_id: str, source_id: str) -> str:
        channel = await self._catalog.get_channel(ChannelKey(device_id, source_id))
        if channel is not None and channel.kind is ChannelKind.CAMERA:
            return source_id
        for parent_id in channel.parent_ids if channel is not None else ():
            parent = await self._catalog.get_channel(ChannelKey(device_id, parent_id))
            if parent is not None and parent.kind is ChannelKind.CAMERA:
                return parent_id
        cameras = await self.cameras_of(device_id)
        return cameras[0] if len(cameras) == 1 else ""
