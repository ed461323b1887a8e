"""The smaller picture of a camera through the API: asked for, found out how, and what comes without one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sipserver.gb.editions import Edition
from sipserver.simulator.device import SimulatedDevice
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site

MAIN, SUB = (640, 360), (320, 180)


def channel_of(camera: SimulatedDevice) -> str:
    return f"{camera.settings.device_id}~{camera.settings.all_channel_ids[0]}"


async def play(site: SmallSite, camera: SimulatedDevice, stream: str) -> dict[str, Any]:
    opened = await site.api.post(f"/channels/{channel_of(camera)}/live", json={"stream": stream})
    assert opened.is_success, opened.text
    return dict(opened.json())


def size(live: dict[str, Any]) -> tuple[int, int]:
    return live["video"]["width"], live["video"]["height"]


async def end(site: SmallSite, *sessions: dict[str, Any]) -> None:
    for live in sessions:
        assert (await site.api.delete(f"/sessions/{live['session_id']}")).is_success

    async def ended() -> bool:
        return not site.platform.devices.invites.snapshot()

    await eventually(ended, "the invites are ended")


async def look(site: SmallSite, camera: SimulatedDevice, stream: str) -> tuple[str, tuple[int, int]]:
    """Which stream plays, and how large it is."""
    live = await play(site, camera, stream)
    await end(site, live)
    return live["stream"], size(live)


async def asked(site: SmallSite, camera: SimulatedDevice) -> list[list[str]]:
    """The stream lines of each INVITE, oldest first."""
    device_id = camera.settings.device_id
    steps = (await site.api.get(f"/devices/{device_id}/trace", params={"texts": True})).json()["steps"]
    return [re.findall(r"a=(stream\w*:\w+)", step["text"]) for step in steps if step["what"] == "INVITE"]


async def known(site: SmallSite, camera: SimulatedDevice) -> dict[str, Any] | None:
    answer = await site.api.get(f"/devices/{camera.settings.device_id}/profile")
    return next((dict(each) for each in answer.json()["values"] if each["facet"] == "substream"), None)


async def test_both_streams_of_a_channel_play_at_once_each_shared_by_all(tmp_path: Path) -> None:
    """GB-C114 for each stream; the two never have the same sequence in Subject."""
    async with small_site(tmp_path) as site:
        camera = await site.add_camera(edition=Edition.V3_0)
        main, sub = await play(site, camera, "main"), await play(site, camera, "sub")
        again = await play(site, camera, "sub")
        assert (main["stream"], sub["stream"], again["stream"]) == ("main", "sub", "sub")
        assert (size(main), size(sub), size(again)) == (MAIN, SUB, SUB)
        assert camera.stats.invites == 2
        assert [served.subject.split(":")[0] for served in camera.parts.invites.open] == [
            camera.settings.all_channel_ids[0]
        ] * 2
        assert len({served.subject for served in camera.parts.invites.open}) == 2
        assert (await known(site, camera) or {})["value"] == "streamnumber"
        still = await site.api.get(f"/channels/{channel_of(camera)}/snapshot.jpg", params={"stream": "sub"})
        assert still.headers["content-type"] == "image/jpeg"
        assert camera.stats.invites == 2
        sessions = (await site.api.get("/sessions")).json()["items"]
        assert sorted(each["stream"] for each in sessions) == ["main", "sub", "sub"]
        await end(site, main, sub, again)


async def test_a_form_that_is_ignored_is_followed_by_one_other_and_what_works_is_remembered(
    tmp_path: Path,
) -> None:
    """Q62, Q63: the main picture in the place of the sub-stream shows that it was not understood."""
    async with small_site(tmp_path) as site:
        camera = await site.add_camera(substream_form="streamMode")
        assert await look(site, camera, "main") == ("main", MAIN)
        assert await look(site, camera, "sub") == ("sub", SUB)
        found = await known(site, camera)
        assert found is not None
        assert found["value"] == "streamMode"
        assert "a=streamMode:SUB brought 320x180, the main stream is 640x360" in found["evidence"]
        assert "a=streamnumber:1 a=streamprofile:1 brought the main stream" in found["evidence"]
        assert await look(site, camera, "sub") == ("sub", SUB)
        assert await asked(site, camera) == [
            [],
            ["streamnumber:1", "streamprofile:1"],
            ["streamMode:SUB"],
            ["streamMode:SUB"],
        ]


async def test_a_vendor_s_own_form_is_the_first_for_its_devices(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera(manufacturer="Dahua", substream_form="streamprofile")

        async def is_identified() -> bool:
            return site.platform.devices.profiles.kind_of(camera.settings.device_id) is not None

        await eventually(is_identified, "the device said who made it")
        await look(site, camera, "main")
        assert await look(site, camera, "sub") == ("sub", SUB)
        assert await asked(site, camera) == [[], ["streamprofile:1"]]


async def test_a_camera_without_sub_stream_gives_its_main_one_and_is_soon_not_asked_any_more(
    tmp_path: Path,
) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera(faults=("ignores-substream",))
        assert await look(site, camera, "main") == ("main", MAIN)
        assert await look(site, camera, "sub") == ("main", MAIN)
        assert await known(site, camera) is None
        assert await look(site, camera, "sub") == ("main", MAIN)
        found = await known(site, camera)
        assert found is not None
        assert found["value"] == "none"
        for form in ("a=streamnumber:1 a=streamprofile:1", "a=streamMode:SUB", "a=stream:1", "a=stream:sub"):
            assert form in found["evidence"]
        assert await look(site, camera, "sub") == ("main", MAIN)
        assert await asked(site, camera) == [
            [],
            ["streamnumber:1", "streamprofile:1"],
            ["streamMode:SUB"],
            [],
            ["stream:1"],
            ["stream:sub"],
            [],
            [],
        ]


async def test_a_sub_stream_that_came_first_is_judged_when_the_main_one_is_seen(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        deaf = await site.add_camera(0, faults=("ignores-substream",))
        good = await site.add_camera(1)
        for camera, came in ((deaf, MAIN), (good, SUB)):
            assert await look(site, camera, "sub") == ("sub", came)
            assert await known(site, camera) is None
            await look(site, camera, "main")
        assert (await known(site, good) or {})["value"] == "streamnumber,streamprofile"
        assert await look(site, deaf, "sub") == ("main", MAIN)
        assert (await asked(site, deaf))[2:] == [["streamMode:SUB"], ["stream:1"], []]


async def test_a_pinned_form_is_used_as_it_is(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera(faults=("ignores-substream",))
        await look(site, camera, "main")
        pinned = await site.api.put(
            f"/devices/{camera.settings.device_id}/profile/substream", json={"value": "stream-word"}
        )
        assert pinned.is_success, pinned.text
        assert await look(site, camera, "sub") == ("sub", MAIN)
        assert (await asked(site, camera))[1:] == [["stream:sub"]]
