"""What is to be looked at when: a heap of moments."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Agenda(Generic[Item]):
    """Entries are never taken back: whoever takes one out looks whether it still counts."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, at: float, item: Item) -> None:
        heapq.heappush(self._heap, (at, next(self._order), item))

    def pop_due(self, now: float) -> tuple[float, Item] | None:
        """The first entry whose moment has come, with that moment."""
        if not self._heap or self._heap[0][0] > now:
            return None
        at, _, item = heapq.heappop(self._heap)
        return at, item
