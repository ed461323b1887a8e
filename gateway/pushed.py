"""The picture of a source that publishes to us by itself."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from typing import Final

from catalog.model import ChannelKey
from gateway.errors import GatewayClosed, NotPublishing
from gateway.model import PictureFigures, Source, SourceState
from gateway.picture import LivePicture, SourceHold
from gateway.pull_parts import PullParts
from gateway.waits import refuse
from media import errors as media_errors
from media.session import MediaSession

logger = logging.getLogger(__name__)


class PushedPicture:
    """Shared by all who read it, for as long as somebody publishes.

    A publisher that leaves may come back within ``push_resume_s``: readers and recordings stay that long. Who
    may publish while another does is the data plane's to say (``media.publish_replaces``).
    """

    def __init__(
        self,
        key: ChannelKey,
        source: Source,
        parts: PullParts,
        on_change: Callable[[], None],
    ) -> None:
        self.key: Final = key
        self.picture: LivePicture | None = None
        self._source = source
        self._settings = parts.settings
        self._media = parts.media
        self._stats = parts.stats
        self._clock = parts.clock
        self._on_change = on_change
        self._resume_s = parts.push_resume_s
        self._state = SourceState.WAITING
        self._since = parts.clock()
        self._session: MediaSession | None = None
        self._peer = ""
        self._publishes = 0
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[LivePicture] | None = None
        self._leaving: asyncio.TimerHandle | None = None

    @property
    def state(self) -> SourceState:
        return self._state

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

    async def publish(self) -> str:
        """The session for somebody who may publish: the one that waits for its publisher, or a new one."""
        session = self._session
        if session is None or session.is_closed:
            session = self._session = await self._media.open_fed(label=str(self.key))
            session.on_publisher = self._publisher
            session.on_closed = self._ended
            self._ready = asyncio.get_running_loop().create_future()
        if session.publisher is None:
            # One that is told its session and never begins leaves nothing behind.
            self._leave(session, "no publisher came")
        return session.session_id

    async def hold(self, purpose: str, tag: str) -> SourceHold:
        """Get the picture of whoever publishes; waits for the first key frame.

        Raises:
            NotPublishing: nobody does, or no key frame came.
        """
        if self.picture is not None:
            return self.picture.attach(purpose, tag)
        if self._state is not SourceState.CONNECTING or self._ready is None:
            raise NotPublishing(f"nobody publishes to {self._source.push_path} now")
        picture = await asyncio.shield(self._ready)
        if picture.is_over:
            raise NotPublishing(f"the publisher of {self._source.push_path} has left")
        return picture.attach(purpose, tag)

    async def close(self) -> None:
        """Send the publisher away."""
        self._stay()
        if self._session is not None:
            await self._session.close("the source was changed or the platform is stopping")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        refuse(self._ready, GatewayClosed("the source was changed or the platform is stopping"))

    # -- inside

    def _publisher(self, peer: str | None, reason: str) -> None:
        """Somebody began to publish, or left."""
        session = self._session
        if session is None:
            return
        if peer is None:
            self._peer = ""
            self._leave(session, f"the publisher has left: {reason}")
            self._set(SourceState.WAITING)
            return
        self._stay()
        self._peer = peer
        self._publishes += 1
        self._stats.publishes += 1
        if self.picture is not None:
            self._set(SourceState.STREAMING)
        else:
            self._set(SourceState.CONNECTING)
            self._task = asyncio.get_running_loop().create_task(
                self._begin(session), name=f"push {self.key.channel_id}"
            )

    async def _begin(self, session: MediaSession) -> None:
        try:
            info = await session.wait_first_keyframe(self._settings.keyframe_timeout_s)
        except media_errors.MediaError as error:
            logger.warning("publisher %s of %s shows no picture: %s", self._peer, self.key.channel_id, error)
            await session.close(f"no picture: {error}")
            return
        picture = self.picture = LivePicture(self.key, False, session, info, lambda: None)
        self._set(SourceState.STREAMING if session.publisher is not None else SourceState.WAITING)
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(picture)

    def _leave(self, session: MediaSession, reason: str) -> None:
        self._stay()
        loop = asyncio.get_running_loop()
        self._leaving = loop.call_later(self._resume_s, self._close_session, session, reason)

    def _stay(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _close_session(self, session: MediaSession, reason: str) -> None:
        self._leaving = None
        self._task = asyncio.get_running_loop().create_task(session.close(reason), name="end push")

    def _ended(self, reason: str) -> None:
        self._stay()
        picture, self.picture, self._session = self.picture, None, None
        if picture is not None:
            picture.end(reason)
        self._peer = ""
        refuse(self._ready, NotPublishing(f"nobody publishes to {self._source.push_path}: {reason}"))
        self._set(SourceState.WAITING)

    def _set(self, state: SourceState) -> None:
        if state is not self._state:
            self._state, self._since = state, self._clock()
            self._on_change()
