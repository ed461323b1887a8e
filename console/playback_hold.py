"""A playback of a device's recording, as the table of leases holds it (``console/api/ports.py``)."""

import asyncio
from collections.abc import Mapping
from typing import Final

from console.api.ports import StreamFigures
from console.api.reader_models import StreamReaders
from console.readers import readers_of
from console.rooms import figures_of
from media.session import MediaSession
from sipserver.devices.history.playbacks import Playback, Playbacks
from sipserver.devices.stream_request import LiveStream


class PlaybackHold:
    """The only holder of its stream: releasing it ends the playback."""

    def __init__(self, playback: Playback, playbacks: Playbacks) -> None:
        self.playback: Final = playback
        self._playbacks = playbacks
        # Kept: the viewers must be cut off even when the stream has given its session back already.
        self._session: MediaSession = playback.stream.session

    @property
    def stream(self) -> LiveStream:
        return self.playback.stream.invite.request.stream

    @property
    def lost(self) -> asyncio.Event:
        return self.playback.stream.ended

    @property
    def lost_reason(self) -> str:
        return self.playback.stream.detail

    def grant(self, tag: str, ttl_s: float, *, user: str, channel: str) -> Mapping[str, str]:
        return self._session.grant(tag, ttl_s, user=user, channel=channel)

    def revoke(self, tag: str) -> None:
        self._session.revoke(tag)

    def viewers_of(self, tag: str) -> int:
        return self._session.viewers_of(tag)

    def figures(self) -> StreamFigures:
        return figures_of(self._session)

    def readers(self) -> StreamReaders:
        return readers_of(self._session)

    async def jpeg(self, max_width: int | None) -> bytes:
        return await self._session.jpeg(max_width)

    async def release(self, *, at_once: bool = False) -> None:
        await self._playbacks.stop(self.playback.playback_id)
