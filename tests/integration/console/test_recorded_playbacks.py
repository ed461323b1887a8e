"""Playbacks of our own recordings through the API of a whole platform."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from catalog.model import ChannelKey
from media.ps_format import AudioCodec
from storage.model import Segment, SegmentState
from storage.settings import StorageSettings
from tests.integration.media.recorded_film import Film, film
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site

PICTURES = 250
RUN = "ab" * 16


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    storage = StorageSettings(
        path=tmp_path / "recordings", free_floor_bytes=0, playbacks_max=2, playback_linger_s=60.0
    )
    async with small_site(tmp_path, storage=storage) as site:
        yield site


@pytest.fixture
async def recorded(site: SmallSite) -> tuple[str, Film]:
    """A camera with ten seconds of footage."""
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    key = ChannelKey(camera.settings.device_id, channel)
    relative = Path("segments") / RUN[:2] / RUN
    directory = site.platform.settings.storage.path / relative
    await asyncio.to_thread(directory.parent.mkdir, parents=True, exist_ok=True)
    made = await film(site.platform.media, directory, PICTURES, audio=AudioCodec.G711A)
    rows = [
        Segment(
            segment_id=each.path.stem,
            recorder_id=RUN,
            device_id=key.device_id,
            channel_id=key.channel_id,
            path=str(relative / each.path.name),
            start_time=each.start_time,
            end_time=each.end_time,
            size_bytes=each.path.stat().st_size,
            video_codec="H264",
            audio_codec=each.audio_codec,
            state=SegmentState.CLOSED,
        )
        for each in made.segments
    ]
    await site.platform.storage.index.save(rows)
    return channel, made


async def play(site: SmallSite, channel: str, made: Film, **body: Any) -> httpx.Response:
    period = {"start": made.start.isoformat(), "end": made.end.isoformat()}
    return await site.api.post(f"/channels/{channel}/recorded-playbacks", json=period | body)


def path_of(playback: Any) -> str:
    return f"/recorded-playbacks/{playback['playback_id']}"


async def reaches(site: SmallSite, playback: Any, what: Callable[[Any], bool]) -> Any:
    seen: list[Any] = []

    async def is_there() -> bool:
        seen.append((await site.api.get(path_of(playback))).json())
        return what(seen[-1])

    await eventually(is_there, "the playback is as wanted")
    return seen[-1]


async def test_a_playback_is_watched_controlled_and_ended(
    site: SmallSite, recorded: tuple[str, Film]
) -> None:
    channel, made = recorded
    answer = await play(site, channel, made, paused=True)
    assert answer.status_code == 200, answer.text
    playback = answer.json()
    assert playback["video"] == {"codec": "H264", "width": 320, "height": 240}
    assert playback["audio"]["codec"] == "G711A"
    assert (playback["state"], playback["scale"], playback["duration_s"]) == ("paused", 1.0, 10.0)
    async with websockets.connect(playback["urls"]["fmp4_ws"], max_size=None, max_queue=None) as viewer:
        described = json.loads(await viewer.recv())
        assert described["type"] == "stream"
        changed = await site.api.patch(path_of(playback), json={"paused": False, "scale": 4.0})
        assert changed.status_code == 200, changed.text
        await reaches(site, playback, lambda state: state["viewers"] == 1 and state["position_s"] > 1)
        sought = (made.start + timedelta(seconds=8)).isoformat()
        await site.api.patch(path_of(playback), json={"time": sought, "exact": True, "paused": True})
        state = await reaches(site, playback, lambda state: abs(state["position_s"] - 8) < 0.05)
        assert state["state"] == "paused"
        assert abs((datetime.fromisoformat(state["time"]) - made.at(200)).total_seconds()) < 0.05
        await site.api.patch(path_of(playback), json={"paused": False, "scale": 16.0})
        state = await reaches(site, playback, lambda state: state["state"] == "ended")
        assert state["ended_reason"] == "end of recordings"
        await site.api.patch(path_of(playback), json={"position_s": 9.9, "scale": -4.0})
        state = await reaches(site, playback, lambda state: state["ended_reason"] == "begin of range")
        assert state["position_s"] == 0.0
        listed = (await site.api.get("/recorded-playbacks")).json()["items"]
        assert [item["playback_id"] for item in listed] == [playback["playback_id"]]
        assert (await site.api.delete(path_of(playback))).status_code == 204
        async with asyncio.timeout(10):
            async for _ in viewer:
                pass
    assert (await site.api.get(path_of(playback))).status_code == 404
    actions = [line.action for line in await site.platform.app.state.context.audit.list()]
    assert {"recordings.view", "live.end"} <= set(actions)


async def test_what_is_asked_for_wrongly_is_refused(site: SmallSite, recorded: tuple[str, Film]) -> None:
    channel, made = recorded
    answer = await play(site, channel, made, scale=0.01)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    turned = replace(made, segments=[made.segments[-1], made.segments[0]])
    assert (await play(site, channel, turned)).status_code == 422
    period = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-01T01:00:00Z"}
    answer = await site.api.post(f"/channels/{channel}/recorded-playbacks", json=period)
    assert (answer.status_code, answer.json()["code"]) == (404, "no-footage")
    playback = (await play(site, channel, made)).json()
    for body in ({}, {"position_s": 11.0}, {"scale": 0.0}, {"position_s": 1, "time": made.start.isoformat()}):
        assert (await site.api.patch(path_of(playback), json=body)).status_code == 422, body
    for path in ("/recorded-playbacks/00000000", "/recorded-playbacks/00000000"):
        assert (await site.api.get(path)).status_code == 404


async def test_files_are_held_while_they_play_and_only_so_many_play(
    site: SmallSite, recorded: tuple[str, Film]
) -> None:
    channel, made = recorded
    opened = [(await play(site, channel, made)).json() for _ in range(2)]
    answer = await play(site, channel, made)
    assert (answer.status_code, answer.json()["code"]) == (503, "too-many-sessions")
    holds = site.platform.storage.holds
    assert len(holds) == len(made.segments)
    for playback in opened:
        await site.api.delete(path_of(playback))
    assert len(holds) == 0
    assert len(site.platform.storage.playbacks) == 0
