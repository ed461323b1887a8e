"""One invite: the owner of a picture that was asked for, from the first holder to the answered BYE.

Everything that happens to it goes through ``feed`` and the table in ``invite_state``. What takes time runs
in one task per state, whose outcome is fed back; leaving the state ends the task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from catalog.model import ChannelKey
from media import errors as media_errors
from media.session import MediaSession, MediaTransport, StreamInfo
from sipserver.devices.errors import DeviceError, InviteEnded, NoMedia, NoSubstream
from sipserver.devices.events import StreamFailed, StreamStarted
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.invite_exchange import InviteExchange
from sipserver.devices.invite_media import InviteMedia
from sipserver.devices.invite_state import INVITE, Action, Input, State
from sipserver.devices.keyframe_wish import KeyframeWish
from sipserver.devices.media_verdicts import explained
from sipserver.devices.second_try import SecondTry
from sipserver.devices.stream_hold import StreamHold
from sipserver.devices.stream_request import LiveStream, StreamRequest
from sipserver.devices.substreams import Attempt
from sipserver.devices.upkeep import Upkeep
from sipserver.gb import sdp
from sipserver.sip.message import SipRequest, SipResponse

CLEARING_PAUSE_S: Final = 1.5

__all__ = ["Invite", "StreamHold"]

logger = logging.getLogger(__name__)


class Invite:
    """One upstream session, shared by all who hold it."""

    def __init__(
        self,
        key: ChannelKey,
        context: InviteContext,
        transport: MediaTransport,
        request: StreamRequest,
        attempt: Attempt | None = None,
    ) -> None:
        self.key: Final = key
        self.request: Final = request
        self.state = State.IDLE
        self.info: StreamInfo | None = None
        self.transport = transport
        self.started_at: Final = context.clock()
        self.state_since = self.started_at
        self.holders: set[StreamHold] = set()
        self.closed: Final = asyncio.Event()
        self.end_reason = ""
        self.evidence: Final = InviteEvidence(transport)
        self._second_try: Final = SecondTry(key, context, self.evidence)
        self._why_again = ""
        self._context = context
        self._attempt = attempt
        self._ready: asyncio.Future[StreamInfo] = asyncio.get_running_loop().create_future()
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.upkeep: Final = Upkeep(self, context)
        self._media: Final = InviteMedia(
            key, context, request, self.label, self._session_closed, self.upkeep.take
        )
        self._exchange: Final = InviteExchange(
            key, context, request, self.evidence, attempt, self._answer_came
        )
        self._work: asyncio.Task[None] | None = None
        self._linger: asyncio.TimerHandle | None = None

    @property
    def session(self) -> MediaSession | None:
        return self._media.session

    @property
    def ssrc(self) -> str | None:
        return self._media.ssrc

    @property
    def answer(self) -> sdp.SessionDescription | None:
        return self._exchange.answer

    @property
    def call_id(self) -> str:
        return self._exchange.call_id

    @property
    def host(self) -> str:
        """The host that was invited, empty before."""
        return self._exchange.host

    @property
    def label(self) -> str:
        """The name of its media session."""
        if self.request.kind is not sdp.SessionKind.PLAY:
            return f"{self.key} {self.request.kind.lower()}"
        return str(self.key) if self.request.stream is LiveStream.MAIN else f"{self.key} sub"

    # ---------------------------------------------------------------- holders

    def attach(self, purpose: str, tag: str) -> StreamHold:
        hold = StreamHold(self, purpose, tag, self._context.clock())
        self.holders.add(hold)
        self.feed(Input.HELD)
        return hold

    def detach(self, hold: StreamHold) -> None:
        self.holders.discard(hold)
        if not self.holders:
            self.feed(Input.LAST_RELEASED)

    async def ready(self) -> StreamInfo:
        """Wait for the first key frame.

        Raises:
            DeviceError: why there is none.
        """
        return await asyncio.shield(self._ready)

    async def answered(self) -> None:
        """Wait for the device's answer, where its media came by the same way before; else for a key frame.

        Raises:
            DeviceError: why there is none.
        """
        await asyncio.shield(self._answered)

    # ---------------------------------------------------------------- inputs

    def feed(self, what: Input, error: DeviceError | None = None) -> None:
        """Take one step of the table; an input that the state does not know changes nothing."""
        step = INVITE.get((self.state, what))
        if step is None:
            return
        action, state = step
        logger.debug("invite %s: %s, %s -> %s", self.key, what.value, self.state.value, state.value)
        self.state = state
        self.state_since = self._context.clock()
        if action is Action.CLOSE:
            self._close(what, error)
        else:
            _ACTIONS[action](self)

    def remote_bye(self, request: SipRequest) -> bool:
        """A BYE that may be for this dialog; False when its tags say otherwise."""
        if not self._exchange.remote_bye(request):
            return False
        if self.upkeep.lets_go:
            return True  # it says goodbye to what we end ourselves
        if not self._hung_up_without_path():
            self.feed(Input.REMOTE_BYE)
        return True

    async def ask(self, method: str, body: bytes, content_type: str, *, timeout_s: float) -> SipResponse:
        """Send a request inside the dialog and wait for its answer, whatever it is.

        Raises:
            InviteEnded, NoAnswer, DeviceOffline, NoCapacity
        """
        dialog = self._exchange.dialog
        if dialog is None or not self.state.is_established:
            raise InviteEnded.about(self.key, "the invite is over")
        return await dialog.ask(method, body, content_type, timeout_s=timeout_s)

    # ---------------------------------------------------------------- actions

    def _open(self) -> None:
        self._start(self._open_session())

    def _invite(self) -> None:
        self._start(self._send_invite())

    def _clear(self) -> None:
        self._start(self._clear_stale())

    def _switch(self) -> None:
        self._start(self._switch_transport())

    def _rephrase(self) -> None:
        self._start(self._ask_again(self._why_again))

    def _await_media(self) -> None:
        self._start(self._wait_keyframe())

    def _deliver(self) -> None:
        if not self._ready.done() and self.info is not None:
            self._ready.set_result(self.info)
        if not self._answered.done():
            self._answered.set_result(None)
        self._context.stats.invites += 1
        if self.request.kind is sdp.SessionKind.PLAY:
            self._context.presence.announce(StreamStarted(*self.key))
        logger.info("invite %s is playing", self.key, extra=self.fields())

    def _begin_repair(self) -> None:
        self._start(self.upkeep.ask_anew(self._exchange, self._media))

    def _start_linger(self) -> None:
        if not self.request.is_shared:
            self.feed(Input.LINGER_OVER)
            return
        loop = asyncio.get_running_loop()
        self._linger = loop.call_later(self._context.settings.linger_s, self._linger_over)

    def _linger_over(self) -> None:
        if self.session is not None and self.session.readers:
            # Somebody still watches without a hold, through an address given out before.
            self._start_linger()
            return
        self.feed(Input.LINGER_OVER)

    def _resume(self) -> None:
        if self._linger is not None:
            self._linger.cancel()

    def _close(self, what: Input, error: DeviceError | None) -> None:
        if self._linger is not None:
            self._linger.cancel()
        self.upkeep.standstill.clear()
        self.end_reason = str(error) if error is not None else what.value
        if not self._ready.done():
            cause = error or InviteEnded(
                f"the invite of {self.key} ended: {what.value}",
                device_id=self.key.device_id,
                channel_id=self.key.channel_id,
            )
            cause.evidence = cause.evidence or self.evidence
            self._ready.set_exception(cause)
            self._ready.exception()  # every holder may have left already
            if not self._answered.done():
                self._answered.set_exception(cause)
                self._answered.exception()
            self._context.stats.invites_failed[type(cause).__name__] += 1
            if self.request.kind is sdp.SessionKind.PLAY and not isinstance(cause, NoSubstream):
                self._context.presence.announce(StreamFailed(*self.key, cause))
        self._context.stats.invites_ended[what.value] += 1
        for hold in list(self.holders):
            hold.lose(self.end_reason)
        work, self._work = self._work, None
        if work is not None and work is not asyncio.current_task():
            work.cancel()
        else:
            work = None
        self._work = self._context.tasks.spawn(self._end(work), f"end {self.key}")

    def _forget(self) -> None:
        self.closed.set()
        self._context.forget(self)

    # ---------------------------------------------------------------- work

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._work = self._context.tasks.spawn(self._guarded(work), f"{self.state.value} {self.key}")

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        """Whatever goes wrong in a state's work ends the invite, never leaves it hanging."""
        try:
            await work
        except DeviceError as error:
            self.feed(Input.FAILED, error)
        except Exception as error:
            self.feed(Input.FAILED, InviteEnded.about(self.key, f"internal failure: {error}"))
            raise

    async def _open_session(self) -> None:
        await self._media.open(self.transport)
        self.feed(Input.OPENED)

    def _session_closed(self, reason: str) -> None:
        """The data plane gave the session up, or somebody closed it over our head."""
        self.feed(Input.LOST, InviteEnded.about(self.key, f"the media session ended: {reason}"))

    async def _send_invite(self) -> None:
        session, ssrc = self.session, self.ssrc
        if session is None or ssrc is None:
            raise InviteEnded.about(self.key, "the media session is gone")
        outcome = await self._exchange.invite(self.transport, session.port, ssrc)
        if outcome is Input.NO_TCP and self._second_try.first_failure is not None:
            # It was asked for TCP only because nothing came over UDP.
            raise self._second_try.first_failure
        if outcome is Input.ANSWERED and not self._media.is_told_apart:
            outcome = self._once_more("the answer's SSRC is another session's")
        self.feed(outcome)

    def _answer_came(self, ssrc: str | None, answer: sdp.SessionDescription) -> None:
        self._media.describe(answer)
        self._media.expect(ssrc, answer, self._exchange.host)
        is_proven = self._attempt is None and self._context.paths.is_proven(
            self.key.device_id, self.transport
        )
        if is_proven and answer.is_tcp == self.transport.is_tcp and not self._answered.done():
            self._answered.set_result(None)

    def _once_more(self, reason: str) -> Input:
        self._why_again = reason
        return Input.OTHER_FORM

    async def _clear_stale(self) -> None:
        """486 on a channel that nobody else plays: a dialog of an earlier run is still open there (Q17)."""
        await self._context.dialogs.end_channel(self.key)
        await asyncio.sleep(CLEARING_PAUSE_S)
        self.feed(Input.CLEARED)

    async def _switch_transport(self) -> None:
        """Once more over the other transport."""
        before = self.transport
        self.transport = MediaTransport.UDP if before.is_tcp else MediaTransport.TCP_PASSIVE
        self.evidence.instead_of, self.evidence.transport = before, self.transport
        await self._ask_again(f"no media over {before}")

    async def _ask_again(self, reason: str) -> None:
        """End what was begun, and begin anew."""
        await self._exchange.end()
        self._exchange.dialog = None
        await self._media.close(reason)
        await self._open_session()

    async def _wait_keyframe(self) -> None:
        request, session = self.request, self.session
        if session is None:
            raise InviteEnded.about(self.key, "the media session is gone")
        timeout_s = request.tcp_keyframe_timeout_s if self.transport.is_tcp else request.keyframe_timeout_s
        wish = KeyframeWish(lambda: session.stats().dropped_before_keyframe, self.nudge)
        try:
            answer = self.answer
            if self.transport is MediaTransport.TCP_ACTIVE and answer is not None:
                # A playback would begin anew, or say that it has ended, by hanging up.
                is_live = request.kind is sdp.SessionKind.PLAY
                await session.connect(answer.host or self.host, answer.port, reconnect=is_live)
            self.info = await session.wait_first_keyframe(timeout_s)
        except media_errors.MediaError as error:
            self._without_picture(error, session)
            return
        finally:
            wish.cancel()
        self._second_try.worked(self.transport, session)
        self._context.paths.came(self.key.device_id, self.transport)
        if self._attempt is not None and not self._attempt.take(self.info):
            self.feed(self._once_more(f"another form, {self._attempt.form}"))
            return
        if self.request.kind is sdp.SessionKind.PLAY and self.request.stream is LiveStream.MAIN:
            self._context.substreams.main_came(self.key, self.info)
        self.feed(Input.KEYFRAME)

    def _without_picture(self, error: media_errors.MediaError, session: MediaSession) -> None:
        """Say why, or ask once more another way."""
        failure = self._second_try.failure(error, session)
        self._context.paths.doubt(self.key.device_id)
        if self._media.does_better_alone(error):
            self.feed(self._once_more("a port of its own"))
            return
        self._second_try.after(error, failure, self.transport)
        self.feed(Input.NO_PATH)

    def _hung_up_without_path(self) -> bool:
        """The device said BYE because its media found no way to us: that is the reason, not the BYE."""
        if self.state not in (State.INVITING, State.WAITING_MEDIA) or self.session is None:
            return False
        self.evidence.media = self.session.stats()
        error = media_errors.NoMedia("the device hung up, and had sent nothing that arrived")
        if self.evidence.media.packets or explained(error, self.evidence)[0] is NoMedia:
            return False
        if self._work is not None:
            self._work.cancel()
        try:
            self._without_picture(error, self.session)
        except DeviceError as failure:
            self.feed(Input.REMOTE_BYE, failure)
        return True

    def nudge(self) -> None:
        """Groups of pictures of a minute exist; a key frame can be asked for, of a live picture."""
        if self.request.kind is not sdp.SessionKind.PLAY:
            return
        self._context.tasks.spawn(self._context.ask_keyframe(self.key), f"key frame {self.key}")

    async def _end(self, work: asyncio.Task[None] | None) -> None:
        """BYE until answered, and only then give port and SSRC back."""
        if work is not None:
            await asyncio.gather(work, return_exceptions=True)
        try:
            await self._exchange.end()
        finally:
            await self._media.close(self.end_reason)
            logger.info("invite %s ended: %s", self.key, self.end_reason, extra=self.fields())
            self.feed(Input.ENDED)

    # ---------------------------------------------------------------- small things

    def fields(self) -> dict[str, Any]:
        return {
            "device_id": self.key.device_id,
            "channel_id": self.key.channel_id,
            "call_id": self.call_id,
            "ssrc": self.ssrc,
        }


_ACTIONS: Final[Mapping[Action, Callable[[Invite], None]]] = {
    Action.OPEN: Invite._open,
    Action.INVITE: Invite._invite,
    Action.CLEAR: Invite._clear,
    Action.SWITCH: Invite._switch,
    Action.REPHRASE: Invite._rephrase,
    Action.AWAIT_MEDIA: Invite._await_media,
    Action.DELIVER: Invite._deliver,
    Action.REPAIR: Invite._begin_repair,
    Action.LINGER: Invite._start_linger,
    Action.RESUME: Invite._resume,
    Action.FORGET: Invite._forget,
}
