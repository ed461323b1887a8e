"""What a download from a device is: asked for once, made in one or several parts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from catalog.model import ChannelKey


class DownloadState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"  # between two attempts
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"  # ended with less footage than was asked for
    FAILED = "failed"  # ended with none
    CANCELLED = "cancelled"


UNFINISHED: Final = frozenset({DownloadState.QUEUED, DownloadState.RUNNING, DownloadState.WAITING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One request and how far it has come. ``covered_s`` counts what is in files."""

    download_id: str
    key: ChannelKey
    start_time: datetime
    end_time: datetime
    speed: int
    record_type: str
    uri: str
    requested_by: str
    requested_time: datetime
    state: DownloadState
    covered_s: float = 0.0
    attempts: int = 0
    detail: str = ""
    finished_time: datetime | None = None

    @property
    def duration_s(self) -> float:
        return (self.end_time - self.start_time).total_seconds()

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadPart:
    """One file of a download."""

    part_id: str
    download_id: str
    path: str
    offset_s: float
    duration_s: float
    size_bytes: int
    sha256: str
    video_codec: str
    audio_codec: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is now, the part that is coming included. ``ratio`` is 0 to 1."""

    covered_s: float
    ratio: float
    received_bytes: int
    size_bytes: int | None
