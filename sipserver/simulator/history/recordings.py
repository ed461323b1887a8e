"""What a simulated device has recorded. Pure: the time comes as an argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sipserver.gb.gb_time import BEIJING
from sipserver.gb.messages.record_info import RecordItem

FILE: Final = timedelta(hours=1)
MAX_FILES: Final = 20_000


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """Time that is on the disk, as one file; ``record_type`` is time, alarm or manual."""

    start: datetime
    end: datetime
    record_type: str = "time"


def spans_between(
    spans: Sequence[RecordedSpan], days: int, start: datetime, end: datetime, now: datetime
) -> list[RecordedSpan]:
    """The files that overlap an interval.

    Args:
        spans: what was recorded; empty: one file an hour for the last ``days`` days, up to now.
    """
    if spans:
        return [span for span in spans if span.end > start and span.start < end][:MAX_FILES]
    oldest = now - timedelta(days=days)
    first = max(start, oldest).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    last = min(end, now)
    found: list[RecordedSpan] = []
    while first < last and len(found) < MAX_FILES:
        found.append(RecordedSpan(max(first, oldest), min(first + FILE, now)))
        first += FILE
    return found


def item_of(channel_id: str, span: RecordedSpan, bitrate_kbps: int) -> RecordItem:
    """The line of a file in an answer to RecordInfo."""
    begin = span.start.astimezone(BEIJING)
    seconds = (span.end - span.start).total_seconds()
    return RecordItem(
        device_id=channel_id,
        start=span.start,
        end=span.end,
        name=f"{begin:%Y%m%d%H%M%S}",
        file_path=f"/record/{channel_id}/{begin:%Y%m%d%H%M%S}.ps",
        address="",
        record_type=span.record_type,
        size_bytes=int(seconds * bitrate_kbps * 125),
    )
