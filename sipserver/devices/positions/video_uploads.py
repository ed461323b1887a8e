"""Fetches the picture that a mobile device offers, when the settings ask for it. GB-C081."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from catalog.model import ChannelKey, ChannelKind
from sipserver.devices.errors import DeviceError
from sipserver.devices.features import Parts
from sipserver.devices.tasks import TaskOwner

HOLD_PURPOSE: Final = "video upload"
MAX_AT_ONCE: Final = 64

logger = logging.getLogger(__name__)


class VideoUploads:
    """Holds the stream for a while, so that viewers find it running."""

    def __init__(self, parts: Parts, hold_s: float) -> None:
        self._catalog = parts.catalog
        self._invites = parts.invites
        self._hold_s = hold_s
        self._held: set[ChannelKey] = set()
        self._tasks = TaskOwner("video uploads")

    async def close(self) -> None:
        await self._tasks.close()

    def offered(self, key: ChannelKey) -> None:
        """An offer that is repeated while its picture is fetched changes nothing."""
        if self._hold_s > 0 and key not in self._held and len(self._held) < MAX_AT_ONCE:
            self._held.add(key)
            self._tasks.spawn(self._fetch(key), str(key))

    async def _fetch(self, key: ChannelKey) -> None:
        try:
            camera = await self._camera(key)
            hold = await self._invites.hold(camera, HOLD_PURPOSE, tag="")
            try:
                async with asyncio.timeout(self._hold_s):
                    await hold.lost.wait()
            except TimeoutError:
                pass
            finally:
                await hold.release()
        except DeviceError as error:
            logger.info("the picture that %s offers cannot be fetched: %s", key, error)
        finally:
            self._held.discard(key)

    async def _camera(self, key: ChannelKey) -> ChannelKey:
        """The channel that is named, or the first camera of the device that names itself."""
        if await self._catalog.get_channel(key) is not None:
            return key
        cameras = await self._catalog.load_channels(key.device_id, kinds=frozenset({ChannelKind.CAMERA}))
        return cameras[0].key if cameras else key
