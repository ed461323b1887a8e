"""The step that speaks: broadcast (语音广播), which a subordinate answers with an INVITE of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

from media.rtp import PCMA_PAYLOAD_TYPE, RtpPacket, frame_for_tcp
from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp
from sipserver.gb.ids import GbId
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse
from sipserver.gb.sdp import AUDIO_PAYLOADS, SessionDescription, Setup
from sipserver.gb.ssrc import to_int
from sipserver.simulator.sound import SAMPLE_RATE, beeps
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.media_way import NO_PORT
from sipserver.simulator.superior.queries import ask
from sipserver.simulator.superior.scene import CHANNEL, SUBORDINATE, TIMEOUT, Scene, Table, entry
from sipserver.simulator.superior.steps import Parameter, Step
from sipserver.sip.dialog import Dialog
from sipserver.transport.driver import IncomingRequest

PACKET_SAMPLES: Final = 160
PACKET_S: Final = PACKET_SAMPLES / SAMPLE_RATE


async def broadcast(scene: Scene, step: Step) -> str:
    below, desk = scene.below(step), scene.desk
    channel = scene.channel(step, below)
    calls: asyncio.Queue[IncomingRequest] = asyncio.Queue(1)

    def take(incoming: IncomingRequest) -> bool:
        if calls.full():
            return False
        calls.put_nowait(incoming)
        return True

    desk.invite_handler = take
    try:
        notify = BroadcastNotify(desk.next_sn(), GbId(desk.settings.superior_id), channel).to_xml()
        answer = BroadcastResponse.from_xml(
            (await ask(desk, below, notify, step.number("timeout_s"))).element
        )
        if not answer.ok:
            raise StepFailed("the broadcast was answered with Result ERROR")
        try:
            async with asyncio.timeout(step.number("timeout_s")):
                incoming = await calls.get()
        except TimeoutError:
            raise StepFailed(f"no INVITE within {step.number('timeout_s'):g} s") from None
        return await _speak(scene, step, incoming)
    finally:
        desk.invite_handler = None


async def _speak(scene: Scene, step: Step, incoming: IncomingRequest) -> str:
    """Answer the INVITE, send beeps, end it."""
    desk, below = scene.desk, scene.below(step)
    try:
        offer = SessionDescription.parse(incoming.request.body)
    except MalformedSdp as error:
        desk.transport.respond(incoming, 488)
        raise StepFailed(f"the INVITE's description cannot be read: {error}") from error
    host = desk.media_host(below)
    way = SoundWay(offer, host)
    await way.open()
    try:
        answer = sdp.make_answer(offer, desk.settings.superior_id, host, way.port, payload=AUDIO_PAYLOADS[0])
        response = desk.transport.respond(
            incoming,
            200,
            headers=[("Contact", f"<sip:{desk.settings.superior_id}@{host}>")],
            body=answer.serialize(),
            content_type=sdp.CONTENT_TYPE,
            to_tag=desk.transport.token(),
        )
        dialog = Dialog.from_request(incoming.request, response)
        if not await desk.until(lambda: incoming.key in desk.acknowledged, step.number("timeout_s")):
            raise StepFailed("the 200 was not acknowledged")
        await way.connect(step.number("timeout_s"))
        sent = await _send(way, offer, step.number("seconds"))
        bye = await desk.send(dialog.make_request("BYE"), below)
    finally:
        await way.close()
    scene.figures |= {
        "packets": sent,
        "offer_ssrc": offer.ssrc or "",
        "offer_format": str(offer.format or ""),
    }
    return f"{sent} packets of sound over {offer.protocol}; BYE was answered with {bye.status}"


async def _send(way: SoundWay, offer: SessionDescription, seconds: float) -> int:
    sound = beeps(max(1, round(seconds)), 0)
    ssrc = to_int(offer.ssrc or "0") & 0xFFFFFFFF
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    while sent * PACKET_S < seconds:
        at = sent * PACKET_SAMPLES
        piece = sound[at % len(sound) :][:PACKET_SAMPLES]
        packet = RtpPacket(PCMA_PAYLOAD_TYPE, sent & 0xFFFF, at, ssrc, piece)
        way.send(packet.serialize())
        sent += 1
        await asyncio.sleep(max(0.0, began + sent * PACKET_S - loop.time()))
    return sent


class SoundWay:
    """Where sound goes: a UDP port, or a connection that either side makes, as the offer says."""

    def __init__(self, offer: SessionDescription, host: str) -> None:
        self.port = NO_PORT
        self._offer = offer
        self._host = host
        self._udp: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()

    async def open(self) -> None:
        """Raises StepFailed: the address is not ours."""
        try:
            if not self._offer.is_tcp:
                self._udp = socket.socket(_family(self._host), socket.SOCK_DGRAM)
                self._udp.setblocking(False)
                self._udp.bind((self._host, 0))
                self.port = self._udp.getsockname()[1]
            elif self._offer.setup is Setup.ACTIVE:
                self._server = await asyncio.start_server(self._accept, self._host, 0)
                self.port = self._server.sockets[0].getsockname()[1]
        except OSError as error:
            raise StepFailed(f"no port for sound on {self._host}: {error}") from error

    async def connect(self, timeout_s: float) -> None:
        """Until there is a connection, where one is needed.

        Raises:
            StepFailed: there is none in time.
        """
        if not self._offer.is_tcp:
            return
        try:
            async with asyncio.timeout(timeout_s):
                if self._server is None:
                    _, self._writer = await asyncio.open_connection(self._offer.host, self._offer.port)
                else:
                    await self._connected.wait()
        except (OSError, TimeoutError) as error:
            raise StepFailed(f"no connection for sound: {str(error) or 'not in time'}") from error

    def send(self, packet: bytes) -> None:
        if self._udp is not None:
            with contextlib.suppress(OSError):
                self._udp.sendto(packet, (self._offer.host, self._offer.port))
        elif self._writer is not None and not self._writer.is_closing():
            self._writer.write(frame_for_tcp(packet))

    async def close(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    def _accept(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            writer.close()
            return
        self._writer = writer
        self._connected.set()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


TABLE: Final[Table] = dict(
    (
        entry("broadcast", "a camera is spoken to", broadcast, SUBORDINATE, CHANNEL,
              Parameter("seconds", 3.0, "how long", most=600.0), TIMEOUT),
    )
)  # fmt: skip
"""Steps by name."""
