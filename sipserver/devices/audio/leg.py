"""One loudspeaker that is spoken to, from the first message to the answered BYE.

The two ways to get there (``broadcast_leg``, ``talk_leg``) differ in who invites whom; what comes after is
here.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from catalog.model import ChannelKey
from media.audio.link import AudioLink
from media.audio.plane import AudioPlane
from media.errors import MediaError
from sipserver.devices.audio.errors import AudioBusy
from sipserver.devices.audio.expected import ExpectedInvites
from sipserver.devices.audio.settings import AudioSettings
from sipserver.devices.errors import DeviceError, InviteEnded, NoCapacity, NoMedia
from sipserver.devices.features import Parts
from sipserver.devices.upstream_dialog import UpstreamDialog
from sipserver.gb.errors import SsrcExhausted
from sipserver.sip.dialog import Dialog
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest

if TYPE_CHECKING:
    from sipserver.devices.audio.broadcast_leg import BroadcastLeg

logger = logging.getLogger(__name__)


class LegState(Enum):
    """Where a loudspeaker stands."""

    CALLING = "calling"  # the device was asked; no sound can flow yet
    SPEAKING = "speaking"
    ENDING = "ending"  # BYE is on its way
    ENDED = "ended"

    @property
    def is_over(self) -> bool:
        return self in (LegState.ENDING, LegState.ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioParts:
    """What legs and sessions need, handed over in one piece."""

    parts: Parts
    settings: AudioSettings
    plane: AudioPlane
    expected: ExpectedInvites[BroadcastLeg]


class AudioLeg(ABC):
    """One device, one dialog, one link.

    ``on_over`` is called once, with the reason, when the leg ends for any reason but ``close``.
    """

    def __init__(self, context: AudioParts, key: ChannelKey) -> None:
        self.key: Final = key
        self.state = LegState.CALLING
        self.end_reason = ""
        self.call_id = ""
        self.transport = ""
        self.form = ""
        self.link: AudioLink | None = None
        self.on_over: Callable[[AudioLeg, str], None] | None = None
        self._context = context
        self._dialog: UpstreamDialog | None = None
        self._ssrc: str | None = None
        self._closing = asyncio.Lock()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Get the device to listen; sound may be sent when this returns.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused, BadAnswer, NoMedia, NoCapacity, InviteEnded
        """
        try:
            await self._establish()
        except MediaError as error:
            await self.close(str(error))
            raise self.error(NoMedia, str(error)) from error
        except BaseException as error:
            await self.close(str(error) or "given up")
            raise
        if self.state is not LegState.CALLING:
            await self.close(self.end_reason)
            raise self.error(InviteEnded, self.end_reason or "it ended before any sound")
        self.state = LegState.SPEAKING
        logger.info("speaking to %s over %s", self.key, self.transport, extra=self._fields())

    async def close(self, reason: str) -> None:
        """End the dialog and give everything back; harmless when repeated."""
        async with self._closing:
            if self.state is LegState.ENDED:
                return
            was_speaking = self.state is LegState.SPEAKING
            self.state = LegState.ENDING
            self.end_reason = self.end_reason or reason
            self._withdraw()
            try:
                if self._dialog is not None:
                    await self._dialog.end()
            finally:
                self._give_back()
                self.state = LegState.ENDED
                if was_speaking:
                    logger.info("no longer speaking to %s: %s", self.key, self.end_reason)

    def lose(self, reason: str) -> None:
        """The device, the connection or the registration is gone."""
        self.end_reason = self.end_reason or reason
        if self.state is LegState.CALLING:
            if not self._broken.done():
                self._broken.set_exception(self.error(InviteEnded, reason))
                self._broken.exception()  # nobody may be waiting any longer
            return
        if self.state is LegState.SPEAKING and self.on_over is not None:
            self.on_over(self, reason)

    def remote_bye(self, request: SipRequest, host: str) -> bool:
        """A BYE that may be for this dialog; False when its tags or its host say otherwise."""
        if self._dialog is None or not self._dialog.remote_bye(request):
            return False
        self.lose("the device ended it")
        return True

    def error(self, kind: type[DeviceError], text: str) -> DeviceError:
        return kind(f"{self.key}: {text}", device_id=self.key.device_id, channel_id=self.key.channel_id)

    # ---------------------------------------------------------------- for the two ways

    @abstractmethod
    async def _establish(self) -> None:
        """Have the dialog and the link when this returns."""

    @abstractmethod
    def _withdraw(self) -> None:
        """Take the leg out of whatever tables it waits in."""

    async def _or_broken(self, wait: asyncio.Future[None]) -> None:
        """Wait, unless the leg breaks first."""
        await asyncio.wait((wait, self._broken), return_when=asyncio.FIRST_COMPLETED)
        if not wait.done():
            wait.cancel()
            await self._broken
        await wait

    def _take_ssrc(self) -> str:
        invites = self._context.parts.invites.context
        try:
            self._ssrc = invites.ssrcs.allocate("live", invites.clock())
        except SsrcExhausted as error:
            raise self.error(NoCapacity, f"no SSRC is free: {error}") from error
        return self._ssrc

    def _use_link(self, link: AudioLink, transport: str, form: str) -> None:
        self.link = link
        self.transport, self.form = transport, form
        link.on_broken = self.lose

    async def _connect(self, link: AudioLink) -> None:
        connecting = asyncio.ensure_future(link.connect(self._context.settings.connect_timeout_s))
        await self._or_broken(connecting)

    def _open_dialog(self, dialog: Dialog, flow: Flow, ssrc: str) -> UpstreamDialog:
        self.call_id = dialog.call_id
        self._dialog = UpstreamDialog(self._context.parts.invites.context, self.key, dialog, flow, ssrc)
        return self._dialog

    def _drop_link(self) -> None:
        if self.link is not None:
            self.link.on_broken = None
            self._context.plane.drop(self.link)
            self.link = None

    def _give_back(self) -> None:
        link = self.link
        self._drop_link()
        # Kept for the last look at its figures.
        self.link = link
        taken, self._ssrc = self._ssrc, None
        if taken is not None:
            invites = self._context.parts.invites.context
            invites.ssrcs.release(taken, invites.clock())

    def _fields(self) -> dict[str, str]:
        return {
            "device_id": self.key.device_id,
            "channel_id": self.key.channel_id,
            "call_id": self.call_id,
        }


def busy(key: ChannelKey, holder: str) -> AudioBusy:
    return AudioBusy(
        f"{key} is spoken to by {holder or 'somebody else'} already",
        device_id=key.device_id,
        channel_id=key.channel_id,
    )
