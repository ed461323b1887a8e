"""The recorder: what is to be recorded, held against what is being recorded, every few seconds.

Desired is a channel that the catalogue wants recorded always, or that somebody asked for; both
survive a restart. Field lesson 19: recordings are not lost because one event was lost.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from catalog.model import ChannelKey, RetentionClass
from storage.clock import Clock, SystemClock
from storage.disk import DiskWatch
from storage.errors import AlwaysRecorded, RecorderClosed
from storage.events import EventSink, RecordingStopped, ignore
from storage.model import GapCause, RecordingState
from storage.ports import ChannelPolicy, Footage, Gaps, Instants, Requests, StreamSource, TemporaryWishes
from storage.recording import Recording, RecordingParts
from storage.retention import rules_of
from storage.settings import StorageSettings
from storage.stats import StorageStats
from storage.writer import SegmentWriter

log = logging.getLogger(__name__)

ALIVE: Final = "recorder_alive"
"""The last instant at which a recorder of this store was known to run."""

ALIVE_S: Final = 30.0
CLASSES_S: Final = 30.0
ASKING_AT_ONCE: Final = 64
"""Streams asked for at the same time, so that a start with a thousand channels is not a storm."""

RUNNING_S: Final = 120.0
"""Footage that ends so shortly before the last sign of life was still being recorded then."""

STOP_S: Final = 15.0
"""How long a clean stop may take, before the task is cancelled and the file left to recovery."""


def half_jitter(delay_s: float) -> float:
    """Between half and the whole of a delay, so that a hundred channels do not ask at once."""
    return delay_s * random.uniform(0.5, 1.0)


class Recorder:
    """Owns the recordings, one task each."""

    def __init__(
        self,
        settings: StorageSettings,
        source: StreamSource,
        policy: ChannelPolicy,
        index: Footage,
        requests: Requests,
        gaps: Gaps,
        state: Instants,
        disk: DiskWatch,
        *,
        clock: Clock | None = None,
        stats: StorageStats | None = None,
        on_event: EventSink = ignore,
        jitter: Callable[[float], float] = half_jitter,
        temporary: TemporaryWishes | None = None,
    ) -> None:
        self._temporary = temporary
        self._settings = settings
        self._policy = policy
        self._index = index
        self._requests = requests
        self._gaps = gaps
        self._state = state
        self._disk = disk
        self._clock = clock or SystemClock()
        self._stats = stats or StorageStats()
        self._on_event = on_event
        self._writer = SegmentWriter(settings.path, index, rules_of(settings), self._stats)
        self._parts = RecordingParts(
            settings=settings,
            source=source,
            writer=self._writer,
            gaps=gaps,
            disk=disk,
            clock=self._clock,
            stats=self._stats,
            on_event=on_event,
            jitter=jitter,
            asking=asyncio.Semaphore(ASKING_AT_ONCE),
        )
        self._recordings: dict[ChannelKey, tuple[Recording, asyncio.Task[None]]] = {}
        self._requested: set[ChannelKey] = set()
        self._always: set[ChannelKey] = set()
        self._classes: dict[ChannelKey, RetentionClass] = {}
        self._classes_at: float | None = None
        self._alive_at: float | None = None
        self._loops: list[asyncio.Task[None]] = []
        self._is_open = False

    async def open(self) -> None:
        """Load what is to be recorded and begin with it."""
        await asyncio.to_thread(self._settings.path.mkdir, parents=True, exist_ok=True)
        self._requested = set(await self._requests.load())
        await asyncio.to_thread(self._disk.look)
        await self._note_downtime(await self._state.get_time(ALIVE))
        self._is_open = True
        await self.reconcile()
        self._loops = [
            asyncio.create_task(self._every(self._settings.reconcile_s, self.reconcile)),
            asyncio.create_task(self._every(self._settings.flush_s, self._writer.flush)),
        ]

    async def close(self) -> None:
        """Close every file cleanly; what is to be recorded stays so for the next start."""
        if not self._is_open:
            return
        self._is_open = False
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._stop_all(list(self._recordings))
        await self._writer.flush()
        await self._state.set_time(ALIVE, self._clock.wall())

    async def start(self, key: ChannelKey, requested_by: str = "") -> None:
        """Record a channel from now on, through every loss and restart, until ``stop``.

        Raises:
            DiskFull: free space is below the floor; nothing was begun and nothing is remembered.
        """
        self._require_open()
        await asyncio.to_thread(self._disk.require_room)
        await self._requests.add(key, requested_by, self._clock.wall())
        self._requested.add(key)
        await self._start_missing({key})

    async def stop(self, key: ChannelKey) -> None:
        """End a recording that was asked for; returns when its file is closed and in the index.

        Raises:
            AlwaysRecorded: the catalogue wants it recorded whoever asks.
        """
        self._require_open()
        self._always = set(await self._policy.channels_recorded_always())
        if key in self._always:
            raise AlwaysRecorded(key)
        await self._requests.remove(key)
        self._requested.discard(key)
        await self._stop_unwanted([key])

    async def wish_begun(self, key: ChannelKey) -> None:
        """A wish with a stated end came into force."""
        self._require_open()
        await self._start_missing({key})

    async def wish_ended(self, key: ChannelKey) -> None:
        """Such a wish is over; returns when the file is closed, unless something else wants it to go on."""
        self._require_open()
        await self._stop_unwanted([key])

    def device_came_back(self, device_id: str) -> None:
        """A device registered: recordings of its channels need not wait for their next attempt."""
        for key, (recording, _) in self._recordings.items():
            if key.device_id == device_id:
                recording.retry_now()

    def channel_came_back(self, key: ChannelKey) -> None:
        """The same for one channel, of a source that is there again."""
        running = self._recordings.get(key)
        if running is not None:
            running[0].retry_now()

    def is_desired(self, key: ChannelKey) -> bool:
        """Whether the channel should be recorded."""
        return key in self._desired()

    def is_recording(self, key: ChannelKey) -> bool:
        """Whether footage of the channel reaches the disk now."""
        running = self._recordings.get(key)
        return running is not None and running[0].is_recording

    def snapshot(self) -> list[RecordingState]:
        """All recordings that are wanted, in the order of their channels."""
        return [recording.state() for _, (recording, _) in sorted(self._recordings.items())]

    async def reconcile(self) -> None:
        """Compare desired with running, and mend the difference."""
        await asyncio.to_thread(self._disk.look)
        self._always = set(await self._policy.channels_recorded_always())
        if self._temporary is not None:
            await self._temporary.expire()
        await self._refresh_classes()
        if not self._is_open:
            return
        self._collect_ended()
        await self._stop_unwanted(list(self._recordings))
        await self._start_missing(self._desired())  # it may have changed meanwhile
        for recording, _ in list(self._recordings.values()):
            recording.look()
        await self._tell_alive()

    # ------------------------------------------------------------------ inside

    def _desired(self) -> set[ChannelKey]:
        temporary = () if self._temporary is None else self._temporary.keys()
        return self._requested | self._always | set(temporary)

    def _class_of(self, key: ChannelKey) -> RetentionClass:
        """Of what is recorded now: the channel's, unless it is recorded for a stated time alone."""
        own = self._classes.get(key, RetentionClass.ORDINARY)
        wished = None if self._temporary is None else self._temporary.retention_class(key)
        if wished is None or self._temporary is None:
            return own
        is_alone = key not in self._requested and key not in self._always
        if is_alone and own is RetentionClass.ORDINARY:
            return wished
        return self._temporary.longest((wished, own))

    async def _stop_unwanted(self, keys: list[ChannelKey]) -> None:
        desired = self._desired()
        unwanted = [key for key in keys if key not in desired]
        await self._stop_all(unwanted)
        for key in unwanted:
            await self._gaps.end(key, self._clock.wall())

    async def _start_missing(self, desired: set[ChannelKey]) -> None:
        for key in sorted(desired):
            if key not in self._recordings and self._is_open:
                recording = Recording(key, self._class_of(key), self._parts)
                self._recordings[key] = (recording, asyncio.create_task(recording.run()))

    async def _stop_all(self, keys: list[ChannelKey]) -> None:
        """Stop recordings side by side; one that hangs is cancelled, its file is recovered later."""
        stopping = {}
        for key in keys:
            running = self._recordings.pop(key, None)
            if running is not None:
                running[0].stop()
                stopping[key] = running[1]
        if not stopping:
            return
        _, hanging = await asyncio.wait(stopping.values(), timeout=STOP_S)
        for task in hanging:
            task.cancel()
        results = await asyncio.gather(*stopping.values(), return_exceptions=True)
        for key, result in zip(stopping, results, strict=True):
            if isinstance(result, Exception):
                log.error("recording of %s ended with a fault", key, exc_info=result)
            log.info("recording of %s stopped", key)
            self._on_event(RecordingStopped(key))

    def _collect_ended(self) -> None:
        """A task that ended by itself is a bug of ours: say so loudly, and begin again."""
        for key, (_, task) in list(self._recordings.items()):
            if not task.done():
                continue
            del self._recordings[key]
            self._stats.recording_failures += 1
            fault = None if task.cancelled() else task.exception()
            log.error("recording of %s ended by itself, beginning again", key, exc_info=fault)

    async def _refresh_classes(self) -> None:
        """Classes decide the promise of new segments; the keeper asks again before it deletes."""
        now = self._clock.monotonic()
        if self._classes_at is not None and now - self._classes_at < CLASSES_S:
            return
        self._classes = await self._policy.retention_classes()
        self._classes_at = now
        desired = self._desired()
        for key, (recording, _) in self._recordings.items():
            if key in desired:  # one that is about to end keeps the class that it was recorded for
                recording.retention_class = self._class_of(key)

    async def _note_downtime(self, alive: datetime | None) -> None:
        """Whatever should have been recorded while the platform was down has a gap since then."""
        if alive is None:
            return
        self._always = set(await self._policy.channels_recorded_always())
        desired = self._desired()
        newest = await self._index.newest_end(desired)
        now = self._clock.wall()
        for key in sorted(desired):
            end = newest.get(key, alive)
            was_running = end > alive - timedelta(seconds=RUNNING_S)
            await self._gaps.begin(key, min(end if was_running else alive, now), GapCause.PLATFORM_DOWN)

    async def _tell_alive(self) -> None:
        now = self._clock.monotonic()
        if self._alive_at is None or now - self._alive_at >= ALIVE_S:
            await self._state.set_time(ALIVE, self._clock.wall())
            self._alive_at = now

    async def _every(self, period_s: float, action: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            await self._clock.sleep(period_s)
            try:
                await action()
                failures = 0
            except Exception:  # the next round may do better; a silent end would be worse
                failures += 1
                self._stats.recording_failures += 1
                if failures & (failures - 1) == 0:  # the 1st, 2nd, 4th, 8th ... in a row
                    name = getattr(action, "__name__", "round")
                    log.exception("recorder: %s failed %d times in a row", name, failures)

    def _require_open(self) -> None:
        if not self._is_open:
            raise RecorderClosed("the recorder is not running")
