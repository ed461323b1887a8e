"""Talk: we INVITE the device with ``s=Talk`` and sound flows both ways (语音对讲).

In the standard until 2016, since then a vendor's feature; some devices have no other (Q66).

Source: GB/T 28181-2016 9.12; 6.12 of the protocol notes. GB-C116.
"""

from __future__ import annotations

import logging
from typing import Final

from catalog.model import ChannelKey
from media.audio.errors import LinkFailed, UnsupportedAudio
from media.audio.link import AudioLink, LinkTerms
from media.audio.packing import AudioFormat
from media.errors import NoPortFree
from sipserver.devices.audio import plan, terms
from sipserver.devices.audio.leg import AudioLeg, AudioParts
from sipserver.devices.errors import BadAnswer, DeviceOffline, NoAnswer, NoCapacity, Refused
from sipserver.devices.profiles.facets import Facet
from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp
from sipserver.gb.sdp import SessionDescription, Setup
from sipserver.gb.ssrc import to_int
from sipserver.sip.dialog import Dialog
from sipserver.sip.flow import Flow, Transport
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.errors import FlowClosed, TransportFull
from sipserver.transport.errors import NoAnswer as TransactionTimedOut

# What a device says to a transport that it cannot do.
TRANSPORT_REFUSALS: Final = frozenset({400, 415, 488, 500, 501, 606})

logger = logging.getLogger(__name__)


class _OtherTransport(Exception):
    """The device does not do this transport."""


class TalkLeg(AudioLeg):
    """One loudspeaker with a microphone, called by INVITE."""

    def __init__(self, context: AudioParts, key: ChannelKey) -> None:
        super().__init__(context, key)
        self._flow: Flow | None = None

    async def _establish(self) -> None:
        profiles = self._context.parts.profiles
        entry = self._context.parts.signalling.entry_of(self.key.device_id)
        learned = profiles.value(self.key.device_id, Facet.AUDIO_TRANSPORT)
        is_stream = entry.transport in (Transport.TCP, Transport.TLS)
        first, second = plan.transports(learned, is_stream)
        try:
            await self._call(over_tcp=first)
        except _OtherTransport as error:
            logger.info("%s: talk over %s failed, the other is tried: %s", self.key, _name(first), error)
            await self._start_over()
            try:
                await self._call(over_tcp=second)
            except _OtherTransport as again:
                raise again.__cause__ or self.error(BadAnswer, str(again)) from again
        profiles.learn(
            self.key.device_id,
            Facet.AUDIO_TRANSPORT,
            self.transport,
            f"s=Talk to {self.key.channel_id} worked over {self.transport.upper()}",
        )

    def _withdraw(self) -> None:
        """A talk waits in no table: it is we who ask."""

    async def _call(self, *, over_tcp: bool) -> None:
        context = self._context
        flow = context.parts.signalling.entry_of(self.key.device_id).flow
        if flow is None:
            raise self.error(DeviceOffline, "the device is offline")
        ssrc = self._take_ssrc()
        link = self._open_link(ssrc, flow, over_tcp=over_tcp)
        self._use_link(link, _name(over_tcp), AudioFormat().form.value)
        request, offer = self._invite(flow, link.port, ssrc, over_tcp=over_tcp)
        response = await self._ask(request, flow)
        if response.status >= 300:
            refused = Refused(
                f"{self.key}: the device refused the talk: {response.status} {response.reason}",
                status=response.status,
                device_id=self.key.device_id,
                channel_id=self.key.channel_id,
            )
            if response.status in TRANSPORT_REFUSALS:
                raise _OtherTransport(str(refused)) from refused
            raise refused
        self._take_answer(link, offer, response, flow)
        if self._dialog is not None:
            await self._dialog.remember()
        try:
            await self._connect(link)
        except LinkFailed as error:
            raise _OtherTransport(str(error)) from error

    def _open_link(self, ssrc: str, flow: Flow, *, over_tcp: bool) -> AudioLink:
        link_terms = LinkTerms(AudioFormat(), to_int(ssrc), None, frozenset({flow.remote[0]}))
        plane = self._context.plane
        try:
            return plane.listen_tcp(link_terms) if over_tcp else plane.open_udp(link_terms)
        except NoPortFree as error:
            raise self.error(NoCapacity, str(error)) from error

    def _invite(
        self, flow: Flow, port: int, ssrc: str, *, over_tcp: bool
    ) -> tuple[SipRequest, SessionDescription]:
        parts = self._context.parts
        own_id = parts.signalling.platform_id
        host = parts.settings.media_advertised_host or parts.transport.advertised(flow)[0]
        offer = terms.talk_offer(own_id, host, port, ssrc, over_tcp=over_tcp)
        request = parts.signalling.request("INVITE", self.key.channel_id, flow)
        request.headers.set("Subject", f"{self.key.channel_id}:{ssrc},{own_id}:0")
        request.headers.set("Content-Type", sdp.CONTENT_TYPE)
        request.body = offer.serialize()
        self._flow, self.call_id = flow, request.call_id
        return request, offer

    async def _ask(self, request: SipRequest, flow: Flow) -> SipResponse:
        """Send the INVITE; acknowledge what is accepted. A cancelled wait sends CANCEL (GB-C117)."""
        parts, timeout_s = self._context.parts, self._context.parts.settings.invite_timeout_s
        try:
            call = parts.transport.invite(request, flow)
            response = await call.final(timeout_s)
        except TransactionTimedOut as error:
            heard = "after a provisional answer" if error.heard_provisional else "at all"
            raise self.error(
                NoAnswer, f"no final answer to the talk INVITE within {timeout_s:g} s, {heard}"
            ) from error
        except FlowClosed as error:
            raise self.error(DeviceOffline, f"connection lost while inviting: {error}") from error
        except TransportFull as error:
            raise self.error(NoCapacity, str(error)) from error
        parts.presence.answered(self.key.device_id)
        if response.status < 300:
            dialog = Dialog.from_answer(request, response)
            self._open_dialog(dialog, flow, self._ssrc or "0")
            call.ack(dialog.make_ack())
        return response

    def _take_answer(
        self, link: AudioLink, offer: SessionDescription, response: SipResponse, flow: Flow
    ) -> None:
        try:
            answer = SessionDescription.parse(response.body)
            _, audio_format = terms.choose(answer)
        except (MalformedSdp, UnsupportedAudio) as error:
            raise self.error(BadAnswer, f"the answer to the talk cannot be used: {error}") from error
        if answer.is_tcp != offer.is_tcp:
            raise _OtherTransport("the device answers with another transport")
        if offer.is_tcp and sdp.answered_setup(offer, answer) is Setup.PASSIVE:
            raise self.error(BadAnswer, "the device waits for our connection, which was not offered")
        host = flow.remote[0]
        ssrc = sdp.expected_ssrc(offer, answer) or offer.ssrc or "0"
        self.form = audio_format.form.value
        link.change(
            LinkTerms(
                audio_format,
                to_int(ssrc),
                terms.peer_address(answer, host),
                terms.peer_hosts(answer, host),
            )
        )

    async def _start_over(self) -> None:
        """End what was begun, before the other transport is tried."""
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            await dialog.end()
        self._give_back()
        self.link = None


def _name(over_tcp: bool) -> str:
    return "tcp" if over_tcp else "udp"
