"""What storage tells the rest: a thing happened, with the numbers that prove it."""

from collections.abc import Callable
from dataclasses import dataclass

from catalog.model import ChannelKey
from storage.model import GapCause


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """Footage of a channel began to reach the disk."""

    key: ChannelKey


@dataclass(frozen=True, slots=True)
class RecordingInterrupted:
    """A channel that should be recorded is not; the recorder keeps trying."""

    key: ChannelKey
    cause: GapCause
    detail: str


@dataclass(frozen=True, slots=True)
class RecordingStopped:
    """A channel is no longer to be recorded."""

    key: ChannelKey


@dataclass(frozen=True, slots=True)
class DiskFloorReached:
    """Free space fell below the floor: no new segment is begun."""

    free_bytes: int
    floor_bytes: int


@dataclass(frozen=True, slots=True)
class DiskFloorCleared:
    """There is room again."""

    free_bytes: int


@dataclass(frozen=True, slots=True)
class RetentionPaused:
    """Nothing is deleted until the clock is trusted again."""

    reason: str


@dataclass(frozen=True, slots=True)
class RetentionResumed:
    """The clock is trusted again."""


@dataclass(frozen=True, slots=True)
class SegmentsMissing:
    """Files of the index are not on the disk."""

    count: int
    of: int
    marked: bool


StorageEvent = (
    RecordingStarted
    | RecordingInterrupted
    | RecordingStopped
    | DiskFloorReached
    | DiskFloorCleared
    | RetentionPaused
    | RetentionResumed
    | SegmentsMissing
)

EventSink = Callable[[StorageEvent], None]


def ignore(_event: StorageEvent) -> None:
    """A sink for those who need none."""
