"""What goes wrong around the features: kills, restarts, a full disk, a locked database, callers who leave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.simulator.device import SimulatedDevice
from tests.support.feature_scene import FIRMWARE, QUICK, START, FeatureScene, channel_of, feature_scene, until
from tests.support.platform_process import PlatformProcess, eventually
from tests.support.platform_scene import pictures_in
from tests.support.small_disk import small_disk_at

DISK_BYTES = 24 << 20
PATIENCE_S = 0.5
QUICK_STOP_S = 12.0
LOCKED_S = float(os.environ.get("TONGSHI_TEST_LOCKED_S", "11"))


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path)
    process.environment.update(QUICK)
    yield process
    process.kill()


def rows(platform: PlatformProcess, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(platform.directory / "platform.db", timeout=10)) as database:
        return database.execute(query).fetchall()


def loud_lines(platform: PlatformProcess) -> list[str]:
    """Lines of the log that somebody would have to look into."""
    return re.findall(r"^.*(?: ERROR |CRITICAL|Traceback).*$", platform.log(), re.MULTILINE)


@dataclass
class Busy:
    """What is under way, and who does it."""

    mover: SimulatedDevice
    speaker: SimulatedDevice
    upgraded: SimulatedDevice
    clip_id: str
    playback_calls: set[str]
    download_id: str
    alarm_id: str
    upgrade_id: str

    @property
    def is_moving(self) -> bool:
        return self.mover.control.heads[channel_of(self.mover)].is_moving


def calls_of(camera: SimulatedDevice) -> set[str]:
    """Call-IDs of the streams that a camera sends."""
    return {served.dialog.call_id for served in camera.parts.invites.open if served.dialog is not None}


async def make_busy(scene: FeatureScene, cameras: list[SimulatedDevice]) -> Busy:
    """A camera moves and plays back, one downloads and is spoken to, one makes a clip and is upgraded."""
    mover, speaker, upgraded = cameras
    clip_id = await scene.clip(60.0)
    upgrade_id = await scene.upgrade(upgraded, await scene.firmware())

    async def restarted() -> bool:
        return bool((await scene.get(f"/upgrades/{upgrade_id}"))["state"] == "restarted")

    await eventually(restarted, "the upgraded camera is back and reports nothing")
    download = await scene.download(speaker, seconds=16, speed=2)
    await scene.announce(speaker, clip_id)
    await scene.play(mover)
    alarm_id = await scene.alarm_with_clip(upgraded, after_s=6.0)
    await scene.move(mover)

    async def some_of_it() -> bool:
        return bool((await scene.get(f"/downloads/{download['download_id']}"))["progress"] > 0.2)

    await eventually(some_of_it, "some of the download is in a file")
    busy = Busy(
        mover,
        speaker,
        upgraded,
        clip_id,
        calls_of(mover),
        str(download["download_id"]),
        alarm_id,
        upgrade_id,
    )
    assert busy.is_moving
    assert len(busy.playback_calls) == 1
    assert not speaker.audio.calls[-1].is_over
    return busy


async def the_clip(scene: FeatureScene, alarm_id: str) -> dict[str, Any]:
    """The file of the alarm's clip once nothing more is done about it."""

    async def done() -> dict[str, Any] | None:
        file: dict[str, Any] = (await scene.get(f"/alarms/{alarm_id}"))["actions"][0]["file"]
        return file if file["state"] in ("ready", "failed") else None

    found = await eventually(done, "the clip is made, or given up")
    assert found is not None
    return found


def without_rows(platform: PlatformProcess) -> list[str]:
    """Files of features that no row names, and files that are not whole."""
    recordings = platform.directory / "recordings"
    named = {path for (path,) in rows(platform, "SELECT path FROM download_parts")}
    for table in ("firmware", "snapshot_pictures"):
        named |= {f"uploads/{blob}" for (blob,) in rows(platform, f"SELECT blob FROM {table}")}  # noqa: S608
    clips = {
        file_id for (file_id,) in rows(platform, "SELECT file_id FROM alarm_files WHERE state = 'ready'")
    }
    found = []
    for folder in ("downloads", "uploads", "alarms"):
        for file in (recordings / folder).rglob("*"):
            name = file.relative_to(recordings).as_posix()
            if file.is_file() and name not in named and file.stem not in clips:
                found.append(name)
    return found


async def test_killed_with_everything_running_and_started_again(platform: PlatformProcess) -> None:
    """GB-C088 and Q81 over a kill: cameras stop, sessions end, what was promised is kept or explained."""
    await platform.start()
    async with feature_scene(platform) as scene:
        cameras = [await scene.add(), await scene.add(), await scene.add(faults=("upgrade-silent",))]
        device_id = cameras[0].settings.device_id
        await scene.api.put(f"/devices/{device_id}/subscriptions/alarm", json={})
        busy = await make_busy(scene, cameras)
        broadcast = busy.speaker.audio.calls[-1]
        download_calls = calls_of(busy.speaker)
        subscribed = busy.mover.subscriptions.of("Alarm")[0].dialog.call_id
        schedule_id, due = await scene.schedule_soon(busy.upgraded, busy.clip_id)
        assert rows(platform, "SELECT channel_id FROM ptz_motions") == [(channel_of(busy.mover),)]
        await platform.stop(signal.SIGKILL)
        assert datetime.now(UTC) < due
        await until(lambda: datetime.now(UTC) > due, "the announcement was due meanwhile")
        assert busy.is_moving

        await platform.start()
        await until(lambda: not busy.is_moving, "the camera is stopped")
        await until(lambda: broadcast.is_over, "the loudspeaker gets its BYE")
        await until(lambda: not (calls_of(busy.mover) & busy.playback_calls), "the playback gets its BYE")
        await until(lambda: not (calls_of(busy.speaker) & download_calls), "the download gets its BYE")
        await scene.log_in()
        assert "1 cameras were moving when the platform was killed" in platform.log()

        schedule = await scene.get(f"/audio/schedules/{schedule_id}")
        assert schedule["last_time"] is None
        assert schedule["last_result"] == f"missed at {due:%Y-%m-%d %H:%M:%S}: the platform was not running"
        assert not busy.upgraded.audio.calls

        clip = await the_clip(scene, busy.alarm_id)
        assert clip["state"] == "ready" or clip["detail"]

        upgrade = await scene.get(f"/upgrades/{busy.upgrade_id}")
        assert (upgrade["state"], upgrade["ended_at"]) == ("restarted", None)
        result = DeviceUpgradeResult(
            "77", GbId(busy.upgraded.settings.device_id), busy.upgrade_id, ok=True, firmware="V2"
        )
        busy.upgraded.parts.say(result.to_xml())

        async def succeeded() -> bool:
            return bool((await scene.get(f"/upgrades/{busy.upgrade_id}"))["state"] == "succeeded")

        await eventually(succeeded, "the result of the upgrade is taken")

        async def subscribed_again() -> bool:
            items = (await scene.get(f"/devices/{device_id}/subscriptions"))["items"]
            states = [item["state"] for item in items if item["kind"] == "alarm"]
            found = {each.dialog.call_id for each in busy.mover.subscriptions.of("Alarm")}
            return states == ["active"] and bool(found - {subscribed})

        await eventually(subscribed_again, "alarms are subscribed to again")

        async def downloaded() -> dict[str, Any] | None:
            state = await scene.get(f"/downloads/{busy.download_id}")
            return state if state["finished_at"] is not None else None

        download = await eventually(downloaded, "the download is finished")
        assert download is not None
        assert (download["state"], download["attempts"]) == ("complete", 2), download
        assert len(download["parts"]) == 2
        recordings = platform.directory / "recordings"
        files = [recordings / path for (path,) in rows(platform, "SELECT path FROM download_parts")]
        assert sum(pictures_in(file) for file in files) >= 14 * 10
        assert await platform.stop() == 0
        assert rows(platform, "SELECT * FROM ptz_motions") == []
        assert rows(platform, "SELECT call_id FROM open_dialogs") == []
        assert without_rows(platform) == []
    assert loud_lines(platform) == []


async def test_told_to_stop_with_everything_running(platform: PlatformProcess) -> None:
    await platform.start()
    async with feature_scene(platform) as scene:
        cameras = [await scene.add(), await scene.add(), await scene.add(faults=("upgrade-silent",))]
        busy = await make_busy(scene, cameras)
        asked = time.monotonic()
        assert await platform.stop() == 0
        took_s = time.monotonic() - asked
        assert not busy.is_moving
        assert busy.speaker.audio.calls[-1].is_over
        await until(lambda: not any(camera.streams for camera in cameras), "no camera sends any more", 2.0)
    print(f"SIGTERM with every feature at work: {took_s:.1f} s")
    assert took_s < QUICK_STOP_S
    assert loud_lines(platform) == []
    assert without_rows(platform) == []
    assert rows(platform, "SELECT * FROM ptz_motions") == []
    assert rows(platform, "SELECT call_id FROM open_dialogs") == []
    ((state, covered_s),) = rows(platform, "SELECT state, covered_s FROM downloads")
    assert state in ("running", "waiting", "queued")
    assert covered_s > 3
    assert rows(platform, "SELECT state, ended_time FROM device_upgrades") == [("restarted", None)]


HOLD_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.asynccontextmanager
async def locked_database(platform: PlatformProcess) -> AsyncIterator[None]:
    """Another process holds the write lock."""
    locker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOLD_LOCK,
        str(platform.directory / "platform.db"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert locker.stdout is not None
    assert await locker.stdout.readline() == b"locked\n"
    try:
        yield
    finally:
        await locker.communicate(b"")


async def test_features_go_on_while_the_database_is_locked_and_write_afterwards(
    platform: PlatformProcess,
) -> None:
    """Longer than a writer waits for its turn (10 s): every write of the meantime fails at least once."""
    await platform.start()
    async with feature_scene(platform) as scene:
        camera = await scene.add()
        device_id, channel = camera.settings.device_id, channel_of(camera)
        clip_id = await scene.clip(2.0)
        made = await scene.api.put(
            f"/devices/{device_id}/subscriptions/mobile_position", json={"interval_s": 1}
        )
        assert made.status_code == 200, made.text
        alarms_before = len((await scene.get("/alarms"))["items"])

        async def track() -> list[str]:
            items = (await scene.get(f"/devices/{device_id}/track"))["items"]
            return [str(item["time"]) for item in items]

        await eventually(track, "a position is stored")
        async with locked_database(platform):
            began = time.monotonic()
            for kind in range(1, 7):
                camera.raise_alarm(method=5, alarm_type=kind)
            # What needs an entry in the audit log is done at once, and answered when the log answers.
            moving = asyncio.create_task(
                scene.api.post(f"/channels/{channel}/ptz/move", json={"pan": 0.5, "for_s": 20})
            )
            head = camera.control.heads[channel]
            await until(lambda: head.is_moving, "the camera moves", 3.0)
            moved_after_s = time.monotonic() - began
            live = asyncio.create_task(scene.api.post(f"/channels/{channel}/live"))
            await until(lambda: camera.streams == 1, "the picture comes", 5.0)
            speaking = asyncio.create_task(
                scene.api.post(f"/channels/{channel}/audio", json={"clip_id": clip_id, "mode": "broadcast"})
            )
            await until(lambda: camera.audio.calls, "the loudspeaker is called", 5.0)
            asked = time.monotonic()
            listed = await scene.api.get("/alarms")
            read_after_s = time.monotonic() - asked
            assert listed.status_code == 200
            assert (await scene.get(f"/devices/{device_id}"))["online"]
            answers = await asyncio.gather(moving, live, speaking)
            states = {(answer.status_code, answer.json().get("code")) for answer in answers}
            assert states <= {(200, None), (201, None), (503, "database-away")}, states
            await until(lambda: time.monotonic() - began > LOCKED_S, "the lock was held long enough", 90.0)
            assert (await scene.get(f"/devices/{device_id}"))["online"]
        released = datetime.now(UTC)
        print(
            f"locked for {LOCKED_S:.0f} s: moved after {moved_after_s:.2f} s, list after {read_after_s:.2f} s"
        )

        async def written() -> bool:
            return len((await scene.get("/alarms"))["items"]) == alarms_before + 6

        await eventually(written, "the alarms of the meantime are stored")

        async def positions() -> bool:
            times = [datetime.fromisoformat(each) for each in await track()]
            return len([each for each in times if began_time < each < released]) >= LOCKED_S / 2

        began_time = released - timedelta(seconds=LOCKED_S)
        await eventually(positions, "the positions of the meantime are stored")
        await until(lambda: not head.is_moving, "the movement has ended")
        assert await platform.stop() == 0
    assert rows(platform, "SELECT * FROM ptz_motions") == []
    assert rows(platform, "SELECT call_id FROM open_dialogs") == []
    assert "Traceback" not in platform.log()


@pytest.fixture
def small_disk(platform: PlatformProcess) -> Iterator[Path]:
    """A file system of its own for all files of the features."""
    with small_disk_at(platform.directory / "recordings", DISK_BYTES) as path:
        yield path
        platform.kill()


async def test_a_full_disk_is_told_to_those_it_concerns_and_to_nobody_else(
    platform: PlatformProcess, small_disk: Path
) -> None:
    platform.environment["TONGSHI_TRACE__TO_DISK"] = "true"
    platform.environment["TONGSHI_TRACE__DIRECTORY"] = str(small_disk / "trace")
    await platform.start()
    filler = small_disk / "filler"
    async with feature_scene(platform) as scene:
        camera, other = await scene.add(), await scene.add()
        channel = channel_of(camera)
        download = await scene.download(camera, seconds=20, speed=4)
        burst = await scene.post(f"/channels/{channel}/snapshot-bursts", count=2, interval_s=3)

        async def begun() -> bool:
            pictures = (await scene.get(f"/snapshot-bursts/{burst['session_id']}"))["pictures"]
            state = await scene.get(f"/downloads/{download['download_id']}")
            return len(pictures) == 1 and 0 < state["progress"] < 0.9

        await eventually(begun, "a download and a burst are under way")
        traced = list((small_disk / "trace").glob("*.pcap"))
        live = await scene.api.post(f"/channels/{channel_of(other)}/live")
        assert live.status_code == 200, live.text
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"\0" * 65_536):
                pass

        period = {"start": START.isoformat(), "end": (START + timedelta(seconds=9)).isoformat()}
        refused = await scene.api.post(f"/channels/{channel}/downloads", json=period)
        assert (refused.status_code, refused.json()["code"]) == (507, "disk-full")
        refused = await scene.api.post("/firmware", params=FIRMWARE, content=b"x" * 1000)
        assert (refused.status_code, refused.json()["code"]) == (507, "disk-full")

        async def waits() -> bool:
            state = await scene.get(f"/downloads/{download['download_id']}")
            return state["state"] == "waiting" and "floor" in state["detail"]

        await eventually(waits, "the download waits for room")
        action = {"kind": "record", "before_s": 0, "after_s": 1}
        await scene.post("/alarm-rules", name="x", device_id=other.settings.device_id, actions=[action])
        other.raise_alarm(method=5, alarm_type=2)

        async def told() -> bool:
            alarms = (await scene.get(f"/alarms?device_id={other.settings.device_id}"))["items"]
            actions = alarms[0]["actions"] if alarms else []
            return [(each["outcome"], "disk" in each["detail"].lower()) for each in actions] == [
                ("failed", True)
            ]

        await eventually(told, "the alarm says why it has no clip")

        async def over() -> dict[str, Any] | None:
            state = await scene.get(f"/snapshot-bursts/{burst['session_id']}")
            return state if state["ended_at"] is not None else None

        ended = await eventually(over, "the burst ends with what it has")
        assert ended is not None
        assert ended["state"] == "partial"

        async def trace_lost() -> bool:
            return bool((await scene.get("/trace"))["lost_on_disk"] > 0)

        await eventually(trace_lost, "the trace says that it could not be written")
        assert set(traced) <= set((small_disk / "trace").glob("*.pcap"))
        # Nothing else is disturbed.
        await scene.move(other)
        assert other.control.heads[channel_of(other)].is_moving
        clip_id = await scene.clip(0.5)
        await scene.announce(other, clip_id)
        await until(lambda: other.audio.calls and other.audio.calls[-1].is_over, "the clip is played")
        assert other.streams == 1

        filler.unlink()
        await scene.firmware()

        async def complete() -> bool:
            return bool((await scene.get(f"/downloads/{download['download_id']}"))["state"] == "complete")

        await eventually(complete, "the download is complete")
        assert await platform.stop() == 0
    assert "Traceback" not in platform.log()
    assert without_rows(platform) == []


async def leave(scene: FeatureScene, method: str, path: str, **body: Any) -> None:
    """Ask, and close the connection before the answer."""
    async with httpx.AsyncClient(
        base_url=scene.api.base_url, headers=scene.api.headers, trust_env=False, timeout=PATIENCE_S
    ) as caller:
        with contextlib.suppress(httpx.ReadTimeout):
            await caller.request(method, path, **({"json": body} if body else {}))


async def test_callers_who_leave_in_the_middle_leave_nothing_behind(platform: PlatformProcess) -> None:
    """No stream, no lock, no question that waits: the same can be asked again."""
    platform.environment |= {
        "TONGSHI_HISTORY__PLAYBACK_LINGER_S": "1",
        "TONGSHI_HTTP__LEASE_LINGER_S": "1",
        "TONGSHI_SIP__LINGER_S": "0.5",
        "TONGSHI_HISTORY__QUERY_FIRST_S": "2",
        "TONGSHI_SIP__INVITE_TIMEOUT_S": "4",
        "TONGSHI_AUDIO__BROWSER_WAIT_S": "2",
    }
    await platform.start()
    async with feature_scene(platform) as scene:
        late = await scene.add(faults=("late-stream=1",))
        mute = await scene.add(faults=("no-record-answer", "talk-silent", "silent-control"))
        channel, quiet = channel_of(late), channel_of(mute)
        period = {"start": START.isoformat(), "end": (START + timedelta(minutes=5)).isoformat()}
        query = f"?start={START:%Y-%m-%dT%H:%M:%SZ}&end={START + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        await asyncio.gather(
            leave(scene, "POST", f"/channels/{channel}/live"),
            leave(scene, "POST", f"/channels/{channel}/playbacks", **period),
            leave(scene, "POST", f"/channels/{channel}/diagnosis"),
            leave(scene, "GET", f"/channels/{quiet}/device-records{query}"),
            leave(scene, "POST", f"/channels/{quiet}/audio", mode="talk"),
            leave(scene, "POST", f"/channels/{quiet}/snapshot-bursts", count=1, interval_s=1),
        )
        base = str(scene.api.base_url).replace("http://", "ws://")
        sent = {"Authorization": scene.api.headers["Authorization"]}
        async with connect(
            f"{base}channels/{channel}/ptz/joystick", additional_headers=sent, proxy=None
        ) as socket:
            await socket.send(json.dumps({"pan": 0.5}))
            head = late.control.heads[channel]
            await until(lambda: head.is_moving, "the camera moves")
            socket.transport.abort()
        await until(lambda: not head.is_moving, "the camera stops")

        async def nothing_open() -> bool:
            open_now = [
                (await scene.get("/sessions"))["items"],
                (await scene.get("/playbacks"))["items"],
                (await scene.get("/audio/sessions"))["items"],
            ]
            return not any(open_now) and not late.streams and not mute.streams

        await eventually(nothing_open, "no session is open, and no stream at the devices")

        async def no_dialog() -> bool:
            return rows(platform, "SELECT call_id FROM open_dialogs") == []

        await eventually(no_dialog, "no dialog is noted as open")
        status = await scene.get(f"/channels/{channel}/ptz")
        assert not status["is_moving"]
        # Nothing is locked: all of it can be asked again, and gets the answer of the device.
        playback = await scene.play(late)
        assert (await scene.api.delete(f"/playbacks/{playback['playback_id']}")).status_code == 204
        again = await scene.api.get(f"/channels/{quiet}/device-records{query}")
        assert (again.status_code, again.json()["code"]) == (504, "no-answer")
        assert (await scene.api.post(f"/channels/{channel}/diagnosis")).status_code == 200
        assert await platform.stop() == 0
    assert loud_lines(platform) == []
