"""The ``[storage]`` table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

Seconds = Annotated[float, Ge(0.05), Le(86_400)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """How recordings are written and kept.

    Days can be raised above what the rules ask, never lowered below them (R-15).
    """

    path: Path = Path("data/recordings")
    """Directory of the recordings; the index keeps paths relative to it, so it can be moved."""
    segment_s: Annotated[float, Ge(2), Le(3600)] = 60.0
    """A file ends at the first key frame after so many seconds."""
    free_floor_bytes: Annotated[int, Ge(0)] = 2_000_000_000
    """Below so much free space no new file is begun; recordings are never deleted early for it."""
    reconcile_s: Seconds = 3.0
    """How often what should be recorded is compared with what is."""
    flush_s: Seconds = 1.0
    """How often changes of running recordings go to the index, all in one transaction."""
    stall_s: Annotated[float, Ge(5), Le(3600)] = 90.0
    """A recording to which nothing was written for so long is begun anew; longer than the longest GOP."""
    retry_min_s: Seconds = 1.0
    """Pause before the second attempt to get a stream; it doubles with each attempt."""
    retry_max_s: Seconds = 60.0
    """Longest pause between two attempts."""
    ordinary_days: Annotated[int, Ge(30), Le(36_500)] = 30
    """Ordinary channels: days of 24 hours that footage is kept."""
    key_days: Annotated[int, Ge(90), Le(36_500)] = 90
    """Key channels: the least number of days, if that is later than the months."""
    key_months: Annotated[int, Ge(3), Le(1200)] = 3
    """Key channels: calendar months in Beijing time."""
    counter_terrorism_days: Annotated[int, Ge(90), Le(36_500)] = 90
    """Counter-terrorism key places: days."""
    temporary_days: Annotated[int, Ge(1), Le(365)] = 7
    """What is recorded with a stated end alone, for an emergency or inspection: days (R-4)."""
    temporary_hours_max: Annotated[float, Ge(0.1), Le(720)] = 72.0
    """Longest recording with a stated end, hours."""
    temporary_max: Annotated[int, Ge(1), Le(10_000)] = 200
    """Recordings with a stated end that may be in force."""
    retention_run_s: Annotated[float, Ge(1), Le(86_400)] = 60.0
    """How often footage whose time is over is deleted."""
    retention_batch: Annotated[int, Ge(1), Le(10_000)] = 500
    """Files deleted in one transaction."""
    clock_jump_s: Annotated[float, Ge(60), Le(31_536_000)] = 3600.0
    """When the wall clock runs ahead of the monotonic clock by more than this, deleting pauses."""
    downtime_limit_s: Annotated[float, Ge(3600), Le(31_536_000)] = 604_800.0
    """When a start comes so long after the last run, the clock is doubted and deleting pauses."""
    clock_settle_s: Annotated[float, Ge(0), Le(31_536_000)] = 86_400.0
    """A doubted clock that has kept steady for so long is trusted again."""
    playbacks_max: Annotated[int, Ge(1), Le(10_000)] = 500
    """Recordings played at once, for superiors and viewers together."""
    playback_start_s: Annotated[float, Ge(0.5), Le(60)] = 10.0
    """How long the first picture of a playback is waited for."""
    playback_linger_s: Annotated[float, Ge(1), Le(3600)] = 20.0
    """How long a playback of the console without viewers is kept."""
    rolling_segment_s: Annotated[float, Ge(2), Le(60)] = 5.0
    """Length of the short files that hold footage from before an alarm."""
    rolling_channels: Annotated[int, Ge(0), Le(10_000)] = 200
    """At most so many channels are kept running for footage from before an alarm."""
    clip_longest_s: Annotated[float, Ge(1), Le(3600)] = 300.0
    """Longest clip of an alarm; alarms in a row prolong a clip up to this."""
    alarm_file_days: Annotated[int, Ge(30), Le(36_500)] = 90
    """Clips and pictures of alarms are kept so long, or as long as the recordings if that is more."""
    downloads_at_once: Annotated[int, Ge(1), Le(1000)] = 4
    """Downloads from devices at a time; each device serves one."""
    downloads_waiting_max: Annotated[int, Ge(1), Le(100_000)] = 1000
    """Downloads that may be under way or wait their turn."""
    download_hours_max: Annotated[float, Ge(0.1), Le(168)] = 24.0
    """Longest time that one download may ask for, hours."""
    download_attempts: Annotated[int, Ge(1), Le(100)] = 10
    """Attempts in a row that bring nothing, after which a download is given up."""
    downloads_keep_days: Annotated[int, Ge(1), Le(36_500)] = 30
    """Days that the files of a finished download are kept."""
