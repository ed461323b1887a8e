"""What storage counts; only ``health/`` knows the exposition format."""

from dataclasses import dataclass


@dataclass(slots=True)
class StorageStats:
    """Counters since the start, and gauges kept up to date by those who change them."""

    segments: int = 0
    size_bytes: int = 0
    segments_opened: int = 0
    segments_closed: int = 0
    segments_recovered: int = 0
    segments_reindexed: int = 0
    segments_deleted: int = 0
    segments_missing: int = 0
    deleted_bytes: int = 0
    recording_failures: int = 0
    recording_interruptions: int = 0
    index_failures: int = 0
    deletion_failures: int = 0
    promises_raised: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSnapshot:
    """Everything that the metrics show of storage."""

    segments: int
    size_bytes: int
    free_bytes: int
    total_bytes: int
    floor_bytes: int
    disk_full: bool
    desired: int
    recording: int
    retention_paused: bool
    segments_opened: int
    segments_closed: int
    segments_recovered: int
    segments_reindexed: int
    segments_deleted: int
    segments_missing: int
    deleted_bytes: int
    recording_failures: int
    recording_interruptions: int
    index_failures: int
    deletion_failures: int
    promises_raised: int
