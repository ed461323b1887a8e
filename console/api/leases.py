"""Who watches what: each ``POST .../live`` gets a lease on the shared upstream stream.

The lease's id is the caller's ``session_id`` and the tag of its signed addresses, so that ending it cuts off
exactly its own viewers. A lease ends when it is deleted, when its viewers have been gone for the linger time,
or when the stream is lost; each end releases the claim on the upstream, and the last release sends the BYE.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from catalog.model import ChannelKey
from console.api.ports import Hold, Streams
from sipserver.devices.stream_request import LiveStream

SWEEP_EVERY_S: Final = 1.0
RELEASE_TIMEOUT_S: Final = 5.0
ENDED_KEPT: Final = 1000
_ENDS: Final = {
    "deleted": "it was closed",
    "lingered": "nobody watched any more",
    "lost": "its stream was lost",
    "shutdown": "the platform stopped",
}

_log = logging.getLogger(__name__)


class LeaseRefused(Exception):
    """Too many live sessions are open at once."""

    def __init__(self, limit: int, setting: str = "http.lease_limit") -> None:
        super().__init__(f"{limit} sessions are open, which is the limit ({setting})")


class UnknownLease(Exception):
    """No live session has this id, or it has ended."""

    def __init__(self, session_id: str, ended: str = "") -> None:
        """``ended``: why it did, while that is remembered."""
        super().__init__(f"no live session {session_id!r} is open" + (f": {ended}" if ended else ""))


@dataclass(slots=True)
class Lease:
    """One caller's share of a stream."""

    session_id: str
    key: ChannelKey
    username: str
    hold: Hold
    urls: dict[str, str]
    started_time: datetime
    expires_time: datetime
    watched_at: float
    """When a viewer was last seen, monotonic; the opening counts as one."""

    @property
    def viewers(self) -> int:
        return self.hold.viewers_of(self.session_id)


@dataclass(slots=True)
class LeaseStats:
    opened: int = 0
    deleted: int = 0
    lingered: int = 0
    lost: int = 0
    refused: int = 0


class Leases:
    """The table of leases.

    Args:
        streams: opens and shares the upstream streams.
        limit: leases at once, those still opening included.
        linger_s: how long a lease without viewers lives.
        url_ttl_s: how long its signed addresses open a connection; a connection made in time stays.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        streams: Streams,
        *,
        limit: int,
        linger_s: float,
        url_ttl_s: float,
        setting: str = "http.lease_limit",
        clock: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._streams = streams
        self._limit = limit
        self._setting = setting
        self._linger_s = linger_s
        self._url_ttl_s = url_ttl_s
        self._clock = clock
        self._new_id = new_id
        self._leases: dict[str, Lease] = {}
        self._ended: OrderedDict[str, str] = OrderedDict()
        """Why each ended, for the newest of them."""
        self._opening = 0
        self._sweeper: asyncio.Task[None] | None = None
        self.stats = LeaseStats()

    async def open(self) -> None:
        """Begin to look for leases whose viewers are gone."""
        self._sweeper = asyncio.create_task(self._sweep_for_ever(), name="leases")

    async def close(self) -> None:
        """End every lease."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await asyncio.gather(*(self._end(lease, "shutdown") for lease in list(self._leases.values())))

    async def grant(
        self,
        key: ChannelKey,
        username: str,
        open_hold: Callable[[str], Awaitable[Hold]] | None = None,
        *,
        stream: LiveStream = LiveStream.MAIN,
    ) -> Lease:
        """Claim a live stream of the channel and wait for its first key frame.

        ``open_hold`` opens another stream than a shared live one, for the id of the lease.

        Raises:
            LeaseRefused: the table is full.
            Whatever the invite raises: device offline, no answer, no media ...
        """
        if len(self._leases) + self._opening >= self._limit:
            self.stats.refused += 1
            raise LeaseRefused(self._limit, self._setting)
        session_id = self._new_id()
        self._opening += 1
        try:
            if open_hold is None:
                hold = await self._streams.hold(key, "live", session_id, stream)
            else:
                hold = await open_hold(session_id)
        finally:
            self._opening -= 1
        started_time = datetime.now(UTC)
        try:
            urls = dict(hold.grant(session_id, self._url_ttl_s, user=username, channel=str(key)))
        except BaseException:
            await hold.release()
            raise
        expires_time = started_time + timedelta(seconds=self._url_ttl_s)
        lease = Lease(session_id, key, username, hold, urls, started_time, expires_time, self._clock())
        self._leases[session_id] = lease
        self.stats.opened += 1
        return lease

    def get(self, session_id: str) -> Lease:
        """Raises UnknownLease."""
        try:
            return self._leases[session_id]
        except KeyError:
            raise UnknownLease(session_id[:64], self._ended.get(session_id, "")) from None

    def list(self) -> list[Lease]:
        """Oldest first."""
        return list(self._leases.values())

    async def delete(self, session_id: str) -> Lease:
        """End one lease: its viewers are cut off. Raises UnknownLease."""
        lease = self.get(session_id)
        await self._end(lease, "deleted")
        self.stats.deleted += 1
        return lease

    async def sweep(self) -> None:
        """End the leases that nobody watches any more, and those whose stream is lost."""
        now = self._clock()
        ended: list[tuple[Lease, str]] = []
        for lease in self._leases.values():
            if lease.hold.lost.is_set():
                ended.append((lease, "lost"))
            elif lease.viewers > 0:
                lease.watched_at = now
            elif now - lease.watched_at >= self._linger_s:
                ended.append((lease, "lingered"))
        self.stats.lost += sum(reason == "lost" for _, reason in ended)
        self.stats.lingered += sum(reason == "lingered" for _, reason in ended)
        await asyncio.gather(*(self._end(lease, reason) for lease, reason in ended))

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
            except Exception:
                _log.exception("a sweep over the live sessions failed; the next one tries again")

    async def _end(self, lease: Lease, reason: str) -> None:
        # Removed first: a second ending of the same lease finds nothing to do.
        if self._leases.pop(lease.session_id, None) is None:
            return
        said = _ENDS[reason] + (f": {lease.hold.lost_reason}" if reason == "lost" else "")
        self._ended[lease.session_id] = said
        while len(self._ended) > ENDED_KEPT:
            self._ended.popitem(last=False)
        _log.info(
            "live session of %s ended: %s",
            lease.key,
            said,
            extra={"session_id": lease.session_id, "user": lease.username},
        )
        lease.hold.revoke(lease.session_id)
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                await lease.hold.release(at_once=reason == "deleted")
        except TimeoutError:
            _log.warning("the stream of %s was not released within %s s", lease.key, RELEASE_TIMEOUT_S)
