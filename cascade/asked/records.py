"""RecordInfo of a superior: which recordings there are, at the device and on our own disk (文件目录检索).

A line of our own is a stretch without a gap, cut at full hours; what is missing between two lines was not
recorded.
The ids in all of it are the superior's. Source: gb28181.md 3.8, 8.6; GB-C130, GB-C133.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cascade.model import RecordSource, Superior
from cascade.ports import HistoryRooms
from cascade.shown.presented import PresentedChannel
from cascade.streams.source_desk import OWN_FILES, OWN_TYPES
from sipserver.devices.errors import DeviceError
from sipserver.devices.history.records import RecordSearch
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.messages.record_info import RecordItem, RecordQuery
from sipserver.gb.record_collector import in_order, windows
from storage.errors import StorageError
from storage.model import Segment

MAX_LINES: Final = 4_000
"""In one answer; of more, the newest are told."""
LONGEST: Final = timedelta(days=92)
"""Who asks for more than this is answered for the newest so many days: footage is kept for three months."""
JOINED: Final = timedelta(seconds=2)
"""Files that miss each other by less are one stretch."""
ON_TOP: Final = timedelta(seconds=5)
"""A device's line that reaches beyond our own by less is the same footage."""
LINE: Final = timedelta(hours=1)
AT_ONCE: Final = timedelta(days=3)
"""Of our own index: some thousands of files, so that nobody else waits for long."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListedRecords:
    """What is answered. ``why`` says what is missing from it, and is empty when nothing is."""

    items: tuple[RecordItem, ...]
    why: str = ""
    is_refused: bool = False
    """By us, not for want of an answer from below."""


class RecordsDesk:
    """Finds the lines for one superior."""

    def __init__(
        self, rooms: HistoryRooms, superior: Callable[[], Superior], wall: Callable[[], datetime]
    ) -> None:
        self._rooms = rooms
        self._superior = superior
        self._wall = wall

    async def find(self, query: RecordQuery, entry: PresentedChannel) -> ListedRecords:
        """The lines of a channel, within the time that the superior's settings give to devices."""
        start, end, cut = self._bounded(query.start, query.end)
        if end <= start:
            return ListedRecords((), "the interval is empty", is_refused=True)
        own, device, failure = await self._search(query, entry, start, end)
        items = [each for each in self._merged(own, device, query) if _is_asked_for(each, query)]
        presented = query.device_id
        lines = [_as_presented(each, presented, entry) for each in items]
        notes = [cut, failure, f"{len(lines)} lines, {MAX_LINES} told" if len(lines) > MAX_LINES else ""]
        why = "; ".join(note for note in notes if note)
        return ListedRecords(tuple(lines[-MAX_LINES:]), why, is_refused=bool(cut) or len(lines) > MAX_LINES)

    # ---------------------------------------------------------------- inside

    def _bounded(self, start: datetime, end: datetime) -> tuple[datetime, datetime, str]:
        """No later than now, and no longer than footage is kept."""
        end = min(end, self._wall() + timedelta(days=1))
        if end - start <= LONGEST:
            return start, end, ""
        return end - LONGEST, end, f"asked for {(end - start).days} days, answered for {LONGEST.days}"

    async def _search(
        self, query: RecordQuery, entry: PresentedChannel, start: datetime, end: datetime
    ) -> tuple[list[RecordItem], list[RecordItem], str]:
        """Own lines, the device's, and why the device's are missing."""
        source = RecordSource.MERGED if query.indistinct else self._superior().record_source
        own: list[RecordItem] = []
        device: list[RecordItem] = []
        failure = ""
        if source is not RecordSource.DEVICE_FIRST:
            own = await self._own(query, entry, start, end)
        if source is not RecordSource.OWN_FIRST or not own:
            device, failure = await self._device(query, entry, start, end)
        if source is RecordSource.DEVICE_FIRST and not device:
            own = await self._own(query, entry, start, end)
        return own, device, failure

    async def _own(
        self, query: RecordQuery, entry: PresentedChannel, start: datetime, end: datetime
    ) -> list[RecordItem]:
        if query.record_type not in OWN_TYPES:
            return []
        lines: list[RecordItem] = []
        for first, last in windows(start, end, AT_ONCE.total_seconds()):
            found: list[Segment] = []
            for key in entry.paths:
                try:
                    found += await self._rooms.own.segments(key, first, last)
                except StorageError as error:
                    logger.warning("our recordings of %s cannot be listed: %s", key, error)
            lines += lines_of(found, str(query.device_id), self._superior().own_id, first, last)
        return lines

    async def _device(
        self, query: RecordQuery, entry: PresentedChannel, start: datetime, end: datetime
    ) -> tuple[list[RecordItem], str]:
        longest = timedelta(days=self._rooms.records.days_max)
        failure = ""
        deadline = asyncio.get_running_loop().time() + self._superior().record_wait_s
        for key in entry.paths:
            what = RecordSearch(
                key,
                max(start, end - longest),
                end,
                record_type=query.record_type or "all",
                stream_number=query.stream_number,
            )
            left_s = max(deadline - asyncio.get_running_loop().time(), 0.1)
            try:
                # Once more around it: what holds up the way to the device counts as well.
                async with asyncio.timeout(left_s + 1.0):
                    found = await self._rooms.records.search(what, deadline_s=left_s)
            except (DeviceError, TimeoutError) as error:
                failure = str(error) or f"device {key.device_id} sent no answer in time"
                continue
            return list(found.items), "" if found.complete else f"device {key.device_id} sent a part of it"
        return [], failure

    def _merged(
        self, own: Sequence[RecordItem], device: Sequence[RecordItem], query: RecordQuery
    ) -> list[RecordItem]:
        """Both by their begin. The same footage is told once, unless the superior asks where it lies."""
        if query.indistinct:
            return list(in_order([*(replace(each, location=each.device_id) for each in device), *own]))
        covered = [(each.start - ON_TOP, each.end + ON_TOP) for each in joined(own)]
        new = [each for each in device if not any(a <= each.start and each.end <= b for a, b in covered)]
        return list(in_order(replace(each, location="") for each in (*new, *own)))


def lines_of(
    segments: Iterable[Segment], presented: str, own_id: str, start: datetime, end: datetime
) -> list[RecordItem]:
    """Lines for files of ours, cut at the ends of what was asked for and at full hours."""
    stretches: list[tuple[datetime, datetime, int]] = []
    for segment in sorted(segments, key=lambda each: each.start_time):
        first, last = max(segment.start_time, start), min(segment.end_time, end)
        if last <= first:
            continue
        part = round(segment.size_bytes * ((last - first) / (segment.end_time - segment.start_time)))
        if stretches and first - stretches[-1][1] <= JOINED and not _is_new_hour(stretches[-1], first):
            before, until, size = stretches[-1]
            stretches[-1] = (before, max(until, last), size + part)
        else:
            stretches.append((first, last, part))
    return [_own_line(presented, own_id, *stretch) for stretch in stretches]


def joined(items: Iterable[RecordItem]) -> list[RecordItem]:
    """Lines that touch made one."""
    found: list[RecordItem] = []
    for item in sorted(items, key=lambda each: each.start):
        if found and item.start - found[-1].end <= JOINED:
            found[-1] = replace(found[-1], end=max(found[-1].end, item.end))
        else:
            found.append(item)
    return found


def _is_new_hour(stretch: tuple[datetime, datetime, int], moment: datetime) -> bool:
    return stretch[0].timestamp() // LINE.total_seconds() != moment.timestamp() // LINE.total_seconds()


def _own_line(presented: str, own_id: str, start: datetime, end: datetime, size: int) -> RecordItem:
    name = f"{start.astimezone(BEIJING):%Y%m%d%H%M%S}"
    return RecordItem(
        device_id=presented,
        start=start,
        end=end,
        name=name,
        file_path=f"{OWN_FILES}{presented}/{name}",
        record_type="time",
        recorder_id=own_id,
        size_bytes=size,
        location=own_id,
    )


def _is_asked_for(item: RecordItem, query: RecordQuery) -> bool:
    """Address and FilePath are searched for, RecorderID and Type compared; devices may ignore them."""
    return (
        query.file_path in item.file_path
        and query.address in item.address
        and query.recorder_id in ("", item.recorder_id)
        and (query.record_type in ("", "all", item.record_type) or not item.record_type)
        and (query.secrecy == 0 or item.secrecy == query.secrecy)
    )


def _as_presented(item: RecordItem, presented: str, entry: PresentedChannel) -> RecordItem:
    """Under the superior's ids; those of devices that it does not know are not told."""
    hidden = {each for key in entry.paths for each in key}
    return replace(
        item,
        device_id=presented,
        name=item.name or entry.item.name,
        secrecy=item.secrecy or entry.item.secrecy or 0,
        recorder_id=presented if item.recorder_id in hidden else item.recorder_id,
        location=presented if item.location in hidden else item.location,
    )
