"""A source: something with pictures that does not speak GB/T 28181, on file as a channel (国标化接入源)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypedDict

from media.sources.address import SourceAddress
from media.sources.opening import RtspTransport

MAIN: Final = False
SUB: Final = True


class SourceKind(StrEnum):
    """Who opens the connection: we pull, or the other side pushes."""

    PULL = "pull"
    PUSH = "push"


class PullMode(StrEnum):
    """When a stream is pulled."""

    ON_DEMAND = "on_demand"  # while somebody reads
    ALWAYS = "always"  # so that recordings and first pictures need not wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source. Its name, place and status are those of its channel in the catalogue."""

    channel_id: str
    kind: SourceKind = SourceKind.PULL
    address: SourceAddress | None = None
    """Where it is pulled from, with credentials."""
    sub_address: SourceAddress | None = None
    """Its smaller stream, for walls of many pictures."""
    transport: RtspTransport = RtspTransport.AUTO
    mode: PullMode = PullMode.ON_DEMAND
    is_enabled: bool = True
    push_path: str = ""
    """``app/name`` that a push publishes to."""
    push_key: str = field(default="", repr=False)
    onvif_address: str = ""
    """The ONVIF service that told the addresses; for reading them again."""
    created_time: datetime | None = None

    def address_of(self, is_sub: bool) -> SourceAddress | None:
        return self.sub_address if is_sub else self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFile:
    """What the catalogue says of a source's channel."""

    name: str
    civil_code: str = ""
    parent_id: str = ""
    address: str = ""
    manufacturer: str = ""
    model: str = ""
    longitude: float | None = None
    latitude: float | None = None


class SourceChanges(TypedDict, total=False):
    """What of a source may be changed."""

    address: SourceAddress
    sub_address: SourceAddress | None
    transport: RtspTransport
    mode: PullMode
    is_enabled: bool
    push_path: str
    push_key: str


class SourceState(StrEnum):
    """What a source does now."""

    DISABLED = "disabled"
    UNKNOWN = "unknown"  # not looked at yet
    IDLE = "idle"  # it is there, and nobody reads
    CONNECTING = "connecting"
    STREAMING = "streaming"
    FAILED = "failed"  # the verdict says why
    WAITING = "waiting"  # a push that nobody publishes to


class Status(StrEnum):
    """What the catalogue is told of a channel."""

    ON = "ON"
    OFF = "OFF"
    VLOST = "VLOST"  # it answers, and has no picture


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFigures:
    """One live picture of a source as it is now."""

    state: SourceState
    verdict: str = ""
    """Why it failed, in one word of a closed set."""
    message: str = ""
    since: float
    """Monotonic seconds of the last change of state."""
    retry_in_s: float | None = None
    failures: int = 0
    """In a row."""
    connections: int = 0
    """Since our start."""
    session_id: str | None = None
    readers: int = 0
    pictures: int = 0
    received_bytes: int = 0
    left_out: tuple[str, ...] = ()
    """Codecs that it offers and that are not carried."""
    peer: str = ""
    """Who pushes."""
