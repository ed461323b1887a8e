"""The newest position of every object, and which of them are worth a row in its track."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.positions.model import StoredPosition
from sipserver.devices.positions.settings import PositionSettings

MAX_UNSAVED: Final = 50_000
"""Positions that may wait for the database; the oldest are dropped first."""
MAX_CLOCK_AHEAD: Final = timedelta(minutes=10)


class Objects:
    """Memory only; bounded by objects per device and in all."""

    def __init__(self, settings: PositionSettings) -> None:
        self._settings = settings
        self._interval = timedelta(seconds=settings.store_interval_s)
        self._devices: dict[str, dict[str, StoredPosition]] = {}
        self._count = 0
        self._stored_at: dict[ChannelKey, datetime] = {}
        self._track: deque[StoredPosition] = deque(maxlen=MAX_UNSAVED)
        self._changed: dict[ChannelKey, None] = {}

    def __len__(self) -> int:
        return self._count

    def load(self, positions: Iterable[StoredPosition]) -> None:
        for position in positions:
            if self._has_room(position.key):
                self._put(position)

    def take(self, position: StoredPosition) -> bool:
        """Take in a report; False when there is no room for another object."""
        if not self._has_room(position.key):
            return False
        newest = self.latest(position.key)
        if newest is None or not _is_older(position, newest):
            self._put(position)
            self._changed[position.key] = None
        stored_at = self._stored_at.get(position.key)
        if stored_at is None or abs(position.time - stored_at) >= self._interval:
            self._stored_at[position.key] = position.time
            self._track.append(position)
        return True

    def latest(self, key: ChannelKey) -> StoredPosition | None:
        return self._devices.get(key.device_id, {}).get(key.channel_id)

    def of_device(self, device_id: str) -> list[StoredPosition]:
        return [position for _, position in sorted(self._devices.get(device_id, {}).items())]

    def keys(self) -> list[ChannelKey]:
        return sorted(
            ChannelKey(device_id, object_id)
            for device_id, objects in self._devices.items()
            for object_id in objects
        )

    def take_unsaved(self) -> tuple[list[StoredPosition], list[StoredPosition]]:
        """What is to be written: rows of tracks, and the newest of the objects that changed."""
        track, self._track = list(self._track), deque(maxlen=MAX_UNSAVED)
        changed, self._changed = self._changed, {}
        return track, [latest for key in changed if (latest := self.latest(key)) is not None]

    def put_back(self, track: Iterable[StoredPosition], latest: Iterable[StoredPosition]) -> None:
        """It could not be written; tried again with what came meanwhile."""
        self._track = deque((*track, *self._track), maxlen=MAX_UNSAVED)
        for position in latest:
            self._changed.setdefault(position.key)

    def forget(self, device_id: str) -> None:
        """The device was removed."""
        for object_id in self._devices.pop(device_id, {}):
            self._count -= 1
            self._stored_at.pop(ChannelKey(device_id, object_id), None)

    def _has_room(self, key: ChannelKey) -> bool:
        objects = self._devices.get(key.device_id, {})
        return key.channel_id in objects or (
            len(objects) < self._settings.objects_per_device_max and self._count < self._settings.objects_max
        )

    def _put(self, position: StoredPosition) -> None:
        objects = self._devices.setdefault(position.device_id, {})
        self._count += position.object_id not in objects
        objects[position.object_id] = position


def _is_older(position: StoredPosition, newest: StoredPosition) -> bool:
    """A late report does not move the object back; one with an impossible clock does not hold it."""
    is_trusted = newest.time <= position.received_time + MAX_CLOCK_AHEAD
    return is_trusted and position.time < newest.time
