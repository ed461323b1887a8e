"""Our own recordings, played for a superior: speed, position, pause, direction and the right end.

Times without footage are passed over. Source: gb28181.md 6.8, 6.9, 8.6; GB-C108, GB-C110.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cascade.ports import OwnRecordings
from cascade.streams.sources import ControlAnswer, ControlRefused, Wanted
from catalog.model import ChannelKey
from media.recordings import SCALE_LIMITS, Play, RecordingEnded, Stamps
from media.session import MediaSession
from sipserver.gb.mansrtsp import CONTENT_TYPE, Answer, Control, Method, NptRange
from storage.errors import StorageError
from storage.model import Segment
from storage.recorded_playback import RecordedPlayback

DOWNLOAD_SPEED_MAX: Final = 16
PAUSE_MAX_S: Final = 900.0
"""Longest pause: a superior that has forgotten a playback does not keep it for ever."""
LOOK_EVERY_S: Final = 0.1
"""How exactly the end of a Range is kept."""


class PlayedRecording:
    """See ``StreamSource``."""

    def __init__(self, playback: RecordedPlayback, wanted: Wanted, size_bytes: int | None) -> None:
        self.over: Final = asyncio.Event()
        self.reason = ""
        self.is_complete = False
        self.file_size = size_bytes
        self.route_path: Final[tuple[str, ...]] = ()
        """It comes by no other platform."""
        self._playback = playback
        self._wanted = wanted
        self._scale = 1.0
        self._is_held = True
        """By us, until the receiver is there."""
        self._is_paused = False
        """By the superior."""
        self._until: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tell_owner = playback.on_closed
        playback.on_ended = self._ended
        playback.on_closed = self._closed

    @classmethod
    async def open(
        cls, recordings: OwnRecordings, key: ChannelKey, wanted: Wanted, label: str
    ) -> PlayedRecording:
        """Begin with the first picture, and wait for the receiver.

        Raises:
            StorageError: nothing of that time is on the disk, or too much is played already.
        """
        speed = float(min(max(wanted.speed, 1), DOWNLOAD_SPEED_MAX)) if wanted.is_download else 1.0
        play = Play(
            scale=speed,
            download=wanted.is_download,
            stamps=Stamps.RESCALED,
            whole_groups=True,
            paused=True,
        )
        playback = await recordings.open(key, wanted.start, wanted.end, play, label=label)
        size = None
        if wanted.is_download:
            size = size_between(
                await recordings.segments(key, wanted.start, wanted.end), wanted.start, wanted.end
            )
        return cls(playback, wanted, size)

    @property
    def session(self) -> MediaSession:
        return self._playback.session

    def begin(self) -> None:
        """Nothing yet: over TCP the connection comes first."""

    def ready(self) -> None:
        self._is_held = False
        if not self._is_paused and not self._playback.closed.is_set():
            self._playback.resume()

    async def control(self, control: Control, body: bytes) -> ControlAnswer:
        if self._playback.closed.is_set():
            raise ControlRefused("the playback is over", 481)
        try:
            if control.method is Method.PLAY:
                self._play(control)
            else:
                self._pause()
        except (ValueError, StorageError) as error:
            raise ControlRefused(str(error), 400) from error
        answer = Answer(200, control.cseq, self._scale, NptRange(self._playback.position_s))
        return ControlAnswer(body=answer.serialize(), content_type=CONTENT_TYPE)

    async def release(self) -> None:
        self._stop_at(None)
        self._stop_timer()
        await self._playback.close("the superior has had enough")

    # ---------------------------------------------------------------- inside

    def _pause(self) -> None:
        self._is_paused = True
        self._playback.pause()
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(PAUSE_MAX_S, self._paused_too_long)

    def _paused_too_long(self) -> None:
        self.reason = f"paused for {PAUSE_MAX_S:g} s"
        self.over.set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _play(self, control: Control) -> None:
        """A speed alone keeps the position, a position alone the speed (gb28181.md 6.8)."""
        if control.scale is not None:
            self._change_speed(control.scale)
        target = self._target(control)
        if target is not None:
            self._playback.seek(target)
        if target is not None or control.scale is not None:
            self._revive()
        self._stop_at(control.npt.end_s if control.npt is not None else None)
        self._is_paused = False
        self._stop_timer()
        if not self._is_held:
            self._playback.resume()

    def _change_speed(self, scale: float) -> None:
        """The nearest that can be played; the answer says which it is."""
        slowest, fastest = SCALE_LIMITS
        size = min(max(abs(scale), slowest), fastest)
        chosen = size if scale > 0 else -size
        self._playback.set_scale(chosen)
        self._scale = chosen

    def _target(self, control: Control) -> datetime | float | None:
        if control.clock:
            return _moment(control.clock)
        if control.npt is None or control.npt.start_s is None:
            return None
        return min(control.npt.start_s, (self._wanted.end - self._wanted.start).total_seconds())

    def _revive(self) -> None:
        """A playback that has ended goes on where it was sent back."""
        self.is_complete = False
        self.over.clear()

    def _stop_at(self, end_s: float | None) -> None:
        if self._until is not None:
            self._until.cancel()
            self._until = None
        if end_s is not None:
            self._until = asyncio.get_running_loop().create_task(
                self._watch_end(end_s), name=f"range of {self._playback.key}"
            )

    async def _watch_end(self, end_s: float) -> None:
        """End at the end of a Range, in the direction of play."""
        playback = self._playback
        while not playback.closed.is_set() and playback.ended is None:
            has_passed = playback.position_s >= end_s if self._scale > 0 else playback.position_s <= end_s
            if has_passed:
                playback.pause()
                self._finish("the end of the range was reached")
                return
            await asyncio.sleep(LOOK_EVERY_S)

    def _ended(self, ended: RecordingEnded) -> None:
        self._finish(ended.reason)

    def _finish(self, reason: str) -> None:
        self.reason, self.is_complete = f"the recording ended: {reason}", True
        self.over.set()

    def _closed(self, playback: RecordedPlayback) -> None:
        if self._tell_owner is not None:
            self._tell_owner(playback)
        self._stop_timer()
        if not self.over.is_set():
            self.reason = playback.session.close_reason or "the playback was closed"
        self.over.set()


def size_between(segments: Sequence[Segment], start: datetime, end: datetime) -> int | None:
    """About how many bytes a part of recordings has: what is not wanted of a file counts by its time."""
    size = 0.0
    for segment in segments:
        whole = segment.end_time - segment.start_time
        if whole > timedelta(0):
            part = min(segment.end_time, end) - max(segment.start_time, start)
            size += segment.size_bytes * max(0.0, part / whole)
    return round(size) or None


def _moment(clock: str) -> datetime:
    """``20240501T080000Z``, or without Z in Beijing time.

    Raises:
        ValueError: there is no such moment.
    """
    zone = "+0000" if clock.endswith("Z") else "+0800"
    return datetime.strptime(clock.rstrip("Z") + zone, "%Y%m%dT%H%M%S%z")
