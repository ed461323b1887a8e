"""Writes what one attempt of a download brings, and reads it back when it has ended."""

import asyncio
import hashlib
import logging
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog.model import ChannelKey, RetentionClass
from media.facts import RecorderDetached, RecorderFact, RecorderFailed, SegmentClosed, SegmentGrown
from storage.errors import SegmentUnreadable
from storage.files import SUFFIX
from storage.metadata import SegmentMetadata
from storage.ports import RecordedSession
from storage.segment import SegmentFile, recover, scan

SEGMENT_S: Final = 86_400.0
"""Longer than a download may be: one file, unless the picture changes its size or codec."""
CLOSING_S: Final = 30.0
"""How long the last fact is waited for: the BYE may take its time."""
CHUNK_BYTES: Final = 1 << 20
TOLERANCE_S: Final = 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file as it was read back. ``verified``: whole, with pictures, and as long as was reported."""

    path: Path
    duration_s: float
    size_bytes: int
    sha256: str
    video_codec: str
    audio_codec: str
    verified: bool

    @property
    def part_id(self) -> str:
        return self.path.stem


class PartWriter:
    """One attempt. ``attach`` may come twice, when the transport of the media had to be changed."""

    def __init__(self, key: ChannelKey, directory: Path) -> None:
        self._key = key
        self._directory = directory
        self._recorder_id = ""
        self._session: RecordedSession | None = None
        self._closed = asyncio.Event()
        self._durations: dict[str, float] = {}
        self.failure = ""

    @property
    def written_s(self) -> float:
        """Footage that is on the disk so far, by the time stamps of its pictures."""
        return sum(self._durations.values())

    def attach(self, session: RecordedSession) -> None:
        """Record from the first key frame on."""
        recorder_id = uuid.uuid4().hex
        metadata = SegmentMetadata(
            self._key.device_id, self._key.channel_id, recorder_id, RetentionClass.ORDINARY
        )
        self._recorder_id, self._session = recorder_id, session
        self._closed.clear()
        self._durations.clear()
        session.attach_recorder(
            recorder_id,
            self._directory,
            segment_s=SEGMENT_S,
            metadata=metadata.serialize(),
            on_fact=lambda fact: self._take(recorder_id, fact),
        )

    async def finish(self) -> list[WrittenFile]:
        """Wait until the files are closed, and read them back.

        Called after the stream was ended; a recorder that does not say its last fact is ended from here.
        """
        if self._session is not None and not self._closed.is_set():
            try:
                async with asyncio.timeout(CLOSING_S):
                    await self._closed.wait()
            except TimeoutError:
                log.warning("recorder %s did not end; its files are read as after a crash", self._recorder_id)
        reported = dict(self._durations)
        return await read_back(self._directory, self._recorder_id, reported) if self._recorder_id else []

    def _take(self, recorder_id: str, fact: RecorderFact) -> None:
        if recorder_id != self._recorder_id:
            return
        match fact:
            case SegmentGrown() | SegmentClosed():
                self._durations[fact.segment_id] = fact.duration_s
            case RecorderFailed(message=message):
                self.failure = message
                self._closed.set()
            case RecorderDetached():
                self._closed.set()
            case _:
                pass


async def read_back(
    directory: Path, prefix: str = "", reported: dict[str, float] | None = None
) -> list[WrittenFile]:
    """Every file with pictures in it, in order; what is torn is mended, what is empty is removed.

    Args:
        reported: durations by file, as they were told while writing; without them length is not compared.
    """
    return await asyncio.to_thread(_read_back, directory, prefix, reported)


def _read_back(directory: Path, prefix: str, reported: dict[str, float] | None) -> list[WrittenFile]:
    if not directory.is_dir():
        return []
    found = []
    files = directory.glob(f"{prefix}*{SUFFIX}")
    for file in sorted(files, key=lambda each: (each.stat().st_mtime, each.name)):
        try:
            was_whole = scan(file).is_whole
            content = recover(file)
        except SegmentUnreadable as error:
            log.warning("downloaded file %s is of no use: %s", file.name, error)
            file.unlink(missing_ok=True)
            continue
        if not content.has_pictures:
            file.unlink(missing_ok=True)
            continue
        expected = (reported or {}).get(file.stem)
        found.append(_written(file, content, was_whole and _agrees(content.duration_s, expected)))
    return found


def _agrees(duration_s: float, expected: float | None) -> bool:
    return expected is None or abs(duration_s - expected) <= TOLERANCE_S


def _written(file: Path, content: SegmentFile, verified: bool) -> WrittenFile:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
    return WrittenFile(
        path=file,
        duration_s=content.duration_s,
        size_bytes=content.whole_bytes,
        sha256=digest.hexdigest(),
        video_codec=content.video_codec,
        audio_codec=content.audio_codec,
        verified=verified and not content.damaged,
    )
