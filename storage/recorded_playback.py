"""Our own recordings of a channel as a stream: for the console, and for superiors that ask for playback.

The files of the time asked for are held while it lasts: retention leaves them alone. A file that is gone or
damaged all the same is passed over and counted. What lies between two recordings is passed over as well.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from catalog.model import ChannelKey
from media.errors import MediaError
from media.recordings import (
    SCALE_LIMITS,
    Play,
    PlaybackStats,
    RecordedSegment,
    RecordingEnded,
    RecordingStream,
)
from media.session import MediaSession
from storage.errors import NoFootage, PlaybacksBusy, StorageViolation
from storage.files import segment_file
from storage.holds import SegmentHold, SegmentHolds
from storage.model import Segment
from storage.settings import StorageSettings

log = logging.getLogger(__name__)

MAX_FILES: Final = 50_000
"""Of one playback: a month of minutes."""


class RecordingsPlayer(Protocol):
    """Plays files; ``MediaPlane`` is one."""

    async def open_recordings(
        self,
        segments: Sequence[RecordedSegment],
        start: datetime,
        end: datetime,
        play: Play | None = None,
        *,
        label: str,
    ) -> RecordingStream: ...


class SegmentsOfTime(Protocol):
    """Finds what was recorded; ``SegmentIndex`` is one."""

    async def between(self, key: ChannelKey, start: datetime, end: datetime, limit: int) -> list[Segment]: ...


class RecordedPlayback:
    """One playback. Its session serves every way out; it lasts until :meth:`close`, also after its end."""

    def __init__(self, key: ChannelKey, stream: RecordingStream, play: Play, hold: SegmentHold) -> None:
        self.key: Final = key
        self.start: Final = stream.start
        self.end: Final = stream.end
        self.play: Final = play
        self.on_ended: Callable[[RecordingEnded], None] | None = None
        """Called after the last picture: MediaStatus 121 and BYE follow for a superior (GB-C110)."""
        self.closed: Final = asyncio.Event()
        """Set when it was closed, or its session was lost."""
        self.on_closed: Callable[[RecordedPlayback], None] | None = None
        self._stream = stream
        self._hold = hold
        stream.on_ended = self._ended
        stream.session.on_closed = self._lost

    @property
    def session(self) -> MediaSession:
        return self._stream.session

    @property
    def stats(self) -> PlaybackStats:
        return self._stream.stats()

    @property
    def position(self) -> datetime:
        """Instant of the newest picture."""
        return self._stream.position

    @property
    def position_s(self) -> float:
        """The same in seconds from the begin (npt of annex B)."""
        return max(0.0, self._stream.position_s)

    @property
    def ended(self) -> RecordingEnded | None:
        """Why nothing follows, if so."""
        return self._stream.ended

    def pause(self) -> None:
        self._stream.pause()

    def resume(self) -> None:
        self._stream.resume()

    def seek(self, to: datetime | float, *, exact: bool = False) -> None:
        """Go to an instant, or to seconds from the begin."""
        self._stream.seek(to, exact=exact)

    def set_scale(self, scale: float) -> None:
        """Another pace; negative is backwards.

        Raises:
            ValueError: it cannot be played.
        """
        slowest, fastest = SCALE_LIMITS
        if not slowest <= abs(scale) <= fastest or (self.play.download and scale < 0):
            raise ValueError(f"{scale:g} is no pace between {slowest:g} and {fastest:g}")
        self._stream.set_scale(scale)

    async def close(self, reason: str) -> None:
        """End it: readers are told, files may be deleted again. Once is enough."""
        try:
            await self._stream.close(reason)
        finally:
            self._release()

    def _ended(self, ended: RecordingEnded) -> None:
        if self.on_ended is not None:
            self.on_ended(ended)

    def _lost(self, _reason: str) -> None:
        self._release()

    def _release(self) -> None:
        self._hold.release()
        if not self.closed.is_set():
            self.closed.set()
            if self.on_closed is not None:
                self.on_closed(self)


class RecordedPlaybacks:
    """Opens playbacks, and ends those that are left at the close."""

    def __init__(
        self,
        settings: StorageSettings,
        index: SegmentsOfTime,
        holds: SegmentHolds,
        player: RecordingsPlayer | None,
    ) -> None:
        self._settings = settings
        self._index = index
        self._holds = holds
        self._player = player
        self._open: set[RecordedPlayback] = set()
        self._opening = 0

    def __len__(self) -> int:
        return len(self._open)

    async def segments(self, key: ChannelKey, start: datetime, end: datetime) -> list[Segment]:
        """What is on the disk of that time, the oldest first."""
        return await self._index.between(key, start, end, MAX_FILES)

    async def open(
        self, key: ChannelKey, start: datetime, end: datetime, play: Play | None = None, *, label: str = ""
    ) -> RecordedPlayback:
        """Begin to play; returns when the first picture is there.

        Raises:
            NoFootage: nothing of that time is on the disk, or nothing of it can be played.
            PlaybacksBusy: ``playbacks_max`` are open.
        """
        if self._player is None:
            raise StorageViolation("this storage was built without a media room")
        if len(self._open) + self._opening >= self._settings.playbacks_max:
            raise PlaybacksBusy(self._settings.playbacks_max)
        self._opening += 1
        try:
            return await self._begin(self._player, key, (start, end), play or Play(), label or str(key))
        finally:
            self._opening -= 1

    async def close(self) -> None:
        """End all of them."""
        for playback in list(self._open):
            await playback.close("server stopping")

    async def _begin(
        self,
        player: RecordingsPlayer,
        key: ChannelKey,
        period: tuple[datetime, datetime],
        play: Play,
        label: str,
    ) -> RecordedPlayback:
        start, end = period
        found = await self.segments(key, start, end)
        if not found:
            raise NoFootage(f"nothing of {key} from {start.isoformat()} to {end.isoformat()} is on the disk")
        hold = self._holds.hold(segment.segment_id for segment in found)
        try:
            files = [_file_of(self._settings.path, segment) for segment in found]
            stream = await player.open_recordings(files, start, end, play, label=label)
        except BaseException:
            hold.release()
            raise
        playback = RecordedPlayback(key, stream, play, hold)
        playback.on_closed = self._open.discard
        self._open.add(playback)
        try:
            await stream.wait_started(self._settings.playback_start_s)
        except MediaError as error:
            await playback.close("nothing to play")
            raise NoFootage(str(error)) from error
        except BaseException:
            await playback.close("given up")
            raise
        return playback


def _file_of(root: Path, segment: Segment) -> RecordedSegment:
    return RecordedSegment(
        segment_file(root, segment.path), segment.start_time, segment.end_time, segment.audio_codec
    )
