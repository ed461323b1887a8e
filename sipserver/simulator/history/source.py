"""Recorded pictures, made when they are asked for: drawn with the time in them, encoded group by group.

A group is encoded in a thread while the one before it is sent. Groups follow one another forwards or
backwards, and after a change of position from the group that holds it; the pictures within a group always go
forwards.
"""

import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sipserver.gb.gb_time import BEIJING
from sipserver.simulator.history.recordings import RecordedSpan
from sipserver.simulator.loops import PictureSettings, encoder_of, painter_of, sound_of_picture
from sipserver.simulator.wire import MediaTransport, WirePacker, WirePicture

KEYFRAMES_ALONE_FROM: Final = 8.0
"""Speed from which only the first picture of each group is sent."""

logger = logging.getLogger(__name__)

_encoding: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history encoder")


@dataclass(frozen=True, slots=True)
class TimedPicture:
    """A picture and its place, in seconds from the start of what was asked for."""

    picture: WirePicture
    at_s: float


class HistorySource:
    """The pictures of one playback or download.

    Args:
        spans: what is recorded; time between two of them is passed over.
        early_s: the device begins so much before what it was asked for (Q72).
    """

    def __init__(
        self,
        settings: PictureSettings,
        spans: list[RecordedSpan],
        start: datetime,
        end: datetime,
        transport: MediaTransport,
        with_map: bool = True,
        early_s: float = 0.0,
    ) -> None:
        self._settings = settings
        self._spans = spans
        self._start = start
        self._first_s = -early_s
        self._duration_s = (end - start).total_seconds()
        self._packer = WirePacker(settings.codec, settings.with_audio, transport, with_map)
        self._painter = painter_of(settings)
        self._encoder = encoder_of(settings)
        self._ready: deque[TimedPicture] = deque()
        self._coming: Future[list[TimedPicture]] | None = None
        self._is_stale = False
        self._next_s = self._first_s
        self._step = 1
        self._only_keyframes = False
        self._with_sound = True
        self.at_s = self._first_s
        """Place of the newest picture that was taken."""

    @property
    def fps(self) -> int:
        return self._settings.fps

    @property
    def is_finished(self) -> bool:
        return not self._ready and self._coming is None and self._group_at(self._next_s) is None

    def next_picture(self) -> WirePicture | None:
        """The next one; None while its group is being encoded, and at the end."""
        self._collect()
        if len(self._ready) < self._settings.gop_pictures:
            self._prepare()
        if not self._ready:
            return None
        taken = self._ready.popleft()
        self.at_s = taken.at_s
        return taken.picture

    def restart_at_keyframe(self) -> None:
        """A recording cannot be asked for a key frame."""

    def seek(self, at_s: float) -> None:
        """Go on from the group that holds this position."""
        self._ready.clear()
        self._is_stale = self._coming is not None
        gop_s = self._settings.gop_s
        self._next_s = self._first_s + (at_s - self._first_s) // gop_s * gop_s

    def change_speed(self, scale: float) -> None:
        """Pictures already made are dropped: a change is to be seen at once."""
        self._step = -1 if scale < 0 else 1
        self._only_keyframes = abs(scale) >= KEYFRAMES_ALONE_FROM
        self._with_sound = scale == 1.0
        self.seek(self.at_s)

    def close(self) -> None:
        if self._coming is not None:
            self._coming.cancel()

    # ---------------------------------------------------------------- inside

    def _collect(self) -> None:
        if self._coming is None or not self._coming.done():
            return
        coming, self._coming = self._coming, None
        if self._is_stale:
            self._is_stale = False
            return
        if not coming.cancelled() and (error := coming.exception()) is not None:
            logger.error("recorded pictures cannot be made", exc_info=error)
        elif not coming.cancelled():
            self._ready += coming.result()

    def _prepare(self) -> None:
        if self._coming is not None:
            return
        at_s = self._group_at(self._next_s)
        if at_s is not None:
            self._next_s = at_s + self._step * self._settings.gop_s
            self._coming = _encoding.submit(self._encode, at_s, self._only_keyframes, self._with_sound)

    def _group_at(self, at_s: float) -> float | None:
        """The place of the next group that is recorded, from ``at_s`` on in the direction of travel."""
        while self._first_s <= at_s < self._duration_s - 1e-6:
            moment = self._start + timedelta(seconds=at_s)
            if at_s < 0 or any(span.start <= moment < span.end for span in self._spans):
                return at_s
            later = [span.start for span in self._spans if span.start > moment]
            if self._step < 0 or not later:
                return None
            at_s = (min(later) - self._start).total_seconds()
        return None

    def _encode(self, at_s: float, only_keyframe: bool, with_sound: bool) -> list[TimedPicture]:
        settings = self._settings
        count = 1 if only_keyframe else settings.gop_pictures
        made = []
        for number in range(count):
            place = at_s + number / settings.fps
            if place >= self._duration_s - 1e-6:
                break
            clock = (self._start + timedelta(seconds=place)).astimezone(BEIJING)
            text = f"{clock:%H:%M:%S}.{clock.microsecond // 100_000}"
            drawn = self._painter.draw(clock.timestamp() % settings.loop_s, text)
            picture = self._encoder.encode(drawn, force_keyframe=number == 0)
            index = int(clock.timestamp() * settings.fps)
            sound = sound_of_picture(settings, index) if with_sound else b""
            made.append(TimedPicture(self._packer.pack(picture.annexb, picture.keyframe, sound), place))
        return made
