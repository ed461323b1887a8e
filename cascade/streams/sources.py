"""What can be sent up to a superior: live pictures, recordings of devices, and our own.

All of them look alike to the desk that relays them: a media session, an end, and controls.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cascade.ports import HeldPicture
from media.session import MediaSession
from sipserver.gb.mansrtsp import Control
from sipserver.gb.route_path import DIRECT, InviteRoute, Path
from sipserver.gb.sdp import SessionDescription, SessionKind


class ControlRefused(Exception):
    """A control cannot be obeyed; ``status`` answers the INFO."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class ControlAnswer:
    """What the INFO is answered with."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a superior's INVITE asks for; of live pictures the times mean nothing."""

    kind: SessionKind
    presented: str
    start: datetime
    end: datetime
    speed: int = 1
    """Of a download."""
    record_type: str = "all"
    uri: str = ""
    """A file by its name, as a line of RecordInfo gave it; else empty."""
    stream_number: int | None = None
    route: InviteRoute = DIRECT
    """By which platforms it came, and is to be passed on."""

    @property
    def is_download(self) -> bool:
        return self.kind is SessionKind.DOWNLOAD


class StreamSource(Protocol):
    """One stream for one INVITE of a superior. ``release`` gives everything back."""

    @property
    def session(self) -> MediaSession: ...
    @property
    def over(self) -> asyncio.Event:
        """Nothing follows; ``seek`` may clear it again."""

    @property
    def reason(self) -> str:
        """Why it is over."""

    @property
    def is_complete(self) -> bool:
        """It is over because everything that was asked for has been sent: MediaStatus 121 follows."""

    @property
    def route_path(self) -> Path:
        """The platforms below us that it comes by, the nearest first; empty: none."""

    @property
    def file_size(self) -> int | None:
        """Of a download, where it is known; bytes."""

    def begin(self) -> None:
        """The receiver is ready, and its sender has been started."""

    def ready(self) -> None:
        """The sender's first packet is on its way."""

    async def control(self, control: Control, body: bytes) -> ControlAnswer:
        """Obey an INFO.

        Raises:
            ControlRefused
        """

    async def release(self) -> None: ...


class LiveSource:
    """A live picture. Whoever else watches it shares it."""

    is_complete = False
    file_size = None

    def __init__(self, held: HeldPicture) -> None:
        self._held = held

    @property
    def session(self) -> MediaSession:
        return self._held.session

    @property
    def over(self) -> asyncio.Event:
        return self._held.lost

    @property
    def route_path(self) -> Path:
        return self._held.route_path

    @property
    def reason(self) -> str:
        return self._held.lost_reason or "the picture ended"

    def begin(self) -> None:
        """It runs already."""

    def ready(self) -> None:
        """It runs already."""

    async def control(self, control: Control, body: bytes) -> ControlAnswer:
        raise ControlRefused(f"{control.method} of a live picture", 405)

    async def release(self) -> None:
        await self._held.release()


def description_size(answer: SessionDescription) -> int | None:
    """``a=filesize``; 0 and -1 stand for unknown (gb28181.md 6.5)."""
    size = answer.file_size
    return size if size is not None and size > 0 else None
