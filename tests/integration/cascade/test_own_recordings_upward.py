"""Our own recordings for a superior: real files, a real data plane, each picture compared and judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from access.rights import Grant, Policy, Right
from cascade.rights.permits import subject_of
from cascade.streams.relayed import RelayedStream
from catalog.model import ChannelKey
from media.session import MediaPlane
from sipserver.gb.mansrtsp import CONTENT_TYPE, Answer, Control, Controls, Method, NptRange
from sipserver.gb.messages.media_status import MediaStatus
from sipserver.gb.sdp import PS, Direction, Payload, Protocol, SessionDescription, SessionKind, Setup
from sipserver.sip.dialog import Dialog
from sipserver.sip.message import SipResponse
from tests.integration.cascade.conftest import NVR, Below
from tests.integration.cascade.test_catalogue_upward import registered, shared
from tests.integration.media.far_platform import (
    FarPlatform,
    tcp_client_platform,
    tcp_server_platform,
    udp_platform,
)
from tests.integration.media.recorded_film import FPS, Film, film
from tests.integration.media.test_recordings_upward import judged, pictures_of
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform

CAMERA = "34010200001320000001"
PICTURES = 100


@dataclass
class Own:
    """A film on our disk, and a superior that asks for it."""

    below: Below
    above: SmallPlatform
    film: Film

    def offer(self, port: int, **changes: object) -> SessionDescription:
        wanted = SessionDescription(
            PLATFORM_ID,
            "127.0.0.1",
            port,
            kind=SessionKind.PLAYBACK,
            uri=f"{CAMERA}:0",
            start=int(self.film.start.timestamp()),
            stop=int(self.film.end.timestamp()) + 1,
            payloads=(PS,),
            direction=Direction.RECVONLY,
            ssrc="1200001234",
        )
        return replace(wanted, **changes)  # type: ignore[arg-type]

    async def play(self, port: int, **changes: object) -> tuple[SessionDescription, Dialog]:
        response, dialog = await self.above.invite(CAMERA, self.offer(port, **changes))
        assert (response.status, dialog is not None) == (200, True), response.reason
        assert dialog is not None
        return SessionDescription.parse(response.body), dialog

    async def say(self, dialog: Dialog, body: bytes) -> SipResponse:
        info = dialog.make_request("INFO", body=body, content_type=CONTENT_TYPE)
        assert self.above.flow is not None
        return await self.above.transport.request(info, self.above.flow, timeout_s=10.0)

    async def told(self, count: int = 1) -> MediaStatus:
        await self.until(lambda: len(self.above.of_type("MediaStatus")) == count)
        return MediaStatus.from_xml(self.above.of_type("MediaStatus")[-1].element)

    async def until(self, claim: Callable[[], object]) -> None:
        await self.above.until(lambda: bool(claim()), 20.0)

    @property
    def streams(self) -> list[RelayedStream]:
        return self.below.superiors.list()[0].relay.streams

    @property
    def playing(self) -> int:
        assert self.below.recordings.disk.playbacks is not None
        return len(self.below.recordings.disk.playbacks)

    async def hang_up(self, dialog: Dialog) -> None:
        assert (await self.above.bye(dialog)).status == 200
        await self.until(lambda: not self.streams and not self.playing)


@pytest.fixture
async def own(below: Below, above: SmallPlatform, plane: MediaPlane, tmp_path: Path) -> Own:
    await below.cameras(2)
    await registered(below, above, shared(above))
    recorded = await film(plane, tmp_path / "film", PICTURES)
    below.recordings.disk.hold(plane, tmp_path, ChannelKey(NVR, CAMERA), recorded)
    return Own(below, above, recorded)


@pytest.mark.parametrize("way", ["udp", "tcp we connect", "tcp it connects"])
async def test_a_playback_is_whole_and_its_end_is_told(own: Own, way: str, tmp_path: Path) -> None:
    """GB-C110, GB-C131: over all transports, each picture once, 121 behind the last, then BYE."""
    async with AsyncExitStack() as stack:
        receiver: FarPlatform
        if way == "udp":
            receiver, port, _ = stack.enter_context(udp_platform())
            _, dialog = await own.play(port)
        elif way == "tcp we connect":
            receiver, port = await stack.enter_async_context(tcp_server_platform())
            answer, dialog = await own.play(
                port, protocol=Protocol.TCP, setup=Setup.PASSIVE, connection="new"
            )
            assert answer.setup is Setup.ACTIVE
        else:
            answer, dialog = await own.play(9, protocol=Protocol.TCP, setup=Setup.ACTIVE, connection="new")
            receiver = await stack.enter_async_context(tcp_client_platform("127.0.0.1", answer.port))
        assert (await own.told()).device_id == CAMERA
        message = next(each for each in own.above.requests if b"MediaStatus" in each.body)
        assert (message.call_id, message.method) == (dialog.call_id, "MESSAGE")
        await own.hang_up(dialog)
        await own.until(lambda: len(receiver.packets) and receiver.packets[-1].marker)
        assert pictures_of(receiver) == list(range(PICTURES))
        assert {packet.ssrc for packet in receiver.packets} == {1_200_001_234}
        assert judged(receiver.stream, tmp_path / "playback.ps") == PICTURES
    assert own.above.byes == []


async def test_pause_seek_speed_and_direction(own: Own) -> None:
    """GB-C108: both start lines; the answer says where it stands and how fast."""
    with udp_platform() as (receiver, port, _):
        _, dialog = await own.play(port)
        await own.until(lambda: len(receiver.packets) > 10)
        controls = Controls()
        assert Answer.parse((await own.say(dialog, controls.pause().serialize())).body).status == 200
        (stream,) = own.streams
        assert stream.sender is not None
        controls.start_line = "MANSRTSP/1.0"
        answer = Answer.parse((await own.say(dialog, controls.seek(3.0).serialize())).body)
        assert (answer.cseq, answer.scale) == (2, 1.0)
        await own.told()
        # Sent back from the end, it goes on and ends once more.
        reverse = Control(Method.PLAY, 3, scale=-4.0, npt=NptRange(2.5))
        answer = Answer.parse((await own.say(dialog, reverse.serialize())).body)
        assert (answer.scale, answer.cseq) == (-4.0, 3)
        await own.told(2)
        seen = pictures_of(receiver)
        assert seen[-1] < 25, "the last group backwards is the first of the film"
        fast = await own.say(dialog, b"PLAY RTSP/1.0\r\nCSeq: 4\r\nScale: 200\r\nRange: npt=0-1\r\n\r\n")
        assert Answer.parse(fast.body).scale == 64.0, "the nearest that can be played"
        await own.told(3)
        clock = own.film.at(75).strftime("%Y%m%dT%H%M%SZ")
        at_clock = f"PLAY RTSP/1.0\r\nCSeq: 5\r\nRange: clock={clock}-\r\n\r\n"
        assert (await own.say(dialog, at_clock.encode())).status == 200
        for wrong in (
            b"",
            b"\0\xff" * 40,
            b"PLAY RTSP/1.0\r\nScale: none\r\n\r\n",
            b"PLAY RTSP/1.0\r\nCSeq: 1\r\nRange: clock=20261399T990000Z-\r\n\r\n",
        ):
            assert (await own.say(dialog, wrong)).status == 400, wrong
        assert (await own.say(dialog, controls.teardown().serialize())).status == 200
        await own.hang_up(dialog)


async def test_a_teardown_without_bye_is_ended_by_us(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cascade.streams.course.TEARDOWN_BYE_WAIT_S", 0.1)
    with udp_platform() as (_, port, _rtcp):
        _, dialog = await own.play(port)
        assert (await own.say(dialog, Controls().teardown().serialize())).status == 200
        await own.until(lambda: len(own.above.byes) == 1 and not own.playing)
        assert (await own.say(dialog, Controls().pause().serialize())).status == 481
        assert (await own.above.bye(dialog)).status == 200, "a BYE that crosses ours"


async def test_a_superior_that_does_not_hang_up_at_the_end(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cascade.streams.course.END_BYE_WAIT_S", 0.1)
    async with tcp_server_platform() as (receiver, port):
        await own.play(
            port, protocol=Protocol.TCP, setup=Setup.PASSIVE, kind=SessionKind.DOWNLOAD, download_speed=16
        )
        await own.told()
        await own.until(lambda: len(own.above.byes) == 1 and receiver.ended and not own.playing)


async def test_a_download_tells_its_size_and_is_faster_and_whole(own: Own, tmp_path: Path) -> None:
    """GB-C105: a=downloadspeed is obeyed, a=filesize told."""
    async with tcp_server_platform() as (receiver, port):
        answer, dialog = await own.play(
            port, protocol=Protocol.TCP, setup=Setup.PASSIVE, kind=SessionKind.DOWNLOAD, download_speed=8,
            payloads=(Payload(97, "PS"),),
        )  # fmt: skip
        size = sum(each.path.stat().st_size for each in own.film.segments)
        assert answer.file_size == pytest.approx(size, rel=0.05)
        assert (answer.kind, answer.payload.number) == ("Download", 97)
        begun = asyncio.get_running_loop().time()
        await own.told()
        assert asyncio.get_running_loop().time() - begun < PICTURES / FPS, "faster than its own pace"
        await own.hang_up(dialog)
        assert {packet.payload_type for packet in receiver.packets} == {97}
        stream = b"".join(packet.payload for packet in receiver.packets)
        assert judged(stream, tmp_path / "download.ps") == PICTURES


async def test_time_without_footage_is_passed_over(own: Own) -> None:
    """The middle file is gone: pictures before and behind it come without a pause, and the end is right."""
    segments = own.below.recordings.disk.segments_of[ChannelKey(NVR, CAMERA)]
    missing = segments[len(segments) // 2 if len(segments) > 2 else 0]
    first = round((missing.start_time - own.film.start).total_seconds() * FPS)
    last = round((missing.end_time - own.film.start).total_seconds() * FPS)
    segments.remove(missing)
    with udp_platform() as (receiver, port, _):
        _, dialog = await own.play(port)
        await own.told()
        await own.hang_up(dialog)
        assert pictures_of(receiver) == [*range(first), *range(last, PICTURES)]


async def test_many_sessions_of_one_recording_at_once(own: Own) -> None:
    """Each has its own position; what one says moves no other."""
    async with AsyncExitStack() as stack:
        receivers, dialogs = [], []
        for number in range(12):
            receiver, port, _ = stack.enter_context(udp_platform())
            _, dialog = await own.play(port, ssrc=f"12000{number:05d}")
            receivers.append(receiver)
            dialogs.append(dialog)
        assert own.playing == 12
        held = Controls().pause().serialize()
        for dialog in dialogs[1:]:
            assert (await own.say(dialog, held)).status == 200
        await own.told()
        assert len(own.above.of_type("MediaStatus")) == 1
        assert pictures_of(receivers[0]) == list(range(PICTURES))
        await asyncio.gather(*(own.above.bye(dialog) for dialog in dialogs))
        await own.until(lambda: not own.streams and not own.playing)


async def test_a_superior_whose_ssrc_is_not_taken_is_told_ours(own: Own) -> None:
    """GB-C132: the called domain decides (6.6); of history, so it begins with 1."""
    post = own.below.superiors.list()[0]
    await own.below.superiors.change(replace(post.link.superior, takes_ssrc=False))
    with udp_platform() as (receiver, port, _):
        answer, dialog = await own.play(port)
        assert answer.ssrc is not None
        assert answer.ssrc.startswith("110000")
        await own.until(lambda: len(receiver.packets) > 3)
        assert {packet.ssrc for packet in receiver.packets} == {int(answer.ssrc)}
        await own.hang_up(dialog)


async def test_rights_to_play_and_to_download_are_two(own: Own) -> None:
    """GB-C137: what is off is refused with 403; what runs ends when its right does."""
    subject = subject_of(PLATFORM_ID)
    await own.below.rights.replace(subject, Policy((Grant(frozenset({Right.PLAYBACK})),)))
    with udp_platform() as (_, port, _rtcp):
        download = own.offer(port, kind=SessionKind.DOWNLOAD, download_speed=4)
        assert (await own.above.invite(CAMERA, download))[0].status == 403
        await own.play(port)
        await own.below.rights.replace(subject, Policy((Grant(frozenset({Right.LIVE})),)))
        await own.above.until(lambda: len(own.above.byes) == 1, 2.0)
        assert (await own.above.invite(CAMERA, own.offer(port)))[0].status == 403
    await own.until(lambda: not own.playing)


async def test_an_offer_that_cannot_be_is_refused(own: Own) -> None:
    """Lies in SDP: each has its answer, and nothing is opened for it."""
    now = int(own.film.start.timestamp())
    wrong: list[dict[str, object]] = [
        {"port": 0},
        {"host": "224.0.0.5"},
        {"host": "superior.example"},
        {"start": now, "stop": now},
        {"start": now + 9, "stop": now},
        {"start": now - 10 * 365 * 86_400, "stop": now},
        {"start": 2**60, "stop": 2**61},
        {"payloads": (Payload(98, "H264"),)},
        {"media": "audio"},
        {"kind": "Nonsense"},
    ]  # fmt: skip
    for change in wrong:
        offer = own.offer(**({"port": 9} | change))  # type: ignore[arg-type]
        assert (await own.above.invite(CAMERA, offer))[0].status == 488, change
    before = own.offer(9, start=now - 9_000, stop=now - 8_000)
    assert (await own.above.invite(CAMERA, before))[0].status == 408, "nothing of ours; the device is silent"
    assert own.playing == 0
    assert not own.streams
    # An SSRC that fits no field is replaced.
    with udp_platform() as (_, port, _rtcp):
        answer, dialog = await own.play(port, ssrc="9999999999")
        assert answer.ssrc is not None
        assert answer.ssrc.startswith("110000"), "a history stream of our own domain"
        await own.hang_up(dialog)
