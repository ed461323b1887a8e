"""A recorder with everything around it in memory."""

from pathlib import Path
from typing import Any

from storage.disk import DiskWatch
from storage.model import Segment
from storage.recorder import Recorder
from storage.settings import StorageSettings
from storage.stats import StorageStats
from tests.unit.storage.fakes import (
    FakeGaps,
    FakeIndex,
    FakePolicy,
    FakeRequests,
    FakeSource,
    FakeState,
    ManualClock,
    settle,
)

GIB = 1 << 30


class DeviceOffline(Exception):
    """Named as the devices room names it."""


class Refused(Exception):
    """Named as the devices room names it."""


class Bench:
    """A recorder with everything around it in memory, and its restart."""

    def __init__(self, root: Path) -> None:
        self.settings = StorageSettings(path=root, free_floor_bytes=GIB, segment_s=60.0)
        self.clock = ManualClock()
        self.source = FakeSource(self.clock)
        self.policy = FakePolicy()
        self.index = FakeIndex()
        self.gaps = FakeGaps()
        self.requests = FakeRequests()
        self.state = FakeState()
        self.stats = StorageStats()
        self.events: list[Any] = []
        self.free_bytes = 100 * GIB
        self.recorder = self._new()

    def _new(self) -> Recorder:
        disk = DiskWatch(self.settings.path, GIB, self.events.append, lambda _: (self.free_bytes, 200 * GIB))
        return Recorder(
            self.settings,
            self.source,
            self.policy,
            self.index,
            self.requests,
            self.gaps,
            self.state,
            disk,
            clock=self.clock,
            stats=self.stats,
            on_event=self.events.append,
            jitter=lambda delay_s: delay_s,
        )

    async def open(self) -> None:
        await self.recorder.open()
        await settle()

    async def restart(self) -> None:
        self.recorder = self._new()
        await self.open()

    async def stream(self, seconds: int) -> None:
        """A key frame, then so many seconds of stream."""
        self.source.session.keyframe()
        await self.play(seconds)

    async def play(self, seconds: int) -> None:
        for _ in range(seconds):
            self.source.session.feed()
            await self.clock.advance(1)

    def rows(self) -> list[Segment]:
        return sorted(self.index.rows.values(), key=lambda row: (row.start_time, row.segment_id))
