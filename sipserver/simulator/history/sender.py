"""Sends recorded pictures at a speed that can be changed, with the recording's own time in the stamps."""

import random
import socket
from collections.abc import Callable
from typing import Final

from media.rtp import VIDEO_CLOCK_RATE
from sipserver.simulator.history.source import HistorySource
from sipserver.simulator.sender import RtpSender
from sipserver.simulator.wire import MediaTransport, WirePicture

PAUSE_TICK_S: Final = 0.02
KEYFRAMES_PER_S: Final = 8.0


class HistorySender(RtpSender):
    """One playback or download on its way.

    Args:
        speed: of a download; a playback begins at 1.
        on_end: called once, when the last picture has left.
    """

    def __init__(
        self,
        source: HistorySource,
        ssrc: int,
        transport: MediaTransport,
        *,
        connected: socket.socket,
        speed: float,
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(source, ssrc, ("", 0), transport, connected=connected)
        self.history = source
        self.is_paused = False
        self._on_end = on_end
        self._ended = False
        self._picture_s = 1.0 / source.fps
        self._zero = random.getrandbits(28)
        self.change_speed(speed)

    def change_speed(self, scale: float) -> None:
        self._interval = self._picture_s / abs(scale)

    def show_keyframes(self) -> None:
        """At high speeds key frames alone are sent, some each second."""
        self._interval = 1.0 / KEYFRAMES_PER_S

    def tick(self, now: float) -> float:
        if self.is_paused:
            self._due = None
            return now + PAUSE_TICK_S
        following = super().tick(now)
        if self.history.is_finished and not self._backlog and not self._ended:
            self._ended = True
            self._on_end()
        return following

    def resume(self) -> None:
        """Go on; also after the end, when the position was moved back."""
        self.is_paused = False
        self._ended = False

    def _send_picture(self, picture: WirePicture) -> None:
        self._timestamp = self._zero + round((self.history.at_s + 3_600) * VIDEO_CLOCK_RATE)
        self._pictures = 0
        super()._send_picture(picture)
