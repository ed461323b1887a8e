"""Speaking to devices through the API: broadcast and talk, clips and a browser's microphone.

The simulated device measures the tone that it hears, with tables of its own; aiortc plays the browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from access.roles import Role
from sipserver.devices.audio.settings import AudioSettings
from sipserver.devices.profiles.facets import Facet
from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse
from sipserver.gb.sdp import Setup
from sipserver.simulator.audio import AudioCall
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.heard import strongest_hz
from sipserver.sip.dialog import Dialog
from sipserver.sip.flow import Transport
from sipserver.sip.message import SipRequest
from tests.support.browser_voice import BrowserVoice
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports
from tests.support.small_site import HOST, SmallSite, small_site
from tests.support.sound_files import tone_mp3, tone_wav

SPOKEN_HZ = 1_000.0
TOLERANCE_HZ = 6.0
QUICK = AudioSettings(
    host=HOST, rtp_ports=rtp_ports(), invite_wait_s=1.5, connect_timeout_s=3.0, port_cool_down_s=1.0
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, audio=QUICK) as opened:
        yield opened


async def add_clip(site: SmallSite, hz: float = SPOKEN_HZ, seconds: float = 0.6) -> str:
    answer = await site.api.post("/audio/clips", params={"name": "tone"}, content=tone_wav(hz, seconds))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["clip_id"])


def channel_of(device: SimulatedDevice) -> str:
    return device.settings.all_channel_ids[0]


async def speak(site: SmallSite, device: SimulatedDevice, **command: Any) -> httpx.Response:
    return await site.api.post(f"/channels/{channel_of(device)}/audio", json=command)


async def over(site: SmallSite, session_id: str) -> None:
    async def ended() -> bool:
        return (await site.api.get(f"/audio/sessions/{session_id}")).status_code == 404

    await eventually(ended, "the session has ended")


async def until(condition: Any, what: str) -> None:
    async def holds() -> bool:
        return bool(condition())

    await eventually(holds, what)


async def spoken_clip(site: SmallSite, device: SimulatedDevice, **command: Any) -> AudioCall:
    """Play a clip to its end; the call as the device saw it."""
    answer = await speak(site, device, clip_id=await add_clip(site), **command)
    assert answer.status_code == 201, answer.text
    await over(site, answer.json()["session_id"])
    call = device.audio.calls[-1]
    await until(lambda: call.is_over, "the device got BYE")
    return call


def assert_heard(call: AudioCall, hz: float = SPOKEN_HZ) -> None:
    heard = call.heard
    assert heard.tone_hz == pytest.approx(hz, abs=TOLERANCE_HZ)
    assert heard.gaps == 0
    assert heard.ssrcs == {call.ssrc}


# ---------------------------------------------------------------- broadcast


@pytest.mark.parametrize(
    ("setup", "transport"), [(None, "udp"), (Setup.ACTIVE, "tcp"), (Setup.PASSIVE, "tcp")]
)
async def test_clip_is_broadcast_and_ends_with_bye(
    site: SmallSite, setup: Setup | None, transport: str
) -> None:
    """GB-C115: PCMA over UDP, and over TCP with either side connecting; the tone is the one that was sent."""
    camera = await site.add_camera(audio_setup=setup)
    call = await spoken_clip(site, camera, mode="broadcast")
    assert_heard(call)
    assert call.heard.payload_types == {8}
    assert call.heard.timestamp_steps == {160}
    assert len(call.heard.loud_samples) == pytest.approx(0.6 * 8_000, abs=200)
    learned = site.platform.devices.profiles.value(camera.settings.device_id, Facet.AUDIO_TRANSPORT)
    assert learned == transport
    assert site.platform.devices.audio.plane.links == 0
    assert site.platform.devices.stale_dialogs == 0


async def test_answer_has_everything_that_strict_devices_want(site: SmallSite) -> None:
    """Q77, GB-C107: y= and f= stand in the answer, in their places."""
    camera = await site.add_camera(faults=("wants-f-line",))
    call = await spoken_clip(site, camera, mode="broadcast")
    assert_heard(call)
    assert call.answer is not None
    assert str(call.answer.format) == "v/////a/1/8/1"
    assert call.answer.ssrc is not None


@pytest.mark.parametrize("payload", ["96 PS/90000", "0 PCMU/8000"])
async def test_device_gets_the_payload_that_it_offers(site: SmallSite, payload: str) -> None:
    """GB-C115: sound in a program stream, as devices of 2014 want it, and mu-law."""
    camera = await site.add_camera(audio_payloads=(payload,))
    call = await spoken_clip(site, camera, mode="broadcast")
    assert_heard(call)
    assert call.heard.payload_types == {int(payload.split()[0])}


@pytest.mark.parametrize(
    "fault", ["no-broadcast-response", "broadcast-device-ids", "pcma-channels", "late-offer"]
)
async def test_devices_with_habits_of_their_own_hear_it_too(site: SmallSite, fault: str) -> None:
    """Q67, Q65, Q64; GB-C101: an INVITE without SDP gets ours, and the answer is taken from the ACK."""
    camera = await site.add_camera(faults=(fault,))
    assert_heard(await spoken_clip(site, camera, mode="broadcast"))


async def test_device_over_tcp_signalling_hears_it(site: SmallSite) -> None:
    camera = await site.add_camera(transport=Transport.TCP)
    assert_heard(await spoken_clip(site, camera, mode="broadcast"))


async def test_bye_of_the_device_ends_the_session(site: SmallSite) -> None:
    """GB-C115, GB-C100: either side may end it, and nothing is left open."""
    camera = await site.add_camera()
    answer = await speak(site, camera, clip_id=await add_clip(site, seconds=30.0))
    session_id = answer.json()["session_id"]
    await camera.audio.hang_up(camera.audio.calls[-1])
    await over(site, session_id)
    assert site.platform.devices.audio.plane.links == 0


async def test_operator_ends_it_with_bye(site: SmallSite) -> None:
    """GB-C115: DELETE answers when the device has answered BYE."""
    camera = await site.add_camera()
    answer = await speak(site, camera, clip_id=await add_clip(site, seconds=30.0))
    assert answer.json()["targets"][0]["state"] == "speaking"
    ended = await site.api.delete(f"/audio/sessions/{answer.json()['session_id']}")
    assert ended.status_code == 204
    assert camera.audio.calls[-1].is_over
    assert (await site.api.get("/audio/sessions")).json() == {"items": []}


async def test_device_that_goes_offline_is_lost_to_the_session(site: SmallSite) -> None:
    camera = await site.add_camera()
    answer = await speak(site, camera, clip_id=await add_clip(site, seconds=30.0))
    await camera.parts.registration.unregister()
    await over(site, answer.json()["session_id"])


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("fault", "status", "code"), [("no-loudspeaker", 502, "refused"), ("deaf", 502, "refused")]
)
async def test_device_without_loudspeaker_is_a_named_problem(
    site: SmallSite, fault: str, status: int, code: str
) -> None:
    camera = await site.add_camera(faults=(fault,))
    answer = await speak(site, camera)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await site.api.get("/audio/sessions")).json() == {"items": []}


async def test_silence_after_the_notice_is_told_as_such(site: SmallSite) -> None:
    """The device took the notice and no INVITE comes."""
    camera = await site.add_camera(faults=("deaf",))
    answer = await speak(site, camera, mode="broadcast")
    assert (answer.status_code, answer.json()["code"]) == (504, "no-answer")
    assert "no loudspeaker" in answer.json()["detail"]


async def test_one_loudspeaker_is_in_one_session(site: SmallSite) -> None:
    camera = await site.add_camera()
    first = await speak(site, camera, clip_id=await add_clip(site, seconds=30.0))
    assert first.status_code == 201
    second = await speak(site, camera)
    assert (second.status_code, second.json()["code"]) == (409, "loudspeaker-busy")
    assert "admin" in second.json()["detail"]


async def test_group_speaks_to_those_that_listen(site: SmallSite) -> None:
    """Each loudspeaker of a group says for itself whether and why not; the clip waits for all of them."""
    first, second = await site.add_camera(0), await site.add_camera(1, audio_setup=Setup.ACTIVE)
    deaf = await site.add_camera(2, faults=("no-loudspeaker",))
    targets = [channel_of(first), channel_of(second), channel_of(deaf)]
    command = {"targets": targets, "clip_id": await add_clip(site)}
    answer = await site.api.post("/audio/sessions", json=command)
    assert answer.status_code == 201
    assert [each["problem"] for each in answer.json()["targets"]] == [None, None, "refused"]
    await over(site, answer.json()["session_id"])
    for camera in (first, second):
        assert_heard(camera.audio.calls[-1])


async def test_channels_of_one_recorder_are_told_apart(site: SmallSite) -> None:
    """Several notices are out at one device at once: each INVITE finds its own."""
    recorder = await site.add_nvr(channels=3)
    targets = list(recorder.settings.all_channel_ids)
    command = {"targets": targets, "clip_id": await add_clip(site)}
    answer = await site.api.post("/audio/sessions", json=command)
    assert [each["state"] for each in answer.json()["targets"]] == ["speaking"] * 3
    await over(site, answer.json()["session_id"])
    assert {call.target_id for call in recorder.audio.calls} == set(targets)
    for call in recorder.audio.calls:
        assert_heard(call)


async def test_invite_without_notice_is_refused(site: SmallSite) -> None:
    """6.11: nobody speaks, so a device that wants to listen is told that we are busy with nothing for it."""
    camera = await site.add_camera()
    unasked = BroadcastNotify("1", GbId(site.platform.settings.sip.id), GbId(channel_of(camera)))
    camera.parts.commands["Notify", "Broadcast"](parse_document(serialize_document(unasked.to_xml())))
    await until(lambda: site.platform.devices.stats.audio_invites_refused == 1, "the INVITE was refused")
    await until(lambda: camera.audio.calls[-1].is_over, "the device gave up")


# ---------------------------------------------------------------- calls that break


def own_invite(device: SimulatedDevice, platform_id: str, offer: bytes) -> SipRequest:
    """An INVITE that a test sends by hand from the device's socket."""
    signalling, domain, target = device.parts.signalling, platform_id[:10], channel_of(device)
    token = signalling.transport.token
    headers = [
        ("From", f"<sip:{target}@{domain}>;tag={token()}"),
        ("To", f"<sip:{platform_id}@{domain}>"),
        ("Call-ID", f"{token()}@test"),
        ("CSeq", "1 INVITE"),
        ("Contact", signalling.contact),
        ("Content-Type", "application/sdp"),
    ]
    return SipRequest("INVITE", f"sip:{platform_id}@{domain}", headers, offer)


OFFER = (
    b"v=0\r\no=34020000001310000001 0 0 IN IP4 127.0.0.1\r\ns=Play\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 20000 RTP/AVP 8\r\na=recvonly\r\na=rtpmap:8 PCMA/8000\r\nf=v/////a/1/8/1\r\n"
)
TCP_OFFER = OFFER.replace(b"RTP/AVP 8\r\n", b"TCP/RTP/AVP 8\r\na=setup:active\r\na=connection:new\r\n")
VIDEO_OFFER = OFFER.replace(b"m=audio", b"m=video")
UNKNOWN_OFFER = OFFER.replace(b"RTP/AVP 8", b"RTP/AVP 18").replace(b"8 PCMA", b"18 G729")


async def waiting_for_invite(site: SmallSite, device: SimulatedDevice) -> asyncio.Task[httpx.Response]:
    """A broadcast whose notice the device took without a word."""
    asking = asyncio.create_task(speak(site, device, mode="broadcast"))
    before = device.stats.requests.get("MESSAGE", 0)
    await until(lambda: device.stats.requests.get("MESSAGE", 0) > before, "the notice is there")
    return asking


async def assert_nothing_left(site: SmallSite, asking: asyncio.Task[httpx.Response], code: str) -> None:
    answer = await asking
    assert answer.json().get("code") == code, answer.text
    audio = site.platform.devices.audio
    assert not audio.sessions
    assert audio.plane.links == 0
    assert site.platform.devices.stale_dialogs == 0


async def test_invite_that_is_cancelled_leaves_nothing(site: SmallSite) -> None:
    """GB-C117: our 200 crosses the CANCEL; the device acknowledges it and says BYE."""
    camera = await site.add_camera(faults=("deaf",))
    asking = await waiting_for_invite(site, camera)
    signalling = camera.parts.signalling
    call = signalling.transport.invite(
        own_invite(camera, site.platform.settings.sip.id, OFFER), signalling.flow
    )
    call.cancel()
    await asking
    audio = site.platform.devices.audio
    await until(lambda: not audio.sessions, "the session is over")
    assert audio.plane.links == 0
    assert site.platform.devices.stale_dialogs == 0


async def test_200_that_is_never_acknowledged_is_ended_with_bye(site: SmallSite) -> None:
    """GB-C117: no ACK comes; the device hears BYE and nothing stays open."""
    camera = await site.add_camera(faults=("deaf",))
    asking = await waiting_for_invite(site, camera)
    signalling = camera.parts.signalling
    call = signalling.transport.invite(
        own_invite(camera, site.platform.settings.sip.id, OFFER), signalling.flow
    )
    assert (await call.final(5.0)).status == 200
    await assert_nothing_left(site, asking, "no-answer")
    assert camera.stats.requests["BYE"] == 1


async def test_device_that_never_connects_is_told_apart(site: SmallSite) -> None:
    """The offer says that the device connects over TCP, and it does not."""
    camera = await site.add_camera(faults=("deaf",))
    asking = await waiting_for_invite(site, camera)
    signalling = camera.parts.signalling
    request = own_invite(camera, site.platform.settings.sip.id, TCP_OFFER)
    call = signalling.transport.invite(request, signalling.flow)
    response = await call.final(5.0)
    call.ack(Dialog.from_answer(request, response).make_ack())
    await assert_nothing_left(site, asking, "no-media")
    assert camera.stats.requests["BYE"] == 1


@pytest.mark.parametrize(
    ("offer", "status", "code"), [(UNKNOWN_OFFER, 488, "bad-answer"), (VIDEO_OFFER, 488, "no-answer")]
)
async def test_offer_that_cannot_be_answered_gets_488(
    site: SmallSite, offer: bytes, status: int, code: str
) -> None:
    """GB-C113: 488 for a codec that is not spoken here, and for an INVITE that is no broadcast's."""
    camera = await site.add_camera(faults=("deaf",))
    asking = await waiting_for_invite(site, camera)
    signalling = camera.parts.signalling
    call = signalling.transport.invite(
        own_invite(camera, site.platform.settings.sip.id, offer), signalling.flow
    )
    assert (await call.final(5.0)).status == status
    await assert_nothing_left(site, asking, code)


async def test_broken_response_is_counted_and_nothing_else(site: SmallSite) -> None:
    camera = await site.add_camera()
    stats = site.platform.devices.stats
    before = stats.malformed_bodies
    broken = manscdp.new_document("Response", "Broadcast", "1")
    await camera.parts.signalling.send_message(broken)
    await until(lambda: stats.malformed_bodies == before + 1, "it was counted")
    unasked = BroadcastResponse("77", GbId(channel_of(camera)), ok=True)
    await camera.parts.signalling.send_message(unasked.to_xml())
    await until(lambda: stats.unexpected_responses, "nobody waited for it")


# ---------------------------------------------------------------- talk


async def connect(site: SmallSite, session_id: str, hz: float) -> BrowserVoice:
    voice = BrowserVoice(hz)
    answer = await site.api.post(f"/audio/sessions/{session_id}/webrtc", json={"sdp": await voice.offer()})
    assert answer.status_code == 200, answer.text
    await voice.take(answer.json()["sdp"])
    return voice


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_browser_and_device_hear_each_other_in_a_talk(site: SmallSite, transport: Transport) -> None:
    """GB-C116: s=Talk over UDP and TCP, the browser over WebRTC; each hears the other's tone."""
    camera = await site.add_camera(transport=transport, talk_tone_hz=660.0)
    answer = await speak(site, camera, mode="talk")
    assert answer.status_code == 201, answer.text
    session = answer.json()
    assert session["targets"][0]["transport"] == transport.lower()
    voice = await connect(site, session["session_id"], 440.0)
    try:
        call = camera.audio.calls[-1]
        await until(lambda: len(call.heard.loud_samples) > 8_000, "the device hears a second")
        await until(lambda: len(voice.heard) > 12_000, "the browser hears a second")
        state = (await site.api.get(f"/audio/sessions/{session['session_id']}")).json()
        assert state["browser_connected"]
        assert state["level_dbfs"] > -30
        assert state["targets"][0]["heard_level_dbfs"] > -30
    finally:
        await voice.close()
    assert strongest_hz(call.heard.loud_samples[-8_000:]) == pytest.approx(440.0, abs=TOLERANCE_HZ)
    assert strongest_hz(voice.heard[-8_000:]) == pytest.approx(660.0, abs=TOLERANCE_HZ)
    await over(site, session["session_id"])
    await until(lambda: call.is_over, "the device got BYE")


async def test_device_that_knows_talk_alone_is_learned(site: SmallSite) -> None:
    """Q66, GB-C116: the fall-back is one step, and is remembered."""
    camera = await site.add_camera(faults=("talk-only",))
    device_id = camera.settings.device_id
    assert_heard(await spoken_clip(site, camera))
    assert site.platform.devices.profiles.value(device_id, Facet.AUDIO) == "talk"
    notices = camera.stats.requests["MESSAGE"]
    assert_heard(await spoken_clip(site, camera))
    assert camera.stats.requests["MESSAGE"] == notices  # no broadcast was tried again


async def test_talk_falls_back_to_the_other_transport(site: SmallSite) -> None:
    """A device that refuses TCP gets UDP, and only UDP the next time."""
    camera = await site.add_camera(transport=Transport.TCP, faults=("talk-udp-only",))
    assert_heard(await spoken_clip(site, camera, mode="talk"))
    invites = camera.stats.requests["INVITE"]
    assert_heard(await spoken_clip(site, camera, mode="talk"))
    assert camera.stats.requests["INVITE"] == invites + 1


async def test_talk_that_is_given_up_is_cancelled(site: SmallSite) -> None:
    """GB-C117: CANCEL before 200 leaves no session behind."""
    camera = await site.add_camera(faults=("talk-silent",))
    audio = site.platform.devices.audio
    asking = asyncio.ensure_future(speak(site, camera, mode="talk"))
    await until(lambda: camera.stats.requests.get("INVITE"), "the device was invited")
    (session,) = audio.sessions.values()
    await session.close("test")
    answer = await asking
    assert (answer.status_code, answer.json()["code"]) == (503, "stream-ended")
    assert not audio.sessions
    assert audio.plane.links == 0
    assert camera.audio.speaking == []


# ---------------------------------------------------------------- browser


async def test_browser_speaks_in_a_broadcast(site: SmallSite) -> None:
    """GB-C115: a microphone over WebRTC, PCMA although the browser likes Opus better."""
    camera = await site.add_camera()
    answer = await speak(site, camera, mode="broadcast")
    voice = await connect(site, answer.json()["session_id"], 440.0)
    try:
        call = camera.audio.calls[-1]
        await until(lambda: len(call.heard.loud_samples) > 8_000, "the device hears a second")
    finally:
        await voice.close()
    assert strongest_hz(call.heard.loud_samples[-8_000:]) == pytest.approx(440.0, abs=TOLERANCE_HZ)
    await over(site, answer.json()["session_id"])


async def test_browser_hears_itself_in_the_loopback(site: SmallSite) -> None:
    voice = BrowserVoice(520.0)
    answer = await site.api.post("/audio/loopback", json={"sdp": await voice.offer()})
    await voice.take(answer.json()["sdp"])
    try:
        await until(lambda: len(voice.heard) > 16_000, "the browser hears two seconds")
    finally:
        await voice.close()
    assert strongest_hz(voice.heard[-8_000:]) == pytest.approx(520.0, abs=TOLERANCE_HZ)


@pytest.mark.parametrize(
    "sdp", ["", "v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nm=audio x"]
)
async def test_offers_that_cannot_be_answered_are_a_problem(site: SmallSite, sdp: str) -> None:
    answer = await site.api.post("/audio/loopback", json={"sdp": sdp})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-offer")
    assert len(site.platform.devices.audio.loopbacks) == 0


async def test_browser_without_pcma_is_told(site: SmallSite) -> None:
    voice = BrowserVoice(440.0, codecs=("audio/opus",))
    answer = await site.api.post("/audio/loopback", json={"sdp": await voice.offer()})
    await voice.close()
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-offer")


async def test_session_that_plays_a_clip_takes_no_microphone(site: SmallSite) -> None:
    camera = await site.add_camera()
    answer = await speak(site, camera, clip_id=await add_clip(site, seconds=30.0))
    voice = BrowserVoice(440.0)
    refused = await site.api.post(
        f"/audio/sessions/{answer.json()['session_id']}/webrtc", json={"sdp": await voice.offer()}
    )
    await voice.close()
    assert (refused.status_code, refused.json()["code"]) == (409, "no-microphone")


# ---------------------------------------------------------------- clips and schedules


async def test_mp3_of_another_program_is_kept_and_can_be_listened_to(site: SmallSite) -> None:
    """The clip comes back as A-law WAV; ffmpeg made the MP3."""
    answer = await site.api.post("/audio/clips", params={"name": "mp3"}, content=tone_mp3(700.0, 1.0))
    assert answer.status_code == 201, answer.text
    clip = answer.json()
    assert clip["duration_s"] == pytest.approx(1.0, abs=0.1)
    sound = await site.api.get(f"/audio/clips/{clip['clip_id']}/sound.wav")
    assert sound.content[:4] == b"RIFF"
    assert (await site.api.get("/audio/clips")).json()["items"] == [clip]
    assert (await site.api.delete(f"/audio/clips/{clip['clip_id']}")).status_code == 204
    assert (await site.api.get(f"/audio/clips/{clip['clip_id']}")).status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"RIFF....WAVEfmt ", b"#EXTM3U\nfile:///etc/passwd\n", b"\xff\xfb" * 50]
)
async def test_what_is_no_sound_is_refused(site: SmallSite, body: bytes) -> None:
    answer = await site.api.post("/audio/clips", params={"name": "bad"}, content=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable-audio")


async def test_schedule_plays_its_clip(site: SmallSite) -> None:
    """What is due is played to the devices, and its result is kept."""
    camera = await site.add_camera()
    clip_id = await add_clip(site)
    command = {"name": "noon", "clip_id": clip_id, "targets": [channel_of(camera)], "times": ["12:00:00"]}
    planned = (await site.api.post("/audio/schedules", json=command)).json()
    assert planned["next_time"] is not None
    assert (await site.api.delete(f"/audio/clips/{clip_id}")).json()["code"] == "clip-in-use"
    schedules = site.platform.devices.audio.schedules
    _, due = schedules.get(planned["schedule_id"])
    assert due is not None
    assert schedules.run_due(due) == 1
    await until(lambda: "reached" in schedules.list()[0][0].last_result, "the announcement has ended")
    assert_heard(camera.audio.calls[-1])
    shown = (await site.api.get(f"/audio/schedules/{planned['schedule_id']}")).json()
    assert shown["last_result"] == "1 of 1 loudspeakers reached; played to the end"
    changed = await site.api.put(
        f"/audio/schedules/{planned['schedule_id']}", json={**command, "enabled": False}
    )
    assert changed.json()["next_time"] is None
    assert (await site.api.delete(f"/audio/schedules/{planned['schedule_id']}")).status_code == 204
    assert (await site.api.get("/audio/schedules")).json() == {"items": []}


async def test_viewers_may_not_speak(site: SmallSite) -> None:
    camera = await site.add_camera()
    await site.platform.users.create("guest", "a long password", Role.VIEWER)
    login = {"username": "guest", "password": "a long password"}
    token = (await site.api.post("/login", json=login)).json()["token"]
    answer = await site.api.post(
        f"/channels/{channel_of(camera)}/audio", json={}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 403
