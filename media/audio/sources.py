"""Where sound comes from: a clip, or frames that somebody pushes. All of it is A-law, 20 ms at a time."""

from collections import deque
from typing import Final, Protocol

from media.audio.g711 import FRAME_BYTES, SILENCE

PREFILL_FRAMES: Final = 3
QUEUE_FRAMES: Final = 15


class AudioSource(Protocol):
    """Asked for one frame every 20 ms."""

    def next_frame(self) -> bytes | None:
        """``FRAME_BYTES`` of A-law; None when there is no more."""


class ClipSource:
    """A clip, once or several times.

    Args:
        alaw: the whole clip.
        times: how often it is played.
        pause_frames: silence between two times.
    """

    def __init__(self, alaw: bytes, times: int = 1, pause_frames: int = 0) -> None:
        self._alaw = alaw
        self._left = times if alaw else 0
        self._pause_frames = pause_frames
        self._pause_left = 0
        self._at = 0

    def next_frame(self) -> bytes | None:
        if self._pause_left:
            self._pause_left -= 1
            return SILENCE
        if not self._left:
            return None
        frame = self._alaw[self._at : self._at + FRAME_BYTES]
        self._at += FRAME_BYTES
        if self._at >= len(self._alaw):
            self._at = 0
            self._left -= 1
            self._pause_left = self._pause_frames if self._left else 0
        return frame + SILENCE[len(frame) :]


class PushedSource:
    """Frames that come from elsewhere, such as a microphone, in pieces of any length.

    A few are gathered before the first leaves, so that a late one leaves no hole. When too many wait, the
    oldest are dropped: what is heard must not lag behind more and more.
    """

    def __init__(self, prefill_frames: int = PREFILL_FRAMES, queue_frames: int = QUEUE_FRAMES) -> None:
        self.pushed_frames = 0
        self.dropped_frames = 0
        self.missing_frames = 0
        self._prefill_frames = prefill_frames
        self._queue: deque[bytes] = deque()
        self._queue_frames = queue_frames
        self._rest = b""
        self._is_flowing = False
        self._is_ended = False

    def push(self, alaw: bytes) -> None:
        """Take in a piece."""
        if self._is_ended:
            return
        self._rest += alaw
        whole = len(self._rest) // FRAME_BYTES * FRAME_BYTES
        for at in range(0, whole, FRAME_BYTES):
            self._queue.append(self._rest[at : at + FRAME_BYTES])
            self.pushed_frames += 1
        self._rest = self._rest[whole:]
        while len(self._queue) > self._queue_frames:
            self._queue.popleft()
            self.dropped_frames += 1

    def end(self) -> None:
        """Nothing more comes; what waits is still played."""
        self._is_ended = True

    def next_frame(self) -> bytes | None:
        """The next frame; silence while none is there."""
        if not self._queue:
            if self._is_ended:
                return None
            self.missing_frames += self._is_flowing
            self._is_flowing = False
            return SILENCE
        if not self._is_flowing and len(self._queue) < self._prefill_frames and not self._is_ended:
            return SILENCE
        self._is_flowing = True
        return self._queue.popleft()
