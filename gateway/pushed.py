"""The picture of a source that publishes to us by itself."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable
from typing import Final

from catalog.model import ChannelKey
from gateway.errors import GatewayClosed, NotPublishing
from gateway.model import PictureFigures, Source, SourceState
from gateway.picture import LivePicture, SourceHold
from gateway.ports import MediaPort
from gateway.waits import refuse
from media import errors as media_errors
from media.session import MediaSession
from media.sources.settings import SourceSettings

logger = logging.getLogger(__name__)


class PushedPicture:
    """Shared by all who read it, for as long as somebody publishes."""

    def __init__(
        self,
        key: ChannelKey,
        source: Source,
        settings: SourceSettings,
        media: MediaPort,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key: Final = key
        self.picture: LivePicture | None = None
        self._source = source
        self._settings = settings
        self._media = media
        self._on_change = on_change
        self._clock = clock
        self._state = SourceState.WAITING
        self._since = clock()
        self._session: MediaSession | None = None
        self._peer = ""
        self._publishes = 0
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[LivePicture] | None = None

    @property
    def state(self) -> SourceState:
        return self._state

    @property
    def is_taken(self) -> bool:
        """Whether somebody publishes now."""
        return self._session is not None and not self._session.is_closed

    def is_key(self, given: str) -> bool:
        """Whether a publisher knows the key; takes as long whatever is given."""
        return hmac.compare_digest(given.encode(), self._source.push_key.encode())

    def figures(self) -> PictureFigures:
        session = self._session
        counted = session.stats() if session is not None else None
        return PictureFigures(
            state=self._state,
            since=self._since,
            connections=self._publishes,
            session_id=session.session_id if self.picture is not None and session is not None else None,
            readers=session.readers if session is not None else 0,
            pictures=counted.access_units if counted is not None else 0,
            received_bytes=counted.bytes if counted is not None else 0,
            peer=self._peer,
        )

    async def publish(self, peer: str) -> MediaSession:
        """Open the session that a publisher's frames go to. It ends when the publisher leaves."""
        session = self._session = await self._media.open_fed(label=str(self.key))
        self._peer = peer
        self._publishes += 1
        session.on_closed = self._ended
        self._ready = asyncio.get_running_loop().create_future()
        self._set(SourceState.CONNECTING)
        self._task = asyncio.create_task(self._begin(session), name=f"push {self.key.channel_id}")
        return session

    async def hold(self, purpose: str, tag: str) -> SourceHold:
        """Get the picture of whoever publishes; waits for the first key frame.

        Raises:
            NotPublishing: nobody does, or no key frame came.
        """
        if self.picture is not None:
            return self.picture.attach(purpose, tag)
        if self._ready is None or self._ready.done():
            raise NotPublishing(f"nobody publishes to {self._source.push_path} now")
        picture = await asyncio.shield(self._ready)
        if picture.is_over:
            raise NotPublishing(f"the publisher of {self._source.push_path} has left")
        return picture.attach(purpose, tag)

    async def close(self) -> None:
        """Send the publisher away."""
        session = self._session
        if session is not None:
            await session.close("the source was changed or the platform is stopping")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        refuse(self._ready, GatewayClosed("the source was changed or the platform is stopping"))

    # -- inside

    async def _begin(self, session: MediaSession) -> None:
        try:
            info = await session.wait_first_keyframe(self._settings.keyframe_timeout_s)
        except media_errors.MediaError as error:
            logger.warning("publisher %s of %s shows no picture: %s", self._peer, self.key.channel_id, error)
            await session.close(f"no picture: {error}")
            return
        self.picture = LivePicture(self.key, False, session, info, lambda: None)
        self._set(SourceState.STREAMING)
        logger.info("source %s is published by %s", self.key.channel_id, self._peer)
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(self.picture)

    def _ended(self, reason: str) -> None:
        picture, self.picture, self._session = self.picture, None, None
        if picture is not None:
            picture.end(reason)
        logger.info("the publisher %s of %s has left: %s", self._peer, self.key.channel_id, reason)
        self._peer = ""
        refuse(self._ready, NotPublishing(f"the publisher of {self._source.push_path} has left: {reason}"))
        self._set(SourceState.WAITING)

    def _set(self, state: SourceState) -> None:
        if state is not self._state:
            self._state, self._since = state, self._clock()
            self._on_change()
