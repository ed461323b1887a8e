"""Our own recordings played as a stream: a session like a live one, with a position, a pace and an end.

A playback is opened from a list of files (``RecordedSegment``, the oldest first); what lies between two of
them is passed over, and so are files that are gone or damaged (``on_skipped``). Positions are instants of the
wall clock. All ways out of a session work on it. Its end (``on_ended``, ``wait_ended``) comes after the last
picture has been handed to every reader; the session stays open until it is closed, and can be
sent back by ``seek``.

Source: GB/T 28181-2016 annex B (pause, scale, range), 2022 for backwards; protocol notes 6.8, 6.9.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from media.errors import LocalViolation, NoKeyframe, SessionClosed
from media.facts import StreamInfo, time_of_us, us_of_time

if TYPE_CHECKING:
    from media.engine import Engine
    from media.reception import MediaSession

logger = logging.getLogger(__name__)

SCALES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Paces to offer; others between 0.1 and 64 work as well, and all of them backwards."""
SCALE_LIMITS: Final = (0.1, 64.0)


class Stamps(StrEnum):
    """Times of pictures that are not played at their own pace.

    Receivers differ: who shows a picture when its time says so wants ``RESCALED`` (RFC 2326 appendix B,
    browsers); who counts the position from the times, as some platforms do, wants those of the recording.
    """

    RESCALED = "rescaled"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class RecordedSegment:
    """One file: wall clock of its first picture and of its end, and the sound as the camera sent it."""

    path: Path
    start_time: datetime
    end_time: datetime
    audio_codec: str = ""
    """``G711A``, ``G711U``, ``AAC``; empty when nobody knows: the samples tell A-law and µ-law apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """How recordings are played."""

    scale: float = 1.0
    """Times the recording's own pace; negative is backwards. Sound is played at 1 alone. Above 4, key frames
    alone are sent where all pictures would be more than 16 Mbit/s. A download takes 0: as fast as it can."""
    download: bool = False
    """With sound and every picture at any pace, times of the recording, no faster than readers take it."""
    stamps: Stamps = Stamps.RESCALED
    whole_groups: bool = False
    """Backwards: whole groups of pictures in reverse order (2022, for superiors); else key frames alone."""
    paused: bool = False
    """Show the first picture and wait for :meth:`RecordingStream.resume`."""
    exact: bool = False
    """Begin at the very picture: those from its key frame on pass in no time. Else begin at the key frame."""


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """Nothing follows. ``position`` is the instant of the last picture."""

    reason: str
    position: datetime


@dataclass(frozen=True, slots=True)
class RecordingSkipped:
    """A file could not be played. ``start_time`` says which footage is missing."""

    file: str
    start_time: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStats:
    """Where a playback stands, and what it counted. Counters only rise."""

    state: Literal["playing", "paused", "ended"]
    position: datetime
    """Instant of the newest picture."""
    scale: float
    pictures: int
    bytes: int
    files_skipped: int
    """Files that were gone, damaged, or on a disk that did not answer."""
    pictures_damaged: int
    """Pictures and pieces of sound left out because their bytes made no sense."""
    gaps: int
    """Times without footage that were passed over."""
    starved: int
    """Times that the disk did not keep up."""
    held_bytes: int
    """Read and not yet sent."""


def begin_playback(
    engine: Engine,
    session_id: str,
    segments: Sequence[RecordedSegment],
    period: tuple[datetime, datetime],
    play: Play,
) -> None:
    """Tell the data plane; see :meth:`MediaPlane.open_recordings`."""
    start, end = period
    if not segments or end <= start:
        raise LocalViolation("a playback needs a file, and an end behind its begin")
    engine.open_recordings(
        session_id,
        [
            (each.path, us_of_time(each.start_time), us_of_time(each.end_time), each.audio_codec)
            for each in segments
        ],
        (us_of_time(start), us_of_time(end)),
        {
            "scale": play.scale,
            "download": play.download,
            "recorded_stamps": play.stamps is Stamps.RECORDED,
            "whole_groups": play.whole_groups,
            "paused": play.paused,
            "exact": play.exact,
        },
    )


class RecordingStream:
    """One playback. Commands take effect within some milliseconds, in the order in which they were given."""

    def __init__(self, session: MediaSession, engine: Engine, start: datetime, end: datetime) -> None:
        self.session: Final = session
        self.start: Final = start
        self.end: Final = end
        self.ended: RecordingEnded | None = None
        """The end, until a seek or another direction leads away from it."""
        self.on_ended: Callable[[RecordingEnded], None] | None = None
        self.on_skipped: Callable[[RecordingSkipped], None] | None = None
        self._engine = engine
        self._end = asyncio.Event()
        self._seeks = 0
        self._last: PlaybackStats | None = None
        session.on_recording = self._take_fact

    @property
    def position(self) -> datetime:
        """The instant of the newest picture."""
        return self.stats().position

    @property
    def position_s(self) -> float:
        """The same in seconds from the begin of what was asked for (npt)."""
        return (self.position - self.start).total_seconds()

    @property
    def scale(self) -> float:
        return self.stats().scale

    def stats(self) -> PlaybackStats:
        """Now; after the session's end, as of the last call."""
        if not self.session.is_closed:
            native = self._engine.recordings_state(self.session.session_id)
            values: dict[str, Any] = {key: value for key, value in native.items() if key != "position_us"}
            self._last = PlaybackStats(position=time_of_us(native["position_us"]), **values)
        if self._last is None:
            raise SessionClosed(self.session.close_reason or "the media room is closed")
        return self._last

    def pause(self) -> None:
        self._engine.pause_recordings(self._open_id(), paused=True)

    def resume(self) -> None:
        """Go on from where it stands, at the pace that it had."""
        self._engine.pause_recordings(self._open_id(), paused=False)

    def seek(self, to: datetime | float, *, exact: bool = False) -> None:
        """Go to an instant, or to seconds from the begin (npt); beyond the ends, to the end.

        Playing begins at the key frame before; with ``exact`` the pictures up to there pass in no time.
        A playback that is paused shows one picture there.
        """
        instant = to if isinstance(to, datetime) else self.start + timedelta(seconds=to)
        self._engine.seek_recordings(self._open_id(), us_of_time(instant), exact)
        self._seeks += 1
        self.ended = None
        self._end.clear()

    def set_scale(self, scale: float) -> None:
        """Another pace, or direction."""
        self._engine.scale_recordings(self._open_id(), scale)

    async def wait_started(self, timeout_s: float) -> StreamInfo:
        """Wait for the first picture.

        Raises:
            NoKeyframe: there is none in any file.
            NoMedia: the disk did not give one in time.
            SessionClosed: it was closed meanwhile.
        """
        first = asyncio.ensure_future(self.session.wait_first_keyframe(timeout_s))
        end = asyncio.ensure_future(self._end.wait())
        try:
            await asyncio.wait({first, end}, return_when=asyncio.FIRST_COMPLETED)
            if not first.done() and self.session.info is None:
                raise NoKeyframe("none of the recorded files holds a picture that can be played")
            return await first
        finally:
            first.cancel()
            end.cancel()

    async def wait_ended(self) -> RecordingEnded:
        """Wait for the end.

        Raises:
            SessionClosed: it was closed before.
        """
        await self._end.wait()
        if self.ended is None:
            raise SessionClosed(self.session.close_reason or "closed")
        return self.ended

    async def close(self, reason: str) -> None:
        """End the session; its readers are told."""
        if not self.session.is_closed:
            self.stats()
        await self.session.close(reason)
        self._end.set()

    def _open_id(self) -> str:
        if self.session.close_reason is not None:
            raise SessionClosed(self.session.close_reason)
        return self.session.session_id

    def _take_fact(self, kind: str, values: Mapping[str, Any]) -> None:
        if kind == "recording_skipped":
            skipped = RecordingSkipped(values["file"], time_of_us(values["start_wall_us"]), values["reason"])
            logger.warning(
                "recorded file %s cannot be played: %s",
                skipped.file,
                skipped.reason,
                extra=self.session.fields(),
            )
            if self.on_skipped is not None:
                self.on_skipped(skipped)
            return
        if values["seeks"] != self._seeks:
            return  # it was sent elsewhere meanwhile
        self.ended = RecordingEnded(values["reason"], time_of_us(values["position_wall_us"]))
        self._end.set()
        if self.on_ended is not None:
            self.on_ended(self.ended)
