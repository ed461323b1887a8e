"""Keeps footage and pictures of alarms: the seconds before and after, cut into one file that stays.

Where the channel is recorded, the footage is taken from its recordings. Else it comes from a rolling buffer,
which runs all the time for channels whose rules ask for seconds before an alarm, and from the alarm on for
the others.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from catalog.model import ChannelKey, RetentionClass
from storage.alarm_files import AlarmFile, AlarmFileStore, FileKind, FileState, path_of
from storage.clock import Clock
from storage.cutting import Cut, Piece, coverage_s, cut
from storage.disk import DiskWatch
from storage.errors import (
    AlarmFileNotFound,
    AlarmFileNotReady,
    ClipsBusy,
    NoFootage,
    SegmentUnreadable,
    StorageViolation,
)
from storage.files import SUFFIX, segment_file
from storage.index import SegmentIndex
from storage.ports import ChannelPolicy, StreamSource
from storage.promise import keep_until
from storage.recorder import Recorder, half_jitter
from storage.recovery import segment_from_file
from storage.retention import rules_of
from storage.rolling import DIRECTORY as ROLLING
from storage.rolling import RollingBuffers, delete_pieces, margin
from storage.settings import StorageSettings

TURN_S: Final = 1.0
GRACE_S: Final = 6.0
"""How long the last seconds of a clip are waited for: a fragment, a flush of the index, and some."""
WAITING_MAX: Final = 1000
CUTTING_AT_ONCE: Final = 2
RETENTION_S: Final = 600.0
RETENTION_BATCH: Final = 200
FORGET_AFTER: Final = timedelta(days=365)
"""Rows of files that are gone say so for so long."""
PIECES_MAX: Final = 1000
LEFTOVERS_MAX: Final = 2000
DETAIL_MAX: Final = 500

log = logging.getLogger(__name__)

FileSink = Callable[[AlarmFile], None]


class AlarmClips:
    """Owns the clips that wait, the rolling buffers, and the files below ``alarms/``."""

    def __init__(
        self,
        settings: StorageSettings,
        files: AlarmFileStore,
        source: StreamSource,
        recorder: Recorder,
        index: SegmentIndex,
        policy: ChannelPolicy,
        disk: DiskWatch,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._root = settings.path
        self._files = files
        self._source = source
        self._recorder = recorder
        self._index = index
        self._policy = policy
        self._disk = disk
        self._clock = clock
        self._buffers = RollingBuffers(settings, source, disk, clock, half_jitter)
        self._watched: dict[ChannelKey, float] = {}
        self._waiting: dict[str, AlarmFile] = {}
        self._cutting: dict[str, asyncio.Task[None]] = {}
        self._made: dict[str, AlarmFile] = {}
        """Ready or failed, and not noted yet; each of them is among those that wait."""
        self._saving = asyncio.Lock()
        """Rows are written in order: a clip that waits never after the same clip that is ready."""
        self._cuts = asyncio.Semaphore(CUTTING_AT_ONCE)
        self._leftovers: dict[ChannelKey, list[Piece]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._turn_wanted = asyncio.Event()
        self.listeners: list[FileSink] = []
        """Told when a file is ready, or will not be; on the event loop."""

    async def open(self) -> None:
        """Take up the clips that a former run left, then begin."""
        self._waiting = {file.file_id: file for file in await self._files.waiting()}
        await asyncio.to_thread(self._read_leftovers)
        self._loops = [
            asyncio.create_task(self._turns(), name="alarm clips"),
            asyncio.create_task(self._retention(), name="alarm files retention"),
        ]

    async def close(self) -> None:
        """Stop; clips that wait are made of what is on the disk at the next start."""
        for task in [*self._loops, *self._cutting.values()]:
            task.cancel()
        await asyncio.gather(*self._loops, *self._cutting.values(), return_exceptions=True)
        self._loops = []
        await self._buffers.close(keep_files=bool(self._waiting))

    # ------------------------------------------------------------------ what alarms ask for

    def watch(self, before_s: Mapping[ChannelKey, float]) -> None:
        """The channels whose footage of the last so many seconds an alarm may ask for."""
        longest = self._settings.clip_longest_s
        self._watched = {key: min(seconds, longest) for key, seconds in before_s.items() if seconds > 0}
        self._turn_wanted.set()

    async def keep_clip(
        self, alarm_id: str, key: ChannelKey, moment: datetime, *, before_s: float, after_s: float
    ) -> str:
        """Have the footage around a moment kept; an alarm during another's clip prolongs that clip.

        Raises:
            DiskFull, ClipsBusy
        """
        await asyncio.to_thread(self._disk.require_room)
        longest = timedelta(seconds=self._settings.clip_longest_s)
        start = moment - min(timedelta(seconds=before_s), longest)
        end = min(moment + timedelta(seconds=after_s), start + longest)
        shared = self._prolonged(key, start, end, longest)
        if shared is None and len(self._waiting) >= WAITING_MAX:
            raise ClipsBusy(f"{WAITING_MAX} clips wait already")
        clip = shared or self._new(alarm_id, key, FileKind.CLIP, start, end)
        self._waiting[clip.file_id] = clip
        self._turn_wanted.set()
        try:
            await self._save_waiting(clip.file_id)
        except (SQLAlchemyError, OSError) as error:
            # It is made all the same; its row is written when it is.
            log.warning("the clip of alarm %s at %s is not noted yet: %s", alarm_id, key, error)
        return clip.file_id

    async def keep_picture(self, alarm_id: str, key: ChannelKey) -> str:
        """Take a picture now and keep it.

        Raises:
            DiskFull, and whatever keeps the channel from giving a picture
        """
        await asyncio.to_thread(self._disk.require_room)
        hold = await self._source.hold(key, "record", tag="alarm picture")
        try:
            picture = await hold.session.jpeg()
        finally:
            await hold.release()
        now = self._clock.wall()
        file = replace(
            self._new(alarm_id, key, FileKind.PICTURE, now, now),
            state=FileState.READY,
            size_bytes=len(picture),
            keep_until=await self._kept_until(key, now),
        )
        path = path_of(self._root, file.kind, file.file_id)
        await asyncio.to_thread(_write, path, picture)
        try:
            await self._files.save(file)
        except BaseException:
            path.unlink(missing_ok=True)  # no file without a row
            raise
        self._tell(file)
        return file.file_id

    # ------------------------------------------------------------------ what viewers ask for

    async def files(self, file_ids: Sequence[str]) -> Mapping[str, AlarmFile]:
        """Those of the files that are known."""
        return await self._files.get([file_id for file_id in file_ids if file_id])

    async def open_file(self, file_id: str) -> tuple[AlarmFile, Path]:
        """A file that can be sent.

        Raises:
            AlarmFileNotFound, AlarmFileNotReady
        """
        file = (await self._files.get([file_id])).get(file_id)
        if file is None:
            raise AlarmFileNotFound(file_id)
        if file.state is not FileState.READY:
            raise AlarmFileNotReady(file_id, file.state.value, file.detail)
        path = path_of(self._root, file.kind, file_id)
        if not await asyncio.to_thread(path.is_file):
            raise AlarmFileNotReady(file_id, "missing", "the disk lost it, or somebody took it away")
        return file, path

    def rolling(self, key: ChannelKey) -> list[Piece]:
        """What the rolling buffer holds of a channel."""
        return self._buffers.pieces_of(key)

    @property
    def waiting(self) -> int:
        """Clips whose time is not over, or that are being cut."""
        return len(self._waiting)

    # ------------------------------------------------------------------ turns

    async def _turns(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._turn_wanted.wait(), TURN_S)
            self._turn_wanted.clear()
            try:
                await self.turn()
            except Exception:  # the next turn may do better; a silent end would be worse
                log.exception("the clips of alarms: a turn failed")

    async def turn(self) -> None:
        """Run the buffers that are needed, drop old footage, and cut the clips whose time is over."""
        await self._buffers.keep(self._wanted_buffers())
        await self._buffers.drop(self._needed_since)
        await self._drop_leftovers()
        await self._note_made()
        now = self._clock.wall()
        for clip in list(self._waiting.values()):
            if clip.file_id not in self._cutting and clip.file_id not in self._made and now >= clip.end_time:
                pieces = await self._pieces(clip)
                is_whole = max((piece.end_time for piece in pieces), default=clip.start_time) >= clip.end_time
                if is_whole or now >= clip.end_time + timedelta(seconds=GRACE_S):
                    self._cutting[clip.file_id] = asyncio.create_task(
                        self._make(clip, pieces), name=f"clip {clip.file_id}"
                    )

    async def _note_made(self) -> None:
        for done in list(self._made.values()):
            try:
                await self._save(done)
            except (SQLAlchemyError, OSError):
                return
            del self._made[done.file_id]
            self._waiting.pop(done.file_id, None)
            self._tell(done)

    async def _drop_leftovers(self) -> None:
        """Delete what a former run left, as soon as no clip waits for it."""
        waiting = {clip.key for clip in self._waiting.values()}
        for key in [key for key in self._leftovers if key not in waiting]:
            await asyncio.to_thread(delete_pieces, [piece.path for piece in self._leftovers.pop(key)])

    def _wanted_buffers(self) -> set[ChannelKey]:
        if self._disk.state.is_full:
            return set()
        now = self._clock.wall()
        waiting = {clip.key for clip in self._waiting.values() if clip.end_time > now - timedelta(minutes=1)}
        wanted = {key for key in {*self._watched, *waiting} if not self._recorder.is_recording(key)}
        # A buffer that a waiting clip lives on stays, also when a recording begins meanwhile.
        return wanted | {key for key in waiting if key in self._buffers}

    def _needed_since(self, key: ChannelKey) -> datetime:
        since = self._clock.wall() - timedelta(seconds=self._watched.get(key, 0.0)) - margin(self._settings)
        starts = [
            clip.start_time - margin(self._settings) for clip in self._waiting.values() if clip.key == key
        ]
        return min([since, *starts])

    async def _pieces(self, clip: AlarmFile) -> list[Piece]:
        """The footage that covers most of the clip: recordings, the rolling buffer, or what a crash left."""
        candidates = (
            await self._recorded(clip),
            self._buffers.pieces_of(clip.key),
            self._leftovers.get(clip.key, []),
        )
        return max(candidates, key=lambda pieces: coverage_s(pieces, clip.start_time, clip.end_time))

    async def _recorded(self, clip: AlarmFile) -> list[Piece]:
        page = await self._index.list_segments(clip.key, clip.start_time, clip.end_time, limit=PIECES_MAX)
        return [
            Piece(
                segment_file(self._root, segment.path),
                segment.start_time,
                segment.end_time,
                segment.size_bytes,
                segment.recorder_id,
            )
            for segment in page.items
        ]

    async def _make(self, clip: AlarmFile, pieces: Sequence[Piece]) -> None:
        """Cut one clip; it is kept apart from what it was cut from."""
        target = path_of(self._root, clip.kind, clip.file_id)
        try:
            async with self._cuts:
                made = await asyncio.to_thread(_cut, pieces, clip, target)
            done = replace(
                clip,
                state=FileState.READY,
                start_time=made.start_time,
                end_time=made.end_time,
                size_bytes=made.size_bytes,
                keep_until=await self._kept_until(clip.key, made.end_time),
                detail=made.detail[:DETAIL_MAX],
            )
        except (NoFootage, OSError) as error:
            done = replace(clip, state=FileState.FAILED, detail=str(error)[:DETAIL_MAX])
            log.warning("the clip of alarm %s at %s failed: %s", clip.alarm_id, clip.key, error)
        except Exception as error:  # a fault of ours costs one clip, not the next turns
            done = replace(clip, state=FileState.FAILED, detail=f"internal error: {type(error).__name__}")
            log.exception("the clip of alarm %s at %s failed in an unforeseen way", clip.alarm_id, clip.key)
        finally:
            self._cutting.pop(clip.file_id, None)
        try:
            await self._save(done)
        except (SQLAlchemyError, OSError) as error:
            # What was made is not made again: its row is written in one of the next turns.
            log.error("the clip of alarm %s could not be noted, will try again: %s", clip.alarm_id, error)
            self._made[clip.file_id] = done
            return
        self._waiting.pop(clip.file_id, None)
        self._tell(done)

    # ------------------------------------------------------------------ retention

    async def _retention(self) -> None:
        while True:
            try:
                await self.forget_expired()
            except (SQLAlchemyError, OSError) as error:
                log.error("files of alarms could not be deleted, will try again: %s", error)
            await self._clock.sleep(RETENTION_S)

    async def forget_expired(self) -> int:
        """Delete files whose time is over; each keeps its row, which says so."""
        count = 0
        while expired := await self._files.expired(self._clock.wall(), RETENTION_BATCH):
            for file in expired:
                path = path_of(self._root, file.kind, file.file_id)
                await asyncio.to_thread(path.unlink, missing_ok=True)
                await self._files.save(replace(file, state=FileState.DELETED))
                count += 1
        await self._files.forget_gone(self._clock.wall() - FORGET_AFTER, RETENTION_BATCH)
        return count

    async def _kept_until(self, key: ChannelKey, end_time: datetime) -> datetime:
        """As long as the channel's recordings, and never shorter than the setting."""
        classes = await self._policy.retention_classes({key})
        promised = keep_until(end_time, classes.get(key, RetentionClass.ORDINARY), rules_of(self._settings))
        return max(promised, end_time + timedelta(days=self._settings.alarm_file_days))

    # ------------------------------------------------------------------ inside

    async def _save_waiting(self, file_id: str) -> None:
        """As it is now: while the database kept us waiting it may have been made."""
        async with self._saving:
            if (clip := self._waiting.get(file_id)) is not None and file_id not in self._made:
                await self._files.save(clip)

    async def _save(self, file: AlarmFile) -> None:
        async with self._saving:
            await self._files.save(file)

    def _prolonged(
        self, key: ChannelKey, start: datetime, end: datetime, longest: timedelta
    ) -> AlarmFile | None:
        """A clip of the channel that waits and can take this stretch in."""
        for clip in self._waiting.values():
            is_near = clip.key == key and start <= clip.end_time and clip.start_time <= end
            if is_near and clip.file_id not in self._cutting and clip.file_id not in self._made:
                first, last = min(clip.start_time, start), max(clip.end_time, end)
                if last - first <= longest:
                    return replace(clip, start_time=first, end_time=last)
        return None

    def _new(
        self, alarm_id: str, key: ChannelKey, kind: FileKind, start: datetime, end: datetime
    ) -> AlarmFile:
        return AlarmFile(
            file_id=uuid.uuid4().hex,
            alarm_id=alarm_id,
            device_id=key.device_id,
            channel_id=key.channel_id,
            kind=kind,
            state=FileState.WAITING,
            start_time=start,
            end_time=end,
            keep_until=end,
        )

    def _read_leftovers(self) -> None:
        """What the buffers of a former run hold, if a clip waits for it; else it goes."""
        directory = self._root / ROLLING
        files = sorted(directory.glob(f"*/*{SUFFIX}"))[:LEFTOVERS_MAX] if self._waiting else []
        for file in files:
            with suppress(SegmentUnreadable, StorageViolation, OSError):
                segment = segment_from_file(self._root, file, rules_of(self._settings))
                piece = Piece(
                    file, segment.start_time, segment.end_time, segment.size_bytes, segment.recorder_id
                )
                self._leftovers.setdefault(segment.key, []).append(piece)
        if not self._waiting:
            shutil.rmtree(directory, ignore_errors=True)

    def _tell(self, file: AlarmFile) -> None:
        for listener in self.listeners:
            listener(file)


def _cut(pieces: Sequence[Piece], clip: AlarmFile, target: Path) -> Cut:
    target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    return cut(pieces, clip.start_time, clip.end_time, target)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
