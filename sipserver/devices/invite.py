"""One invite: the owner of a picture that was asked for, from the first holder to the answered BYE.

Everything that happens to it goes through ``feed`` and the table in ``invite_state``. What takes time runs
in one task per state, whose outcome is fed back; leaving the state ends the task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from copy import copy
from typing import Any, Final

from catalog.model import ChannelKey
from media import errors as media_errors
from media.session import MediaSession, MediaTransport, StreamInfo
from sipserver.devices.errors import (
    BadAnswer,
    DeviceError,
    DeviceOffline,
    InviteEnded,
    NoAnswer,
    NoCapacity,
    NoMedia,
    Refused,
)
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.invite_request import make_invite
from sipserver.devices.invite_state import INVITE, Action, Input, State
from sipserver.devices.media_verdicts import error_type, explained
from sipserver.devices.stream_hold import StreamHold
from sipserver.devices.stream_request import StreamRequest
from sipserver.devices.upstream_dialog import UpstreamDialog
from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp, SsrcExhausted
from sipserver.sip.dialog import Dialog
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.errors import FlowClosed, TransportFull
from sipserver.transport.errors import NoAnswer as TransactionTimedOut

KEYFRAME_REQUEST_AFTER_S: Final = 2.0
CLEARING_PAUSE_S: Final = 1.5
BUSY: Final = 486
# What a device answers to an offer that it cannot read or serve: worth one more try over UDP.
TCP_REFUSALS: Final = frozenset({400, 415, 488, 500, 501, 606})
# Nothing came, so that the transport may be the reason.
NO_PATH: Final = (media_errors.NoMedia, media_errors.ConnectRefused)

__all__ = ["Invite", "StreamHold"]

logger = logging.getLogger(__name__)


class Invite:
    """One upstream session, shared by all who hold it."""

    def __init__(
        self, key: ChannelKey, context: InviteContext, transport: MediaTransport, request: StreamRequest
    ) -> None:
        self.key: Final = key
        self.request: Final = request
        self.state = State.IDLE
        self.session: MediaSession | None = None
        self.info: StreamInfo | None = None
        self.transport = transport
        self.ssrc: str | None = None
        self.answer: sdp.SessionDescription | None = None
        self.call_id = ""
        self.started_at: Final = context.clock()
        self.state_since = self.started_at
        self.holders: set[StreamHold] = set()
        self.closed: Final = asyncio.Event()
        self.end_reason = ""
        self.evidence: Final = InviteEvidence(transport)
        self._first_failure: DeviceError | None = None
        self._context = context
        self._ready: asyncio.Future[StreamInfo] = asyncio.get_running_loop().create_future()
        self._dialog: UpstreamDialog | None = None
        self._flow: Flow | None = None
        self._work: asyncio.Task[None] | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._retried_busy = False

    @property
    def host(self) -> str:
        """The host that was invited, empty before."""
        return self._flow.remote[0] if self._flow is not None else ""

    @property
    def label(self) -> str:
        """The name of its media session."""
        is_live = self.request.kind is sdp.SessionKind.PLAY
        return str(self.key) if is_live else f"{self.key} {self.request.kind.lower()}"

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
        if self._dialog is None or not self._dialog.remote_bye(request):
            return False
        if not self._hung_up_without_path():
            self.feed(Input.REMOTE_BYE)
        return True

    async def ask(self, method: str, body: bytes, content_type: str, *, timeout_s: float) -> SipResponse:
        """Send a request inside the dialog and wait for its answer, whatever it is.

        Raises:
            InviteEnded, NoAnswer, DeviceOffline, NoCapacity
        """
        if self._dialog is None or not self.state.is_established:
            raise self._error(InviteEnded, "the invite is over")
        return await self._dialog.ask(method, body, content_type, timeout_s=timeout_s)

    # ---------------------------------------------------------------- actions

    def _open(self) -> None:
        self._start(self._open_session())

    def _invite(self) -> None:
        self._start(self._send_invite())

    def _clear(self) -> None:
        self._start(self._clear_stale())

    def _switch(self) -> None:
        self._start(self._switch_transport())

    def _await_media(self) -> None:
        self._start(self._wait_keyframe())

    def _deliver(self) -> None:
        if not self._ready.done() and self.info is not None:
            self._ready.set_result(self.info)
        self._context.stats.invites += 1
        logger.info("invite %s is playing", self.key, extra=self._fields())

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
            self._context.stats.invites_failed[type(cause).__name__] += 1
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
            self.feed(Input.FAILED, self._error(InviteEnded, f"internal failure: {error}"))
            raise

    async def _open_session(self) -> None:
        await self._allocate()
        self.feed(Input.OPENED)

    async def _allocate(self) -> None:
        """Take an SSRC and a port; the port listens when this returns."""
        context = self._context
        try:
            self.ssrc = context.ssrcs.allocate(self.request.ssrc_kind, context.clock())
        except SsrcExhausted as error:
            raise self._error(NoCapacity, f"no SSRC is free: {error}") from error
        opening = asyncio.ensure_future(
            context.media.open_session(
                transport=self.transport,
                ssrc=context.ssrc_behaviour.expected(self.key.device_id, self.ssrc),
                label=self.label,
            )
        )
        try:
            session = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._close_late_session)
            raise
        except media_errors.MediaError as error:
            raise self._error(error_type(error), f"no media session can be opened: {error}") from error
        session.on_closed = self._session_closed
        self.session = session
        if self.request.on_session is not None:
            self.request.on_session(session)

    def _session_closed(self, reason: str) -> None:
        """The data plane gave the session up, or somebody closed it over our head."""
        self.feed(Input.LOST, self._error(InviteEnded, f"the media session ended: {reason}"))

    def _close_late_session(self, opening: asyncio.Future[MediaSession]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._context.tasks.spawn(opening.result().close("not wanted any more"), f"drop {self.key}")

    async def _send_invite(self) -> None:
        context = self._context
        flow = context.signalling.entry_of(self.key.device_id).flow
        if flow is None:
            raise self._error(DeviceOffline, f"device {self.key.device_id} is offline")
        if self.session is None or self.ssrc is None:
            raise self._error(InviteEnded, "the media session is gone")
        request, offer = make_invite(
            context,
            self.key,
            flow,
            self.request,
            transport=self.transport,
            port=self.session.port,
            ssrc=self.ssrc,
        )
        timeout_s = self.request.invite_timeout_s
        self._flow = flow
        self.call_id = request.call_id
        evidence = self.evidence
        evidence.device_host, evidence.call_id, evidence.offer = flow.remote[0], self.call_id, offer
        try:
            call = context.transport.invite(request, flow)
            response = await call.final(timeout_s)
        except TransactionTimedOut as error:
            evidence.heard_provisional = error.heard_provisional
            heard = "after a provisional answer" if error.heard_provisional else "at all"
            raise self._error(
                NoAnswer, f"no final answer to INVITE within {timeout_s:g} s, {heard}"
            ) from error
        except FlowClosed as error:
            raise self._error(DeviceOffline, f"connection lost while inviting: {error}") from error
        except TransportFull as error:
            raise self._error(NoCapacity, str(error)) from error
        context.presence.answered(self.key.device_id)
        evidence.status = response.status
        if response.status >= 300:
            self._refused(response)
            return
        dialog = Dialog.from_answer(request, response)
        self._dialog = UpstreamDialog(context, self.key, dialog, flow, self.ssrc)
        call.ack(dialog.make_ack())
        await self._dialog.remember()
        self._answered(offer, response)

    def _refused(self, response: SipResponse) -> None:
        status = response.status
        if status == BUSY and not self._retried_busy:
            self._retried_busy = True
            self.feed(Input.BUSY)
        elif self.transport.is_tcp and status in TCP_REFUSALS:
            self._without_tcp(f"answered {status} {response.reason} to an offer over TCP")
        else:
            text = f"the device refused the invite: {status} {response.reason}"
            raise Refused(text, status=status, device_id=self.key.device_id, channel_id=self.key.channel_id)

    def _answered(self, offer: sdp.SessionDescription, response: SipResponse) -> None:
        try:
            answer = sdp.SessionDescription.parse(response.body)
        except MalformedSdp as error:
            raise self._error(BadAnswer, f"the answer to INVITE has no usable SDP: {error}") from error
        self.answer = self.evidence.answer = answer
        if self.transport.is_tcp and not answer.is_tcp:
            self._without_tcp("answered RTP/AVP to an offer over TCP")
            return
        expected = sdp.expected_ssrc(offer, answer)
        if self.session is not None and expected is not None:
            number = self._context.ssrc_behaviour.expected(self.key.device_id, expected)
            if number is not None:
                self.session.expect_ssrc(number)
        self.feed(Input.ANSWERED)

    def _without_tcp(self, evidence: str) -> None:
        """The device does not do TCP (Q61)."""
        self._context.paths.refused_tcp(self.key.device_id, evidence)
        if self._first_failure is not None:
            # It was asked for TCP only because nothing came over UDP.
            raise self._first_failure
        self.feed(Input.NO_TCP)

    async def _clear_stale(self) -> None:
        """486 on a channel that nobody else plays: a dialog of an earlier run is still open there (Q17)."""
        await self._context.dialogs.end_channel(self.key)
        await asyncio.sleep(CLEARING_PAUSE_S)
        self.feed(Input.CLEARED)

    async def _switch_transport(self) -> None:
        """End what was begun, and once more over the other transport."""
        if self._dialog is not None:
            await self._dialog.end()
            self._dialog = None
        before = self.transport
        await self._return_resources(f"no media over {before}")
        self.transport = MediaTransport.UDP if before.is_tcp else MediaTransport.TCP_PASSIVE
        self.evidence.instead_of, self.evidence.transport = before, self.transport
        await self._allocate()
        self.feed(Input.OPENED)

    async def _wait_keyframe(self) -> None:
        request, session = self.request, self.session
        if session is None:
            raise self._error(InviteEnded, "the media session is gone")
        timeout_s = request.tcp_keyframe_timeout_s if self.transport.is_tcp else request.keyframe_timeout_s
        nudge = asyncio.get_running_loop().call_later(KEYFRAME_REQUEST_AFTER_S, self._nudge)
        try:
            if self.transport is MediaTransport.TCP_ACTIVE and self.answer is not None:
                await session.connect(self.answer.host or self.host, self.answer.port)
            self.info = await session.wait_first_keyframe(timeout_s)
        except media_errors.MediaError as error:
            self._without_picture(error, session)
            return
        finally:
            nudge.cancel()
        self._learn_from_picture(session)
        self.feed(Input.KEYFRAME)

    def _without_picture(self, error: media_errors.MediaError, session: MediaSession) -> None:
        """Say why; when no packet came at all, the other transport may do better."""
        paths, device_id = self._context.paths, self.key.device_id
        self.evidence.media = session.stats()
        kind, text = explained(error, self.evidence)
        failure = self._error(kind, text)
        if not isinstance(error, NO_PATH) or isinstance(error, media_errors.OnlyStrangers):
            raise failure from error
        if self._first_failure is not None:
            paths.brought_nothing(device_id)
            raise self._first_failure from error
        if self.evidence.instead_of is None and paths.other(device_id, self.transport) is not None:
            failure.evidence = copy(self.evidence)
            self._first_failure = failure
            self.feed(Input.NO_PATH)
            return
        raise failure from error

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

    def _learn_from_picture(self, session: MediaSession) -> None:
        context, evidence = self._context, self.evidence
        evidence.media = session.stats()
        context.ssrc_behaviour.learn(self.key.device_id, evidence)
        if self._first_failure is not None and evidence.instead_of is not None:
            context.paths.worked(self.key.device_id, self.transport, evidence.instead_of)

    def _nudge(self) -> None:
        """Groups of pictures of a minute exist; a key frame can be asked for, of a live picture."""
        if self.request.kind is not sdp.SessionKind.PLAY:
            return
        self._context.tasks.spawn(self._context.ask_keyframe(self.key), f"key frame {self.key}")

    async def _end(self, work: asyncio.Task[None] | None) -> None:
        """BYE until answered, and only then give port and SSRC back."""
        if work is not None:
            await asyncio.gather(work, return_exceptions=True)
        try:
            if self._dialog is not None:
                await self._dialog.end()
        finally:
            await self._return_resources(self.end_reason)
            logger.info("invite %s ended: %s", self.key, self.end_reason, extra=self._fields())
            self.feed(Input.ENDED)

    async def _return_resources(self, reason: str) -> None:
        session, self.session = self.session, None
        taken, self.ssrc = self.ssrc, None
        try:
            if session is not None:
                session.on_closed = None
                await session.close(reason)
        finally:
            if taken is not None:
                self._context.ssrcs.release(taken, self._context.clock())

    # ---------------------------------------------------------------- small things

    def _error(self, kind: type[DeviceError], text: str) -> DeviceError:
        return kind(f"{self.key}: {text}", device_id=self.key.device_id, channel_id=self.key.channel_id)

    def _fields(self) -> dict[str, Any]:
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
    Action.AWAIT_MEDIA: Invite._await_media,
    Action.DELIVER: Invite._deliver,
    Action.LINGER: Invite._start_linger,
    Action.RESUME: Invite._resume,
    Action.FORGET: Invite._forget,
}
