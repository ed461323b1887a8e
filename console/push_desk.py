"""Pictures of channels that are pushed to other servers over RTMP, until somebody stops them.

Each push holds its channel's picture, so it goes on without a viewer; when the picture or the push is lost,
it is asked for again, later each time. Pushes are not kept over a restart of this platform.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from catalog.model import ChannelKey
from console.channel_streams import ChannelHold
from gateway.errors import GatewayError
from media.errors import MediaError
from media.outputs.rtmp import PushStats, RtmpPush, shown_address
from sipserver.devices.errors import DeviceError
from sipserver.devices.stream_request import LiveStream

MAX_PUSHES: Final = 200
FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 60.0

HoldPicture = Callable[[ChannelKey, LiveStream, str], Awaitable[ChannelHold]]

logger = logging.getLogger(__name__)


class UnknownPush(Exception):
    """No push has this id."""


class TooManyPushes(Exception):
    """So many are running already."""


@dataclass(frozen=True, slots=True)
class PushWish:
    """What is pushed where. ``url``: ``rtmp://host[:port]/app/name[?query]``; it often holds a key."""

    key: ChannelKey
    stream: LiveStream
    url: str
    g711: bool
    h265: bool


class ChannelPush:
    """One push of one channel."""

    def __init__(self, wish: PushWish, requested_by: str) -> None:
        self.push_id: Final = secrets.token_hex(8)
        self.wish: Final = wish
        self.requested_by: Final = requested_by
        self.requested_time: Final = datetime.now(UTC)
        self.push: RtmpPush | None = None
        self.trouble = ""
        """Why nothing is pushed at the moment."""
        self.task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Host and application: what may be shown."""
        return shown_address(self.wish.url)

    @property
    def stats(self) -> PushStats | None:
        return self.push.stats() if self.push is not None else None


class PushDesk:
    """All pushes."""

    def __init__(self, hold: HoldPicture) -> None:
        self._hold = hold
        self._pushes: dict[str, ChannelPush] = {}

    def list(self) -> list[ChannelPush]:
        """The oldest first."""
        return list(self._pushes.values())

    def get(self, push_id: str) -> ChannelPush:
        """Raises UnknownPush."""
        push = self._pushes.get(push_id)
        if push is None:
            raise UnknownPush(f"there is no push {push_id}")
        return push

    def start(self, wish: PushWish, requested_by: str) -> ChannelPush:
        """Begin; whether it comes through is seen in its state.

        Raises:
            TooManyPushes
        """
        if len(self._pushes) >= MAX_PUSHES:
            raise TooManyPushes(f"{MAX_PUSHES} pushes are running")
        made = ChannelPush(wish, requested_by)
        self._pushes[made.push_id] = made
        made.task = asyncio.get_running_loop().create_task(self._run(made), name=f"push of {wish.key}")
        return made

    async def stop(self, push_id: str) -> None:
        """Raises UnknownPush."""
        push = self.get(push_id)
        del self._pushes[push_id]
        await _end(push)

    async def close(self) -> None:
        pushes, self._pushes = self.list(), {}
        await asyncio.gather(*(_end(push) for push in pushes))

    async def _run(self, made: ChannelPush) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                made.trouble = await self._push_once(made)
            except (DeviceError, GatewayError, MediaError) as error:
                made.trouble = str(error)
            if asyncio.get_running_loop().time() - began > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            logger.info("push of %s: %s; again in %.0f s", made.wish.key, made.trouble, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _push_once(self, made: ChannelPush) -> str:
        """Push until picture or push has ended; the reason."""
        wish = made.wish
        hold = await self._hold(wish.key, wish.stream, f"push {made.push_id}")
        closed = asyncio.Event()
        try:
            push = made.push = hold.session.push_rtmp(wish.url, g711=wish.g711, h265=wish.h265)
            push.on_closed = lambda _: closed.set()
            made.trouble = ""
            waits = [asyncio.ensure_future(event.wait()) for event in (closed, hold.lost)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
                push.close("stopped")
            return push.close_reason or hold.lost_reason or "the picture ended"
        finally:
            await hold.release()


async def _end(push: ChannelPush) -> None:
    if push.task is not None:
        push.task.cancel()
        with suppress(asyncio.CancelledError):
            await push.task
