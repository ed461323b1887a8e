"""Puts the fragments of one RecordInfo answer together (多响应消息传输).

Fragments come in any order, twice, with different totals, or not at all; recorders answer in silence for many
seconds. A collection ends when as many different lines as the largest SumNum are there, or when nothing new
came for a while.

Source: GB/T 28181-2022 annex M (2016: annex N); 3.2 and 3.8 of the protocol notes; Q30, Q38.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sipserver.gb.messages.record_info import RecordItem, RecordResponse

FIRST_S: Final = 15.0
QUIET_S: Final = 8.0
TOTAL_S: Final = 60.0
MAX_COLLECTED_RECORDS: Final = 50_000
# Where devices are known or likely to cut an answer off without saying so (Q38). A day of hourly files, or
# one file per ten minutes, is no such number.
ROUND_LIMITS: Final = frozenset(
    {50, 64, 100, 128, 200, 255, 256, 400, 500, 512, 1000, 1024, 2000, 2048, 3000, 4000, 4096, 5000, 10_000}
)


@dataclass(frozen=True, slots=True)
class CollectedRecords:
    """The end of a collection; ``items`` by their start. ``was_answered``: at least one fragment came."""

    items: tuple[RecordItem, ...]
    complete: bool
    sum_num: int
    was_answered: bool
    unusable: int = 0

    @property
    def may_be_cut(self) -> bool:
        """Whether the number of lines is one at which devices stop."""
        return len(self.items) in ROUND_LIMITS or self.sum_num in ROUND_LIMITS


class RecordCollector:
    """Collects the answer to one query.

    Args:
        now: monotonic seconds.
        first_s: how long to wait for the first fragment: the whole disk is searched meanwhile.
        quiet_s: how long to wait for another one.
        total_s: how long to wait in all.
    """

    def __init__(
        self, now: float, first_s: float = FIRST_S, quiet_s: float = QUIET_S, total_s: float = TOTAL_S
    ) -> None:
        self.fragments = 0
        self._quiet_s = quiet_s
        self._quiet_at = now + first_s
        self._total_at = now + total_s
        self._items: dict[tuple[str, datetime, datetime, str, str], RecordItem] = {}
        self._received = 0
        self._largest_sum = 0
        self._unusable = 0
        self._result: CollectedRecords | None = None

    @property
    def result(self) -> CollectedRecords | None:
        """``None`` while fragments are awaited."""
        return self._result

    def receive(self, response: RecordResponse, now: float) -> None:
        """Take a fragment. One that comes after the end is too late: its SumNum may have been a lie."""
        if self._result is not None:
            return
        self.fragments += 1
        self._largest_sum = max(self._largest_sum, response.sum_num)
        self._unusable += response.unusable
        for item in response.items:
            if len(self._items) < MAX_COLLECTED_RECORDS:
                self._items[item.key] = item
        self._quiet_at = now + self._quiet_s
        if len(self._items) + self._unusable >= self._largest_sum:
            self._finish(complete=len(self._items) < MAX_COLLECTED_RECORDS)

    def next_timer(self) -> float | None:
        """When to call ``handle_timer``; ``None`` once there is a result."""
        return None if self._result is not None else min(self._quiet_at, self._total_at)

    def handle_timer(self, now: float) -> None:
        timer = self.next_timer()
        if timer is not None and now >= timer:
            self._finish(complete=False)

    def _finish(self, complete: bool) -> None:
        self._result = CollectedRecords(
            items=in_order(self._items.values()),
            complete=complete,
            sum_num=self._largest_sum,
            was_answered=self.fragments > 0,
            unusable=self._unusable,
        )


def in_order(items: Iterable[RecordItem]) -> tuple[RecordItem, ...]:
    """Without doubles, by start, then by end."""
    unique = {item.key: item for item in items}
    return tuple(sorted(unique.values(), key=lambda item: (item.start, item.end, item.file_path)))


def coverage(
    items: Iterable[RecordItem], start: datetime, end: datetime, gap_s: float = 2.0
) -> list[tuple[datetime, datetime]]:
    """What of an interval the recordings cover: lines that touch, overlap or miss by ``gap_s`` are joined.

    Lines that reach beyond the interval are cut at its ends; those of no length cover nothing.
    """
    spans: list[tuple[datetime, datetime]] = []
    for item in in_order(items):
        first, last = max(item.start, start), min(item.end, end)
        if last <= first:
            continue
        if spans and first - spans[-1][1] <= timedelta(seconds=gap_s):
            spans[-1] = (spans[-1][0], max(spans[-1][1], last))
        else:
            spans.append((first, last))
    return spans


def windows(start: datetime, end: datetime, longest_s: float) -> list[tuple[datetime, datetime]]:
    """An interval in pieces of at most ``longest_s``: a recorder is asked for one day at most."""
    step = timedelta(seconds=longest_s)
    pieces = []
    while start < end:
        upto = min(start + step, end)
        pieces.append((start, upto))
        start = upto
    return pieces
