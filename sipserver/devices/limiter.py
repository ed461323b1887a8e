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
        # Tokens, and when they were counted; the least recently used bucket first.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> bool:
        """Take one token; False when the bucket is empty."""
        buckets = self._buckets
        bucket = buckets.get(key)
        if bucket is None:
            buckets[key] = (self._burst - 1.0, now)
            if len(buckets) > self._max_sources:
                buckets.popitem(last=False)
            return True
        buckets.move_to_end(key)
        tokens = self._level(bucket, now)
        if tokens < 1.0:
            buckets[key] = (tokens, now)
            return False
        buckets[key] = (tokens - 1.0, now)
        return True

    def give_back(self, key: str, now: float, tokens: float = 1.0) -> None:
        """Return what an attempt took that proved honest."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets[key] = (min(self._burst, self._level(bucket, now) + tokens), now)

    def _level(self, bucket: tuple[float, float], now: float) -> float:
        level = bucket[0] + (now - bucket[1]) * self._per_second
        return level if level < self._burst else self._burst


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
        if not self._counts:
            return 0
        count, at = self._counts.get((source, device_id), (0, now))
        return count if now - at <= self._memory_s else 0

    def clear(self, source: str, device_id: str) -> None:
        if self._counts:
            self._counts.pop((source, device_id), None)
