"""The loudspeaker and microphone of a simulated device: listens to a broadcast, answers a talk.

Source: 6.11 and 6.12 of the protocol notes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Final

from media.rtp import PCMA_PAYLOAD_TYPE, RtpPacket
from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.media_format import MediaFormat
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse
from sipserver.gb.sdp import Direction, Payload, Protocol, SessionDescription, SessionKind, Setup
from sipserver.gb.ssrc import to_int
from sipserver.simulator.audio_socket import AudioSocket
from sipserver.simulator.features import DeviceParts
from sipserver.simulator.heard import HeardSound, tone
from sipserver.simulator.sound import encode_alaw
from sipserver.sip.dialog import Dialog
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.errors import TransportError

HISTORY: Final = 16
_FRAME_BYTES: Final = 160
_FRAME_S: Final = 0.02
_TONE_S: Final = 2.0
_G711: Final = MediaFormat(audio_codec="1", audio_bitrate="8", audio_rate="1")
_PCMA: Final = Payload(8, "PCMA", 8_000)

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class AudioCall:
    """One broadcast or talk."""

    kind: str
    target_id: str
    socket: AudioSocket
    dialog: Dialog | None = None
    flow: Flow | None = None
    answer: SessionDescription | None = None
    """The platform's description."""
    ssrc: int = 0
    is_over: bool = False
    speaker: Speaker | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def heard(self) -> HeardSound:
        return self.socket.heard


class Speaker:
    """Sends a tone, for as long as its call lasts; called by the pacer of all streams."""

    def __init__(self, call: AudioCall, hz: float) -> None:
        self.is_open = True
        self._call = call
        self._loop = encode_alaw(tone(hz, _TONE_S))
        self._frames = 0
        self._due: float | None = None

    def tick(self, now: float) -> float:
        self._due = (now if self._due is None else self._due) + _FRAME_S
        at = self._frames * _FRAME_BYTES % len(self._loop)
        packet = RtpPacket(
            payload_type=PCMA_PAYLOAD_TYPE,
            sequence=self._frames & 0xFFFF,
            timestamp=self._frames * _FRAME_BYTES & 0xFFFFFFFF,
            ssrc=self._call.ssrc,
            payload=self._loop[at : at + _FRAME_BYTES],
        )
        self._call.socket.send(packet.serialize())
        self._frames += 1
        return self._due


class Audio:
    """The audio of one device. ``calls`` holds the last ones, the newest at the end."""

    def __init__(self, parts: DeviceParts) -> None:
        self.calls: deque[AudioCall] = deque(maxlen=HISTORY)
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()
        self._talks: dict[ServerKey, AudioCall] = {}
        parts.commands["Notify", "Broadcast"] = self._receive_notice
        parts.request_handlers.setdefault("INVITE", []).append(self._receive_talk)
        parts.request_handlers.setdefault("BYE", []).append(self._receive_bye)
        parts.ack_handlers.append(self._receive_ack)

    async def open(self) -> None:
        """Nothing waits: calls begin with a message of the platform."""

    async def close(self) -> None:
        """Say goodbye to everybody who speaks."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(self.hang_up(call) for call in self.calls if not call.is_over))

    @property
    def speaking(self) -> list[AudioCall]:
        """Calls that are open."""
        return [call for call in self.calls if not call.is_over]

    async def hang_up(self, call: AudioCall) -> None:
        """End a call from the device's side."""
        dialog, flow = call.dialog, call.flow
        self._drop(call)
        if dialog is None or flow is None:
            return
        transport = self._parts.signalling.transport
        try:
            await transport.request(
                dialog.make_request("BYE"), flow, timeout_s=self._parts.settings.answer_timeout_s
            )
        except TransportError as error:
            logger.info("%s: BYE of a broadcast failed: %s", call.target_id, error)

    # ---------------------------------------------------------------- broadcast

    def _receive_notice(self, document: Document) -> list[Element]:
        notice = BroadcastNotify.from_xml(document.element)
        behaviour = self._parts.behaviour
        if behaviour.broadcast_invites and not behaviour.broadcast_refused:
            self._spawn(self._listen(notice))
        if not behaviour.broadcast_responds:
            return []
        return [BroadcastResponse(notice.sn, notice.target_id, ok=not behaviour.broadcast_refused).to_xml()]

    async def _listen(self, notice: BroadcastNotify) -> None:
        """INVITE whoever wants to speak."""
        settings, signalling = self._parts.settings, self._parts.signalling
        call = AudioCall(
            "broadcast", notice.target_id, AudioSocket(signalling.local_host, settings.audio_setup)
        )
        await call.socket.open()
        self.calls.append(call)
        request = self._broadcast_invite(notice, call)
        try:
            flow = signalling.flow
            answering = signalling.transport.invite(request, flow)
            response = await answering.final(10.0)
            if response.status >= 300:
                raise OSError(f"{response.status} {response.reason}")
            call.flow = flow
            call.dialog = dialog = Dialog.from_answer(request, response)
            self._acknowledge(call, dialog, answering.ack, response)
            if not call.is_over and call.answer is not None:
                await call.socket.connect((call.answer.host, call.answer.port))
        except (TransportError, MalformedSdp, OSError) as error:
            logger.info("%s: no broadcast: %s", notice.target_id, error)
            await self.hang_up(call)
        except asyncio.CancelledError:
            self._drop(call)
            raise

    def _broadcast_invite(self, notice: BroadcastNotify, call: AudioCall) -> SipRequest:
        parts, settings = self._parts, self._parts.settings
        domain, source, target = settings.sip_domain, notice.source_id, notice.target_id
        subject = f"{source}:0,{target}:0"
        if parts.behaviour.broadcast_names_devices:
            subject = f"{settings.server_id}:0,{settings.device_id}:0"
        token = parts.signalling.transport.token
        headers = [
            ("From", f"<sip:{target}@{domain}>;tag={token()}"),
            ("To", f"<sip:{source}@{domain}>"),
            ("Call-ID", f"{token()}@{parts.signalling.local_host}"),
            ("CSeq", "1 INVITE"),
            ("Contact", parts.signalling.contact),
            ("Max-Forwards", "70"),
            ("Subject", subject),
            ("User-Agent", settings.user_agent),
        ]
        request = SipRequest("INVITE", f"sip:{source}@{domain}", headers)
        if not parts.behaviour.broadcast_offers_late:
            request.headers.set("Content-Type", sdp.CONTENT_TYPE)
            request.body = self._offer(call)
        return request

    def _acknowledge(
        self, call: AudioCall, dialog: Dialog, ack: Callable[[SipRequest], None], response: SipResponse
    ) -> None:
        """ACK, with our description when the platform had to offer first."""
        call.answer = SessionDescription.parse(response.body)
        call.ssrc = to_int(call.answer.ssrc or "0")
        if self._parts.behaviour.broadcast_offers_late:
            ack(dialog.make_ack(body=self._offer(call), content_type=sdp.CONTENT_TYPE))
        else:
            ack(dialog.make_ack())
        if self._parts.behaviour.wants_format_line and (
            call.answer.format is None or call.answer.ssrc is None
        ):
            raise OSError("the answer has no f= or no y=")

    def _offer(self, call: AudioCall) -> bytes:
        """What we can hear. Dahua's PCMA has a channel count, which our own type never prints (Q64)."""
        parts, setup = self._parts, self._parts.settings.audio_setup
        offer = SessionDescription(
            owner_id=call.target_id,
            host=parts.signalling.local_host,
            port=call.socket.port,
            kind=SessionKind.PLAY,
            media="audio",
            protocol=Protocol.UDP if setup is None else Protocol.TCP,
            payloads=tuple(_payload(text) for text in parts.settings.audio_payloads),
            direction=Direction.RECVONLY,
            setup=setup,
            connection=None if setup is None else "new",
            format=_G711,
        )
        written = offer.serialize()
        if parts.behaviour.broadcast_counts_channels:
            written = written.replace(b"PCMA/8000\r\n", b"PCMA/8000/1\r\n")
        return written

    # ---------------------------------------------------------------- talk

    def _receive_talk(self, incoming: IncomingRequest) -> bool:
        """An INVITE with s=Talk; the others are not ours."""
        try:
            offer = SessionDescription.parse(incoming.request.body)
        except MalformedSdp:
            return False
        if offer.kind != SessionKind.TALK:
            return False
        transport = self._parts.signalling.transport
        behaviour = self._parts.behaviour
        if behaviour.talk_refused or (offer.is_tcp and behaviour.talk_over_udp_only):
            transport.respond(incoming, 488)
        elif behaviour.talk_answers:
            if behaviour.talk_announces:
                transport.respond(incoming, 101, "Dialog Establishment", to_tag=transport.token())
            self._spawn(self._answer_talk(incoming, offer))
        return True

    async def _answer_talk(self, incoming: IncomingRequest, offer: SessionDescription) -> None:
        signalling = self._parts.signalling
        setup = (offer.setup or Setup.PASSIVE).complement if offer.is_tcp else None
        call = AudioCall("talk", incoming.request.to.uri.user, AudioSocket(signalling.local_host, setup))
        await call.socket.open()
        answer = sdp.make_answer(
            offer,
            call.target_id,
            signalling.local_host,
            call.socket.port,
            payload=_PCMA,
            media_format=_G711,
        )
        response = signalling.transport.respond(
            incoming,
            200,
            headers=[("Contact", signalling.contact)],
            body=answer.serialize(),
            content_type=sdp.CONTENT_TYPE,
            to_tag=signalling.transport.token(),
        )
        call.dialog = Dialog.from_request(incoming.request, response)
        call.flow, call.answer = incoming.flow, offer
        call.ssrc = to_int(answer.ssrc or "0")
        self.calls.append(call)
        self._talks[incoming.key] = call

    def _receive_ack(self, key: object, _request: SipRequest) -> None:
        call = self._talks.pop(key, None)  # type: ignore[call-overload]
        if call is not None and not call.is_over:
            self._spawn(self._speak(call))

    async def _speak(self, call: AudioCall) -> None:
        offer = call.answer
        if offer is None:
            return
        try:
            await call.socket.connect((offer.host, offer.port))
        except OSError as error:
            logger.info("%s: no way for the talk: %s", call.target_id, error)
            await self.hang_up(call)
            return
        call.speaker = Speaker(call, self._parts.settings.talk_tone_hz)
        self._parts.pacer.add(call.speaker)

    # ---------------------------------------------------------------- end

    def _receive_bye(self, incoming: IncomingRequest) -> bool:
        for call in self.speaking:
            if call.dialog is not None and call.dialog.matches(incoming.request):
                self._parts.signalling.transport.respond(incoming, 200)
                self._drop(call)
                return True
        return False

    def _drop(self, call: AudioCall) -> None:
        call.is_over = True
        if call.speaker is not None:
            call.speaker.is_open = False
        call.socket.close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _payload(text: str) -> Payload:
    """``"8 PCMA/8000"`` as a payload."""
    number, _, rest = text.partition(" ")
    name, _, rate = rest.partition("/")
    return Payload(int(number), name, int(rate or "90000"))
