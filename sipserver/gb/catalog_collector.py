"""Puts the fragments of one Catalog answer together (多响应消息传输).

Fragments come in any order, twice, with different totals, or not at all. A collection ends when as many
different items as the largest SumNum are there, or when no fragment or nothing new came for a while. One that
goes on bringing items may take long: 100,000 of them in as many messages are some minutes on a slow line.

Source: GB/T 28181-2022 annex M (2016: annex N); GB-C058, GB-C059, Q30, Q31.
"""

from dataclasses import dataclass
from typing import Final

from sipserver.gb import quirks
from sipserver.gb.messages.catalog import CatalogItem, CatalogResponse

QUIET_S: Final = 15.0
STALLED_S: Final = 60.0
TOTAL_S: Final = 1800.0
MAX_COLLECTED_ITEMS: Final = 200_000


@dataclass(frozen=True, slots=True)
class CollectedCatalog:
    """The end of a collection.

    Only a ``complete`` one may delete what it does not contain. ``duplicates`` counts ids that came again
    (the last one wins), ``unusable`` items without an id.
    """

    items: tuple[CatalogItem, ...]
    complete: bool
    duplicates: int
    sum_num: int
    unusable: int = 0


class CatalogCollector:
    """Collects the answer to one query.

    Args:
        sn: the SN of our query, as text.
        now: monotonic seconds.
        quiet_s: how long to wait for another fragment after the last one.
        total_s: how long to wait in all, however much still comes.
        stalled_s: how long to listen to fragments that bring nothing new; at least ``quiet_s``.
    """

    def __init__(
        self,
        sn: str,
        now: float,
        quiet_s: float = QUIET_S,
        total_s: float = TOTAL_S,
        stalled_s: float = STALLED_S,
    ) -> None:
        self.sn = sn
        self.fragments = 0
        self._quiet_s = quiet_s
        self._quiet_at = now + quiet_s
        self._total_at = now + total_s
        self._stalled_s = max(stalled_s, quiet_s)
        self._stalled_at = now + self._stalled_s
        self._items: dict[str, CatalogItem] = {}
        self._largest_sum = 0
        self._duplicates = 0
        self._unusable = 0
        self._overflow = False
        self._result: CollectedCatalog | None = None

    @property
    def result(self) -> CollectedCatalog | None:
        """``None`` while fragments are awaited."""
        return self._result

    @property
    def collected(self) -> int:
        return len(self._items)

    def accepts(self, response: CatalogResponse) -> bool:
        """Whether a fragment carries our SN; leading zeros may have gone on the way (Q28)."""
        name = "sn-zero-stripped"
        return quirks.apply(name, response.sn) == quirks.apply(name, self.sn)

    def receive(self, response: CatalogResponse, now: float) -> None:
        """Take a fragment.

        One that comes after the end still adds its items: SumNum may be too small (Q31).
        """
        self.fragments += 1
        self._largest_sum = max(self._largest_sum, response.sum_num)
        self._unusable += response.unusable
        before = len(self._items)
        for item in response.items:
            self._add(item)
        self._quiet_at = now + self._quiet_s
        if len(self._items) > before:
            self._stalled_at = now + self._stalled_s
        if self._result is None and len(self._items) > self._largest_sum > 0:
            return  # SumNum counts something else (Q31): what else comes, only silence tells
        if self._is_reached:
            self._finish(complete=self._names_something)
        elif self._result is not None:
            self._finish(complete=False)

    def next_timer(self) -> float | None:
        """When to call ``handle_timer``; ``None`` once there is a result."""
        return None if self._result is not None else min(self._quiet_at, self._stalled_at, self._total_at)

    def handle_timer(self, now: float) -> None:
        timer = self.next_timer()
        if timer is not None and now >= timer:
            self._finish(complete=self._is_reached and self._names_something)

    @property
    def _is_reached(self) -> bool:
        collected = len(self._items) + self._unusable
        return self.fragments > 0 and collected >= self._largest_sum and not self._overflow

    @property
    def _names_something(self) -> bool:
        """A list of nothing but items without an id says nothing about those that it does not name."""
        return bool(self._items) or not self._unusable

    def _add(self, item: CatalogItem) -> None:
        if item.device_id in self._items:
            self._duplicates += 1
        elif len(self._items) >= MAX_COLLECTED_ITEMS:
            self._overflow = True
            return
        self._items[item.device_id] = item

    def _finish(self, complete: bool) -> None:
        self._result = CollectedCatalog(
            items=tuple(self._items.values()),
            complete=complete,
            duplicates=self._duplicates,
            sum_num=self._largest_sum,
            unusable=self._unusable,
        )
