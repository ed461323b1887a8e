"""RTMP: players connect to our listener; and we push to other servers.

``rtmp://host:port/live/<session>?<pass>`` plays, when ``media.rtmp_port`` is set: the pass is the one of the
other ways out, in the query of the stream name. Messages are made and sent by the data plane
(``media/native/plane/src/outputs/rtmp``). RTMPS is not spoken.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from media.errors import EngineError, MediaError
from media.outputs.output import Output

if TYPE_CHECKING:
    from media.engine import Engine

logger = logging.getLogger(__name__)

OVER_RTMP: Final = Output("rtmp", "/live/{session_id}", has_tls=False)


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


def shown_address(url: str) -> str:
    """Host, port and application of an address of RTMP."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 1935}{parts.path.rpartition('/')[0]}"


class RtmpPush:
    """One push to another server. Made by :meth:`MediaSession.push_rtmp`.

    It goes on until it is closed, or the session ends, and connects again after a break.
    """

    def __init__(self, engine: Engine, push_id: str, url: str) -> None:
        self.push_id: Final = push_id
        self.url: Final = url
        self.close_reason: str | None = None
        self.on_state: Callable[[PushState, str], None] | None = None
        """Called with the new state and, when something failed, why."""
        self.on_closed: Callable[[str], None] | None = None
        """Called once with the reason."""
        self._engine = engine
        self._stats = PushStats(PushState.CONNECTING, 0, 0, 0, 0, "")

    @property
    def state(self) -> PushState:
        return self._stats.state

    @property
    def address(self) -> str:
        """Host and application: what may be shown, as the rest of the URL is often a key."""
        return shown_address(self.url)

    def stats(self) -> PushStats:
        """Counters now; after the end, the last ones that were seen."""
        if self.close_reason is None:
            try:
                native = self._engine.push_stats(self.push_id)
            except MediaError:
                native = None
            if native is not None:
                self._stats = PushStats(
                    PushState(native["state"]),
                    native["attempts"],
                    native["connections"],
                    native["sent_bytes"],
                    native["skipped"],
                    native["last_reason"],
                )
        return self._stats

    def close(self, reason: str = "closed") -> None:
        """End the push. Nothing happens when it has ended by itself."""
        if self.close_reason is None:
            self._engine.close_push(self.push_id, reason)

    def take_fact(self, values: Mapping[str, Any]) -> None:
        """A change that the data plane reports, on the event loop."""
        state, reason = PushState(values["state"]), values["reason"]
        self._stats = replace(self.stats(), state=state, last_reason=reason or self._stats.last_reason)
        if self.on_state is not None:
            self.on_state(state, reason)
        if state is PushState.CLOSED and self.close_reason is None:
            self.close_reason = reason
            if self.on_closed is not None:
                self.on_closed(reason)


class RtmpPushes:
    """The pushes of one session."""

    def __init__(self, engine: Engine, session_id: str, fields: Callable[[], dict[str, str]]) -> None:
        self._engine = engine
        self._session_id = session_id
        self._fields = fields
        self._pushes: dict[str, RtmpPush] = {}

    def __len__(self) -> int:
        """Pushes that are not over."""
        return len(self._pushes)

    def open(self, url: str, *, g711: bool, h265: bool) -> RtmpPush:
        """See :meth:`MediaSession.push_rtmp`.

        Raises:
            EngineError: not ``rtmp://host[:port]/app/name``; RTMPS is not spoken.
        """
        if not url.startswith("rtmp://"):
            raise EngineError(
                "a push goes to rtmp://host[:port]/app/name; rtmps is not spoken", "bad_argument"
            )
        push = RtmpPush(self._engine, secrets.token_hex(8), url)
        self._engine.open_push(self._session_id, push.push_id, url, g711=g711, h265=h265)
        self._pushes[push.push_id] = push
        logger.info("push to rtmp://%s begun", push.address, extra=self._fields())
        return push

    @property
    def open_ones(self) -> tuple[RtmpPush, ...]:
        return tuple(self._pushes.values())

    def take_fact(self, values: Mapping[str, Any]) -> RtmpPush | None:
        """A change that the data plane reports, on the event loop; the push that it is about."""
        push = self._pushes.get(values["push_id"])
        if push is None:
            return None
        state, reason = values["state"], values["reason"]
        logger.info("push to rtmp://%s %s %s", push.address, state, reason, extra=self._fields())
        push.take_fact(values)
        if push.close_reason is not None:
            del self._pushes[push.push_id]
        return push
