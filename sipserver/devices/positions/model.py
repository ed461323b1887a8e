"""What is known about where things are and where they look, and the news about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from catalog.model import ChannelKey
from sipserver.gb.messages.ptz_position import PtzPosition


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPosition:
    """One object at one time.

    ``device_id`` is the registered device that reported it, ``object_id`` the one that was there: itself or
    something below it. WGS-84 degrees, km/h, degrees clockwise from north, metres.
    """

    device_id: str
    object_id: str
    time: datetime
    """By the device's clock; by ours when it said none."""
    longitude: float
    latitude: float
    speed_kmh: float | None = None
    direction_deg: float | None = None
    altitude_m: float | None = None
    height_m: float | None = None
    received_time: datetime

    @property
    def key(self) -> ChannelKey:
        return ChannelKey(self.device_id, self.object_id)


@dataclass(frozen=True, slots=True)
class PositionReported:
    """A new position with a fix."""

    position: StoredPosition


@dataclass(frozen=True, slots=True)
class VideoUploadOffered:
    """A mobile device offers its live picture (实时视音频回传). GB-C081."""

    device_id: str
    object_id: str
    time: datetime
    longitude: float | None
    latitude: float | None


@dataclass(frozen=True, slots=True)
class PtzPositionReported:
    """A camera looks elsewhere. GB-C097."""

    device_id: str
    channel_id: str
    position: PtzPosition
    received_time: datetime

    @property
    def key(self) -> ChannelKey:
        return ChannelKey(self.device_id, self.channel_id)


PositionEvent = PositionReported | VideoUploadOffered | PtzPositionReported
