"""What the data plane reports, as frozen values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_of_us(microseconds: int) -> datetime:
    """An instant of the wall clock, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=microseconds)


def us_of_time(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant, exact."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """The sound of a stream, as the camera sends it: ``G711A``, ``G711U`` or ``AAC``."""

    codec: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream carries. ``codec`` is ``H264`` or ``H265``, or empty for sound alone (with 0 x 0 pixels);
    ``mime`` names its fMP4 form."""

    codec: str
    width: int
    height: int
    audio: AudioInfo | None
    mime: str

    @classmethod
    def from_native(cls, values: Mapping[str, Any]) -> StreamInfo:
        audio = values["audio"]
        return cls(
            codec=values["codec"],
            width=values["width"],
            height=values["height"],
            audio=None if audio is None else AudioInfo(**audio),
            mime=values["mime"],
        )


class StallReason(StrEnum):
    """Why a stream stands still; the data plane's own words."""

    NO_PACKETS = "no_packets"
    CONNECTION_LOST = "connection_lost"
    """The TCP connection has ended, and no other one came."""
    SOURCE_CHANGED = "source_changed"
    """Packets come from another address or with another SSRC, and are refused."""
    NOT_CARRIED = "not_carried"
    """What comes is known and not carried; ``SessionStats.unsupported`` names it."""
    NO_KEYFRAME = "no_keyframe"
    """Pictures come, and wait for a key frame: ask the device for one."""
    ONLY_SOUND = "only_sound"
    TIMESTAMPS_FROZEN = "timestamps_frozen"
    """Packets come whose time stands still, and no picture ends."""
    NO_PICTURES = "no_pictures"
    """Packets come, but no pictures are in them."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A running stream stands still; ``lasted_s`` so far."""

    reason: StallReason
    lasted_s: float


@dataclass(frozen=True, slots=True)
class SegmentOpened:
    """A file was begun. ``start_time``: wall clock when its first picture arrived."""

    recorder_id: str
    segment_id: str
    path: Path
    start_time: datetime


@dataclass(frozen=True, slots=True)
class SegmentGrown:
    """A fragment was written; the file is valid up to ``size_bytes``."""

    recorder_id: str
    segment_id: str
    size_bytes: int
    duration_s: float
    start_time: datetime
    end_time: datetime


@dataclass(frozen=True, slots=True)
class SegmentClosed:
    """A file is complete and on the disk.

    ``start_time`` and ``end_time`` are of the wall clock, the time stamps are the camera's, unwrapped.
    """

    recorder_id: str
    segment_id: str
    size_bytes: int
    duration_s: float
    start_time: datetime
    end_time: datetime
    first_pts_90k: int
    last_pts_90k: int
    video_codec: str
    audio_codec: str | None
    width: int
    height: int
    reason: str


@dataclass(frozen=True, slots=True)
class RecorderFailed:
    """The disk refused; the recorder has ended. ``errno`` is the system's number, 0 when there is none."""

    recorder_id: str
    errno: int
    message: str


@dataclass(frozen=True, slots=True)
class RecorderGap:
    """Pictures were left out because the disk did not keep up."""

    recorder_id: str
    dropped_frames: int
    start_time: datetime
    end_time: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RecorderDetached:
    """The last fact of a recorder that did not fail."""

    recorder_id: str


RecorderFact = SegmentOpened | SegmentGrown | SegmentClosed | RecorderFailed | RecorderGap | RecorderDetached


def _opened(values: Mapping[str, Any]) -> SegmentOpened:
    return SegmentOpened(
        values["recorder_id"],
        values["segment_id"],
        Path(values["path"]),
        time_of_us(values["start_wall_us"]),
    )


def _grown(values: Mapping[str, Any]) -> SegmentGrown:
    state = values["state"]
    return SegmentGrown(
        recorder_id=values["recorder_id"],
        segment_id=state["segment_id"],
        size_bytes=state["size_bytes"],
        duration_s=state["duration_s"],
        start_time=time_of_us(state["start_wall_us"]),
        end_time=time_of_us(state["end_wall_us"]),
    )


def _closed(values: Mapping[str, Any]) -> SegmentClosed:
    state = values["state"]
    info = StreamInfo.from_native(state["info"])
    return SegmentClosed(
        recorder_id=values["recorder_id"],
        segment_id=state["segment_id"],
        size_bytes=state["size_bytes"],
        duration_s=state["duration_s"],
        start_time=time_of_us(state["start_wall_us"]),
        end_time=time_of_us(state["end_wall_us"]),
        first_pts_90k=state["first_pts_90k"],
        last_pts_90k=state["last_pts_90k"],
        video_codec=info.codec,
        audio_codec=None if info.audio is None else info.audio.codec,
        width=info.width,
        height=info.height,
        reason=values["reason"],
    )


def _gap(values: Mapping[str, Any]) -> RecorderGap:
    return RecorderGap(
        recorder_id=values["recorder_id"],
        dropped_frames=values["dropped_pictures"],
        start_time=time_of_us(values["start_wall_us"]),
        end_time=time_of_us(values["end_wall_us"]),
        reason=values["reason"],
    )


RECORDER_FACTS: Final[Mapping[str, Callable[[Mapping[str, Any]], RecorderFact]]] = {
    "segment_opened": _opened,
    "segment_grown": _grown,
    "segment_closed": _closed,
    "recorder_failed": lambda values: RecorderFailed(**values),
    "recorder_gap": _gap,
    "recorder_detached": lambda values: RecorderDetached(**values),
}
"""Native kinds of facts about recorders, and how each is read."""
