"""Stills that simulated cameras take and upload over real HTTP, in every way that devices do."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from sipserver.devices.uploads.settings import UploadSettings
from sipserver.gb import manscdp
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.gb.messages.snapshot import UploadSnapShotFinished
from sipserver.gb.session_ids import is_session_id
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.loops import PictureSettings
from sipserver.simulator.stills import draw_jpeg
from storage.settings import StorageSettings
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site

MOMENT = datetime(2024, 5, 1, tzinfo=UTC)
UPLOADS = UploadSettings(burst_grace_s=1.0, notice_grace_s=0.5, picture_max_bytes=200_000)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, uploads=UPLOADS) as opened:
        yield opened


def channel_of(device: SimulatedDevice) -> str:
    return device.settings.all_channel_ids[0]


async def start(site: SmallSite, camera: SimulatedDevice, count: int = 1) -> dict[str, Any]:
    path = f"/channels/{channel_of(camera)}/snapshot-bursts"
    answer = await site.api.post(path, json={"count": count, "interval_s": 1})
    assert answer.status_code == 201, answer.text
    burst: dict[str, Any] = answer.json()
    return burst


async def ended(site: SmallSite, session_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        burst: dict[str, Any] = (await site.api.get(f"/snapshot-bursts/{session_id}")).json()
        return burst if burst["ended_at"] is not None else None

    return await eventually(look, "the burst has ended")


def upload_url(site: SmallSite, session_id: str) -> str:
    """The address that the device was given; the API never shows it."""
    live = site.platform.devices.uploads.snapshots._by_session[session_id]
    return f"http://127.0.0.1:{site.platform.http_port}/u/{live.burst.token}"


async def test_a_burst_is_taken_uploaded_and_reported(site: SmallSite) -> None:
    """GB-C068 (SessionID), GB-C069 (matched by it)."""
    camera = await site.add_camera(edition=Edition.V3_0)
    burst = await start(site, camera, count=2)
    assert is_session_id(burst["session_id"])
    assert burst["state"] in {"accepted", "done"}
    done = await ended(site, burst["session_id"])
    assert (done["state"], done["arrived"], done["detail"]) == ("done", 2, "")
    pictures = camera.settings.pictures
    for number, picture in enumerate(done["pictures"], 1):
        assert (picture["width"], picture["height"]) == (pictures.width, pictures.height)
        assert picture["file_name"] == f"{picture['file_name'][:41]}.jpg"
        assert picture["file_name"][:22] == channel_of(camera) + "02"
        assert picture["taken_at"] is not None
        file = await site.api.get(f"/snapshot-bursts/{burst['session_id']}/pictures/{number}.jpg")
        assert (file.status_code, file.headers["content-type"]) == (200, "image/jpeg")
        assert len(file.content) == picture["size_bytes"]
        with av.open(io.BytesIO(file.content)) as container:
            frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (pictures.width, pictures.height)
    listed = (await site.api.get(f"/channels/{channel_of(camera)}/snapshot-bursts")).json()["items"]
    assert [each["session_id"] for each in listed] == [burst["session_id"]]
    assert (await site.api.get(f"/snapshot-bursts/{burst['session_id']}/pictures/3.jpg")).status_code == 404


@pytest.mark.parametrize("style", ["upload-put", "upload-query", "upload-multipart", "upload-bare"])
async def test_uploads_are_taken_however_they_come(site: SmallSite, style: str) -> None:
    """GB-C072: POST and PUT, raw and multipart, the name in path, query, disposition or nowhere."""
    camera = await site.add_camera(edition=Edition.V3_0, faults=(style,))
    done = await ended(site, (await start(site, camera))["session_id"])
    assert done["state"] == "done"
    expected = "" if style == "upload-bare" else channel_of(camera) + "02"
    assert done["pictures"][0]["file_name"][:22] == expected


@pytest.mark.parametrize(
    ("fault", "state", "detail"),
    [
        ("upload-missing", "partial", "the device says it uploaded 1; 1 of 2 pictures arrived"),
        ("upload-broken", "failed", "the device says it uploaded 0; 0 of 2 pictures arrived"),
        ("upload-missing=2", "failed", "the device says it uploaded 0; 0 of 2 pictures arrived"),
    ],
)
async def test_what_did_not_come_is_said(site: SmallSite, fault: str, state: str, detail: str) -> None:
    """Fewer names than pictures asked for: the rest failed (3.9)."""
    camera = await site.add_camera(edition=Edition.V3_0, faults=(fault,))
    done = await ended(site, (await start(site, camera, count=2))["session_id"])
    assert (done["state"], done["detail"]) == (state, detail)


async def test_a_device_that_never_says_that_it_is_done(site: SmallSite) -> None:
    """All pictures here: done without a word. Some missing: the time decides."""
    whole = await site.add_camera(0, edition=Edition.V3_0, faults=("no-upload-notice",))
    holed = await site.add_camera(1, edition=Edition.V3_0, faults=("no-upload-notice", "upload-missing"))
    first, second = await start(site, whole), await start(site, holed, count=2)
    assert (await ended(site, first["session_id"]))["state"] == "done"
    late = await ended(site, second["session_id"])
    assert (late["state"], late["announced"]) == ("partial", None)
    assert "until the time was over" in late["detail"]


async def test_the_upload_address_takes_only_pictures_of_its_burst(site: SmallSite) -> None:
    camera = await site.add_camera(edition=Edition.V3_0, faults=("upload-missing=1", "no-upload-notice"))
    burst = await start(site, camera, count=2)
    url = upload_url(site, burst["session_id"])
    async with httpx.AsyncClient(trust_env=False) as device:
        guessed = await device.post(f"{url}x", content=b"\xff\xd8")
        assert (guessed.status_code, guessed.json()["code"]) == (404, "unknown-transfer")
        text = await device.post(url, content=b"GIF89a" + bytes(100))
        assert (text.status_code, text.json()["code"]) == (415, "not-a-picture")
        huge = await device.post(url, content=bytes(UPLOADS.picture_max_bytes + 1))
        assert (huge.status_code, huge.json()["code"]) == (413, "file-too-large")
        empty = await device.post(url, content=b"")
        assert empty.status_code == 422
        no_boundary = await device.post(url, content=b"x", headers={"content-type": "multipart/form-data"})
        assert no_boundary.status_code == 422
        assert (await device.get(url)).status_code in {404, 405}
    assert (await site.api.get(f"/snapshot-bursts/{burst['session_id']}")).json()["arrived"] <= 1


async def test_the_same_picture_sent_again_counts_once(site: SmallSite) -> None:
    """The device did not get our answer; a third picture is refused."""
    camera = await site.add_camera(edition=Edition.V3_0, faults=("upload-missing=9", "no-upload-notice"))
    burst = await start(site, camera, count=2)
    url = upload_url(site, burst["session_id"])
    first, second, third = (draw_jpeg(camera.settings.pictures, MOMENT, number) for number in (1, 2, 3))
    async with httpx.AsyncClient(trust_env=False) as device:
        for _ in range(2):
            assert (await device.put(f"{url}/a.jpg", content=first)).status_code == 200
        assert (await site.api.get(f"/snapshot-bursts/{burst['session_id']}")).json()["arrived"] == 1
        assert (await device.put(f"{url}/..%2f..%2fb.jpg", content=second)).status_code == 200
        assert (await device.put(f"{url}/c.jpg", content=third)).status_code == 404
    done = await ended(site, burst["session_id"])
    assert (done["state"], [each["file_name"] for each in done["pictures"]]) == ("done", ["a.jpg", "b.jpg"])


async def test_only_the_device_that_was_asked_can_end_its_burst(site: SmallSite) -> None:
    """GB-C069: a report with an unknown session, of another device, or without an id changes nothing."""
    camera = await site.add_camera(0, edition=Edition.V3_0, faults=("upload-missing=9", "no-upload-notice"))
    liar = await site.add_camera(1, edition=Edition.V3_0)
    session_id = (await start(site, camera))["session_id"]
    stats = site.platform.devices.stats
    unexpected, malformed = stats.unexpected_responses, stats.malformed_bodies
    own_id, other_id = GbId(camera.settings.device_id), GbId(liar.settings.device_id)
    liar.parts.say(UploadSnapShotFinished("1", own_id, session_id).to_xml())
    liar.parts.say(DeviceUpgradeResult("2", other_id, session_id, True, "V9").to_xml())
    camera.parts.say(UploadSnapShotFinished("3", own_id, "0" * 32).to_xml())
    for cmd_type in ("UploadSnapShotFinished", "DeviceUpgradeResult"):
        nameless = manscdp.new_document("Notify", cmd_type, "4", "")
        camera.parts.say(nameless)

    async def counted() -> bool:
        return (stats.unexpected_responses, stats.malformed_bodies) == (unexpected + 3, malformed + 2)

    await eventually(counted, "each is counted")
    burst = (await site.api.get(f"/snapshot-bursts/{session_id}")).json()
    assert (burst["state"], burst["announced"]) == ("accepted", None)


async def test_uploads_at_a_time_are_bounded(tmp_path: Path) -> None:
    """One more is told to come again; the place is free when the first has ended."""
    one = replace(UPLOADS, transfers_at_once=1, burst_grace_s=30.0)
    async with small_site(tmp_path, uploads=one) as site:
        camera = await site.add_camera(edition=Edition.V3_0, faults=("upload-missing=9", "no-upload-notice"))
        session_id = (await start(site, camera))["session_id"]
        url = upload_url(site, session_id)
        jpeg = await asyncio.to_thread(draw_jpeg, PictureSettings(), MOMENT, 1)
        is_free = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield jpeg[:100]
            await is_free.wait()
            yield jpeg[100:]

        async with httpx.AsyncClient(trust_env=False) as device:
            first = asyncio.create_task(device.post(url, content=slowly()))

            async def full() -> bool:
                return site.platform.devices.uploads.snapshots._transfers == 1

            await eventually(full, "the first upload is under way")
            second = await device.post(url, content=jpeg)
            assert (second.status_code, second.json()["code"]) == (503, "transfers-busy")
            is_free.set()
            assert (await first).status_code == 200
        assert (await ended(site, session_id))["state"] == "done"


async def test_old_bursts_go_with_their_files(site: SmallSite, tmp_path: Path) -> None:
    camera = await site.add_camera(edition=Edition.V3_0)
    session_id = (await ended(site, (await start(site, camera))["session_id"]))["session_id"]
    snapshots = site.platform.devices.uploads.snapshots
    assert await snapshots.forget_before_days(1) == 0
    assert await snapshots.forget_before_days(0) == 1
    assert (await site.api.get(f"/snapshot-bursts/{session_id}")).status_code == 404
    assert [file for file in (tmp_path / "recordings" / "uploads").rglob("*") if file.is_file()] == []


async def test_files_without_a_row_go_at_the_next_start(tmp_path: Path) -> None:
    """The process died between the file and its row."""
    stray = tmp_path / "recordings" / "uploads" / "ab" / f"{'0' * 32}-1.jpg"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    async with small_site(tmp_path, uploads=UPLOADS):
        assert not stray.exists()


async def test_a_full_disk_is_told_to_the_device_and_to_the_caller(tmp_path: Path) -> None:
    """507, nothing half written, and the burst ends as failed."""
    full = StorageSettings(path=tmp_path / "recordings", free_floor_bytes=2**60)
    async with small_site(tmp_path, uploads=UPLOADS, storage=full) as site:
        camera = await site.add_camera(edition=Edition.V3_0)
        done = await ended(site, (await start(site, camera))["session_id"])
        assert (done["state"], camera.stills.refused) == ("failed", [507])
        assert [file for file in (tmp_path / "recordings" / "uploads").rglob("*") if file.is_file()] == []


async def test_a_burst_outlives_a_restart(tmp_path: Path) -> None:
    """What the device uploads after our restart still finds its burst; nothing is counted twice."""
    async with small_site(tmp_path, uploads=UploadSettings()) as site:
        camera = await site.add_camera(edition=Edition.V3_0, faults=("upload-missing=9", "no-upload-notice"))
        session_id = (await start(site, camera))["session_id"]
    async with small_site(tmp_path, uploads=UPLOADS) as site:
        burst = (await site.api.get(f"/snapshot-bursts/{session_id}")).json()
        assert burst["state"] == "accepted"
        jpeg = await asyncio.to_thread(draw_jpeg, PictureSettings(), MOMENT, 1)
        async with httpx.AsyncClient(trust_env=False) as device:
            assert (await device.post(upload_url(site, session_id), content=jpeg)).status_code == 200
        assert (await ended(site, session_id))["state"] == "done"


async def test_a_2016_camera_is_not_asked_and_a_refusal_is_told(site: SmallSite) -> None:
    camera = await site.add_camera(edition=Edition.V2_0)
    path = f"/channels/{channel_of(camera)}/snapshot-bursts"
    gate = await site.api.post(path, json={"count": 1})
    assert (gate.status_code, gate.json()["code"]) == (409, "not-in-edition")
    refused = await site.api.post(path, json={"count": 1}, params={"despite_edition": True})
    assert (refused.status_code, refused.json()["code"]) == (502, "refused")
    (burst,) = (await site.api.get(path)).json()["items"]
    assert burst["state"] == "failed"
    assert (await site.api.post(path, json={"count": 11})).status_code == 422
