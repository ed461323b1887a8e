"""The SSRC and the port of one invite: taken before the INVITE goes out, given back after its BYE."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from catalog.model import ChannelKey
from media import errors as media_errors
from media.session import MediaSession, MediaTransport
from sipserver.devices.errors import NoCapacity
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.media_verdicts import error_type
from sipserver.devices.stream_request import StreamRequest
from sipserver.gb.errors import SsrcExhausted


class InviteMedia:
    """Where the pictures of an invite are to arrive.

    Args:
        label: names the media session in logs and to the reconcile loop.
        on_closed: told when the data plane gives the session up, or somebody closes it over our head.
    """

    def __init__(
        self,
        key: ChannelKey,
        context: InviteContext,
        request: StreamRequest,
        label: str,
        on_closed: Callable[[str], None],
    ) -> None:
        self._key: Final = key
        self._context = context
        self._request = request
        self._label = label
        self._on_closed = on_closed
        self.session: MediaSession | None = None
        self.ssrc: str | None = None

    async def open(self, transport: MediaTransport) -> None:
        """Take an SSRC and a port; the port listens when this returns.

        Raises:
            NoCapacity, InviteEnded
        """
        context, key = self._context, self._key
        try:
            self.ssrc = context.ssrcs.allocate(self._request.ssrc_kind, context.clock())
        except SsrcExhausted as error:
            raise NoCapacity.about(key, f"no SSRC is free: {error}") from error
        opening = asyncio.ensure_future(
            context.media.open_session(
                transport=transport,
                ssrc=context.ssrc_behaviour.expected(key.device_id, self.ssrc),
                label=self._label,
            )
        )
        try:
            session = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._close_late)
            raise
        except media_errors.MediaError as error:
            raise error_type(error).about(key, f"no media session can be opened: {error}") from error
        session.on_closed = self._on_closed
        self.session = session
        if self._request.on_session is not None:
            self._request.on_session(session)

    def expect(self, ssrc: str | None) -> None:
        """The answer agreed on this SSRC, if on any; a device known for ways of its own may send another."""
        if self.session is None or ssrc is None:
            return
        number = self._context.ssrc_behaviour.expected(self._key.device_id, ssrc)
        if number is not None:
            self.session.expect_ssrc(number)

    async def close(self, reason: str) -> None:
        """Give both back; harmless when repeated."""
        session, self.session = self.session, None
        taken, self.ssrc = self.ssrc, None
        try:
            if session is not None:
                session.on_closed = None
                await session.close(reason)
        finally:
            if taken is not None:
                self._context.ssrcs.release(taken, self._context.clock())

    def _close_late(self, opening: asyncio.Future[MediaSession]) -> None:
        """Nobody waited for it to the end."""
        if not opening.cancelled() and opening.exception() is None:
            self._context.tasks.spawn(opening.result().close("not wanted any more"), f"drop {self._key}")
