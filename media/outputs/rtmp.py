"""RTMP: players connect to our listener; and we push to other servers.

``rtmp://host:port/live/<session>?<pass>`` plays, when ``media.rtmp_port`` is set: the pass is the one of the other
ways out, in the query of the stream name. Messages are made and sent by the data plane
(``media/native/plane/src/outputs/rtmp``). RTMPS is not spoken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from media.errors import EngineError, MediaError
from media.outputs.output import Output

if TYPE_CHECKING:
    from media.engine import Engine

OVER_RTMP: Final = Output("rtmp", "/live/{session_id}", desk="rtmp")


class PushState(StrEnum):
    """Where a push is."""

    CONNECTING = "connecting"
    RUNNING = "running"
    WAITING = "waiting"
    """The last attempt failed; the next one follows after 1 s, 2 s, and so on up to 30 s."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class PushStats:
    """Counters of one push; they only rise."""

    state: PushState
    attempts: int
    """Connections tried."""
    connections: int
    """Connections on which the server took the stream."""
    sent_bytes: int
    """Of connections that have ended."""
    skipped: int
    """Units left out because the server was too slow."""
    last_reason: str
    """Why the last connection ended."""


class RtmpPush:
    """One push to another server. Made by :meth:`MediaSession.push_rtmp`; it goes on until it is closed, or the
    session ends, and connects again after a break."""

    def __init__(self, engine: Engine, session_id: str, push_id: str, url: str) -> None:
        self.push_id: Final = push_id
        self.url: Final = url
        self.close_reason: str | None = None
        self.on_state: Callable[[PushState, str], None] | None = None
        """Called with the new state and, when something failed, why."""
        self.on_closed: Callable[[str], None] | None = None
        """Called once with the reason."""
        self._engine = engine
        self._session_id = session_id
        self._stats = PushStats(PushState.CONNECTING, 0, 0, 0, 0, "")

    @property
    def state(self) -> PushState:
        return self._stats.state

    @property
    def address(self) -> str:
        """Host and application: what may be shown, as the rest of the URL is often a key."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or 1935}{parts.path.rpartition('/')[0]}"

    def stats(self) -> PushStats:
        """Counters now; after the end, the last ones that were seen."""
        if self.close_reason is None:
            try:
                native = self._engine.push_stats(self.push_id)
            except MediaError:
                native = None
            if native is not None:
                self._stats = PushStats(**{**native, "state": PushState(native["state"])})
        return self._stats

    def close(self, reason: str = "closed") -> None:
        """End the push. Nothing happens when it has ended by itself."""
        if self.close_reason is None:
            self._engine.close_push(self.push_id, reason)

    def take_fact(self, values: Mapping[str, Any]) -> None:
        """A change that the data plane reports, on the event loop."""
        state, reason = PushState(values["state"]), values["reason"]
        self.stats()
        self._stats = PushStats(
            state,
            self._stats.attempts,
            self._stats.connections,
            self._stats.sent_bytes,
            self._stats.skipped,
            reason or self._stats.last_reason,
        )
        if self.on_state is not None:
            self.on_state(state, reason)
        if state is PushState.CLOSED and self.close_reason is None:
            self.close_reason = reason
            if self.on_closed is not None:
                self.on_closed(reason)


def check_push_url(url: str) -> None:
    """Refuse what is no push URL.

    Raises:
        EngineError: not ``rtmp://host[:port]/app/name``; RTMPS is not spoken.
    """
    if not url.startswith("rtmp://"):
        raise EngineError("a push goes to rtmp://host[:port]/app/name; rtmps is not spoken", "bad_argument")
