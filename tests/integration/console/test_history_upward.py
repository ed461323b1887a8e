"""Recordings that a superior asks for: a whole platform, a simulated camera, our disk, plain sockets above.

What the superior gets is decoded by FFmpeg, which shares no code with us.
"""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cascade.model import Superior
from cascade.post import SuperiorPost
from cascade.shown.shares import Share, ShareKind
from sipserver.devices.history.settings import HistorySettings
from sipserver.devices.settings import DeviceSettings
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.mansrtsp import CONTENT_TYPE, Answer, Controls
from sipserver.gb.messages.record_info import RecordItem, RecordQuery, RecordResponse
from sipserver.gb.sdp import PS, Direction, Protocol, SessionDescription, SessionKind, Setup
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.history.recordings import RecordedSpan
from sipserver.simulator.loops import PictureSettings
from sipserver.sip.dialog import Dialog
from sipserver.sip.message import SipResponse
from tests.integration.media.far_platform import FarPlatform, tcp_server_platform, udp_platform
from tests.support.platform_process import eventually
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site
from tests.unit.cascade.conftest import superior_at
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform

OWN = "34010000002000000001"
PREFIX = "3401990013"
START = datetime(2026, 5, 1, 0, 0, tzinfo=UTC)
SMALL = PictureSettings(width=128, height=96, fps=10, gop_s=1.0, loop_s=2)
RECORDED = (
    RecordedSpan(START, START + timedelta(minutes=10)),
    RecordedSpan(START + timedelta(minutes=20), START + timedelta(minutes=30), "alarm"),
)
QUICK = HistorySettings(end_silence_s=1.0, silence_timeout_s=4.0, drain_s=0.3)
SIP = DeviceSettings(host=HOST, port=0, password=SIP_PASSWORD, catalog_quiet_s=1.0, linger_s=0.0)


@pytest.fixture
async def above() -> AsyncIterator[SmallPlatform]:
    opened = SmallPlatform()
    await opened.transport.open()
    yield opened
    await opened.transport.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, history=QUICK, sip=SIP) as opened:
        yield opened


def superior(above: SmallPlatform, **changes: Any) -> Superior:
    """One that knows the camera by another id than the camera does."""
    values: dict[str, Any] = {
        "own_id": OWN,
        "keepalive_s": 3_600.0,
        "shares": (Share(ShareKind.ALL),),
        "keeps_ids": False,
        "id_prefix": PREFIX[:8],
        "fragment_items": 1,
    }
    return superior_at(above.port, **values | changes)


class Scene:
    """A camera with recordings below us, a superior above."""

    def __init__(
        self, site: SmallSite, above: SmallPlatform, camera: SimulatedDevice, post: SuperiorPost
    ) -> None:
        self.site = site
        self.above = above
        self.camera = camera
        self.post = post
        self.shown = ""

    async def asked(self, sn: str, query: RecordQuery | None = None, **changes: Any) -> list[RecordItem]:
        """The lines of an answer, whose parts agree."""
        base = RecordQuery(sn, GbId(self.shown), START - timedelta(hours=1), START + timedelta(hours=2))
        asked = query or replace(base, **changes)
        assert (await self.above.send(self.shown, asked.to_xml())).status == 200

        def parts() -> list[RecordResponse]:
            found = [RecordResponse.from_xml(each.element) for each in self.above.of_type("RecordInfo")]
            return [part for part in found if part.sn == sn]

        await self.above.until(
            lambda: bool(parts()) and sum(len(each.items) for each in parts()) >= parts()[0].sum_num, 20.0
        )
        items = [item for part in parts() for item in part.items]
        assert {part.sum_num for part in parts()} == {len(items)}
        assert {part.device_id for part in parts()} == {self.shown}
        return items

    async def invite(
        self, port: int, kind: SessionKind, seconds: float, **changes: Any
    ) -> tuple[SipResponse, Dialog | None]:
        start = changes.pop("start", START)
        wanted = SessionDescription(
            PLATFORM_ID,
            "127.0.0.1",
            port,
            kind=kind,
            uri=f"{self.shown}:0",
            start=int(start.timestamp()),
            stop=int((start + timedelta(seconds=seconds)).timestamp()),
            payloads=(PS,),
            direction=Direction.RECVONLY,
            ssrc="1200000077",
        )
        offer = replace(wanted, **changes)
        return await self.above.invite(self.shown, offer, f"{self.shown}:{port},{PLATFORM_ID}:0", 20.0)

    async def say(self, dialog: Dialog, body: bytes) -> SipResponse:
        info = dialog.make_request("INFO", body=body, content_type=CONTENT_TYPE)
        assert self.above.flow is not None
        return await self.above.transport.request(info, self.above.flow, timeout_s=10.0)

    async def until(self, claim: Callable[[], object]) -> None:
        await self.above.until(lambda: bool(claim()), 30.0)

    def ended(self) -> bool:
        return bool(self.above.of_type("MediaStatus"))


async def joined(site: SmallSite, above: SmallPlatform, **camera: Any) -> Scene:
    device = await site.add_camera(
        **{"pictures": SMALL, "recordings": RECORDED, "edition": Edition.V3_0} | camera
    )
    post = await site.platform.superiors.add(superior(above))
    await above.until(lambda: post.link.is_online)
    opened = Scene(site, above, device, post)
    (opened.shown,) = (await post.catalogue.tree()).channels
    assert opened.shown not in device.settings.all_channel_ids
    return opened


@pytest.fixture
async def scene(above: SmallPlatform, site: SmallSite) -> Scene:
    return await joined(site, above)


def decoded(platform: FarPlatform, path: Path) -> int:
    """Pictures that ffprobe decodes."""
    path.write_bytes(platform.stream)
    command = [
        "ffprobe",
        "-v",
        "error",
        "-count_frames",
        "-select_streams",
        "v",
        "-show_entries",
        "stream=nb_read_frames",
        "-of",
        "csv=p=0",
        str(path),
    ]
    shown = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return int(shown.stdout.split()[0].strip(b","))


async def test_what_a_camera_has_recorded_is_listed_under_the_superior_s_ids(scene: Scene) -> None:
    """GB-C130, GB-C133: SN and ids are those of each side; gaps stay visible, times are Beijing's."""
    items = await scene.asked("4711")
    assert [(item.start, item.end, item.record_type) for item in items] == [
        (span.start, span.end, span.record_type) for span in RECORDED
    ]
    assert {item.device_id for item in items} == {scene.shown}
    text = scene.above.requests[-1].body.decode("gb18030")
    assert "<StartTime>2026-05-01T08:20:00</StartTime>" in text
    assert len(await scene.asked("4712", record_type="alarm")) == 1
    assert await scene.asked("4713", start=START - timedelta(days=2), end=START - timedelta(days=1)) == []


async def test_a_playback_from_the_camera_is_relayed_with_its_controls_and_its_end(
    scene: Scene, tmp_path: Path
) -> None:
    """GB-C108, GB-C110, GB-C131: INFO goes down word for word, MediaStatus comes up, BYE ends both."""
    with udp_platform() as (receiver, port, _):
        response, dialog = await scene.invite(port, SessionKind.PLAYBACK, 30)
        assert response.status == 200, response.reason
        assert dialog is not None
        answer = SessionDescription.parse(response.body)
        assert (answer.kind, answer.ssrc, answer.direction) == ("Playback", "1200000077", Direction.SENDONLY)
        asked = scene.camera.parts.invites.open[0].offer
        assert asked.uri == f"{scene.camera.settings.all_channel_ids[0]}:0"
        assert (asked.start, asked.stop) == (int(START.timestamp()), int(START.timestamp()) + 30)
        assert asked.ssrc != "1200000077"
        await scene.until(lambda: len(receiver.packets) > 20)
        (item,) = (await scene.site.api.get(f"/superiors/{PLATFORM_ID}/streams")).json()["items"]
        assert (item["kind"], item["state"], item["form"]) == ("playback", "sending", "passed")
        controls = Controls()
        assert (await scene.say(dialog, controls.pause().serialize())).status == 200
        assert (await scene.say(dialog, controls.resume().serialize())).status == 200
        assert (await scene.say(dialog, b"PLAY MANSRTSP/1.0\r\nCSeq: 9\r\nScale: 2.0\r\n\r\n")).status == 200
        answered = await scene.say(dialog, controls.seek(26.0).serialize())
        assert Answer.parse(answered.body).status == 200
        said = scene.camera.history.controls
        assert [each.cseq for each in said] == [1, 2, 9, 3]
        assert (said[3].npt is not None and said[3].npt.start_s, said[2].scale) == (26.0, 2.0)
        await scene.until(scene.ended)
        told = scene.above.of_type("MediaStatus")[0].element
        assert told.findtext("DeviceID") == scene.shown
        message = next(each for each in scene.above.requests if b"MediaStatus" in each.body)
        assert message.call_id == dialog.call_id, "inside the dialog"
        assert (await scene.above.bye(dialog)).status == 200
        await scene.until(lambda: not scene.post.relay.streams)
        await stopped(scene.camera)
        assert decoded(receiver, tmp_path / "play.ps") >= 45
    assert (await scene.above.bye(dialog)).status == 200, "a BYE that is said twice"
    assert scene.above.byes == []


async def stopped(camera: SimulatedDevice) -> None:
    async def has_no_streams() -> bool:
        return camera.streams == 0

    await eventually(has_no_streams, "the camera was told to stop")


async def test_a_download_from_the_camera_is_whole_and_tells_its_size(
    above: SmallPlatform, site: SmallSite, tmp_path: Path
) -> None:
    """GB-C105, GB-C110: over TCP, from the first picture on, at the speed that was asked for."""
    scene = await joined(site, above, faults=("states-size",))
    async with tcp_server_platform() as (receiver, port):
        response, dialog = await scene.invite(
            port, SessionKind.DOWNLOAD, 10, download_speed=4, protocol=Protocol.TCP, setup=Setup.PASSIVE
        )
        assert response.status == 200
        assert dialog is not None
        assert SessionDescription.parse(response.body).file_size == 1_000_000
        assert scene.camera.parts.invites.open[0].offer.download_speed == 4
        await scene.until(scene.ended)
        await scene.above.bye(dialog)
        await scene.until(lambda: receiver.ended)
        assert decoded(receiver, tmp_path / "download.ps") == 100, "none is missing at the beginning"
    await stopped(scene.camera)


async def test_each_side_s_end_reaches_the_other(scene: Scene) -> None:
    """GB-C112, GB-C131: the camera's refusal and BYE, its disappearance, and our own end."""
    with udp_platform() as (receiver, port, _):
        nothing = START + timedelta(minutes=12)
        response, _dialog = await scene.invite(port, SessionKind.PLAYBACK, 60, start=nothing)
        assert response.status == 404, "as the camera said"
        response, dialog = await scene.invite(port, SessionKind.PLAYBACK, 300)
        assert dialog is not None
        await scene.until(lambda: len(receiver.packets) > 3)
        (served,) = scene.camera.parts.invites.open
        scene.camera.parts.invites.say_goodbye(served)
        await scene.until(lambda: len(scene.above.byes) == 1 and not scene.post.relay.streams)
        assert scene.above.byes[0].call_id == dialog.call_id
        assert not scene.ended(), "that was not the end of what was asked for"

        await scene.invite(port, SessionKind.PLAYBACK, 300)
        await scene.until(lambda: len(scene.camera.parts.invites.open) == 1)
        scene.post.relay.end_all("the test gives up")
        await stopped(scene.camera)
        await scene.until(lambda: len(scene.above.byes) == 2)

        await scene.invite(port, SessionKind.PLAYBACK, 300)
        await scene.camera.stop()
        await scene.until(lambda: len(scene.above.byes) == 3 and not scene.post.relay.streams)
        response, _dialog = await scene.invite(port, SessionKind.PLAYBACK, 300)
        assert response.status == 480
    assert scene.post.permits.view.streams == 0


async def test_a_camera_that_never_tells_the_end_and_knows_no_way_back(
    above: SmallPlatform, site: SmallSite
) -> None:
    """Q69, GB-C109, GB-C110: the superior is told 121 all the same; a device of 2016 is not asked back."""
    scene = await joined(site, above, edition=Edition.V2_0, faults=("no-media-status",))
    with udp_platform() as (receiver, port, _):
        response, dialog = await scene.invite(port, SessionKind.PLAYBACK, 4)
        assert response.status == 200
        assert dialog is not None
        await scene.until(lambda: len(receiver.packets) > 3)
        back = await scene.say(dialog, b"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: -1.0\r\n\r\n")
        assert back.status == 400
        assert scene.camera.history.controls == []
        await scene.until(scene.ended)
        assert (await scene.above.bye(dialog)).status == 200
    await stopped(scene.camera)


async def test_what_we_recorded_ourselves_is_listed_and_played(scene: Scene, tmp_path: Path) -> None:
    """GB-C133: listed by the platform's own index, played from the very files; the camera is left alone."""
    channel = scene.camera.settings.all_channel_ids[0]
    start = datetime.now(UTC) - timedelta(seconds=5)
    assert (await scene.site.api.put(f"/channels/{channel}/recording")).status_code < 300

    async def long_enough() -> bool:
        found = (await scene.site.api.get(f"/channels/{channel}/recordings")).json()["items"]
        return bool(found) and found[0]["duration_s"] > 3

    await eventually(long_enough, "some seconds are recorded")
    assert (await scene.site.api.delete(f"/channels/{channel}/recording")).status_code < 300
    await stopped(scene.camera)
    items = await scene.asked("1", start=start, end=start + timedelta(hours=1))
    assert len(items) == 1
    assert (items[0].recorder_id, items[0].device_id) == (OWN, scene.shown)
    with udp_platform() as (receiver, port, _):
        response, dialog = await scene.invite(port, SessionKind.PLAYBACK, 60, start=items[0].start)
        assert response.status == 200
        assert dialog is not None
        await scene.until(scene.ended)
        assert (await scene.above.bye(dialog)).status == 200
        assert decoded(receiver, tmp_path / "own.ps") >= 25
    assert scene.camera.streams == 0
