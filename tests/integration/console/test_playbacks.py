"""Playbacks of a device's recordings through the API of a whole platform, with real pictures."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sipserver.devices.history.settings import HistorySettings
from sipserver.devices.profiles.facets import Facet
from sipserver.gb.editions import Edition
from sipserver.gb.mansrtsp import Method
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.history.recordings import RecordedSpan
from sipserver.simulator.loops import PictureSettings
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site

START = datetime(2026, 5, 1, 0, 0, tzinfo=UTC)
SMALL = PictureSettings(width=128, height=96, fps=10, gop_s=1.0, loop_s=2)
RECORDED = (RecordedSpan(START, START + timedelta(hours=1)),)
QUICK = HistorySettings(
    end_silence_s=1.0, silence_timeout_s=4.0, drain_s=0.3, pause_max_s=2.0, playback_linger_s=30.0
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, history=QUICK) as site:
        yield site


async def add(site: SmallSite, index: int = 0, **changes: Any) -> SimulatedDevice:
    return await site.add_camera(index, **{"pictures": SMALL, "recordings": RECORDED} | changes)


def channel_of(camera: SimulatedDevice) -> str:
    return camera.settings.all_channel_ids[0]


async def play(site: SmallSite, camera: SimulatedDevice, seconds: float = 60, **body: Any) -> Any:
    period = {"start": START.isoformat(), "end": (START + timedelta(seconds=seconds)).isoformat()}
    answer = await site.api.post(f"/channels/{channel_of(camera)}/playbacks", json=period | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def state_of(site: SmallSite, playback: Any) -> Any:
    return (await site.api.get(f"/playbacks/{playback['playback_id']}")).json()


async def say(site: SmallSite, playback: Any, verb: str, **body: Any) -> httpx.Response:
    return await site.api.post(f"/playbacks/{playback['playback_id']}/{verb}", json=body or None)


async def reaches(site: SmallSite, playback: Any, what: Callable[[Any], bool]) -> Any:
    """The state of a playback once it is as wanted."""
    seen: list[Any] = []

    async def is_there() -> bool:
        seen.append(await state_of(site, playback))
        return what(seen[-1])

    await eventually(is_there, "the playback is as wanted")
    return seen[-1]


async def gone(camera: SimulatedDevice) -> None:
    async def has_no_streams() -> bool:
        return camera.streams == 0

    await eventually(has_no_streams, "the device was told to stop")


async def test_a_playback_is_watched_controlled_and_ended(site: SmallSite) -> None:
    """GB-C100, GB-C104, GB-C108."""
    camera = await add(site, edition=Edition.V3_0)
    playback = await play(site, camera)
    offer = camera.parts.invites.open[0].offer
    assert (offer.kind, offer.uri) == ("Playback", f"{channel_of(camera)}:0")
    assert (offer.start, offer.stop) == (int(START.timestamp()), int(START.timestamp()) + 60)
    assert offer.ssrc is not None
    assert offer.ssrc[0] == "1"
    assert playback["video"] == {"codec": "H264", "width": 128, "height": 96}

    async with (
        httpx.AsyncClient(trust_env=False) as viewer,
        viewer.stream("GET", playback["urls"]["fmp4_http"]) as seen,
    ):
        pieces = seen.aiter_bytes()
        assert (await anext(pieces))[4:8] == b"ftyp"
        await reaches(site, playback, lambda state: state["viewers"] == 1 and state["position_s"] > 1)

        held = (await say(site, playback, "pause")).json()
        assert held["state"] == "paused"
        still = await reaches(site, playback, lambda state: state["state"] == "paused")
        assert still["position_s"] <= held["position_s"] + 1
        assert (await say(site, playback, "resume")).json()["state"] == "playing"

        assert (await say(site, playback, "seek", position_s=30)).json()["position_s"] >= 30
        await reaches(site, playback, lambda state: state["position_s"] > 31)
        assert (await say(site, playback, "speed", scale=4)).json()["scale"] == 4
        await reaches(site, playback, lambda state: state["position_s"] > 37)
        await say(site, playback, "speed", scale=-1)
        back = (await say(site, playback, "seek", time=(START + timedelta(seconds=20)).isoformat())).json()
        assert back["position_s"] <= 20
        await reaches(site, playback, lambda state: state["position_s"] < 18.5)

    assert (await site.api.delete(f"/playbacks/{playback['playback_id']}")).status_code == 204
    await gone(camera)
    said = [(control.method, control.scale) for control in camera.history.controls]
    assert said[0] == (Method.PAUSE, None)
    assert (Method.PLAY, 4.0) in said
    assert (Method.PLAY, -1.0) in said
    assert said[-1] == (Method.TEARDOWN, None)
    assert [control.cseq for control in camera.history.controls] == list(range(1, len(said) + 1))
    assert (await state_of(site, playback))["ended_reason"] == "stopped"


async def test_two_viewers_have_two_playbacks_beside_the_live_picture(site: SmallSite) -> None:
    camera = await add(site)
    assert (await site.api.post(f"/channels/{channel_of(camera)}/live")).status_code == 200
    first, second = await play(site, camera), await play(site, camera, seconds=50)
    assert camera.streams == 3
    await say(site, first, "seek", position_s=40)
    assert (await state_of(site, second))["position_s"] < 30
    await site.api.delete(f"/playbacks/{first['playback_id']}")

    async def two_left() -> bool:
        return camera.streams == 2

    await eventually(two_left, "one of three streams has ended")
    listed = (await site.api.get("/playbacks")).json()["items"]
    assert [item["playback_id"] for item in listed] == [second["playback_id"]]


@pytest.mark.parametrize(
    ("faults", "detail"),
    [
        ((), "told the end"),
        (("media-status-outside",), "told the end"),
        (("no-media-status",), "media stopped at the end"),
        (("bye-at-end",), "BYE at the end"),
    ],
)
async def test_the_end_is_found_however_the_device_tells_it(
    site: SmallSite, faults: tuple[str, ...], detail: str
) -> None:
    """GB-C100, GB-C110, Q68, Q69."""
    camera = await add(site, faults=faults)
    playback = await play(site, camera, seconds=4)
    ended = await reaches(site, playback, lambda state: state["state"] == "ended")
    assert ended["ended_reason"] == "end of file"
    assert detail in ended["detail"]
    assert ended["position_s"] > 3
    await gone(camera)
    if faults == ("no-media-status",):
        known = site.platform.devices.profiles.value(camera.settings.device_id, Facet.MEDIA_STATUS)
        assert known == "never"


async def test_a_device_that_hangs_up_in_the_middle_is_no_end_of_file(site: SmallSite) -> None:
    """GB-C100."""
    camera = await add(site)
    playback = await play(site, camera)
    camera.parts.invites.say_goodbye(camera.parts.invites.open[0])
    ended = await reaches(site, playback, lambda state: state["state"] == "ended")
    assert ended["ended_reason"] == "ended by the device"


async def test_media_that_stops_ends_a_playback_and_a_pause_does_not_before_its_time(site: SmallSite) -> None:
    """Notes section 9: no check of the media while paused, and a longest pause."""
    camera = await add(site)
    playback = await play(site, camera)
    await say(site, playback, "pause")
    ended = await reaches(site, playback, lambda state: state["state"] == "ended")
    assert ended["ended_reason"] == "paused too long"
    await gone(camera)

    stalled = await play(site, camera)
    camera.parts.invites.open[0].sender.is_paused = True  # type: ignore[union-attr]
    ended = await reaches(site, stalled, lambda state: state["state"] == "ended")
    assert ended["ended_reason"] == "media stopped"


async def test_backwards_is_for_peers_of_2022_unless_it_is_wanted_all_the_same(site: SmallSite) -> None:
    """GB-C109."""
    camera = await add(site, edition=Edition.V2_0)
    playback = await play(site, camera)
    refused = await say(site, playback, "speed", scale=-1)
    assert (refused.status_code, refused.json()["code"]) == (409, "not-in-edition")
    assert camera.history.controls == []
    assert -1.0 not in playback["scales"]
    asked = await say(site, playback, "speed", scale=-1, despite_edition=True)
    assert (asked.status_code, asked.json()["sip_code"]) == (502, 400)


async def test_a_refused_speed_is_remembered_and_not_asked_for_again(site: SmallSite) -> None:
    """Q70."""
    camera = await add(site, faults=("scale-refused",))
    playback = await play(site, camera)
    refused = await say(site, playback, "speed", scale=4)
    assert (refused.status_code, refused.json()["sip_code"]) == (502, 400)
    again = await say(site, playback, "speed", scale=4)
    assert (again.status_code, again.json()["code"]) == (409, "known-refusal")
    state = await state_of(site, playback)
    assert state["scale"] == 1
    assert 4.0 not in state["scales"]
    assert 2.0 in state["scales"]


async def test_a_speed_that_is_taken_and_ignored_is_found_out(site: SmallSite) -> None:
    """Q70: 200 and no change; the pictures show it."""
    camera = await add(site, faults=("scale-ignored",))
    playback = await play(site, camera)
    await reaches(site, playback, lambda state: state["position_s"] > 2)
    assert (await say(site, playback, "speed", scale=4)).status_code == 200
    state = await reaches(site, playback, lambda state: state["scale"] == 1)
    assert 4.0 not in state["scales"]


def known(site: SmallSite, camera: SimulatedDevice, facet: Facet) -> str | None:
    return site.platform.devices.profiles.value(camera.settings.device_id, facet)


@pytest.mark.parametrize("edition", [Edition.V1_0, Edition.V2_0])
async def test_an_old_start_line_is_found_and_remembered(site: SmallSite, edition: Edition) -> None:
    """Q71. Devices of 2011 mostly do not say so, and pass for those of 2016."""
    camera = await add(site, edition=edition, faults=("old-mansrtsp",))
    playback = await play(site, camera)
    assert (await say(site, playback, "seek", position_s=10)).status_code == 200
    assert known(site, camera, Facet.START_LINE) == "MANSRTSP/1.0"
    assert known(site, camera, Facet.SEEK) == "npt"


async def test_a_seek_that_is_refused_leaves_the_playback_where_it_is(site: SmallSite) -> None:
    camera = await add(site, faults=("no-seek",))
    playback = await play(site, camera)
    refused = await say(site, playback, "seek", position_s=30)
    assert (refused.status_code, refused.json()["code"]) == (502, "refused")
    assert (await state_of(site, playback))["position_s"] < 20
    assert (await say(site, playback, "seek", position_s=61)).status_code == 422


async def test_that_a_device_cannot_seek_is_known_once_it_takes_another_control(site: SmallSite) -> None:
    camera = await add(site, faults=("no-seek",))
    playback = await play(site, camera)
    await say(site, playback, "seek", position_s=30)
    assert known(site, camera, Facet.SEEK) is None
    await say(site, playback, "pause")
    assert known(site, camera, Facet.SEEK) == "none"
    again = await say(site, playback, "seek", position_s=30)
    assert (again.status_code, again.json()["code"]) == (409, "known-refusal")


async def test_a_device_that_counts_in_local_time_is_found_out(site: SmallSite) -> None:
    """Q73: it refuses a time that it lists, and plays one eight hours later where it lists nothing."""
    camera = await add(site, faults=("local-time",))
    await play(site, camera)
    assert known(site, camera, Facet.TIME_OFFSET_S) == "28800"
    assert camera.stats.invites == 2
    await play(site, camera)
    assert camera.stats.invites == 3
    assert camera.parts.invites.open[-1].offer.start == int(START.timestamp()) + 28_800


async def _refused(site: SmallSite, camera: SimulatedDevice, start: datetime) -> None:
    body = {"start": start.isoformat(), "end": (start + timedelta(seconds=60)).isoformat()}
    refused = await site.api.post(f"/channels/{channel_of(camera)}/playbacks", json=body)
    assert (refused.status_code, refused.json()["sip_code"]) == (502, 404)
    assert known(site, camera, Facet.TIME_OFFSET_S) is None


async def test_a_time_that_a_device_does_not_list_shows_nothing(site: SmallSite) -> None:
    """Q73: neither one without recordings, nor one with recordings eight hours later as well."""
    camera = await add(site, 0)
    await _refused(site, camera, START + timedelta(hours=20))
    assert camera.stats.invites == 1
    long_day = (RecordedSpan(START, START + timedelta(hours=12)),)
    busy = await add(site, 1, faults=("refuse=404",), recordings=long_day)
    await _refused(site, busy, START)
    assert busy.stats.invites == 1


async def test_what_is_refused_in_local_time_too_is_not_tried_again_for_a_while(site: SmallSite) -> None:
    camera = await add(site, faults=("refuse=404",))
    await _refused(site, camera, START)
    assert camera.stats.invites == 2
    await _refused(site, camera, START)
    assert camera.stats.invites == 3


async def test_an_early_start_is_no_harm(site: SmallSite) -> None:
    """Q72."""
    camera = await add(site, faults=("early-playback=2",))
    playback = await play(site, camera, seconds=4)
    ended = await reaches(site, playback, lambda state: state["state"] == "ended")
    assert ended["ended_reason"] == "end of file"


async def test_nobody_watching_ends_it(tmp_path: Path) -> None:
    quick = HistorySettings(playback_linger_s=1.0)
    async with small_site(tmp_path, history=quick) as site:
        camera = await add(site)
        playback = await play(site, camera)
        ended = await reaches(site, playback, lambda state: state["state"] == "ended")
        assert ended["ended_reason"] == "stopped"
        await gone(camera)


async def test_an_offline_device_loses_its_playbacks(site: SmallSite) -> None:
    camera = await add(site)
    playback = await play(site, camera)
    site.platform.devices.presence.unregistered(camera.settings.device_id)
    ended = await reaches(site, playback, lambda state: state["state"] == "ended")
    assert ended["ended_reason"] == "lost"


async def test_what_is_not_there_is_not_there(site: SmallSite) -> None:
    unknown = "/playbacks/0123456789abcdef"
    for answer in (
        await site.api.get(unknown),
        await site.api.delete(unknown),
        await site.api.post(f"{unknown}/pause"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-playback")
