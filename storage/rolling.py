"""Footage that is kept for a short while only, so that an alarm can have the seconds before it.

A channel in the buffer is written to short files below ``rolling/``; they are no recordings, have no rows and
no promise, and go as soon as no alarm can ask for them any more. What a killed process left is used for the
clips that were waiting, then deleted.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from catalog.model import ChannelKey, RetentionClass
from media.errors import MediaError
from media.facts import (
    RecorderDetached,
    RecorderFact,
    RecorderFailed,
    SegmentClosed,
    SegmentGrown,
    SegmentOpened,
)
from storage.clock import Clock
from storage.cutting import Piece
from storage.disk import DiskWatch
from storage.metadata import SegmentMetadata
from storage.ports import StreamHold, StreamSource
from storage.settings import StorageSettings

DIRECTORY: Final = "rolling"
LETTING_GO_S: Final = 5.0
TAG: Final = "alarm"
RETRY_MIN_S: Final = 1.0
RETRY_MAX_S: Final = 60.0

log = logging.getLogger(__name__)


class RollingBuffer:
    """One channel: holds its stream, writes it to short files, drops the old ones. One task owns it."""

    def __init__(
        self,
        key: ChannelKey,
        settings: StorageSettings,
        source: StreamSource,
        disk: DiskWatch,
        clock: Clock,
        jitter: Callable[[float], float],
    ) -> None:
        self.key: Final = key
        self._settings = settings
        self._source = source
        self._disk = disk
        self._clock = clock
        self._jitter = jitter
        self._pieces: dict[Path, Piece] = {}
        self._ended = asyncio.Event()
        self._let_go = asyncio.Event()
        """The recorder has told its last fact: it touches no file any more."""
        self._failures = 0

    def pieces(self) -> list[Piece]:
        return list(self._pieces.values())

    async def run(self) -> None:
        """Attempt after attempt, until cancelled."""
        while True:
            try:
                await self._attempt()
            except Exception as error:  # whatever the source says: it is tried again
                self._failures += 1
                if self._failures & (self._failures - 1) == 0:
                    log.warning("no footage from before an alarm of %s: %s", self.key, error)
            delay_s = min(RETRY_MIN_S * 2 ** min(self._failures, 10), RETRY_MAX_S)
            await self._clock.sleep(self._jitter(delay_s))

    async def drop(self, before: datetime | None) -> None:
        """Delete files that ended before an instant; None: all of them."""
        old = [path for path, piece in self._pieces.items() if before is None or piece.end_time < before]
        for path in old:
            del self._pieces[path]
        await asyncio.to_thread(delete_pieces, old)

    async def _attempt(self) -> None:
        if self._disk.state.is_full:
            return
        hold = await self._source.hold(self.key, "record", tag=TAG)
        try:
            await self._write(hold)
        finally:
            await hold.release()

    async def _write(self, hold: StreamHold) -> None:
        run = uuid.uuid4().hex
        directory = self._settings.path / DIRECTORY / run
        session = hold.session
        metadata = SegmentMetadata(self.key.device_id, self.key.channel_id, run, RetentionClass.ORDINARY)
        await asyncio.to_thread(directory.mkdir, mode=0o750, parents=True, exist_ok=True)
        self._ended.clear()
        self._let_go.clear()
        session.attach_recorder(
            run,
            directory,
            segment_s=self._settings.rolling_segment_s,
            metadata=metadata.serialize(),
            on_fact=partial(self._on_fact, run),
        )
        self._failures = 0
        ending = [asyncio.ensure_future(self._ended.wait()), asyncio.ensure_future(hold.lost.wait())]
        try:
            await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ending:
                each.cancel()
            with suppress(MediaError):  # the session ended on its own, and its files with it
                session.detach_recorder(run)
            # Who deletes the files next takes their directory too, and a recorder may be about to begin one.
            with suppress(TimeoutError):
                async with asyncio.timeout(LETTING_GO_S):
                    await self._let_go.wait()

    def _on_fact(self, run: str, fact: RecorderFact) -> None:
        match fact:
            case SegmentOpened():
                self._pieces[fact.path] = Piece(fact.path, fact.start_time, fact.start_time, 0, run)
            case SegmentGrown() | SegmentClosed():
                self._grown(fact)
            case RecorderFailed():
                log.warning("footage from before an alarm of %s: %s", self.key, fact.message)
                self._failures += 1
                self._ended.set()
                self._let_go.set()
            case RecorderDetached():
                self._ended.set()
                self._let_go.set()
            case _:
                pass

    def _grown(self, fact: SegmentGrown | SegmentClosed) -> None:
        for path, piece in self._pieces.items():
            if path.stem == fact.segment_id:
                self._pieces[path] = replace(piece, end_time=fact.end_time, size_bytes=fact.size_bytes)
                return


class RollingBuffers:
    """All channels in the buffer, one task each."""

    def __init__(
        self,
        settings: StorageSettings,
        source: StreamSource,
        disk: DiskWatch,
        clock: Clock,
        jitter: Callable[[float], float],
    ) -> None:
        self._settings = settings
        self._source = source
        self._disk = disk
        self._clock = clock
        self._jitter = jitter
        self._running: dict[ChannelKey, tuple[RollingBuffer, asyncio.Task[None]]] = {}

    def __contains__(self, key: ChannelKey) -> bool:
        return key in self._running

    def __len__(self) -> int:
        return len(self._running)

    async def keep(self, wanted: Collection[ChannelKey]) -> None:
        """Run exactly these channels, as far as there is room for them."""
        for key in [key for key in self._running if key not in wanted]:
            await self._stop(key)
        for key in wanted:
            running = self._running.get(key)
            if running is not None and running[1].done():
                log.error("the buffer of %s ended by itself, beginning again", key)
                await self._stop(key)
                running = None
            if running is None and len(self._running) < self._settings.rolling_channels:
                buffer = RollingBuffer(
                    key, self._settings, self._source, self._disk, self._clock, self._jitter
                )
                self._running[key] = (buffer, asyncio.create_task(buffer.run(), name=f"rolling {key}"))

    def pieces_of(self, key: ChannelKey) -> list[Piece]:
        running = self._running.get(key)
        return [] if running is None else running[0].pieces()

    async def drop(self, needed_since: Callable[[ChannelKey], datetime]) -> None:
        """Delete what no alarm can ask for any more."""
        for key, (buffer, _) in list(self._running.items()):
            await buffer.drop(needed_since(key))

    async def close(self, *, keep_files: bool) -> None:
        """Stop all; the files stay when a clip that waits is to be made of them at the next start."""
        for key in list(self._running):
            await self._stop(key, keep_files=keep_files)

    async def _stop(self, key: ChannelKey, *, keep_files: bool = False) -> None:
        buffer, task = self._running.pop(key)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not keep_files:
            await buffer.drop(None)


def delete_pieces(paths: Collection[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()
    for directory in {path.parent for path in paths}:
        with suppress(OSError):  # another file is in it still
            directory.rmdir()


def margin(settings: StorageSettings) -> timedelta:
    """How much longer than asked for footage stays: a clip begins at the key frame before its start."""
    return timedelta(seconds=2 * settings.rolling_segment_s + 5.0)
