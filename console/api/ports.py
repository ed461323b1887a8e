"""What the API needs from the rooms that hold sockets and streams, no more than it uses.

``console/rooms.py`` translates the real rooms into these; tests hand in small fakes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from catalog.keyset import Page
from catalog.model import ChannelKey, Device
from console.api.reader_models import StreamReaders
from sipserver.devices.stream_request import LiveStream
from storage.model import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFigures:
    """What one reception looks like now. None: not known yet."""

    session_id: str
    transport: str = ""
    ssrc: int | None = None
    source: str | None = None
    packets: int = 0
    received_bytes: int = 0
    lost: int = 0
    reordered: int = 0
    duplicates: int = 0
    stranger_packets: int = 0
    wrong_ssrc_packets: int = 0
    malformed_packets: int = 0
    packet_loss_ratio: float = 0.0
    jitter_ms: float | None = None
    fps: float | None = None
    bitrate_bps: float | None = None
    gop_s: float | None = None
    keyframe_age_s: float | None = None
    silence_s: float | None = None
    stall: str | None = None
    video_codec: str | None = None
    width: int = 0
    height: int = 0
    audio_codec: str | None = None
    audio_rate_hz: int | None = None
    audio_channels: int = 1
    mime: str = ""
    readers: int = 0
    viewers: int = 0
    transcoded_from: str | None = None
    """The camera's codec, where viewers are given a transcoded picture."""


@dataclass(frozen=True, slots=True)
class CatalogSyncOutcome:
    """What asking a device for its catalogue brought."""

    stored: int
    complete: bool
    announced: int | None


class Hold(Protocol):
    """A claim on the shared upstream stream of a channel."""

    @property
    def stream(self) -> LiveStream:
        """Which it is: the main one where a sub-stream was asked for and there is none."""

    @property
    def lost(self) -> asyncio.Event: ...
    def grant(self, tag: str, ttl_s: float, *, user: str, channel: str) -> Mapping[str, str]: ...
    def revoke(self, tag: str) -> None: ...
    def viewers_of(self, tag: str) -> int: ...
    @property
    def lost_reason(self) -> str:
        """Why, once it is lost."""

    def figures(self) -> StreamFigures: ...
    def readers(self) -> StreamReaders: ...
    async def jpeg(self, max_width: int | None) -> bytes: ...
    async def release(self, *, at_once: bool = False) -> None:
        """Give the claim back; ``at_once`` asks for the BYE without waiting for the next viewer."""


class Streams(Protocol):
    """The live side of devices and media, as the API sees it."""

    async def hold(
        self, key: ChannelKey, purpose: str, tag: str, stream: LiveStream = LiveStream.MAIN
    ) -> Hold: ...
    async def hold_h264(
        self, key: ChannelKey, purpose: str, tag: str, stream: LiveStream = LiveStream.MAIN
    ) -> Hold:
        """The same as H.264: another codec is transcoded, while there are slots."""

    def figures(self) -> Mapping[ChannelKey, StreamFigures]:
        """Every channel that streams now."""

    def figures_of(self, key: ChannelKey) -> StreamFigures | None:
        """One channel's stream, without asking for all others."""

    async def sync_catalog(self, device_id: str) -> CatalogSyncOutcome: ...
    def device_changed(self, device: Device) -> None:
        """An operator changed it: its password or its admission may be another."""

    def presence(self, device_id: str) -> "Presence | None": ...
    def presences(self) -> "Mapping[str, Presence]":
        """Every device that presence knows."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A device as it is now; the catalogue's row is up to a second older."""

    online: bool
    transport: str | None
    remote: str | None
    edition: str | None
    last_seen_time: datetime | None
    keepalive_age_s: float | None = None


class Recorder(Protocol):
    """Starts and stops recordings."""

    async def start(self, key: ChannelKey, requested_by: str = "") -> None: ...
    async def stop(self, key: ChannelKey) -> None: ...
    def is_recording(self, key: ChannelKey) -> bool: ...
    def is_desired(self, key: ChannelKey) -> bool: ...


class Segments(Protocol):
    """The index of what was recorded."""

    async def list_segments(
        self,
        key: ChannelKey,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Segment]: ...
