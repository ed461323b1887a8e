"""Pictures drawn and encoded while they are sent, with the time of day in them.

One thread for each watched channel, however many watch it; it ends with the last one. Costs about two
thousandths of a second for each picture of 640 x 360 in H.264, three to four times that in H.265: right for a
handful of cameras on a demonstration, wrong for a fleet.
"""

import logging
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Final

from sipserver.gb.gb_time import BEIJING
from sipserver.simulator.loops import PictureSettings, encoder_of, painter_of, sound_of_picture
from sipserver.simulator.wire import MediaTransport, WirePacker, WirePicture

_QUEUE_PICTURES: Final = 50

logger = logging.getLogger(__name__)


class LiveSource:
    """The pictures of a live channel for one stream; a full queue is emptied, up to the next key frame."""

    def __init__(self, channel: "LiveChannel", packer: WirePacker) -> None:
        self._channel = channel
        self._packer = packer
        self._queue: deque[WirePicture] = deque()
        self._begun = False

    @property
    def fps(self) -> int:
        return self._channel.settings.fps

    def next_picture(self) -> WirePicture | None:
        return self._queue.popleft() if self._queue else None

    def restart_at_keyframe(self) -> None:
        self._channel.request_keyframe()

    def close(self) -> None:
        self._channel.detach(self)

    def take(self, annexb: bytes, keyframe: bool, sound: bytes) -> None:
        """Called by the encoder's thread. Begins with a key frame."""
        if len(self._queue) >= _QUEUE_PICTURES:
            # One picture less would leave a smear on all that are predicted from it.
            self._queue.clear()
            self._begun = False
            self._channel.request_keyframe()
        self._begun = self._begun or keyframe
        if self._begun:
            self._queue.append(self._packer.pack(annexb, keyframe, sound))


class LiveChannel:
    """Draws one camera for everybody who watches it."""

    def __init__(self, settings: PictureSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._sources: list[LiveSource] = []
        self._wants_keyframe = threading.Event()
        self._thread: threading.Thread | None = None

    def attach(self, transport: MediaTransport, with_map: bool = True) -> LiveSource:
        """Begin to watch; the first picture will be a key frame."""
        source = LiveSource(
            self, WirePacker(self.settings.codec, self.settings.with_audio, transport, with_map)
        )
        with self._lock:
            self._sources.append(source)
            self._wants_keyframe.set()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=f"live {self.settings.name}", daemon=True
                )
                self._thread.start()
        return source

    def detach(self, source: LiveSource) -> None:
        """Stop watching; harmless when repeated."""
        with self._lock:
            if source in self._sources:
                self._sources.remove(source)

    def request_keyframe(self) -> None:
        self._wants_keyframe.set()

    def _run(self) -> None:
        try:
            self._draw_while_watched()
        except Exception:
            logger.exception("the live pictures of %s ended", self.settings.name)
            with self._lock:
                self._thread = None

    def _draw_while_watched(self) -> None:
        settings = self.settings
        painter, encoder = painter_of(settings), encoder_of(settings)
        interval = 1.0 / settings.fps
        due, number = time.monotonic(), 0
        while (sources := self._watchers()) is not None:
            clock = datetime.now(UTC).astimezone(BEIJING)
            forced = self._wants_keyframe.is_set()
            self._wants_keyframe.clear()
            text = f"{clock:%H:%M:%S}.{clock.microsecond // 100_000}"
            picture = encoder.encode(painter.draw(number * interval, text), force_keyframe=forced)
            sound = sound_of_picture(settings, number)
            for source in sources:
                source.take(picture.annexb, picture.keyframe, sound)
            number += 1
            due = max(due + interval, time.monotonic() - 1.0)
            time.sleep(max(due - time.monotonic(), 0.0))

    def _watchers(self) -> list[LiveSource] | None:
        """Who watches now; ``None`` ends the thread, under the lock: the next watcher starts another."""
        with self._lock:
            if not self._sources:
                self._thread = None
                return None
            return list(self._sources)
