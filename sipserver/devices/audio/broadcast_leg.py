"""Broadcast: we tell the device that it will be spoken to, and it INVITEs us (语音广播).

Source: GB/T 28181-2022 9.12; 6.11 of the protocol notes. GB-C115.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from catalog.model import ChannelKey
from media.audio.errors import UnsupportedAudio
from media.audio.link import AudioLink, LinkTerms
from media.audio.packing import AudioFormat
from media.errors import NoPortFree
from sipserver.devices.audio import terms
from sipserver.devices.audio.leg import AudioLeg, AudioParts
from sipserver.devices.errors import BadAnswer, DeviceError, InviteEnded, NoAnswer, NoCapacity, Refused
from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp
from sipserver.gb.ids import GbId
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse
from sipserver.gb.sdp import Payload, SessionDescription, Setup
from sipserver.gb.ssrc import to_int
from sipserver.sip.dialog import Dialog
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import format_host
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest

BUSY: Final = 486
NOT_ACCEPTABLE: Final = 488
UNAVAILABLE: Final = 503

logger = logging.getLogger(__name__)


class BroadcastLeg(AudioLeg):
    """One loudspeaker, called by a notice."""

    def __init__(self, context: AudioParts, key: ChannelKey) -> None:
        super().__init__(context, key)
        loop = asyncio.get_running_loop()
        self._invited: asyncio.Future[None] = loop.create_future()
        self._acknowledged: asyncio.Future[SipRequest] = loop.create_future()
        self._server_key: ServerKey | None = None
        self._signalling_host = ""
        self._is_late_offer = False

    # ---------------------------------------------------------------- what the device says

    def response(self, response: BroadcastResponse) -> None:
        """OK says nothing yet, for the INVITE may never come; an INVITE without it counts as OK (Q67)."""
        if not response.ok and not self._invited.done():
            self._invited.set_exception(
                self._refused("answered Result ERROR to the broadcast notice: no loudspeaker, or it is busy")
            )

    def invited(self, incoming: IncomingRequest) -> None:
        """Answer the device's INVITE: at once, so that no CANCEL finds it unanswered (GB-C117)."""
        transport = self._context.parts.transport
        if self._invited.done() or self.state.is_over:
            transport.respond(incoming, BUSY)
            return
        try:
            self._accept(incoming)
        except (MalformedSdp, UnsupportedAudio) as error:
            transport.respond(incoming, NOT_ACCEPTABLE)
            self._fail(self.error(BadAnswer, f"the device's INVITE cannot be answered: {error}"))
        except NoPortFree as error:
            transport.respond(incoming, UNAVAILABLE)
            self._fail(self.error(NoCapacity, str(error)))
        except DeviceError as error:
            transport.respond(incoming, UNAVAILABLE)
            self._fail(error)

    def acknowledged(self, ack: SipRequest) -> None:
        """See ``IncomingCall``."""
        if not self._acknowledged.done():
            self._acknowledged.set_result(ack)

    def abandoned(self, reason: str) -> None:
        """See ``IncomingCall``."""
        self.lose(reason)

    # ---------------------------------------------------------------- inside

    async def _establish(self) -> None:
        context, settings = self._context, self._context.settings
        signalling = context.parts.signalling
        sn = signalling.next_sn()
        notice = BroadcastNotify(sn, GbId(signalling.platform_id), GbId(self.key.channel_id))
        # Before the notice: the INVITE of a quick device overtakes the answer to the MESSAGE.
        context.expected.add(self.key.device_id, self.key.channel_id, sn, self)
        try:
            await signalling.send_document(
                self.key.device_id, notice.to_xml(), timeout_s=context.parts.settings.query_timeout_s
            )
            async with asyncio.timeout(settings.invite_wait_s):
                await self._or_broken(self._invited)
        except TimeoutError:
            raise self.error(
                NoAnswer,
                "the device took the broadcast notice and sent no INVITE within"
                f" {settings.invite_wait_s:g} s: it has no loudspeaker, or knows no broadcast",
            ) from None
        finally:
            context.expected.remove(self.key.device_id, self)
        await self._await_ack()
        if self.link is None or self._dialog is None:
            raise self.error(InviteEnded, "it ended before any sound")
        await self._dialog.remember()
        await self._connect(self.link)

    async def _await_ack(self) -> None:
        """Sound begins with the ACK; that of a late offer says where to."""
        try:
            async with asyncio.timeout(self._context.settings.connect_timeout_s):
                await asyncio.wait((self._acknowledged, self._broken), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise self.error(NoAnswer, "the device never acknowledged our 200") from None
        if not self._acknowledged.done():
            await self._broken
        if self._is_late_offer:
            self._take_answer(self._acknowledged.result().body)

    def _accept(self, incoming: IncomingRequest) -> None:
        """Open the link and answer 200. What fails here has opened nothing."""
        self._signalling_host = incoming.flow.remote[0]
        own_id, host = self._own_id_and_host(incoming)
        if not incoming.request.body:
            answer = self._offer_late(own_id, host)
        else:
            offer = terms.with_setup(SessionDescription.parse(incoming.request.body))
            payload, audio_format = terms.choose(offer)
            answer = self._answer(offer, own_id, host, payload, audio_format)
        transport = self._context.parts.transport
        response = transport.respond(
            incoming,
            200,
            headers=[("Contact", self._contact(incoming))],
            body=answer.serialize(),
            content_type=sdp.CONTENT_TYPE,
            to_tag=transport.token(),
        )
        self._server_key = incoming.key
        self._context.parts.calls.add(incoming.key, self)
        dialog = Dialog.from_request(incoming.request, response)
        self._open_dialog(dialog, incoming.flow, answer.ssrc or "0")
        self._invited.set_result(None)

    def _answer(
        self,
        offer: SessionDescription,
        own_id: str,
        host: str,
        payload: Payload,
        audio_format: AudioFormat,
    ) -> SessionDescription:
        ssrc = offer.ssrc if offer.ssrc and offer.ssrc.strip("0") else self._take_ssrc()
        link_terms = LinkTerms(
            audio_format,
            to_int(ssrc),
            terms.peer_address(offer, self._signalling_host),
            terms.peer_hosts(offer, self._signalling_host),
        )
        plane = self._context.plane
        link: AudioLink
        if not offer.is_tcp:
            link = plane.open_udp(link_terms)
        elif offer.setup is Setup.PASSIVE:
            link = plane.dial_tcp(link_terms)
        else:
            link = plane.listen_tcp(link_terms)
        self._use_link(link, "tcp" if offer.is_tcp else "udp", audio_format.form.value)
        return terms.answer_to(offer, own_id, host, link.port, ssrc, payload)

    def _offer_late(self, own_id: str, host: str) -> SessionDescription:
        """GB-C101: an INVITE without a description gets ours in the 200."""
        ssrc = self._take_ssrc()
        hosts = frozenset({self._signalling_host})
        link = self._context.plane.open_udp(LinkTerms(AudioFormat(), to_int(ssrc), None, hosts))
        self._use_link(link, "udp", AudioFormat().form.value)
        self._is_late_offer = True
        return terms.speaking_offer(own_id, host, link.port, ssrc)

    def _take_answer(self, body: bytes) -> None:
        try:
            answer = SessionDescription.parse(body)
            _, audio_format = terms.choose(answer)
        except (MalformedSdp, UnsupportedAudio) as error:
            raise self.error(BadAnswer, f"the ACK holds no usable answer: {error}") from error
        if self.link is not None and self._ssrc is not None:
            self.link.change(
                LinkTerms(
                    audio_format,
                    to_int(self._ssrc),
                    terms.peer_address(answer, self._signalling_host),
                    terms.peer_hosts(answer, self._signalling_host),
                )
            )

    def _own_id_and_host(self, incoming: IncomingRequest) -> tuple[str, str]:
        parts = self._context.parts
        host = parts.settings.media_advertised_host or parts.transport.advertised(incoming.flow)[0]
        return parts.signalling.platform_id, host

    def _contact(self, incoming: IncomingRequest) -> str:
        parts = self._context.parts
        host, port = parts.transport.advertised(incoming.flow)
        return f"<sip:{parts.signalling.platform_id}@{format_host(host)}:{port}>"

    def _withdraw(self) -> None:
        self._context.expected.remove(self.key.device_id, self)
        if self._server_key is not None:
            self._context.parts.calls.remove(self._server_key)

    def _fail(self, error: DeviceError) -> None:
        if not self._invited.done():
            self._invited.set_exception(error)

    def _refused(self, text: str) -> Refused:
        return Refused(
            f"{self.key}: the device {text}",
            status=0,
            device_id=self.key.device_id,
            channel_id=self.key.channel_id,
        )
