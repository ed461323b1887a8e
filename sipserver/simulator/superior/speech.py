"""The step that speaks: broadcast (语音广播), which a subordinate answers with an INVITE of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

from media.rtp import PCMA_PAYLOAD_TYPE, RtpPacket
from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp
from sipserver.gb.ids import GbId
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse
from sipserver.gb.sdp import AUDIO_PAYLOADS, SessionDescription
from sipserver.gb.ssrc import to_int
from sipserver.simulator.sound import SAMPLE_RATE, beeps
from sipserver.simulator.superior.errors import StepFailed
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
    if offer.is_tcp:
        desk.transport.respond(incoming, 488)
        raise StepFailed("sound over TCP is not spoken by this superior")
    host = desk.media_host(below)
    with _port(host) as made:
        answer = sdp.make_answer(
            offer, desk.settings.superior_id, host, made.getsockname()[1], payload=AUDIO_PAYLOADS[0]
        )
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
        sent = await _send(made, offer, step.number("seconds"))
        bye = await desk.send(dialog.make_request("BYE"), below)
    scene.figures |= {
        "packets": sent,
        "offer_ssrc": offer.ssrc or "",
        "offer_format": str(offer.format or ""),
    }
    return f"{sent} packets of sound; BYE was answered with {bye.status}"


async def _send(made: socket.socket, offer: SessionDescription, seconds: float) -> int:
    sound = beeps(max(1, round(seconds)), 0)
    ssrc = to_int(offer.ssrc or "0") & 0xFFFFFFFF
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    while sent * PACKET_S < seconds:
        start = sent * PACKET_SAMPLES % len(sound)
        packet = RtpPacket(
            PCMA_PAYLOAD_TYPE,
            sent & 0xFFFF,
            sent * PACKET_SAMPLES,
            ssrc,
            sound[start : start + PACKET_SAMPLES],
        )
        with contextlib.suppress(OSError):
            made.sendto(packet.serialize(), (offer.host, offer.port))
        sent += 1
        await asyncio.sleep(max(0.0, began + sent * PACKET_S - loop.time()))
    return sent


def _port(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.bind((host, 0))
    except OSError as error:
        made.close()
        raise StepFailed(f"no port for sound on {host}: {error}") from error
    return made


TABLE: Final[Table] = dict(
    (
        entry("broadcast", "a camera is spoken to", broadcast, SUBORDINATE, CHANNEL,
              Parameter("seconds", 3.0, "how long", most=600.0), TIMEOUT),
    )
)  # fmt: skip
"""Steps by name."""
