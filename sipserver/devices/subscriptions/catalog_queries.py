"""Asks for a whole catalogue where notifications alone do not keep it true."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError

from sipserver.devices.errors import DeviceError, UnknownDevice
from sipserver.devices.tasks import TaskOwner

logger = logging.getLogger(__name__)


class CatalogQueries:
    """At most one query at a time and one waiting per device, and a pause between two."""

    def __init__(
        self,
        sync: Callable[[str], Awaitable[object]],
        pause_s: float,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._sync = sync
        self._pause_s = pause_s
        self._clock = clock
        self._waiting: set[str] = set()
        self._asked_at: dict[str, float] = {}
        self._tasks = TaskOwner("catalogue query")

    async def close(self) -> None:
        await self._tasks.close()

    def ask(self, device_id: str, why: str) -> None:
        """Have the catalogue of a device asked for soon; asking again before that changes nothing."""
        if device_id not in self._waiting:
            self._waiting.add(device_id)
            logger.info("catalogue of %s is asked for: %s", device_id, why)
            if self._tasks.spawn(self._query(device_id), device_id) is None:
                self._waiting.discard(device_id)

    def forget(self, device_id: str) -> None:
        """The device is away: its registration brings its catalogue."""
        self._asked_at.pop(device_id, None)

    async def _query(self, device_id: str) -> None:
        try:
            asked_at = self._asked_at.get(device_id)
            if asked_at is not None:
                await asyncio.sleep(max(0.0, asked_at + self._pause_s - self._clock()))
        finally:
            self._waiting.discard(device_id)
        self._asked_at[device_id] = self._clock()
        try:
            await self._sync(device_id)
        except UnknownDevice:
            self.forget(device_id)  # it was removed
        except DeviceError as error:
            logger.info("catalogue of %s: %s", device_id, error)
        except (SQLAlchemyError, OSError) as error:
            self.ask(device_id, f"it could not be stored: {error}")
