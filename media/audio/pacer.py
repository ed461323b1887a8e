"""One timer for all sound that leaves: every 20 ms each line gives a frame to whoever listens to it."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from media.audio.g711 import FRAME_S, QUIETEST_DBFS, SILENCE, level_dbfs
from media.audio.sources import AudioSource

LATE_S: Final = 0.2
"""After a stall this long the lost time is left out rather than sent in a burst."""
LEVEL_EVERY_FRAMES: Final = 5


class AudioSink(Protocol):
    """Somebody who listens."""

    def send_frame(self, alaw: bytes) -> None: ...


class AudioLine:
    """One source and all who hear it. Gives silence until it is started, and after its source has ended."""

    def __init__(self, source: AudioSource) -> None:
        self.frames = 0
        self.level_dbfs = QUIETEST_DBFS
        self.ended: Final = asyncio.Event()
        self._source = source
        self._sinks: list[AudioSink] = []
        self._is_started = False

    def start(self) -> None:
        self._is_started = True

    def attach(self, sink: AudioSink) -> None:
        self._sinks.append(sink)

    def detach(self, sink: AudioSink) -> None:
        """Harmless when repeated."""
        if sink in self._sinks:
            self._sinks.remove(sink)

    def tick(self) -> None:
        frame = self._next_frame()
        for sink in tuple(self._sinks):
            sink.send_frame(frame)

    def _next_frame(self) -> bytes:
        if not self._is_started or self.ended.is_set():
            return SILENCE
        frame = self._source.next_frame()
        if frame is None:
            self.ended.set()
            self.level_dbfs = QUIETEST_DBFS
            return SILENCE
        if self.frames % LEVEL_EVERY_FRAMES == 0:
            self.level_dbfs = level_dbfs(frame)
        self.frames += 1
        return frame


class Ticking(Protocol):
    def tick(self) -> None: ...


class AudioPacer:
    """Ticks every line once per frame interval; sleeps when there is none."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._lines: list[Ticking] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: Ticking) -> None:
        self._lines.append(line)
        if self._timer is None:
            self._due = self._now()
            self._arm()

    def remove(self, line: Ticking) -> None:
        """Harmless when repeated."""
        if line in self._lines:
            self._lines.remove(line)

    def close(self) -> None:
        self._lines.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def run_due(self) -> int:
        """Tick as often as time has passed; returns how often."""
        now = self._now()
        if now - self._due > LATE_S:
            self._due = now
        ticks = 0
        while self._due <= now:
            self._due += FRAME_S
            ticks += 1
            for line in tuple(self._lines):
                line.tick()
        return ticks

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, self._due - self._now()), self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.run_due()
        if self._lines:
            self._arm()
