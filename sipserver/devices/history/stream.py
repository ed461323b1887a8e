"""One playback or download: where it stands, and how it came to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from catalog.model import ChannelKey
from media.errors import MediaError
from media.session import MediaSession, StreamInfo
from sipserver.devices.invite import Invite, StreamHold

END_TOLERANCE_S: Final = 2.0
END_TOLERANCE_PART: Final = 0.01


class Outcome(StrEnum):
    """How a history stream ended."""

    END_OF_FILE = "end of file"  # everything that was asked for has come
    STOPPED = "stopped"  # by its owner
    DEVICE_BYE = "ended by the device"
    SILENT = "media stopped"
    PAUSED_TOO_LONG = "paused too long"
    LOST = "lost"  # device offline, media session gone, shutdown


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a stream stands. ``position_s`` counts from the start of what was asked for."""

    position_s: float
    duration_s: float
    time: datetime
    scale: float
    is_paused: bool


@dataclass(slots=True, eq=False)
class HistoryStream:
    """A stream of recorded pictures from a device; made and ended by ``HistoryDesk``.

    The position follows the pictures: the media clock since the last change of speed or position, times the
    speed. A device that stalls, or a pause, so needs no rule of its own.
    """

    key: ChannelKey
    start: datetime
    end: datetime
    invite: Invite
    hold: StreamHold
    clock: Callable[[], float]
    closing: Callable[[HistoryStream], Awaitable[None]]
    speed: float = 1.0
    """Of a download: as agreed."""
    scale: float = 1.0
    paused_at: float | None = None
    end_told_at: float | None = None
    """When the device told the end of the file (MediaStatus 121)."""
    outcome: Outcome | None = None
    detail: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _base_s: float = 0.0
    _base_media_s: float = 0.0
    _last_media_s: float = 0.0
    _last_silence_s: float = 0.0

    @property
    def duration_s(self) -> float:
        return (self.end - self.start).total_seconds()

    @property
    def session(self) -> MediaSession:
        """Raises InviteEnded when it is over."""
        return self.hold.session

    @property
    def info(self) -> StreamInfo:
        return self.hold.info

    @property
    def call_id(self) -> str:
        return self.invite.call_id

    @property
    def size_bytes(self) -> int | None:
        """Of the file, as the device answered; None when it did not say (0 and -1 are seen for unknown)."""
        answer = self.invite.answer
        size = answer.file_size if answer is not None else None
        return size if size is not None and size > 0 else None

    @property
    def received_bytes(self) -> int:
        session = self.invite.session
        try:
            return session.stats().bytes if session is not None else 0
        except MediaError:
            return 0

    @property
    def position_s(self) -> float:
        self._look()
        moved = (self._last_media_s - self._base_media_s) * self.scale
        return min(max(self._base_s + moved, 0.0), self.duration_s)

    @property
    def position(self) -> Position:
        position_s = self.position_s
        return Position(
            position_s=position_s,
            duration_s=self.duration_s,
            time=self.start + timedelta(seconds=position_s),
            scale=self.scale,
            is_paused=self.paused_at is not None,
        )

    @property
    def silence_s(self) -> float:
        """Since the last packet."""
        self._look()
        return self._last_silence_s

    @property
    def is_at_end(self) -> bool:
        """Whether everything that was asked for has come, as far as the media clock can tell."""
        tolerance = max(END_TOLERANCE_S, self.duration_s * END_TOLERANCE_PART)
        if self.scale < 0:
            return self.position_s <= tolerance
        return self.position_s >= self.duration_s - min(tolerance, self.duration_s / 2)

    async def close(self) -> None:
        """Say BYE, unless it ended before; harmless when repeated."""
        await self.closing(self)

    def move_to(self, position_s: float) -> None:
        """The device goes on from here."""
        self._look()
        self._base_s, self._base_media_s = position_s, self._last_media_s

    def change_speed(self, scale: float) -> None:
        self.move_to(self.position_s)
        self.scale = scale

    def finish(self, outcome: Outcome, detail: str = "") -> bool:
        """Note the end; False when it was noted before."""
        if self.outcome is not None:
            return False
        self._look()
        self.outcome, self.detail = outcome, detail or outcome.value
        self.ended.set()
        return True

    def _look(self) -> None:
        """Read the media clock; after the end of the session the last reading counts."""
        session = self.invite.session
        if session is None:
            return
        try:
            stats = session.stats()
        except MediaError:
            return
        self._last_media_s, self._last_silence_s = stats.media_s, stats.silence_s
