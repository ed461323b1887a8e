"""Cases in which files pass: stills up, firmware down."""

from __future__ import annotations

import asyncio
from typing import Final

from console.conformance.bench import Bench
from console.conformance.log import CaseLog, failed
from sipserver.devices.uploads.model import BurstState, UpgradeState

STILLS: Final = 2
INTERVAL_S: Final = 1
LOOK_EVERY_S: Final = 0.3
NOTICE_LOOKS: Final = 20


async def snapshot_upload(bench: Bench, log: CaseLog) -> None:
    snapshots = bench.devices.uploads.snapshots
    with log.step(f"要求抓拍{STILLS}张", f"ask for {STILLS} stills") as step:
        burst = await snapshots.start(
            bench.key,
            STILLS,
            INTERVAL_S,
            requested_by=bench.username,
            despite_edition=bench.options.despite_edition,
        )
        step.detail = f"{burst.state.value}; SessionID {burst.session_id}"
    with log.step("收到图片与上传完成通知", "the stills arrive, and the notice of it") as step:
        while not burst.state.is_end:
            await asyncio.sleep(LOOK_EVERY_S)
            burst = await snapshots.burst(burst.session_id)
        pictures = await snapshots.pictures_of(burst.session_id)
        step.detail = ", ".join(f"{each.width}x{each.height} {each.size_bytes} bytes" for each in pictures)
        if burst.state is not BurstState.DONE:
            raise failed(
                f"{burst.pictures} of {burst.count} stills came: {burst.detail or burst.state.value}"
            )
    notice = await _notice(bench, log, burst.session_id)
    detail = "with the SessionID of the order" if notice else "the device never told that it is done"
    log.check(notice, "收到 UploadSnapShotFinished", "UploadSnapShotFinished comes", detail)


async def upgrade(bench: Bench, log: CaseLog) -> None:
    upgrades = bench.devices.uploads.upgrades
    with log.step("下发升级命令", "send DeviceUpgrade") as step:
        running = await upgrades.start(
            bench.whole_device,
            bench.options.firmware_id,
            requested_by=bench.username,
            despite_edition=bench.options.despite_edition,
        )
        step.detail = f"{running.version}; SessionID {running.session_id}"
    with log.step("等待升级结果", "wait for DeviceUpgradeResult") as step:
        while not running.state.is_end:
            await asyncio.sleep(LOOK_EVERY_S)
            running = await upgrades.upgrade(running.session_id)
        if running.state is not UpgradeState.SUCCEEDED:
            raise failed(f"{running.state.value}: {running.detail}")
        step.detail = f"now {running.firmware_after}"


async def _notice(bench: Bench, log: CaseLog, session_id: str) -> bool:
    """Whether the device told the end of the burst; that may come after the last still."""
    for _ in range(NOTICE_LOOKS):
        said = await bench.messages(log.began_time)
        if any("UploadSnapShotFinished" in each.text and session_id in each.text for each in said):
            return True
        await asyncio.sleep(LOOK_EVERY_S)
    return False
