"""Downloads of a device's recordings through the API of a whole platform, into files that are read back."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest

from sipserver.devices.history.settings import HistorySettings
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.history.recordings import RecordedSpan
from sipserver.simulator.history.sender import HistorySender
from sipserver.simulator.loops import PictureSettings
from storage.settings import StorageSettings
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site

START = datetime(2026, 5, 1, 0, 0, tzinfo=UTC)
SMALL = PictureSettings(width=128, height=96, fps=10, gop_s=1.0, loop_s=2)
RECORDED = (RecordedSpan(START, START + timedelta(hours=1)),)
QUICK = HistorySettings(end_silence_s=1.0, silence_timeout_s=2.0, drain_s=0.3, invite_timeout_s=2.0)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, history=QUICK) as site:
        yield site


async def add(site: SmallSite, **changes: Any) -> SimulatedDevice:
    return await site.add_camera(**{"pictures": SMALL, "recordings": RECORDED} | changes)


async def begin(site: SmallSite, camera: SimulatedDevice, seconds: float = 20, **body: Any) -> Any:
    period = {"start": START.isoformat(), "end": (START + timedelta(seconds=seconds)).isoformat()}
    channel = camera.settings.all_channel_ids[0]
    answer = await site.api.post(f"/channels/{channel}/downloads", json=period | {"speed": 8} | body)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def reaches(site: SmallSite, download: Any, what: Callable[[Any], bool]) -> Any:
    seen: list[Any] = []

    async def is_there() -> bool:
        seen.append((await site.api.get(f"/downloads/{download['download_id']}")).json())
        return what(seen[-1])

    await eventually(is_there, "the download is as wanted")
    return seen[-1]


def is_finished(state: Any) -> bool:
    return state["finished_at"] is not None


async def fetch(site: SmallSite, part: Any) -> bytes:
    answer = await site.api.get(part["url"].removeprefix("/api/v1"))
    assert answer.status_code == 200
    return answer.content


def seconds_of(file: bytes) -> float:
    """As an outside reader decodes it."""
    with av.open(io.BytesIO(file)) as container:
        return sum(1 for _ in container.decode(video=0)) / SMALL.fps


async def test_a_download_becomes_a_file_that_plays(site: SmallSite) -> None:
    """GB-C105, GB-C110: speed in the offer, progress by the time stamps, the end by MediaStatus 121."""
    camera = await add(site)
    download = await begin(site, camera)
    under_way = await reaches(site, download, lambda state: 0 < state["progress"] < 1 or is_finished(state))
    offer_speed = [served.offer.download_speed for served in camera.parts.invites.open]
    assert offer_speed in ([8], [])
    assert under_way["size_bytes"] is None
    done = await reaches(site, download, is_finished)
    assert (done["state"], done["progress"], done["attempts"]) == ("complete", 1.0, 1)
    (part,) = done["parts"]
    assert part["verified"]
    file = await fetch(site, part)
    assert len(file) == part["size_bytes"]
    assert hashlib.sha256(file).hexdigest() == part["sha256"]
    assert seconds_of(file) == pytest.approx(20, abs=0.3)
    begin_of_it = await site.api.get(part["url"].removeprefix("/api/v1"), headers={"range": "bytes=4-7"})
    assert (begin_of_it.status_code, begin_of_it.content) == (206, b"ftyp")
    listed = (await site.api.get("/downloads")).json()
    assert [item["download_id"] for item in listed["items"]] == [download["download_id"]]


async def test_a_stated_size_gives_the_progress(site: SmallSite) -> None:
    """GB-C105."""
    camera = await add(site, faults=("states-size=900000",))
    download = await begin(site, camera, seconds=60)
    state = await reaches(
        site, download, lambda state: state["size_bytes"] is not None and state["received_bytes"] > 0
    )
    assert state["size_bytes"] == 900_000
    assert state["progress"] == pytest.approx(min(state["received_bytes"] / 900_000, 1.0), abs=0.01)


@pytest.mark.parametrize("faults", [("no-media-status",), ("bye-at-end",), ("media-status-outside",)])
async def test_the_end_is_found_without_a_proper_media_status(
    site: SmallSite, faults: tuple[str, ...]
) -> None:
    """Q68, Q69."""
    camera = await add(site, faults=faults)
    done = await reaches(site, await begin(site, camera, seconds=10), is_finished)
    assert (done["state"], done["attempts"]) == ("complete", 1)


async def test_a_break_is_followed_by_a_further_part(site: SmallSite) -> None:
    camera = await add(site)
    download = await begin(site, camera, seconds=40, speed=4)
    await reaches(site, download, lambda state: state["covered_s"] > 6)
    served = camera.parts.invites.open[0]
    assert isinstance(served.sender, HistorySender)
    camera.parts.invites.say_goodbye(served)
    done = await reaches(site, download, is_finished)
    assert (done["state"], done["attempts"]) == ("complete", 2)
    first, second = done["parts"]
    assert second["offset_s"] == pytest.approx(first["offset_s"] + first["duration_s"], abs=1.5)
    together = seconds_of(await fetch(site, first)) + seconds_of(await fetch(site, second))
    assert 39 <= together <= 42


async def test_media_that_stops_is_a_break_too(site: SmallSite) -> None:
    camera = await add(site)
    download = await begin(site, camera, seconds=30, speed=4)
    await reaches(site, download, lambda state: state["covered_s"] > 4)
    camera.parts.invites.open[0].sender.is_paused = True  # type: ignore[union-attr]
    done = await reaches(site, download, is_finished)
    assert (done["state"], len(done["parts"])) == ("complete", 2)


async def test_a_download_goes_on_after_a_restart_of_the_platform(tmp_path: Path) -> None:
    async with small_site(tmp_path, history=QUICK) as site:
        camera = await add(site)
        download = await begin(site, camera, seconds=60, speed=4)
        await reaches(site, download, lambda state: state["covered_s"] > 6)
    async with small_site(tmp_path, history=QUICK) as site:
        camera = await add(site)
        done = await reaches(site, download, is_finished)
        assert done["state"] == "complete"
        assert len(done["parts"]) == 2
        assert all(part["verified"] for part in done["parts"])


async def test_cancelled_downloads_keep_what_came_and_deleted_ones_do_not(
    site: SmallSite, tmp_path: Path
) -> None:
    camera = await add(site)
    download = await begin(site, camera, seconds=600, speed=2)
    await reaches(site, download, lambda state: state["covered_s"] > 2)
    path = f"/downloads/{download['download_id']}"
    ended = (await site.api.post(f"{path}/cancel")).json()
    assert ended["state"] == "cancelled"
    assert ended["parts"]
    assert ended["covered_s"] > 2
    files = list((tmp_path / "recordings" / "downloads").rglob("*.mp4"))
    assert len(files) == 1
    assert (await site.api.delete(path)).status_code == 204
    assert not await asyncio.to_thread(files[0].exists)
    assert (await site.api.get(path)).json()["code"] == "unknown-download"

    async def told() -> bool:
        return camera.streams == 0

    await eventually(told, "the device was told to stop")


async def test_what_is_not_recorded_fails_with_the_devices_answer(tmp_path: Path) -> None:
    storage = StorageSettings(path=tmp_path / "recordings", free_floor_bytes=1_000_000, download_attempts=1)
    async with small_site(tmp_path, history=QUICK, storage=storage) as site:
        camera = await add(
            site, recordings=(RecordedSpan(START - timedelta(days=2), START - timedelta(days=1)),)
        )
        done = await reaches(site, await begin(site, camera), is_finished)
        assert done["state"] == "failed"
        assert "404" in done["detail"]


async def test_downloads_of_one_device_take_turns(site: SmallSite) -> None:
    camera = await add(site)
    first, second = await begin(site, camera, seconds=30), await begin(site, camera, seconds=10)
    most = 0

    async def both_done() -> bool:
        nonlocal most
        most = max(most, camera.streams)
        states = [
            (await site.api.get(f"/downloads/{each['download_id']}")).json() for each in (first, second)
        ]
        return all(is_finished(state) for state in states)

    await eventually(both_done, "both are done")
    assert most == 1


async def test_what_cannot_be_downloaded_is_refused(site: SmallSite) -> None:
    camera = await add(site)
    channel = camera.settings.all_channel_ids[0]
    long = {"start": START.isoformat(), "end": (START + timedelta(days=3)).isoformat()}
    refused = await site.api.post(f"/channels/{channel}/downloads", json=long)
    assert (refused.status_code, refused.json()["code"]) == (409, "download-refused")
    backwards = {"start": long["end"], "end": long["start"]}
    assert (await site.api.post(f"/channels/{channel}/downloads", json=backwards)).status_code == 422
    fast = {"start": START.isoformat(), "end": (START + timedelta(minutes=1)).isoformat(), "speed": 64}
    assert (await site.api.post(f"/channels/{channel}/downloads", json=fast)).status_code == 422
    assert (await site.api.get("/downloads/0123456789abcdef")).status_code == 404
    assert (await site.api.get("/downloads?cursor=nonsense")).status_code == 400
