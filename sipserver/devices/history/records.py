"""Which recordings a device holds: RecordInfo queries, one at a time per device."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.errors import NoAnswer, Refused
from sipserver.devices.features import Parts
from sipserver.devices.history.record_type import ABSENT, EVERY_TYPE, NOT_UNDERSTOOD, RecordType
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.record_info import RecordItem, RecordQuery, RecordResponse
from sipserver.gb.record_collector import (
    CollectedRecords,
    RecordCollector,
    coverage,
    in_order,
    windows,
)

SHORTEST_WINDOW_S: Final = 600.0
MAX_QUERIES: Final = 200
BEFORE_DEADLINE_S: Final = 0.1
MAX_ITEMS: Final = 50_000

logger = logging.getLogger(__name__)


class Storage(StrEnum):
    """Where recordings are looked for (3.8 of the protocol notes, IndistinctQuery)."""

    ANY = "any"  # as the peer understands its own id: a device its disks, a platform its centre
    CENTRE = "centre"  # 中心存储
    FRONT_END = "front-end"  # 前端存储
    BOTH = "both"  # IndistinctQuery=1, each line with its RecordLocation


@dataclass(frozen=True, slots=True)
class RecordSearch:
    """What is looked for."""

    key: ChannelKey
    start: datetime
    end: datetime
    record_type: str = "all"
    storage: Storage = Storage.ANY
    stream_number: int | None = None


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """What was found. ``complete`` is False when fragments were lost or time ran out."""

    items: tuple[RecordItem, ...]
    coverage: tuple[tuple[datetime, datetime], ...]
    complete: bool
    queries: int


@dataclass(slots=True)
class _Search:
    """One search under way."""

    what: RecordSearch
    deadline: float
    """Monotonic; what has come by then is the result."""
    found: dict[tuple[str, datetime, datetime, str, str], RecordItem] = field(default_factory=dict)
    complete: bool = True
    queries: int = 0

    def take(self, collected: CollectedRecords) -> int:
        """Add what was collected; how many lines are new."""
        before = len(self.found)
        for item in collected.items:
            if len(self.found) < MAX_ITEMS and item.end >= self.what.start and item.start <= self.what.end:
                self.found.setdefault(item.key, item)
        return len(self.found) - before


class Records:
    """Asks for recordings, in pieces that devices can answer, and puts the answers together."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.features.history
        self._types = RecordType(parts.profiles, parts.clock)
        self._slots = asyncio.Semaphore(self._settings.queries_at_once)
        self._turns: dict[str, tuple[asyncio.Lock, list[None]]] = {}

    @property
    def days_max(self) -> float:
        return self._settings.search_days_max

    async def search(self, what: RecordSearch, *, deadline_s: float | None = None) -> FoundRecords:
        """Ask for all recordings that overlap an interval.

        A day is asked for at a time. When the number of lines is one at which devices stop without saying so
        (Q38), or lines are missing, the two halves of the day are asked for again.

        Args:
            deadline_s: the longest that the caller waits, where that is less than the setting.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
            ValueError: the interval is empty or too long.
        """
        longest = timedelta(days=self._settings.search_days_max)
        if not timedelta(0) < what.end - what.start <= longest:
            raise ValueError(f"a search covers more than nothing and at most {longest.days} days")
        longest_s = self._settings.query_deadline_s
        longest_s = min(deadline_s or longest_s, longest_s)
        search = _Search(what, self._parts.clock() + longest_s)
        try:
            async with asyncio.timeout(longest_s), self._turn(what.key.device_id):
                for start, end in windows(what.start, what.end, self._settings.query_window_s):
                    await self._search_window(search, start, end)
        except TimeoutError:
            search.complete = False
            if not search.found:
                raise self._silent(what.key) from None
        items = in_order(search.found.values())
        return FoundRecords(
            items=items,
            coverage=tuple(coverage(items, what.start, what.end)),
            complete=search.complete,
            queries=search.queries,
        )

    # ---------------------------------------------------------------- inside

    async def _search_window(self, search: _Search, start: datetime, end: datetime) -> None:
        collected = await self._query(search, start, end)
        new = search.take(collected)
        length = end - start
        is_suspect = collected.may_be_cut or not collected.complete
        can_split = length.total_seconds() > SHORTEST_WINDOW_S and search.queries < MAX_QUERIES
        if not (is_suspect and collected.items and can_split):
            search.complete = search.complete and collected.complete
            return
        middle = start + timedelta(seconds=int(length.total_seconds()) // 2)
        first = await self._query(search, start, middle)
        second = await self._query(search, middle, end)
        brought = search.take(first) + search.take(second)
        if brought == 0 and new and collected.complete:
            return  # the number was round by chance
        for part, (since, until) in ((first, (start, middle)), (second, (middle, end))):
            if part.may_be_cut or not part.complete:
                await self._search_window(search, since, until)

    async def _query(self, search: _Search, start: datetime, end: datetime) -> CollectedRecords:
        search.queries += 1
        what = search.what
        async with self._slots:
            if search.queries == 1 and what.record_type == EVERY_TYPE:
                collected = await self._collect_first(search, start, end)
            else:
                collected = await self._collect(search, start, end)
        if not collected.was_answered and search.queries == 1:
            raise self._silent(what.key)
        logger.debug("recordings of %s: %d of %d lines", what.key, len(collected.items), collected.sum_num)
        return collected

    async def _collect_first(self, search: _Search, start: datetime, end: datetime) -> CollectedRecords:
        """Of all types; once the other way when the usual one brings nothing (Q37)."""
        device_id, types = search.what.key.device_id, self._types
        usual, other = types.usual(device_id), types.other(device_id)
        first = None
        try:
            first = await self._collect(search, start, end, usual)
            failure = "brought nothing"
        except Refused as error:
            if other is None or error.status not in NOT_UNDERSTOOD:
                raise
            failure = f"was answered {error.status}"
        if first is not None and (first.items or other is None or not first.was_answered):
            types.note(device_id, usual, first)
            return first
        types.brought_nothing(device_id)  # until the other way does
        try:
            second = await self._collect(search, start, end, other)
        except (Refused, NoAnswer):
            if first is None:
                raise
            return first
        types.note(device_id, other or usual, second, types.failed(usual, failure))
        return second if first is None or second.items else first

    async def _collect(
        self, search: _Search, start: datetime, end: datetime, way: str | None = None
    ) -> CollectedRecords:
        parts, settings, what = self._parts, self._settings, search.what
        device_id, now = what.key.device_id, parts.clock()
        # A little before the deadline, so that what has come is not lost with it.
        total_s = min(settings.query_total_s, max(search.deadline - now - BEFORE_DEADLINE_S, 0.0))
        collector = RecordCollector(now, settings.query_first_s, settings.query_quiet_s, total_s)
        arrived = asyncio.Event()

        def receive(document: Document) -> None:
            try:
                response = RecordResponse.from_xml(document.element)
            except MalformedDocument as error:
                parts.stats.malformed_bodies += 1
                logger.debug("part of the recordings of %s dropped: %s", what.key, error)
                return
            collector.receive(response, parts.clock())
            arrived.set()

        sn = parts.signalling.next_sn()
        with parts.queries.expect(device_id, "RecordInfo", sn, receive):
            await parts.signalling.send_document(
                device_id,
                self._document(what, sn, start, end, way or self._types.usual(device_id)),
                timeout_s=parts.settings.query_timeout_s,
                target_id=what.key.channel_id if what.storage is Storage.FRONT_END else None,
            )
            while (result := collector.result) is None:
                timer = collector.next_timer()
                try:
                    async with asyncio.timeout(None if timer is None else max(0.0, timer - parts.clock())):
                        await arrived.wait()
                except TimeoutError:
                    collector.handle_timer(parts.clock())
                arrived.clear()
        return result

    def _document(self, what: RecordSearch, sn: str, start: datetime, end: datetime, way: str) -> Element:
        is_absent = way == ABSENT and what.record_type == EVERY_TYPE
        indistinct = {Storage.ANY: None, Storage.BOTH: True}.get(what.storage, False)
        return RecordQuery(
            sn=sn,
            device_id=GbId(what.key.channel_id),
            start=start,
            end=end,
            record_type="" if is_absent else what.record_type,
            indistinct=indistinct,
            stream_number=what.stream_number,
        ).to_xml()

    def _silent(self, key: ChannelKey) -> NoAnswer:
        return NoAnswer(
            f"device {key.device_id} took the RecordInfo query for {key.channel_id} and sent no answer "
            f"within {self._settings.query_first_s:g} s",
            device_id=key.device_id,
            channel_id=key.channel_id,
        )

    @asynccontextmanager
    async def _turn(self, device_id: str) -> AsyncIterator[None]:
        """One search at a time per device: recorders lose answers when two are under way."""
        lock, waiting = self._turns.setdefault(device_id, (asyncio.Lock(), []))
        waiting.append(None)
        try:
            async with lock:
                yield
        finally:
            waiting.pop()
            if not waiting:
                self._turns.pop(device_id, None)
