"""Every feature at work at once, at a real platform process: simulated cameras, and a caller."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from sipserver.gb.editions import Edition
from sipserver.gb.gb_time import BEIJING
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.history.recordings import RecordedSpan
from sipserver.simulator.loops import PictureSettings
from sipserver.simulator.pacer import Pacer
from sipserver.simulator.settings import camera_settings
from tests.support.platform_process import (
    ADMIN_PASSWORD,
    PLATFORM_ID,
    SIP_PASSWORD,
    PlatformProcess,
    eventually,
)
from tests.support.sound_files import tone_wav

START = datetime(2026, 5, 1, 0, 0, tzinfo=UTC)
SMALL = PictureSettings(width=128, height=96, fps=10, gop_s=1.0, loop_s=2)
RECORDED = (RecordedSpan(START, START + timedelta(hours=1)),)
FIRMWARE = {"file_name": "cam.bin", "manufacturer": "Tongshi", "version": "V2"}
QUICK = {
    "TONGSHI_AUDIO__HOST": "127.0.0.1",
    "TONGSHI_AUDIO__RTP_PORTS": "23600-23699",
    "TONGSHI_AUDIO__LATE_START_S": "0",
    "TONGSHI_AUDIO__PORT_COOL_DOWN_S": "1",
    "TONGSHI_ALARMS__FLUSH_S": "0.1",
    "TONGSHI_HISTORY__END_SILENCE_S": "1",
    "TONGSHI_HISTORY__SILENCE_TIMEOUT_S": "3",
    "TONGSHI_HISTORY__DRAIN_S": "0.3",
    "TONGSHI_HISTORY__PLAYBACK_LINGER_S": "30",
    "TONGSHI_STORAGE__ROLLING_SEGMENT_S": "2",
    "TONGSHI_SIP__QUERY_TIMEOUT_S": "3",
}


def channel_of(camera: SimulatedDevice) -> str:
    return camera.settings.all_channel_ids[0]


@dataclass(eq=False)
class FeatureScene:
    """Cameras, and an administrator's client that logs in again after each start of the platform."""

    platform: PlatformProcess
    api: httpx.AsyncClient
    cameras: list[SimulatedDevice] = field(default_factory=list)
    _pacer: Pacer = field(default_factory=Pacer)

    async def log_in(self) -> None:
        login = {"username": "admin", "password": ADMIN_PASSWORD}
        token = (await self.api.post("/login", json=login)).json()["token"]
        self.api.headers["Authorization"] = f"Bearer {token}"

    async def add(self, **changes: Any) -> SimulatedDevice:
        """A camera of edition 2022 with an hour of recordings; its catalogue is known when this returns."""
        index = len(self.cameras)
        base = camera_settings(index, PLATFORM_ID, "127.0.0.1", self.platform.sip_port, SIP_PASSWORD)
        usual: dict[str, Any] = {
            "edition": Edition.V3_0,
            "pictures": SMALL,
            "recordings": RECORDED,
            "register_retry_s": 1.0,
            "keepalive_interval_s": 1.0,
        }
        camera = SimulatedDevice(replace(base, **(usual | changes)), self._pacer)
        self.cameras.append(camera)
        await camera.start()
        await camera.wait_registered(10.0)

        async def known() -> bool:
            return (await self.api.get(f"/channels/{channel_of(camera)}")).status_code == 200

        await eventually(known, "the catalogue is known")
        return camera

    async def post(self, path: str, expected: int = 201, **body: Any) -> dict[str, Any]:
        answer = await self.api.post(path, json=body)
        assert answer.status_code == expected, f"{path}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.api.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    # ---------------------------------------------------------------- things to begin

    async def move(self, camera: SimulatedDevice) -> None:
        await self.post(f"/channels/{channel_of(camera)}/ptz/move", 200, pan=0.5, for_s=30)

    async def play(self, camera: SimulatedDevice) -> dict[str, Any]:
        period = {"start": START.isoformat(), "end": (START + timedelta(minutes=10)).isoformat()}
        return await self.post(f"/channels/{channel_of(camera)}/playbacks", 200, **period)

    async def download(self, camera: SimulatedDevice, seconds: float, speed: int) -> dict[str, Any]:
        period = {"start": START.isoformat(), "end": (START + timedelta(seconds=seconds)).isoformat()}
        return await self.post(f"/channels/{channel_of(camera)}/downloads", 202, speed=speed, **period)

    async def clip(self, seconds: float) -> str:
        answer = await self.api.post(
            "/audio/clips", params={"name": "tone"}, content=tone_wav(1000.0, seconds)
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["clip_id"])

    async def announce(self, camera: SimulatedDevice, clip_id: str) -> dict[str, Any]:
        return await self.post(f"/channels/{channel_of(camera)}/audio", clip_id=clip_id, mode="broadcast")

    async def schedule_soon(self, camera: SimulatedDevice, clip_id: str) -> tuple[str, datetime]:
        """An announcement that is due in one to two seconds."""
        due = datetime.fromtimestamp(math.ceil(datetime.now(UTC).timestamp()) + 1, BEIJING)
        targets = [channel_of(camera)]
        times = [due.strftime("%H:%M:%S")]
        made = await self.post("/audio/schedules", name="soon", clip_id=clip_id, targets=targets, times=times)
        return str(made["schedule_id"]), due

    async def firmware(self) -> str:
        answer = await self.api.post(
            "/firmware",
            params=FIRMWARE,
            content=bytes(range(256)) * 100,
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["firmware_id"])

    async def upgrade(self, camera: SimulatedDevice, firmware_id: str) -> str:
        started = await self.post(f"/devices/{camera.settings.device_id}/upgrades", firmware_id=firmware_id)
        return str(started["session_id"])

    async def alarm_with_clip(self, camera: SimulatedDevice, after_s: float) -> str:
        """Raise an alarm whose rule asks for footage; returns the id of the alarm once the clip waits."""
        action = {"kind": "record", "before_s": 0, "after_s": after_s}
        await self.post("/alarm-rules", name="clip", device_id=camera.settings.device_id, actions=[action])
        camera.raise_alarm(method=5, alarm_type=2)

        async def waiting() -> str:
            alarms = (await self.get(f"/alarms?device_id={camera.settings.device_id}"))["items"]
            has_file = bool(alarms and alarms[0]["actions"] and alarms[0]["actions"][0]["file"])
            return str(alarms[0]["alarm_id"]) if has_file else ""

        return await eventually(waiting, "the clip of the alarm waits")

    async def close(self) -> None:
        await asyncio.gather(*(camera.go_dark() for camera in self.cameras))
        self._pacer.close()


@contextlib.asynccontextmanager
async def feature_scene(platform: PlatformProcess) -> AsyncIterator[FeatureScene]:
    """``platform`` runs already."""
    base = f"{platform.base_url}/api/v1"
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=40.0) as api:
        scene = FeatureScene(platform, api)
        await scene.log_in()
        try:
            yield scene
        finally:
            await scene.close()


async def until(condition: Any, what: str, timeout_s: float = 30.0) -> None:
    """A plain condition about simulated devices holds."""

    async def holds() -> bool:
        return bool(condition())

    await eventually(holds, what, timeout_s)
