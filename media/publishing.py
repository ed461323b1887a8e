"""Pushes of others to us (RTMP, RTSP): who may, and into which session.

The data plane asks; ``MediaPlane.on_publish`` answers with a session of ``open_fed``, or with None.
:class:`PushedSessions` keeps such sessions by path, so that a publisher that comes back finds its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from media.errors import MediaError

if TYPE_CHECKING:
    from media.reception import MediaSession
    from media.session import MediaPlane

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """Somebody wants to push a stream."""

    desk: str
    """The protocol: ``rtmp`` or ``rtsp``."""
    path: str
    """Of the URL, such as ``/live/door``; without query. As the peer wrote it: not to be trusted."""
    query: str
    """Without ``?``; where keys stand."""
    source: str
    """``host:port`` of the peer."""


class PublishRefused(MediaError):
    """Raised by an ``on_publish`` to tell the peer why."""


PublishHandler = Callable[[PublishRequest], Awaitable[str | None]]
"""Returns the id of a fed session, or None: refused."""


class PublishDoor:
    """Answers the data plane, one task for each wish."""

    def __init__(self, plane: MediaPlane) -> None:
        self.handler: PublishHandler | None = None
        self._plane: Final = plane
        self._tasks: Final[set[asyncio.Task[None]]] = set()

    def take_fact(self, values: Mapping[str, Any]) -> None:
        """A wish, on the event loop."""
        request = PublishRequest(values["desk"], values["path"], values["query"], values["source"])
        task = asyncio.get_running_loop().create_task(
            self._answer(values["token"], request), name=f"publish {request.path}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is not answered yet."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, token: int, request: PublishRequest) -> None:
        session_id, reason = None, "pushes are not taken here"
        if self.handler is not None:
            try:
                session_id = await self.handler(request)
                reason = "refused"
            except PublishRefused as refusal:
                reason = str(refusal)
            except Exception:
                logger.exception("the push of %s to %s could not be judged", request.source, request.path)
                reason = "internal error"
        if session_id is None:
            logger.warning("push of %s to %s refused: %s", request.source, request.path, reason)
        self._plane.engine.answer_publish(token, session_id, reason)


class PushedSessions:
    """Sessions by the path that is pushed to.

    A session whose publisher has left waits ``publish_resume_s`` for it to come back: viewers and recordings
    stay. Then it is closed.
    """

    def __init__(self, plane: MediaPlane) -> None:
        self._plane: Final = plane
        self._sessions: Final[dict[str, MediaSession]] = {}
        self._ends: Final[dict[str, asyncio.TimerHandle]] = {}
        self._closing: Final[set[asyncio.Task[None]]] = set()

    async def session_for(self, path: str, label: str) -> MediaSession:
        """The session of this path: the one that waits for its publisher, or a new one."""
        session = self._sessions.get(path)
        if session is None or session.is_closed:
            session = await self._plane.open_fed(label=label)
            self._sessions[path] = session
            session.on_publisher = lambda source, reason: self._publisher(path, source, reason)
        if session.publisher is None:
            # A publisher that is told its session and never begins leaves nothing behind.
            self._wait(path, "no publisher came")
        return session

    def _publisher(self, path: str, source: str | None, reason: str) -> None:
        if (ending := self._ends.pop(path, None)) is not None:
            ending.cancel()
        if source is None:
            self._wait(path, f"the publisher has left: {reason}")

    def _wait(self, path: str, reason: str) -> None:
        if (ending := self._ends.get(path)) is not None:
            ending.cancel()
        loop = asyncio.get_running_loop()
        self._ends[path] = loop.call_later(self._plane.settings.publish_resume_s, self._close, path, reason)

    def _close(self, path: str, reason: str) -> None:
        self._ends.pop(path, None)
        session = self._sessions.pop(path, None)
        if session is not None and not session.is_closed:
            task = asyncio.get_running_loop().create_task(session.close(reason), name=f"end push {path}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Stop waiting; the plane closes the sessions themselves."""
        for ending in self._ends.values():
            ending.cancel()
        self._ends.clear()
        self._sessions.clear()
        await asyncio.gather(*self._closing, return_exceptions=True)
