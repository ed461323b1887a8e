"""One download under way: attempt after attempt, each a further part, until all is there or nothing comes."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from catalog.model import ChannelKey
from storage.clock import Clock
from storage.disk import DiskWatch
from storage.download_model import Download, DownloadPart, DownloadState, Progress
from storage.download_store import DownloadStore
from storage.errors import DiskFull, DownloadNotFound
from storage.files import relative_path
from storage.part_writer import PartWriter, WrittenFile, read_back
from storage.ports import RecordedSession
from storage.settings import StorageSettings

DOWNLOADS: Final = "downloads"
LOOK_EVERY_S: Final = 1.0
RETRY_MIN_S: Final = 2.0
RETRY_MAX_S: Final = 60.0
END_TOLERANCE_S: Final = 2.0
END_TOLERANCE_PART: Final = 0.02
FRUITFUL_S: Final = 1.0
END_OF_FILE: Final = "end of file"
MAX_DETAIL: Final = 500
_ID: Final = re.compile(r"[0-9a-f]{8,64}")

log = logging.getLogger(__name__)


class DownloadStream(Protocol):
    """A stream of recorded pictures; ``sipserver.devices.history.stream.HistoryStream`` is one."""

    @property
    def ended(self) -> asyncio.Event: ...
    @property
    def outcome(self) -> str | None:
        """How it ended: ``end of file`` when the device has sent everything."""

    @property
    def detail(self) -> str: ...
    @property
    def size_bytes(self) -> int | None:
        """As the device stated it."""

    @property
    def received_bytes(self) -> int: ...
    async def close(self) -> None:
        """End it, unless it has ended; harmless when repeated."""


class DownloadSource(Protocol):
    """Brings such streams; the devices' room has one."""

    async def open_stream(
        self,
        key: ChannelKey,
        start: datetime,
        end: datetime,
        *,
        speed: int,
        tag: str,
        record_type: str,
        uri: str,
        on_session: Callable[[RecordedSession], None],
    ) -> DownloadStream: ...


@dataclass(frozen=True, slots=True)
class DownloadParts:
    """What all downloads share."""

    settings: StorageSettings
    store: DownloadStore
    source: DownloadSource
    disk: DiskWatch
    clock: Clock
    slots: asyncio.Semaphore


class DownloadTask:
    """Works on one download until it is finished or cancelled.

    Args:
        turn: held by one download of a device at a time.
    """

    def __init__(self, download: Download, parts: DownloadParts, turn: asyncio.Lock) -> None:
        self.download = download
        self._parts = parts
        self._turn = turn
        self._writer: PartWriter | None = None
        self._stream: DownloadStream | None = None
        self._received_before = 0
        self._unsaved: list[DownloadPart] = []
        self._is_noted = True
        self._cancelling = asyncio.Event()
        self._device_back = asyncio.Event()

    def retry_now(self) -> None:
        """Cut the pause before the next attempt short: the device is back."""
        self._device_back.set()

    def cancel(self) -> None:
        """Ask it to end; the file in hand is closed first."""
        self._cancelling.set()

    def progress(self) -> Progress:
        download, stream = self.download, self._stream
        covered_s = download.covered_s + (self._writer.written_s if self._writer is not None else 0.0)
        received = self._received_before + (stream.received_bytes if stream is not None else 0)
        size = stream.size_bytes if stream is not None else None
        # GB-C105: by the size that the device stated, else by the time stamps of the pictures. After a part
        # that came earlier, the stated size is of the rest.
        ratio = received / size if size and not download.covered_s else covered_s / download.duration_s
        return Progress(min(covered_s, download.duration_s), min(ratio, 1.0), received, size)

    async def run(self) -> None:
        """Attempt after attempt."""
        try:
            await self._take_over()
            await self._attempts()
        except Exception as error:
            log.exception("download %s failed in an unforeseen way", self.download.download_id)
            await self._finish(f"internal failure: {type(error).__name__}", DownloadState.FAILED)

    # ------------------------------------------------------------------ attempts

    async def _attempts(self) -> None:
        fruitless = 0
        while not self._cancelling.is_set():
            before = self.download.covered_s
            is_all, detail = await self._attempt_in_turn()
            if self._cancelling.is_set():
                break
            fruitless = 0 if self.download.covered_s > before + FRUITFUL_S else fruitless + 1
            if is_all or self._is_covered or fruitless >= self._parts.settings.download_attempts:
                await self._finish(detail)
                return
            # Before others can see that it waits: whoever wakes it from then on is heard.
            self._device_back.clear()
            await self._note(DownloadState.WAITING, detail)
            await self._pause(min(RETRY_MIN_S * 2 ** max(fruitless - 1, 0), RETRY_MAX_S))
        await self._finish("cancelled", DownloadState.CANCELLED)

    async def _pause(self, delay_s: float) -> None:
        ends: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(self._parts.clock.sleep(delay_s)),
            asyncio.ensure_future(self._device_back.wait()),
        }
        try:
            await self._first_of(asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED))
        finally:
            for end in ends:
                end.cancel()

    async def _attempt_in_turn(self) -> tuple[bool, str]:
        """One attempt when its turn has come; whether the device said that this was all, and how it ended."""
        gates: tuple[AbstractAsyncContextManager[None], ...] = (self._turn, self._parts.slots)
        async with AsyncExitStack() as stack:
            for gate in gates:
                if not await self._first_of(stack.enter_async_context(gate)):
                    return False, "cancelled"
            return await self._attempt()

    async def _attempt(self) -> tuple[bool, str]:
        self.download = replace(self.download, attempts=self.download.attempts + 1)
        await self._note(DownloadState.RUNNING, "")
        directory = directory_of(self._parts.settings.path, self.download.download_id)
        try:
            self._parts.disk.require_room()
            await asyncio.to_thread(directory.mkdir, mode=0o750, parents=True, exist_ok=True)
        except (DiskFull, OSError) as error:
            return False, str(error)
        self._writer = writer = PartWriter(self.download.key, directory)
        try:
            stream, detail = await self._open(writer)
            if stream is not None:
                await self._until_ended(stream, writer)
        finally:
            # Also when the platform stops: the file is closed, and counts.
            await asyncio.shield(self._close_part(writer))
        if stream is None:
            return False, detail
        return stream.outcome == END_OF_FILE, writer.failure or stream.detail

    async def _open(self, writer: PartWriter) -> tuple[DownloadStream | None, str]:
        """The stream; without one, why there is none: whatever the source says."""
        download = self.download
        opening = asyncio.ensure_future(
            self._parts.source.open_stream(
                download.key,
                download.start_time + timedelta(seconds=int(download.covered_s)),
                download.end_time,
                speed=download.speed,
                tag=download.download_id,
                record_type=download.record_type,
                uri=download.uri,
                on_session=writer.attach,
            )
        )
        try:
            await self._first_of(opening)
            self._stream = opening.result() if opening.done() and not opening.cancelled() else None
        except Exception as error:
            log.info("download %s: %s", download.download_id, error)
            return None, str(error) or type(error).__name__
        return self._stream, "cancelled"

    async def _until_ended(self, stream: DownloadStream, writer: PartWriter) -> None:
        """Wait for the end; a disk that fills up, and a recorder that failed, are ends too."""
        while not (stream.ended.is_set() or self._cancelling.is_set() or writer.failure):
            if self._parts.disk.look().is_full:
                writer.failure = "free space is below the floor"
                return
            await self._first_of(stream.ended.wait(), timeout_s=LOOK_EVERY_S)

    async def _close_part(self, writer: PartWriter) -> None:
        """End the stream, see the files closed, and note what they hold."""
        stream = self._stream
        if stream is not None:
            await stream.close()
            self._received_before += stream.received_bytes
        self._stream = None
        files = await writer.finish()
        self._writer = None
        await self._add(files)

    async def _first_of(self, work: Awaitable[Any], timeout_s: float | None = None) -> bool:
        """Do this unless the download is cancelled first; False when it was."""
        doing = asyncio.ensure_future(work)
        waiting = asyncio.ensure_future(self._cancelling.wait())
        try:
            await asyncio.wait({doing, waiting}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            if not doing.done():
                doing.cancel()
        await asyncio.wait({doing})
        if doing.cancelled():
            return not self._cancelling.is_set()
        doing.result()
        return True

    # ------------------------------------------------------------------ what is there

    @property
    def _is_covered(self) -> bool:
        missing = self.download.duration_s - self.download.covered_s
        return missing <= max(END_TOLERANCE_S, self.download.duration_s * END_TOLERANCE_PART)

    async def _take_over(self) -> None:
        """After a crash a part may be on the disk without a row: it is mended and counted."""
        known = {part.part_id for part in await self._parts.store.parts([self.download.download_id])}
        directory = directory_of(self._parts.settings.path, self.download.download_id)
        found = [file for file in await read_back(directory) if file.part_id not in known]
        if found:
            await self._add(found)

    async def _add(self, files: list[WrittenFile]) -> None:
        parts = []
        # An attempt asks from the whole second on.
        offset_s = float(int(self.download.covered_s)) if files else self.download.covered_s
        for file in files:
            parts.append(self._part(file, offset_s))
            offset_s += file.duration_s
        self.download = replace(self.download, covered_s=max(offset_s, self.download.covered_s))
        await self._save(parts)

    def _part(self, file: WrittenFile, offset_s: float) -> DownloadPart:
        return DownloadPart(
            part_id=file.part_id,
            download_id=self.download.download_id,
            path=relative_path(self._parts.settings.path, file.path),
            offset_s=offset_s,
            duration_s=file.duration_s,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            video_codec=file.video_codec,
            audio_codec=file.audio_codec,
            verified=file.verified,
        )

    async def _finish(self, detail: str, state: DownloadState | None = None) -> None:
        download = self.download
        if state is None and self._is_covered:
            state = DownloadState.COMPLETE
        elif state is None:
            state = DownloadState.INCOMPLETE if download.covered_s else DownloadState.FAILED
            detail = f"{download.covered_s:.0f} of {download.duration_s:.0f} s came: {detail}"
        self.download = replace(download, finished_time=self._parts.clock.wall())
        await self._note(state, detail)
        await self._save_at_last()
        log.info("download %s of %s is %s: %s", download.download_id, download.key, state.value, detail)

    async def _note(self, state: DownloadState, detail: str) -> None:
        self.download = replace(self.download, state=state, detail=detail[:MAX_DETAIL])
        await self._save([])

    async def _save(self, parts: list[DownloadPart]) -> None:
        """A database that is away must not end a download: its rows are written with the next note."""
        self._unsaved += parts
        saving = list(self._unsaved)
        try:
            await self._parts.store.save(self.download, saving)
        except (SQLAlchemyError, OSError) as error:
            self._is_noted = False
            log.error("download %s could not be noted: %s", self.download.download_id, error)
        else:
            self._is_noted = True
            self._unsaved = self._unsaved[len(saving) :]

    async def _save_at_last(self) -> None:
        """The end of a download is not lost; at a shutdown the next start makes its rows good."""
        pause_s = RETRY_MIN_S
        while not self._is_noted:
            await self._parts.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MAX_S)
            await self._save([])


def directory_of(root: Path, download_id: str) -> Path:
    """Where the files of a download lie.

    Raises:
        DownloadNotFound: the id is none of ours.
    """
    if not _ID.fullmatch(download_id):
        raise DownloadNotFound(download_id)
    return root / DOWNLOADS / download_id[:2] / download_id
