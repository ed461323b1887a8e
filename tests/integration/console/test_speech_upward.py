"""Superiors that speak to cameras: a whole platform, a simulated loudspeaker, a superior with a tone to say.

The camera measures the tone that it hears, and so does the superior, with tables of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from access.rights import Grant, Policy, Right
from cascade.post import SuperiorPost
from cascade.rights.permits import subject_of
from cascade.shown.shares import Share, ShareKind
from media.rtp import RtpPacket
from sipserver.devices.audio.settings import AudioSettings
from sipserver.devices.settings import DeviceSettings
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element
from sipserver.gb.media_format import MediaFormat
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse
from sipserver.gb.sdp import (
    AUDIO_PAYLOADS,
    CONTENT_TYPE,
    Direction,
    Payload,
    Protocol,
    SessionDescription,
    Setup,
)
from sipserver.simulator.audio_socket import AudioSocket
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.heard import tone
from sipserver.simulator.sound import encode_alaw
from sipserver.sip.dialog import Dialog
from sipserver.transport.driver import IncomingRequest
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site
from tests.unit.cascade.conftest import superior_at
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform

SUBJECT = subject_of(PLATFORM_ID)
OWN = "34010000002000000001"
SPOKEN_HZ = 1_000.0
TALK_HZ = 660.0
TOLERANCE_HZ = 8.0
QUICK = AudioSettings(
    host=HOST, rtp_ports=rtp_ports(), invite_wait_s=1.5, connect_timeout_s=3.0, port_cool_down_s=1.0
)
SIP = DeviceSettings(
    host=HOST, port=0, password=SIP_PASSWORD, catalog_quiet_s=1.0, linger_s=0.0, invite_timeout_s=3.0
)


class Speaking(SmallPlatform):
    """A superior with a microphone."""

    def __init__(self) -> None:
        super().__init__()
        self.invites: list[IncomingRequest] = []
        self.refuses: list[int] = []
        self.is_mute = False
        self.dialog: Dialog | None = None
        self.socket: AudioSocket | None = None
        self._speaking: asyncio.Task[None] | None = None

    def _receive(self, incoming: IncomingRequest) -> None:
        if incoming.request.method == "INVITE":
            self.invites.append(incoming)
            if self.is_mute:
                return
            if self.refuses:
                self.transport.respond(incoming, self.refuses.pop(0))
            else:
                self._speaking = asyncio.ensure_future(self._answer(incoming))
            return
        super()._receive(incoming)

    @property
    def offer(self) -> SessionDescription:
        return SessionDescription.parse(self.invites[-1].request.body)

    async def notice(self, target: str, sn: str = "910") -> None:
        document = BroadcastNotify(sn, GbId(PLATFORM_ID), GbId(target)).to_xml()
        assert (await self.send(target, document)).status == 200

    async def responded(self, count: int = 1) -> BroadcastResponse:
        await self.until(lambda: len(self.of_type("Broadcast")) == count, 20.0)
        return BroadcastResponse.from_xml(self.of_type("Broadcast")[-1].element)

    async def say(self, socket: AudioSocket, ssrc: int, hz: float = SPOKEN_HZ) -> None:
        """A tone, 20 ms at a time, until somebody stops it."""
        sound = encode_alaw(tone(hz, 1.0))
        for number in range(100_000):
            at = number * 160 % len(sound)
            packet = RtpPacket(
                payload_type=8,
                sequence=number & 0xFFFF,
                timestamp=number * 160,
                ssrc=ssrc,
                payload=sound[at : at + 160],
            )
            socket.send(packet.serialize())
            await asyncio.sleep(0.02)

    async def hush(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)
        if self.socket is not None:
            self.socket.close()

    async def speak_up(self, socket: AudioSocket, ssrc: int) -> None:
        self.socket = socket
        self._speaking = asyncio.ensure_future(self.say(socket, ssrc))

    async def _answer(self, incoming: IncomingRequest) -> None:
        offer = SessionDescription.parse(incoming.request.body)
        setup = Setup.ACTIVE if offer.is_tcp else None
        self.socket = socket = AudioSocket("127.0.0.1", setup)
        await socket.open()
        answer = replace(
            offer, owner_id=PLATFORM_ID, host="127.0.0.1", port=socket.port, direction=Direction.SENDONLY,
            setup=setup,
        )  # fmt: skip
        response = self.transport.respond(
            incoming, 200, body=answer.serialize(), content_type=CONTENT_TYPE, to_tag=self.transport.token(),
            headers=[("Contact", f"<sip:{PLATFORM_ID}@127.0.0.1:{self.port}>")],
        )  # fmt: skip
        self.dialog = Dialog.from_request(incoming.request, response)
        await socket.connect((offer.host, offer.port))
        await self.say(socket, int(offer.ssrc or "0"))


@pytest.fixture
async def above() -> AsyncIterator[Speaking]:
    opened = Speaking()
    await opened.transport.open()
    yield opened
    await opened.hush()
    await opened.transport.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, audio=QUICK, sip=SIP) as opened:
        yield opened


class Scene:
    def __init__(self, site: SmallSite, above: Speaking) -> None:
        self.site = site
        self.above = above

    async def open(self, changes: dict[str, Any] | None = None, **camera: Any) -> SimulatedDevice:
        device = await self.site.add_camera(**camera)
        values: dict[str, Any] = {"own_id": OWN, "keepalive_s": 3_600.0, "shares": (Share(ShareKind.ALL),)}
        superior = superior_at(self.above.port, **values | (changes or {}))
        post = await self.site.platform.superiors.add(superior)
        await self.above.until(lambda: post.link.is_online)
        await self.site.platform.rights.replace(SUBJECT, Policy((Grant(frozenset({Right.TALK})),)))
        return device

    @property
    def post(self) -> SuperiorPost:
        return self.site.platform.superiors.list()[0]

    async def until(self, claim: Callable[[], Any], what: str) -> None:
        async def holds() -> bool:
            return bool(claim())

        await eventually(holds, what)

    async def over(self, device: SimulatedDevice) -> None:
        """Nothing is left on any side."""
        await self.until(lambda: not self.post.speech.calls, "the call is over")
        await self.until(lambda: not device.audio.speaking, "the camera got BYE")
        audio = self.site.platform.devices.audio
        await self.until(
            lambda: (audio.plane.links, len(audio.sessions), len(audio.plane.pacer)) == (0, 0, 0),
            "no link, session or line is left",
        )
        await self.until(lambda: len(self.site.platform.devices.calls) == 0, "no call is left")
        assert self.post.permits.view.streams == 0


@pytest.fixture
def scene(above: Speaking, site: SmallSite) -> Scene:
    return Scene(site, above)


def channel_of(device: SimulatedDevice) -> str:
    return device.settings.all_channel_ids[0]


def hears(device: SimulatedDevice, hz: float = SPOKEN_HZ) -> bool:
    calls = device.audio.calls
    loud = calls[-1].heard.loud_samples if calls else ()
    return len(loud) > 4_000 and calls[-1].heard.tone_hz == pytest.approx(hz, abs=TOLERANCE_HZ)


@pytest.mark.parametrize("over_tcp", [False, True])
async def test_an_announcement_of_a_superior_comes_out_of_the_loudspeaker(
    scene: Scene, over_tcp: bool
) -> None:
    """GB-C107, GB-C115: our INVITE has y= and f=, its answer says where from, its BYE ends all."""
    above, device = scene.above, await scene.open({"speech_tcp": over_tcp})
    await above.notice(channel_of(device))
    assert (await above.responded()).ok
    await scene.until(lambda: hears(device), "the camera hears the tone")
    request = above.invites[0].request
    assert (request.to.uri.user, request.from_.uri.user) == (PLATFORM_ID, OWN)
    assert request.headers.get("Subject").startswith(f"{PLATFORM_ID}:")
    assert f",{channel_of(device)}:" in request.headers.get("Subject")
    offer = above.offer
    assert (offer.kind, offer.media, offer.direction) == ("Play", "audio", Direction.RECVONLY)
    assert (offer.is_tcp, offer.setup) == (over_tcp, Setup.PASSIVE if over_tcp else None)
    assert offer.format == MediaFormat(audio_codec="1", audio_bitrate="8", audio_rate="1")
    assert offer.ssrc is not None
    assert above.dialog is not None
    (session,) = scene.site.platform.devices.audio.sessions.values()
    assert session.view().source == f"superior {PLATFORM_ID}"
    (item,) = (await scene.site.api.get(f"/superiors/{PLATFORM_ID}/streams")).json()["items"]
    assert (item["kind"], item["id"], item["state"]) == ("broadcast", channel_of(device), "sending")
    assert (item["transport"], item["payload_bytes"] > 0) == ("tcp" if over_tcp else "udp", True)
    assert (await above.bye(above.dialog)).status == 200
    await scene.over(device)
    assert (await above.bye(above.dialog)).status == 200, "a BYE that is said twice"


async def test_what_ends_below_or_by_right_is_told_above(scene: Scene) -> None:
    """GB-C137: the right to speak is one of its own; a call ends with it, and with the camera."""
    above, device = scene.above, await scene.open()
    await above.notice(channel_of(device))
    await above.responded()
    await scene.until(lambda: hears(device), "the camera hears the tone")
    await device.audio.hang_up(device.audio.calls[-1])
    await above.until(lambda: len(above.byes) == 1, 20.0)
    await scene.over(device)
    await above.hush()

    await above.notice(channel_of(device), sn="911")
    await above.responded(2)
    await scene.until(lambda: scene.post.speech.calls and above.dialog, "speaking again")
    await scene.site.platform.rights.replace(SUBJECT, Policy((Grant(frozenset({Right.LIVE})),)))
    await above.until(lambda: len(above.byes) == 2, 5.0)
    await scene.over(device)
    await above.notice(channel_of(device), sn="912")
    assert not (await above.responded(3)).ok


async def test_what_cannot_be_spoken_to_is_answered_with_error(scene: Scene) -> None:
    """No such channel, no loudspeaker, a camera that is spoken to already, a superior that takes it back."""
    above, device = scene.above, await scene.open(faults=("no-loudspeaker",))
    await above.notice("34010200001320009999")
    assert not (await above.responded()).ok
    await above.notice(channel_of(device), sn="2")
    assert not (await above.responded(2)).ok
    assert above.invites == []
    broken = BroadcastNotify("3", GbId(PLATFORM_ID), GbId(channel_of(device))).to_xml()
    _cut(broken, "TargetID")
    assert (await above.send(channel_of(device), broken)).status == 400
    await scene.over(device)


async def test_a_superior_that_refuses_its_own_sound(scene: Scene) -> None:
    """Over TCP with 488 it is asked once more over UDP; a refusal for good ends it all."""
    above, device = scene.above, await scene.open({"speech_tcp": True})
    above.refuses = [488]
    await above.notice(channel_of(device))
    await scene.until(lambda: hears(device), "the camera hears the tone")
    assert [SessionDescription.parse(each.request.body).is_tcp for each in above.invites] == [True, False]
    assert above.dialog is not None
    await above.notice(channel_of(device), sn="7")
    assert not (await above.responded(2)).ok, "it is spoken to already"
    await above.bye(above.dialog)
    await scene.over(device)
    await above.hush()
    above.refuses = [486]
    await above.notice(channel_of(device), sn="8")
    assert (await above.responded(3)).ok
    await scene.over(device)
    assert len(above.invites) == 3


@pytest.mark.parametrize("setup", [None, Setup.ACTIVE, Setup.PASSIVE])
async def test_a_superior_and_a_camera_talk(scene: Scene, setup: Setup | None) -> None:
    """GB-C116: both hear the other, over UDP and TCP with either side connecting."""
    above, device = scene.above, await scene.open(faults=("talk-only",), talk_tone_hz=TALK_HZ)
    socket = AudioSocket("127.0.0.1", setup)
    await socket.open()
    offer = SessionDescription(
        PLATFORM_ID, "127.0.0.1", socket.port, kind="Talk", media="audio",
        protocol=Protocol.UDP if setup is None else Protocol.TCP, payloads=AUDIO_PAYLOADS,
        direction=Direction.SENDRECV, setup=setup, connection=None if setup is None else "new",
        ssrc="0200000055", format=MediaFormat(audio_codec="1", audio_bitrate="8", audio_rate="1"),
    )  # fmt: skip
    subject = f"{channel_of(device)}:0200000055,{PLATFORM_ID}:0"
    response, dialog = await above.invite(channel_of(device), offer, subject, timeout_s=20.0)
    assert response.status == 200
    assert dialog is not None
    answer = SessionDescription.parse(response.body)
    assert (answer.kind, answer.direction, answer.ssrc) == ("Talk", Direction.SENDRECV, "0200000055")
    assert answer.setup == (None if setup is None else setup.complement)
    await socket.connect((answer.host, answer.port))
    await above.speak_up(socket, 200_000_055)
    await scene.until(lambda: hears(device), "the camera hears the superior")
    await scene.until(lambda: len(socket.heard.loud_samples) > 4_000, "the superior hears the camera")
    assert socket.heard.tone_hz == pytest.approx(TALK_HZ, abs=TOLERANCE_HZ)
    assert socket.heard.ssrcs == {200_000_055}
    assert (await above.bye(dialog)).status == 200
    await scene.over(device)


async def test_a_superior_that_goes_away_while_it_is_asked_for_its_sound(scene: Scene) -> None:
    """Its link is lost, or its right: nobody waits for the answer to our INVITE."""
    above, device = scene.above, await scene.open()
    above.is_mute = True
    await above.notice(channel_of(device))
    await scene.until(lambda: len(above.invites) == 1, "it is asked")
    await scene.site.platform.rights.replace(SUBJECT, Policy())
    await scene.over(device)


async def test_a_talk_that_cannot_be_is_refused(scene: Scene) -> None:
    above, device = scene.above, await scene.open(faults=("no-loudspeaker",))
    offer = SessionDescription(
        PLATFORM_ID, "127.0.0.1", 40_000, kind="Talk", media="audio", payloads=AUDIO_PAYLOADS,
        direction=Direction.SENDRECV, ssrc="0200000055",
    )  # fmt: skip
    channel = channel_of(device)
    assert (await above.invite(channel, replace(offer, payloads=(Payload(18, "G729"),))))[0].status == 488
    assert (await above.invite("34010200001320009999", offer))[0].status == 404
    assert (await above.invite(channel, offer, timeout_s=20.0))[0].status == 488, "as the camera said"
    await scene.site.platform.rights.replace(SUBJECT, Policy())
    assert (await above.invite(channel, offer))[0].status == 403
    await scene.over(device)


def _cut(document: Element, name: str) -> None:
    for child in list(document):
        if child.tag == name:
            document.remove(child)
