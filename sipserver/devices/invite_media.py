"""The SSRC and the port of one invite: taken before the INVITE goes out, given back after its BYE."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from catalog.model import ChannelKey
from media import errors as media_errors
from media.facts import Stall
from media.session import MediaSession, MediaTransport, ReceiveOn
from sipserver.devices.errors import NoCapacity
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.media_verdicts import error_type
from sipserver.devices.stream_request import StreamRequest
from sipserver.gb.errors import SsrcExhausted
from sipserver.gb.sdp import SessionDescription

logger = logging.getLogger(__name__)


class InviteMedia:
    """Where the pictures of an invite are to arrive.

    Args:
        label: names the media session in logs and to the reconcile loop.
        on_closed: told when the data plane gives the session up, or somebody closes it over our head.
        on_stall: told why the stream stands still, and None when it moves.
    """

    def __init__(
        self,
        key: ChannelKey,
        context: InviteContext,
        request: StreamRequest,
        label: str,
        on_closed: Callable[[str], None],
        on_stall: Callable[[Stall | None], None],
    ) -> None:
        self._key: Final = key
        self._context = context
        self._request = request
        self._label = label
        self._on_closed = on_closed
        self._on_stall = on_stall
        self.session: MediaSession | None = None
        self.ssrc: str | None = None
        self.is_told_apart = True
        """The agreed SSRC is nobody else's."""

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
                receive_on=context.ssrc_behaviour.receive_on(key.device_id),
            )
        )
        try:
            session = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._close_late)
            raise
        except media_errors.MediaError as error:
            raise error_type(error).about(key, f"no media session can be opened: {error}") from error
        session.on_closed, session.on_stall = self._on_closed, self._on_stall
        self.session = session
        self.is_told_apart = True
        if self._request.on_session is not None:
            self._request.on_session(session)

    def expect(self, ssrc: str | None, answer: SessionDescription, host: str) -> None:
        """The answer agreed on this SSRC, if on any; a device known for ways of its own may send another.

        Where a shared port does not do, as another session has the SSRC, ``is_told_apart`` is False, and the
        device gets a port of its own next time.

        Args:
            host: where the device answered from; its media may come from there or from what ``answer`` says.
        """
        session, behaviour = self.session, self._context.ssrc_behaviour
        if session is None or ssrc is None:
            return
        number = behaviour.expected(self._key.device_id, ssrc)
        try:
            for each in {host, answer.host} - {""}:
                session.expect_peer(each, answer.port)
            if number is not None:
                session.expect_ssrc(number)
        except media_errors.SsrcTaken as error:
            logger.warning("%s: %s", self._key, error)
            behaviour.needs_own_port(self._key.device_id)
            self.is_told_apart = False
        except (media_errors.SessionClosed, media_errors.PlaneClosed) as error:
            logger.debug("%s: %s", self._key, error)  # its end is told by ``on_closed``

    def describe(self, answer: SessionDescription) -> None:
        """What the answer says of its payload types is where reading begins; what the bytes prove wins."""
        session = self.session
        if session is None:
            return
        for payload in answer.payloads:
            try:
                session.describe_payload(
                    payload.number, payload.name, payload.clock_rate, answer.fmtp(payload.number)
                )
            except media_errors.MediaError as error:
                logger.warning("%s: payload type %d of the answer: %s", self._key, payload.number, error)

    def does_better_alone(self, error: media_errors.MediaError) -> bool:
        """Packets of the device came to the shared port, and nothing tells for which session."""
        session = self.session
        if session is None or session.receive_on is not ReceiveOn.SHARED_PORT:
            return False
        if not isinstance(error, media_errors.WrongSsrc):
            return False
        self._context.ssrc_behaviour.needs_own_port(self._key.device_id)
        return True

    async def close(self, reason: str) -> None:
        """Give both back; harmless when repeated."""
        session, self.session = self.session, None
        taken, self.ssrc = self.ssrc, None
        try:
            if session is not None:
                session.on_closed = session.on_stall = None
                await session.close(reason)
        finally:
            if taken is not None:
                self._context.ssrcs.release(taken, self._context.clock())

    def _close_late(self, opening: asyncio.Future[MediaSession]) -> None:
        """Nobody waited for it to the end."""
        if not opening.cancelled() and opening.exception() is None:
            self._context.tasks.spawn(opening.result().close("not wanted any more"), f"drop {self._key}")
