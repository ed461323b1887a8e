"""Bounded memory of who tries too often. Pure: times are passed in."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

MAX_SOURCES: Final = 16_384


class TokenBuckets:
    """One token bucket per key, at most ``MAX_SOURCES`` of them; the longest unused one is forgotten.

    To forget a bucket is to fill it, so a flood from many forged addresses makes the limiter forget and never
    makes it grow. What such a flood can reach is bounded by one answer per request, none larger than it.
    """

    def __init__(self, burst: float, per_second: float, max_sources: int = MAX_SOURCES) -> None:
        self._burst = burst
        self._per_second = per_second
        self._max_sources = max_sources
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> bool:
        """Take one token; False when the bucket is empty."""
        tokens = self._level(key, now)
        allowed = tokens >= 1.0
        self._store(key, tokens - 1.0 if allowed else tokens, now)
        return allowed

    def give_back(self, key: str, now: float, tokens: float = 1.0) -> None:
        """Return what an attempt took that proved honest."""
        if key in self._buckets:
            self._store(key, min(self._burst, self._level(key, now) + tokens), now)

    def _level(self, key: str, now: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._burst
        tokens, at = bucket
        return min(self._burst, tokens + (now - at) * self._per_second)

    def _store(self, key: str, tokens: float, now: float) -> None:
        self._buckets[key] = (tokens, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_sources:
            self._buckets.popitem(last=False)


class FailureCounts:
    """Wrong passwords per source and device, forgotten after ``memory_s`` without another one."""

    def __init__(self, memory_s: float, max_sources: int = MAX_SOURCES) -> None:
        self._memory_s = memory_s
        self._max_sources = max_sources
        self._counts: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def failed(self, source: str, device_id: str, now: float) -> int:
        """Count one more; returns how many there are."""
        count = self.count(source, device_id, now) + 1
        key = (source, device_id)
        self._counts[key] = (count, now)
        self._counts.move_to_end(key)
        if len(self._counts) > self._max_sources:
            self._counts.popitem(last=False)
        return count

    def count(self, source: str, device_id: str, now: float) -> int:
        count, at = self._counts.get((source, device_id), (0, now))
        return count if now - at <= self._memory_s else 0

    def clear(self, source: str, device_id: str) -> None:
        self._counts.pop((source, device_id), None)
