"""A playback of our own recordings, as the table of leases holds it (``console/api/ports.py``)."""

import asyncio
from collections.abc import Mapping
from typing import Final

from console.api.ports import StreamFigures
from console.api.reader_models import StreamReaders
from console.readers import readers_of
from console.rooms import figures_of
from sipserver.devices.stream_request import LiveStream
from storage.recorded_playback import RecordedPlayback


class RecordedHold:
    """The only holder of its playback: releasing it ends it."""

    def __init__(self, playback: RecordedPlayback) -> None:
        self.playback: Final = playback

    @property
    def stream(self) -> LiveStream:
        return LiveStream.MAIN

    @property
    def lost(self) -> asyncio.Event:
        return self.playback.closed

    @property
    def lost_reason(self) -> str:
        return self.playback.session.close_reason or ""

    def grant(self, tag: str, ttl_s: float, *, user: str, channel: str) -> Mapping[str, str]:
        return self.playback.session.grant(tag, ttl_s, user=user, channel=channel)

    def revoke(self, tag: str) -> None:
        self.playback.session.revoke(tag)

    def viewers_of(self, tag: str) -> int:
        return self.playback.session.viewers_of(tag)

    def figures(self) -> StreamFigures:
        return figures_of(self.playback.session)

    def readers(self) -> StreamReaders:
        return readers_of(self.playback.session)

    async def jpeg(self, max_width: int | None) -> bytes:
        return await self.playback.session.jpeg(max_width)

    async def release(self, *, at_once: bool = False) -> None:
        await self.playback.close("released")
