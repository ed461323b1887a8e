"""Alarms through everything: a simulated device, SIP over real sockets, rules, clips, the API."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from catalog.model import ChannelKey
from sipserver.devices.alarms.settings import AlarmSettings, AutoReset
from sipserver.gb.messages.device_control import PtzCommand
from sipserver.gb.ptz import Preset, PresetAction
from storage.settings import StorageSettings
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site

QUICK = AlarmSettings(flush_s=0.1, reset_delay_s=0.1)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, alarms=QUICK) as site:
        yield site


async def alarms_of(site: SmallSite, count: int = 1, **query: str) -> list[dict[str, Any]]:
    """The alarms, as soon as there are so many."""

    async def listed() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await site.api.get("/alarms", params=query)).json()["items"]
        return items if len(items) >= count else []

    return await eventually(listed, f"{count} alarms {query}")


async def test_alarms_of_every_method_are_stored_with_text_and_answered(site: SmallSite) -> None:
    """GB-C077: methods 1 to 7 with the text of table 11.1, and a Response Alarm for each."""
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    for method in range(1, 8):
        assert camera.alarms.raise_alarm(method=method, alarm_type=2, priority=method % 4 + 1)
    found = {alarm["method"]: alarm for alarm in await alarms_of(site, 7)}
    assert {method: alarm["text"] for method, alarm in found.items()} == {
        1: "telephone alarm, type 2",
        2: "tamper",
        3: "SMS alarm, type 2",
        4: "GPS alarm, type 2",
        5: "motion detection",
        6: "storage fan fault",
        7: "other alarm, type 2",
    }
    assert found[5]["text_chinese"] == "运动目标检测报警"
    assert {alarm["channel_id"] for alarm in found.values()} == {channel}
    assert {alarm["form"] for alarm in found.values()} == {"message"}

    async def answered() -> bool:
        return len(camera.alarms.answers) == 7

    await eventually(answered, "every alarm is answered")
    assert {(answer.device_id, answer.ok) for answer in camera.alarms.answers} == {(channel, True)}
    urgent = (await site.api.get("/alarms", params={"lowest_priority": "1"})).json()["items"]
    assert [alarm["method"] for alarm in urgent] == [4]


async def test_an_alarm_that_is_repeated_is_one_alarm_with_a_count(site: SmallSite) -> None:
    """Q49: the same again and again."""
    camera = await site.add_camera(faults=("alarm-storm=0.02",))
    camera.alarms.raise_alarm(method=5, alarm_type=6, event_type=1)

    async def repeated() -> dict[str, Any] | None:
        alarms = (await site.api.get("/alarms")).json()["items"]
        return alarms[0] if len(alarms) == 1 and alarms[0]["repeats"] >= 5 else None

    alarm = await eventually(repeated, "one alarm with a count")
    assert alarm["text"] == "intrusion, entering"
    assert alarm["last"] > alarm["received"]


async def test_acknowledging_a_device_alarm_resets_it(site: SmallSite) -> None:
    """GB-C078, Q50: the second device alarm comes only after ResetAlarm."""
    camera = await site.add_camera()
    assert camera.alarms.raise_alarm(method=2, alarm_type=1)
    assert not camera.alarms.raise_alarm(method=2, alarm_type=1)
    alarm = (await alarms_of(site))[0]
    done = await site.api.post(f"/alarms/{alarm['alarm_id']}/acknowledge", json={"note": "seen"})
    assert (done.json()["acknowledged_by"], done.json()["note"]) == ("admin", "seen")

    async def reset() -> bool:
        return bool(camera.alarms.resets)

    await eventually(reset, "the device is told ResetAlarm")
    target, command = camera.alarms.resets[0]
    assert (target, command.method) == (camera.settings.all_channel_ids[0], "2")
    assert camera.alarms.raise_alarm(method=2, alarm_type=2)
    again = await site.api.post(f"/alarms/{alarm['alarm_id']}/acknowledge", json={"note": "later"})
    assert again.json()["note"] == "seen"
    await alarms_of(site, 2)


async def test_a_device_alarm_is_reset_at_once_where_that_is_wanted(tmp_path: Path) -> None:
    """GB-C078: automatically, and again for the next alarm although it counts as a repeat."""
    settings = AlarmSettings(flush_s=0.1, reset_delay_s=0.1, auto_reset=AutoReset.AT_ONCE)
    async with small_site(tmp_path, alarms=settings) as site:
        camera = await site.add_camera()

        async def raised_again() -> bool:
            return camera.alarms.raise_alarm(method=2, alarm_type=None)

        assert camera.alarms.raise_alarm(method=2, alarm_type=None)
        await eventually(raised_again, "reset after the first alarm")
        await eventually(raised_again, "reset after its repeat")
        assert (await alarms_of(site))[0]["text"] == "alarm device alarm"


async def test_subscribers_get_alarms_by_notify_and_do_not_answer(site: SmallSite) -> None:
    """Section 5.4: 200 to the NOTIFY, and no Response Alarm."""
    camera = await site.add_camera()
    device_id = camera.settings.device_id
    wanted = await site.api.put(f"/devices/{device_id}/subscriptions/alarm", json={})
    assert wanted.status_code == 200, wanted.text

    async def active() -> bool:
        situation = (await site.api.get(f"/devices/{device_id}/alarm-situation")).json()
        return bool(situation["subscription"] == "active")

    await eventually(active, "the subscription runs")
    camera.alarms.raise_alarm(method=5, alarm_type=5)
    alarm = (await alarms_of(site))[0]
    assert (alarm["form"], alarm["text"]) == ("notify", "tripwire")
    assert not camera.alarms.answers


async def test_guard_reset_and_situation(site: SmallSite) -> None:
    """A device that reports nothing before it is armed; arming is shown and can be taken back."""
    camera = await site.add_camera(faults=("alarm-needs-guard",))
    device_id = camera.settings.device_id
    assert not camera.alarms.raise_alarm()
    situation = (await site.api.get(f"/devices/{device_id}/alarm-situation")).json()
    assert situation["guards"] == []
    assert any("Arm the device" in advice for advice in situation["advice"])
    armed = await site.api.put(f"/devices/{device_id}/guard", json={"armed": True})
    assert (armed.status_code, armed.json()["confirmed"], armed.json()["changed_by"]) == (200, True, "admin")
    assert camera.alarms.raise_alarm()
    await alarms_of(site)
    situation = (await site.api.get(f"/devices/{device_id}/alarm-situation")).json()
    assert [guard["armed"] for guard in situation["guards"]] == [True]
    assert not any("Arm the device" in advice for advice in situation["advice"])
    reset = await site.api.post(f"/devices/{device_id}/alarm-reset", json={"methods": [2, 5]})
    assert reset.json() == {"confirmed": True}
    assert camera.alarms.resets[-1][1].method == "2/5"
    await site.api.put(f"/devices/{device_id}/guard", json={"armed": False})
    assert not camera.alarms.raise_alarm()


async def test_a_device_with_the_policy_is_armed_after_each_registration(tmp_path: Path) -> None:
    async with small_site(tmp_path, alarms=AlarmSettings(flush_s=0.1, auto_arm=True)) as site:
        camera = await site.add_camera()
        device_id = camera.settings.device_id

        async def armed() -> bool:
            guards = (await site.api.get(f"/devices/{device_id}/alarm-situation")).json()["guards"]
            return device_id in camera.alarms.armed and bool(guards) and guards[0]["armed"]

        await eventually(armed, "armed by itself")
        situation = (await site.api.get(f"/devices/{device_id}/alarm-situation")).json()
        assert (situation["auto_arm"], situation["guards"][0]["changed_by"]) == (True, "")
        own = await site.api.put(f"/devices/{device_id}/alarm-policy", json={"auto_arm": False})
        assert (own.json()["auto_arm"], own.json()["own_auto_arm"]) == (False, False)


async def test_rules_record_photograph_and_turn(tmp_path: Path) -> None:
    """Footage from before the alarm too, because the rule names the camera; all of it is kept and listed."""
    storage = StorageSettings(path=tmp_path / "recordings", free_floor_bytes=1_000_000, rolling_segment_s=2.0)
    async with small_site(tmp_path, alarms=QUICK, storage=storage) as site:
        camera = await site.add_camera()
        device_id, channel = camera.settings.device_id, camera.settings.all_channel_ids[0]
        head = camera.control.heads[channel]
        head.apply(Preset(PresetAction.SET, 3), 0.0)
        rule = {
            "name": "gate",
            "device_id": device_id,
            "source_id": channel,
            "methods": [5],
            "actions": [
                {"kind": "record", "before_s": 3, "after_s": 2},
                {"kind": "snapshot"},
                {"kind": "preset", "preset": 3},
            ],
        }
        made = await site.api.post("/alarm-rules", json=rule)
        assert made.status_code == 201, made.text

        async def rolls() -> bool:
            pieces = site.platform.storage.clips.rolling(ChannelKey(device_id, channel))
            return len(pieces) >= 3

        await eventually(rolls, "footage from before is there")
        camera.alarms.raise_alarm(method=5, alarm_type=2)

        async def acted() -> dict[str, Any] | None:
            alarm = (await alarms_of(site))[0]
            states = [action["file"] and action["file"]["state"] for action in alarm["actions"]]
            return alarm if states == ["ready", "ready", None] else None

        alarm = await eventually(acted, "clip and picture are ready")
        assert [action["outcome"] for action in alarm["actions"]] == ["done", "done", "done"]
        clip, picture = alarm["actions"][0]["file"], alarm["actions"][1]["file"]
        assert picture["kind"] == "picture"
        jpeg = (await site.api.get(picture["url"].removeprefix("/api/v1"))).content
        assert jpeg[:2] == b"\xff\xd8"
        assert clip["start"] < alarm["received"] < clip["end"]
        assert clip["detail"] == ""
        assert 4.5 <= _seconds((await site.api.get(clip["url"].removeprefix("/api/v1"))).content) <= 8.5
        ranged = await site.api.get(clip["url"].removeprefix("/api/v1"), headers={"Range": "bytes=0-99"})
        assert (ranged.status_code, len(ranged.content)) == (206, 100)
        assert any(
            isinstance(control.command, PtzCommand) and control.device_id == channel
            for control in camera.control.received
        )


def _seconds(mp4: bytes) -> float:
    with av.open(io.BytesIO(mp4)) as container:
        stamps = [float(frame.time or 0.0) for frame in container.decode(video=0)]
    assert len(stamps) > 50
    return max(stamps) - min(stamps)


async def test_a_clip_of_a_recorded_channel_comes_from_its_recordings(site: SmallSite) -> None:
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    await site.api.put(f"/channels/{channel}/recording")

    async def recording() -> bool:
        items = (await site.api.get(f"/channels/{channel}/recordings")).json()["items"]
        return bool(items) and items[0]["duration_s"] > 3

    await eventually(recording, "some seconds are recorded")
    rule = {"name": "all", "actions": [{"kind": "record", "before_s": 2, "after_s": 1, "channel": channel}]}
    assert (await site.api.post("/alarm-rules", json=rule)).status_code == 201
    test = await site.api.post(f"/devices/{camera.settings.device_id}/test-alarm", json={"method": 7})
    assert test.json()["form"] == "test"

    async def ready() -> dict[str, Any] | None:
        actions = (await site.api.get(f"/alarms/{test.json()['alarm_id']}")).json()["actions"]
        file = actions[0]["file"] if actions else None
        return file if file and file["state"] == "ready" else None

    file = await eventually(ready, "the clip is ready")
    assert file["detail"] == ""
    assert 2.5 <= _seconds((await site.api.get(file["url"].removeprefix("/api/v1"))).content) <= 5
    assert site.platform.storage.clips.rolling(ChannelKey(camera.settings.device_id, channel)) == []


async def test_a_clip_that_waits_is_made_at_the_next_start(tmp_path: Path) -> None:
    """The platform stops in the middle of a clip: what its buffer left on the disk is enough."""
    storage = StorageSettings(path=tmp_path / "recordings", free_floor_bytes=1_000_000, rolling_segment_s=2.0)
    async with small_site(tmp_path, alarms=QUICK, storage=storage) as site:
        camera = await site.add_camera()
        device_id, channel = camera.settings.device_id, camera.settings.all_channel_ids[0]
        key = ChannelKey(device_id, channel)
        action = {"kind": "record", "before_s": 3, "after_s": 60, "channel": str(key)}
        assert (
            await site.api.post("/alarm-rules", json={"name": "x", "actions": [action]})
        ).status_code == 201

        async def rolls() -> bool:
            return len(site.platform.storage.clips.rolling(key)) >= 3

        await eventually(rolls, "footage from before is there")
        camera.alarms.raise_alarm()

        async def waits() -> bool:
            return site.platform.storage.clips.waiting == 1

        await eventually(waits, "the clip waits")
    site_again = small_site(tmp_path, alarms=QUICK, storage=storage)
    async with site_again as site:
        clips = site.platform.storage.clips
        assert clips.waiting == 1
        waiting = next(iter(clips._waiting.values()))
        clips._waiting[waiting.file_id] = replace(waiting, end_time=waiting.start_time + timedelta(seconds=4))

        async def ready() -> dict[str, Any] | None:
            file = (await alarms_of(site))[0]["actions"][0]["file"]
            return file if file["state"] in ("ready", "failed") else None

        file = await eventually(ready, "the clip is made of what was left")
        assert file["state"] == "ready", file
        assert _seconds((await site.api.get(file["url"].removeprefix("/api/v1"))).content) >= 2.5

        async def tidy() -> bool:
            return not list((tmp_path / "recordings" / "rolling").glob("*/*.mp4"))

        await eventually(tidy, "what was left is deleted")


async def test_a_storm_leaves_actions_and_alarms_out_and_says_so(tmp_path: Path) -> None:
    settings = AlarmSettings(flush_s=0.1, storm_burst=20, storm_per_minute=1)
    async with small_site(tmp_path, alarms=settings) as site:
        camera = await site.add_camera()
        for number in range(200):
            camera.alarms.raise_alarm(method=5, alarm_type=number)
        await alarms_of(site, 20)

        async def all_came() -> bool:
            return site.platform.devices.stats.alarms == 200

        await eventually(all_came, "every alarm was taken from the wire")
        assert len((await site.api.get("/alarms")).json()["items"]) in (20, 21)
        assert site.platform.devices.stats.alarms_left_out in (179, 180)


async def test_news_are_streamed_to_whoever_may_hear_them(site: SmallSite) -> None:
    """Alarms and presence in one stream, and what was missed when the connection breaks."""
    events: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue()

    async def hear(headers: dict[str, str]) -> None:
        async with site.api.stream("GET", "/events", headers=headers, timeout=None) as response:
            assert response.status_code == 200
            fields: dict[str, str] = {}
            async for line in response.aiter_lines():
                if not line and "event" in fields:
                    await events.put((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
                    fields = {}
                name, _, value = line.partition(": ")
                fields[name] = value

    first = asyncio.create_task(hear({}))
    await eventually(_listens(site), "the stream is open")
    camera = await site.add_camera()
    camera.alarms.raise_alarm(method=6, alarm_type=1)
    names: dict[str, tuple[str, dict[str, Any]]] = {}
    while "alarm-raised" not in names:
        event_id, name, data = await asyncio.wait_for(events.get(), 20)
        names[name] = (event_id, data)
    assert names["device-online"][1] == {"device_id": camera.settings.device_id}
    assert names["alarm-raised"][1]["text"] == "storage disk fault"
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.create_task(hear({"Last-Event-ID": names["device-online"][0]}))
    while (missed := await asyncio.wait_for(events.get(), 20))[1] != "alarm-raised":
        assert missed[1] != "device-online"
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


def _listens(site: SmallSite) -> Any:
    async def listens() -> bool:
        return len(site.platform.app.state.context.events) == 1

    return listens


async def test_streams_of_news_end_with_the_platform(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        base, token = str(site.api.base_url), site.api.headers["Authorization"]
        lines: list[str] = []
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=60.0) as other:

            async def hear() -> None:
                async with other.stream("GET", "/events", headers={"Authorization": token}) as response:
                    lines.extend([line async for line in response.aiter_lines()])

            hearing = asyncio.create_task(hear())
            await eventually(_listens(site), "the stream is open")
            await site.platform.app.state.context.events.close()
            await asyncio.wait_for(hearing, 10)
    assert "event: bye" in lines
