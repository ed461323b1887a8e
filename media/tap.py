"""A session's pictures and sound for readers in Python: transcoding, WebRTC.

A tap begins with the newest key frame. What its reader does not take in time is left out up to a key frame,
and the reader is told how much.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from media.facts import StreamInfo

if TYPE_CHECKING:
    from types import TracebackType

    from media.engine import NativeTap


@dataclass(frozen=True, slots=True)
class Described:
    """From here on the stream is this."""

    info: StreamInfo
    parameter_sets: bytes
    """Annex B; empty for sound alone."""
    asc: bytes
    """AudioSpecificConfig of AAC, else empty."""


@dataclass(frozen=True, slots=True)
class SoundPiece:
    """As the camera sent it: G.711 bytes or one AAC access unit."""

    data: bytes
    time: int
    """Of its first sample, in samples on the stream's time line."""
    samples: int


@dataclass(frozen=True, slots=True)
class TappedUnit:
    """One picture with the sound since the one before it."""

    annexb: bytes
    """With parameter sets before a key frame; empty for sound alone."""
    is_key: bool
    pts_90k: int
    """On the stream's time line, which begins with 0 at its first picture."""
    dts_90k: int
    duration_90k: int
    wall_us: int
    """Wall clock when the picture was complete, µs since 1970."""
    sound: tuple[SoundPiece, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """So many units were left out before the key frame that follows."""

    units: int


Tapped = Described | TappedUnit | Skipped


def _item(kind: str, values: dict[str, Any]) -> Tapped:
    if kind == "described":
        return Described(StreamInfo.from_native(values["info"]), values["parameter_sets"], values["asc"])
    if kind == "skipped":
        return Skipped(values["units"])
    return TappedUnit(**{**values, "sound": tuple(SoundPiece(*piece) for piece in values["sound"])})


class StreamTap:
    """An asynchronous iterator over :data:`Tapped`; it ends with the session. Close it when done."""

    def __init__(self, native: NativeTap, on_closed: Callable[[StreamTap], None]) -> None:
        self._native: Final = native
        self._on_closed = on_closed
        self._waiting: deque[Tapped] = deque()
        self._ready: Final = asyncio.Event()
        self._loop: Final = asyncio.get_running_loop()
        self._is_closed = False
        self.end_reason: str | None = None
        """Why the session ended, once it has and everything before it was taken."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Tapped:
        while not self._waiting:
            if self._is_closed or self.end_reason is not None:
                raise StopAsyncIteration
            self._take()
            if not self._waiting and self.end_reason is None:
                await self._wait()
        return self._waiting.popleft()

    async def _wait(self) -> None:
        """Watched only here: the descriptor stays readable for as long as nobody takes."""
        self._ready.clear()
        descriptor = self._native.fd()
        self._loop.add_reader(descriptor, self._ready.set)
        try:
            await self._ready.wait()
        finally:
            if not self._is_closed:
                self._loop.remove_reader(descriptor)

    def _take(self) -> None:
        for kind, values in self._native.take():
            if kind == "ended":
                self.end_reason = values["reason"]
            else:
                self._waiting.append(_item(kind, values))

    def close(self) -> None:
        """Read no more. A waiting reader is let go; a second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self._native.fd())
        self._native.close()
        self._waiting.clear()
        self._ready.set()
        self._on_closed(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
