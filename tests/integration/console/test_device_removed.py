"""A device that an operator removed: its sessions end, and no part of the platform keeps anything of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sipserver.devices.alarms.settings import AlarmSettings
from sipserver.gb.editions import Edition
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.history.recordings import RecordedSpan
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site
from tests.support.sound_files import tone_wav

START = datetime(2026, 5, 1, tzinfo=UTC)
PERIOD = {"start": START.isoformat(), "end": (START + timedelta(minutes=5)).isoformat()}
# What happened stays until its time or its number is over.
HISTORY: Final = (
    "alarms._recent",  # the newest alarms, whoever raised them
    "alarms._repeats._seen",  # by number
    "alarms._storms._buckets",  # by number
    "invites._substreams._main_sizes",  # by number
    "playbacks._ended",  # by number
    "presence.table._checks",  # by time
    "subscriptions._machine._agenda",  # by time
    "outages.book._due",  # by time
    "_queries._ended",  # by number
    "_queries._unanswered",  # by number
    "trace._rings",  # by bytes
    "_store.",  # the database, or its twin
)
ROOMS: Final = ("sipserver.devices", "health.outages")


def held(root: object, name: str, device_id: str) -> list[str]:
    """Where an id is a key, an element or the owner of something, by the attributes that lead there."""
    found, seen = [], set()
    waiting: deque[tuple[str, object]] = deque([(name, root)])
    while waiting:
        path, thing = waiting.popleft()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Mapping | set | frozenset | list | deque | tuple):
            if any(_names(each, device_id) for each in thing):
                found.append(path)
            inside = thing.values() if isinstance(thing, Mapping) else thing
            waiting.extend((f"{path}[]", each) for each in inside)
        elif type(thing).__module__.startswith(ROOMS):
            if device_id in (getattr(thing, "device_id", ""), getattr(_key_of(thing), "device_id", "")):
                found.append(path)
            waiting.extend((f"{path}.{key}", each) for key, each in _attributes(thing))
    return [path for path in found if not any(each in path for each in HISTORY)]


def _names(thing: object, device_id: str) -> bool:
    return thing == device_id or (isinstance(thing, tuple) and device_id in thing)


def _key_of(thing: object) -> object:
    """Playbacks, legs and others name their device by the channel."""
    return getattr(thing, "key", None)


def _attributes(thing: object) -> Iterator[tuple[str, object]]:
    yield from vars(thing).items() if hasattr(thing, "__dict__") else ()
    for kind in type(thing).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(thing, name):
                yield name, getattr(thing, name)


async def make_known_everywhere(site: SmallSite, camera: SimulatedDevice) -> None:
    """Every feature has something to remember of the device."""
    device_id, channel = camera.settings.device_id, camera.settings.all_channel_ids[0]

    async def call(method: str, path: str, **body: Any) -> Any:
        answer = await site.api.request(method, path, **({"json": body} if body else {}))
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    for kind in ("alarm", "mobile_position", "ptz_position"):
        await site.api.put(f"/devices/{device_id}/subscriptions/{kind}", json={})
    await site.api.put(f"/devices/{device_id}/trace/watch")
    sound = await site.api.post("/audio/clips", params={"name": "tone"}, content=tone_wav(1000.0, 30.0))
    firmware = await site.api.post(
        "/firmware", params={"file_name": "a", "manufacturer": "b", "version": "c"}, content=b"x" * 1000
    )
    started = await call("POST", f"/devices/{device_id}/upgrades", firmware_id=firmware.json()["firmware_id"])

    async def back() -> bool:
        return bool((await call("GET", f"/upgrades/{started['session_id']}"))["state"] == "restarted")

    await eventually(back, "the device is back after its upgrade")
    await call("POST", f"/channels/{channel}/live")
    await call("POST", f"/channels/{channel}/playbacks", **PERIOD)
    await call("POST", f"/channels/{channel}/audio", clip_id=sound.json()["clip_id"], mode="broadcast")
    await call("POST", f"/channels/{channel}/ptz/move", pan=0.5, for_s=30)
    await call("POST", f"/channels/{channel}/snapshot-bursts", count=3, interval_s=60)
    await call("GET", f"/channels/{channel}/configuration")
    await site.platform.devices.alarms.guarding.set_guard(device_id, device_id, armed=True, by="admin")
    camera.raise_alarm(method=5, alarm_type=2)

    async def noted() -> bool:
        has_alarm = bool((await site.api.get("/alarms")).json()["items"])
        return has_alarm and bool((await site.api.get("/positions")).json()["items"])

    await eventually(noted, "alarm and position are known")


async def test_nothing_of_a_removed_device_is_kept(tmp_path: Path) -> None:
    async with small_site(tmp_path, alarms=AlarmSettings(flush_s=0.1)) as site:
        camera = await site.add_camera(
            edition=Edition.V3_0,
            faults=("upgrade-silent",),
            recordings=(RecordedSpan(START, START + timedelta(hours=1)),),
        )
        await make_known_everywhere(site, camera)
        platform, device_id = site.platform, camera.settings.device_id
        before = held(platform.devices, "devices", device_id)
        assert {_feature(path) for path in before} >= {
            "ptz", "alarms", "audio", "subscriptions", "positions", "uploads", "presence"
        }  # fmt: skip
        await camera.go_dark()
        platform.devices.device_removed(device_id)
        left: list[str] = []

        async def forgotten() -> bool:
            left[:] = held(platform.devices, "devices", device_id)
            left.extend(held(platform.outages, "outages", device_id))
            return not left

        try:
            await eventually(forgotten, "nothing is left")
        except AssertionError as error:
            raise AssertionError(f"still kept: {left}") from error
        assert (await site.api.get("/alarms")).json()["items"], "what happened stays"
        assert (await site.api.get("/sessions")).json()["items"] == []
        assert (await site.api.get("/playbacks")).json()["items"] == []
        assert platform.devices.ptz.moving == 0


def _feature(path: str) -> str:
    return path.split(".")[1].strip("_[]")


def test_the_search_finds_what_is_held() -> None:
    """Else the other test proves nothing."""

    class Holder:
        __module__ = "sipserver.devices.pretended"

        def __init__(self) -> None:
            self.by_id = {"x": 1}
            self.deep = [{"key": Holder.Inner()}]

        class Inner:
            __slots__ = ("pairs",)
            __module__ = "sipserver.devices.pretended"

            def __init__(self) -> None:
                self.pairs = {("x", "channel")}

    make: Callable[[], object] = Holder
    assert held(make(), "root", "x") == [
        "root.by_id",
        "root.deep[][].pairs",
        "root.deep[][].pairs[]",
    ]
    assert held(make(), "root", "y") == []
