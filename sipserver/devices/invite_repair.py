"""Asking a device anew for a picture that stands still: BYE, INVITE for the same port and SSRC, and look.

The media session stays, and with it the viewers, the recording and the senders; they see a pause.
"""

from __future__ import annotations

import asyncio
from typing import Final

from media.session import MediaTransport
from sipserver.devices.errors import InviteEnded
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.invite_exchange import InviteExchange
from sipserver.devices.invite_media import InviteMedia
from sipserver.devices.invite_state import Input
from sipserver.devices.standstill import Standstill

BYE_WAIT_S: Final = 5.0
"""A device that does not answer so long is not asked for a picture."""
BUSY_PAUSE_S: Final = 1.5


class Repair:
    """One such asking. ``run`` may be called once."""

    def __init__(
        self, context: InviteContext, exchange: InviteExchange, media: InviteMedia, standstill: Standstill
    ) -> None:
        self._context = context
        self._exchange = exchange
        self._media = media
        self._standstill = standstill
        self.lets_go = False
        """The old dialog is being ended: a BYE of the device means nothing more."""

    async def run(self, transport: MediaTransport, host: str) -> None:
        """Returns when the picture moves again.

        Raises:
            DeviceError, media.errors.MediaError: what went wrong.
            TimeoutError: the BYE was not answered.
        """
        self._standstill.repaired()
        self.lets_go = True
        try:
            async with asyncio.timeout(BYE_WAIT_S):
                await self._exchange.end()
            self._exchange.dialog = None
        finally:
            self.lets_go = False
        await self._invite(transport)
        await self._moves(transport, host)

    async def _invite(self, transport: MediaTransport) -> None:
        session, ssrc = self._media.session, self._media.ssrc
        if session is None or ssrc is None:
            raise InviteEnded("the media session is gone")
        outcome = await self._exchange.invite(transport, session.port, ssrc)
        if outcome is Input.BUSY:
            await asyncio.sleep(BUSY_PAUSE_S)
            outcome = await self._exchange.invite(transport, session.port, ssrc)
        if outcome is not Input.ANSWERED or not self._media.is_told_apart:
            raise InviteEnded("the device answers otherwise than before")

    async def _moves(self, transport: MediaTransport, host: str) -> None:
        settings, session, answer = self._context.settings, self._media.session, self._exchange.answer
        if session is None or answer is None:
            raise InviteEnded("the media session is gone")
        if transport is MediaTransport.TCP_ACTIVE:
            await session.connect(answer.host or host, answer.port, reconnect=True)
        timeout_s = settings.tcp_keyframe_timeout_s if transport.is_tcp else settings.keyframe_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._standstill.moved.wait()
        except TimeoutError:
            raise InviteEnded(f"no picture within {timeout_s:g} s ({self._standstill.words})") from None
