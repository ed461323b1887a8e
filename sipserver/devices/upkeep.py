"""What the owner of an invite does to keep its picture: standstills, the repair, the end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from media import errors as media_errors
from media.facts import Stall
from sipserver.devices.errors import DeviceError, InviteEnded
from sipserver.devices.events import StreamFailed
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.invite_exchange import InviteExchange
from sipserver.devices.invite_media import InviteMedia
from sipserver.devices.invite_repair import Repair
from sipserver.devices.invite_state import Input, State
from sipserver.devices.standstill import Standstill
from sipserver.gb.sdp import SessionKind

if TYPE_CHECKING:
    from sipserver.devices.invite import Invite

logger = logging.getLogger(__name__)


class Upkeep:
    """Of one invite, which stays the owner of its state."""

    def __init__(self, invite: Invite, context: InviteContext) -> None:
        self._invite = invite
        self._context = context
        self.standstill: Final = Standstill(
            invite.key,
            invite.request.silence_timeout_s,
            clock=context.clock,
            ask_keyframe=invite.nudge,
            on_due=self._stands,
        )
        self._repair: Repair | None = None
        self._standing: DeviceError | None = None

    @property
    def lets_go(self) -> bool:
        """The old dialog is being ended for a new one: a BYE of the device means nothing more."""
        return self._repair is not None and self._repair.lets_go

    def take(self, stall: Stall | None) -> None:
        """The data plane says why the picture stands still, or that it moves."""
        invite = self._invite
        session, is_live = invite.session, invite.request.kind is SessionKind.PLAY
        if stall is not None and is_live and invite.state.is_established and not self.standstill.reason:
            self._context.stats.streams_stalled[stall.reason.value] += 1
            logger.warning(
                "invite %s stands still: %s", invite.key, stall.reason.value, extra=invite.fields()
            )
        self.standstill.take(stall, is_reconnecting=session is not None and session.is_reconnecting)

    def fail(self, error: DeviceError) -> None:
        """A picture that was there is lost, and the device is to blame."""
        invite = self._invite
        if invite.request.kind is SessionKind.PLAY and invite.state.is_established:
            self._context.presence.announce(StreamFailed(*invite.key, error))
        invite.feed(Input.LOST, error)

    async def ask_anew(self, exchange: InviteExchange, media: InviteMedia) -> None:
        """Session, viewers and recordings stay; only the device's part begins again."""
        invite = self._invite
        error = self._standing or InviteEnded.about(invite.key, "it stood still")
        logger.info("invite %s is asked for anew: %s", invite.key, error, extra=invite.fields())
        self._repair = Repair(self._context, exchange, media, self.standstill)
        try:
            await self._repair.run(invite.transport, invite.host)
        except (DeviceError, media_errors.MediaError, TimeoutError) as failure:
            self._context.stats.stream_repairs["failed"] += 1
            said = str(failure) or "the BYE was not answered"
            self.fail(type(error).about(invite.key, f"{error}; asked anew, in vain: {said}"))
            return
        finally:
            self._repair = None
        self._context.stats.stream_repairs["worked"] += 1
        logger.info("invite %s plays again", invite.key, extra=invite.fields())
        invite.feed(Input.MOVED)

    def _stands(self, error: DeviceError, may_help: bool) -> None:
        """It is time to do something about it."""
        if may_help:
            self._standing = error
            self._invite.feed(Input.STALLED)
        elif self._invite.state in (State.PLAYING, State.LINGERING):
            self.fail(error)
