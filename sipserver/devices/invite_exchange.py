"""What is said to a device for one invite: INVITE, what its answer means, ACK, and the dialog of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from catalog.model import ChannelKey
from media.session import MediaTransport
from sipserver.devices.errors import BadAnswer, DeviceOffline, NoAnswer, NoCapacity, Refused
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.invite_request import make_invite
from sipserver.devices.invite_state import Input
from sipserver.devices.stream_request import StreamRequest
from sipserver.devices.substreams import Attempt
from sipserver.devices.upstream_dialog import UpstreamDialog
from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp
from sipserver.gb.route_path import route_of
from sipserver.sip.dialog import Dialog
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.calls import InviteCall
from sipserver.transport.errors import FlowClosed, TransportFull
from sipserver.transport.errors import NoAnswer as TransactionTimedOut

BUSY: Final = 486
# What a device answers to an offer that it cannot read or serve: worth one more try over UDP.
OFFER_REFUSALS: Final = frozenset({400, 415, 488, 500, 501, 606})


class InviteExchange:
    """Asks the device, once or again, and keeps the dialog of the answer that was accepted.

    Args:
        on_answer: told the agreed SSRC and the answer before it is acknowledged.
    """

    def __init__(
        self,
        key: ChannelKey,
        context: InviteContext,
        wanted: StreamRequest,
        evidence: InviteEvidence,
        attempt: Attempt | None,
        on_answer: Callable[[str | None, sdp.SessionDescription], None],
    ) -> None:
        self._key: Final = key
        self._context = context
        self._wanted = wanted
        self._evidence = evidence
        self._attempt = attempt
        self._on_answer = on_answer
        self._retried_busy = False
        self.host = ""
        """That was invited; empty before."""
        self.call_id = ""
        self.answer: sdp.SessionDescription | None = None
        self.dialog: UpstreamDialog | None = None

    async def invite(self, transport: MediaTransport, port: int, ssrc: str) -> Input:
        """Send INVITE and read the answer: ``ANSWERED``, or why it is to be asked again.

        That is ``BUSY``, ``NO_TCP`` or ``OTHER_FORM``, each at most once.

        Raises:
            DeviceOffline, NoAnswer, NoCapacity, Refused, NoSubstream, BadAnswer
        """
        context, key, evidence = self._context, self._key, self._evidence
        flow = context.signalling.entry_of(key.device_id).flow
        if flow is None:
            raise DeviceOffline.about(key, f"device {key.device_id} is offline")
        request, offer = make_invite(
            context,
            key,
            flow,
            self._wanted,
            transport=transport,
            port=port,
            ssrc=ssrc,
            substream_form=self._attempt.form if self._attempt is not None else None,
        )
        self.host, self.call_id = flow.remote[0], request.call_id
        evidence.device_host, evidence.call_id, evidence.offer = self.host, self.call_id, offer
        call, response = await self._final(request, flow)
        context.presence.answered(key.device_id)
        evidence.status = response.status
        if context.is_platform(key.device_id):
            # A platform that says nothing about the way is the way itself (gb28181.md 8.7).
            told = route_of(response)
            evidence.route_path = told if told[:1] == (key.device_id,) else (key.device_id, *told)
        if response.status >= 300:
            return self._refused(transport, response)
        dialog = Dialog.from_answer(request, response)
        self.dialog = UpstreamDialog(context, key, dialog, flow, ssrc)
        # Before the ACK, as media comes after it: whose it is must be known by then.
        answer = self._announce(offer, response)
        try:
            if self._wanted.before_ack is not None and answer is not None:
                await self._wanted.before_ack(answer)
        finally:
            call.ack(dialog.make_ack())
        await self.dialog.remember()
        return self._answered(transport, response)

    def remote_bye(self, request: SipRequest) -> bool:
        """A BYE that may be for this dialog; False when its tags say otherwise."""
        return self.dialog is not None and self.dialog.remote_bye(request)

    async def end(self) -> None:
        """BYE until answered, where there is a dialog."""
        if self.dialog is not None:
            await self.dialog.end()

    # ---------------------------------------------------------------- inside

    async def _final(self, request: SipRequest, flow: Flow) -> tuple[InviteCall, SipResponse]:
        timeout_s = self._wanted.invite_timeout_s
        try:
            call = self._context.transport.invite(request, flow)
            return call, await call.final(timeout_s)
        except TransactionTimedOut as error:
            self._evidence.heard_provisional = error.heard_provisional
            heard = "after a provisional answer" if error.heard_provisional else "at all"
            text = f"no final answer to INVITE within {timeout_s:g} s, {heard}"
            raise NoAnswer.about(self._key, text) from error
        except FlowClosed as error:
            raise DeviceOffline.about(self._key, f"connection lost while inviting: {error}") from error
        except TransportFull as error:
            raise NoCapacity.about(self._key, str(error)) from error

    def _refused(self, transport: MediaTransport, response: SipResponse) -> Input:
        status = response.status
        if status == BUSY and not self._retried_busy:
            self._retried_busy = True
            return Input.BUSY
        if self._attempt is not None and status in OFFER_REFUSALS:
            # TCP, too, may be what the device does not take: the main stream will show it.
            self._attempt.refused(status, is_certain=not transport.is_tcp)
            return Input.OTHER_FORM
        if transport.is_tcp and status in OFFER_REFUSALS:
            return self._without_tcp(f"answered {status} {response.reason} to an offer over TCP")
        text = f"the device refused the invite: {status} {response.reason}"
        raise Refused(text, status=status, device_id=self._key.device_id, channel_id=self._key.channel_id)

    def _answered(self, transport: MediaTransport, response: SipResponse) -> Input:
        try:
            answer = sdp.SessionDescription.parse(response.body)
        except MalformedSdp as error:
            raise BadAnswer.about(self._key, f"the answer to INVITE has no usable SDP: {error}") from error
        self.answer = self._evidence.answer = answer
        if transport.is_tcp and not answer.is_tcp:
            return self._without_tcp("answered RTP/AVP to an offer over TCP")
        return Input.ANSWERED

    def _announce(
        self, offer: sdp.SessionDescription, response: SipResponse
    ) -> sdp.SessionDescription | None:
        """Tell the answer; None when it is of no use, which ``_answered`` finds out in its turn."""
        with suppress(MalformedSdp):
            answer = sdp.SessionDescription.parse(response.body)
            self._on_answer(sdp.expected_ssrc(offer, answer), answer)
            return answer if answer.is_tcp or not offer.is_tcp else None
        return None

    def _without_tcp(self, evidence: str) -> Input:
        """The device does not do TCP (Q61)."""
        self._context.paths.refused_tcp(self._key.device_id, evidence)
        return Input.NO_TCP
