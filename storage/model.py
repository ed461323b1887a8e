"""Segments, gaps and deletions as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from catalog.model import ChannelKey, RetentionClass


class SegmentState(StrEnum):
    """The life of a segment: open, then closed or recovered, then deleted.

    Missing: somebody else took the file away.
    """

    OPEN = "open"
    CLOSED = "closed"
    RECOVERED = "recovered"  # its end was computed from the file after a crash
    MISSING = "missing"
    DELETED = "deleted"


ON_DISK: Final = frozenset({SegmentState.OPEN, SegmentState.CLOSED, SegmentState.RECOVERED})
FINISHED: Final = frozenset({SegmentState.CLOSED, SegmentState.RECOVERED})


class GapCause(StrEnum):
    """Why a channel that should be recorded was not."""

    STARTING = "starting"  # asked for, no picture yet
    DEVICE_OFFLINE = "device_offline"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    NO_MEDIA = "no_media"
    WRONG_SSRC = "wrong_ssrc"
    NO_KEYFRAME = "no_keyframe"
    NO_CAPACITY = "no_capacity"  # our own ports or stream numbers are used up
    STREAM_LOST = "stream_lost"
    STALLED = "stalled"  # attached, but nothing came to disk
    DISK_FULL = "disk_full"
    DISK_ERROR = "disk_error"
    PLATFORM_DOWN = "platform_down"
    UNKNOWN_CHANNEL = "unknown_channel"
    MEDIA = "media"  # reported by the data plane inside a running recording
    ERROR = "error"  # a fault of ours, see the log


class DeletionReason(StrEnum):
    """Why a file was deleted."""

    EXPIRED = "expired"  # the promise ran out
    EMPTY = "empty"  # it held no whole picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One file of a recording."""

    segment_id: str
    recorder_id: str
    device_id: str
    channel_id: str
    path: str
    start_time: datetime
    end_time: datetime
    first_pts_90k: int | None = None
    last_pts_90k: int | None = None
    size_bytes: int = 0
    video_codec: str = ""
    audio_codec: str = ""
    width: int | None = None
    height: int | None = None
    state: SegmentState = SegmentState.OPEN
    retention_class: RetentionClass = RetentionClass.ORDINARY
    keep_until: datetime | None = None
    reason: str = ""
    deleted_time: datetime | None = None

    @property
    def key(self) -> ChannelKey:
        return ChannelKey(self.device_id, self.channel_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch of time in which a channel should have been recorded and was not."""

    gap_id: int
    device_id: str
    channel_id: str
    start_time: datetime
    end_time: datetime | None
    cause: GapCause
    detail: str = ""

    @property
    def key(self) -> ChannelKey:
        return ChannelKey(self.device_id, self.channel_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """One line of the deletion ledger."""

    seq: int
    deleted_time: datetime
    segment_id: str
    device_id: str
    channel_id: str
    start_time: datetime
    end_time: datetime
    size_bytes: int
    retention_class: RetentionClass
    keep_until: datetime
    reason: DeletionReason
    previous_hash: str
    hash: str


class Phase(StrEnum):
    """Where a recording stands."""

    WAITING = "waiting"
    ASKING = "asking"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class RecordingState:
    """A recording as others may see it. ``cause`` is None while footage reaches the disk."""

    key: ChannelKey
    phase: Phase
    recording: bool
    recorder_id: str | None
    segment_id: str | None
    attempts: int
    cause: GapCause | None
    detail: str
