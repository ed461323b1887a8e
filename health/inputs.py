"""What health wants to know. ``console/app.py`` gathers it from the rooms below; health asks nobody.

CameraState has a plain class beside it that satisfies it, for whoever has nothing better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class CameraState(Protocol):
    """One camera at one moment. None means "not known" and leaves the metric out."""

    @property
    def device_id(self) -> str: ...
    @property
    def channel_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def manufacturer(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def camera_class(self) -> int | None:
        """1, 2 or 3 (R-7)."""

    @property
    def priority(self) -> str: ...
    @property
    def retention_class(self) -> str: ...
    @property
    def civil_code(self) -> str: ...
    @property
    def online(self) -> bool: ...
    @property
    def streaming(self) -> bool: ...
    @property
    def recording(self) -> bool: ...
    @property
    def bitrate_bps(self) -> float | None: ...
    @property
    def fps(self) -> float | None: ...
    @property
    def packet_loss_ratio(self) -> float | None:
        """Lost over expected packets of the present session, 0 to 1."""

    @property
    def keyframe_age_s(self) -> float | None: ...
    @property
    def last_keepalive_age_s(self) -> float | None: ...


class RatedCamera(Protocol):
    """The part of a camera that the rates need."""

    @property
    def camera_class(self) -> int | None: ...
    @property
    def online(self) -> bool: ...


class Camera(NamedTuple):
    """A plain CameraState: a tuple, because twenty thousand of them are made for each scrape."""

    device_id: str
    channel_id: str
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    camera_class: int | None = None
    priority: str = ""
    retention_class: str = "ordinary"
    civil_code: str = ""
    online: bool = False
    streaming: bool = False
    recording: bool = False
    bitrate_bps: float | None = None
    fps: float | None = None
    packet_loss_ratio: float | None = None
    keyframe_age_s: float | None = None
    last_keepalive_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The platform at one moment, as gauges. None leaves a gauge out."""

    devices: int | None = None
    devices_online: int | None = None
    media_sessions: int | None = None
    media_viewers: int | None = None
    media_bitrate_bps: float | None = None
    media_stalled: int | None = None
    media_ports_in_use: int | None = None
    media_senders: int | None = None
    recorders: int | None = None
    recordings_wanted: int | None = None
    storage_segments: int | None = None
    storage_recorded_bytes: int | None = None
    storage_disk_bytes: int | None = None
    storage_disk_free_bytes: int | None = None
    storage_writable: bool | None = None
    outages_open: Mapping[str, int] | None = None
    """By cause."""
    sites_out: int | None = None
    clocks_drifting: int | None = None
    superiors: int | None = None
    superiors_online: int | None = None


class HealthSource(Protocol):
    """Everything one scrape needs.

    ``cameras`` is consumed a few hundred at a time with a turn for others in between, so a generator that
    builds each camera when it is asked for spreads its own cost too.
    """

    def cameras(self) -> Iterable[CameraState]: ...

    def totals(self) -> Totals: ...

    def counters(self) -> Mapping[str, object]:
        """Room name (``sip``, ``media``, ...) to its stats object: see ``health/counters.py``."""
