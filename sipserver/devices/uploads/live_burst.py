"""One burst of stills that is under way: what is here, what is awaited, and when it has ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sipserver.devices.uploads.model import BurstState, SnapshotBurst, SnapshotPicture


class Verdict(NamedTuple):
    state: BurstState
    detail: str


class LiveBurst:
    """Owned by ``Snapshots``. Times are seconds on the monotonic clock."""

    def __init__(self, burst: SnapshotBurst, deadline: float) -> None:
        self.burst = burst
        self.deadline = deadline
        self.changed = asyncio.Event()
        self.receiving = 0
        """Uploads whose bytes are on their way."""
        self.numbers: set[int] = set()
        """Those of pictures that are here or being written."""
        self.pictures: dict[tuple[str, str], SnapshotPicture] = {}
        """By name and digest, to know an upload that is sent again."""
        self._announced_until: float | None = None

    def update(self, **changes: Any) -> None:
        self.burst = replace(self.burst, **changes)
        self.changed.set()

    def announce(self, files: int, until: float) -> None:
        """The device says that it is done; what is under way may still come until then."""
        self._announced_until = until
        self.update(announced=files)

    def end(self, verdict: Verdict, at: datetime) -> None:
        self.update(state=verdict.state, detail=verdict.detail, ended_time=at)

    def next_number(self) -> int | None:
        """The lowest number that is free; None when all are taken."""
        free = set(range(1, self.burst.count + 1)) - self.numbers
        return min(free, default=None)

    @property
    def has_all(self) -> bool:
        return self.burst.pictures >= self.burst.count

    def next_timer(self) -> float:
        return self.deadline if self._announced_until is None else min(self.deadline, self._announced_until)

    def verdict(self, now: float) -> Verdict | None:
        """How it ended; None: it goes on."""
        burst = self.burst
        if self.has_all:
            return Verdict(BurstState.DONE, "")
        if self.receiving:
            return None
        here = f"{burst.pictures} of {burst.count} pictures arrived"
        state = BurstState.PARTIAL if burst.pictures else BurstState.FAILED
        if burst.announced is not None and (burst.pictures >= burst.announced or now >= self.next_timer()):
            return Verdict(state, f"the device says it uploaded {burst.announced}; {here}")
        if now >= self.deadline:
            return Verdict(state, f"{here} until the time was over, and the device said nothing")
        return None
