"""Cases that command: recording, camera head, cards, tracking. What they change they change back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from console.conformance.bench import Bench
from console.conformance.log import CaseLog, failed, skipped
from sipserver.devices.commands.commands import Outcome
from sipserver.devices.errors import DeviceError
from sipserver.devices.ptz.motion import Motion
from sipserver.gb.camera_commands import PtzPrecise, TargetTrack, TrackMode
from sipserver.gb.control_commands import RecordCommand
from sipserver.gb.editions import Edition
from sipserver.gb.messages.ptz_position import PtzPosition
from sipserver.gb.ptz import Move

MOVE_S: Final = 0.6
HOLD_S: Final = 3.0
SPEED: Final = 0x60
ZOOM_SPEED: Final = 6
TURN_DEGREES: Final = 10.0
TURNED_WITHIN: Final = 2.0
TURN_TIMEOUT_S: Final = 15.0
SAME_WITHIN: Final = 0.005
FORMAT_TIMEOUT_S: Final = 240.0


async def manual_record(bench: Bench, log: CaseLog) -> None:
    was_on = False
    with log.step("查询当前录像状态", "ask whether it records now") as step:
        try:
            was_on = (await bench.devices.query_status(bench.device_id)).recording is True
            step.detail = "it records" if was_on else "it does not record"
        except DeviceError as error:
            step.detail = f"not known: {error}"
    # In the order that leaves it as it was.
    order = (False, True) if was_on else (True, False)
    try:
        for is_start in order:
            await _record(bench, log, is_start=is_start)
    except BaseException:
        with suppress(DeviceError):
            await bench.devices.commands.send(bench.device_id, bench.key.channel_id, RecordCommand(was_on))
        raise


async def _record(bench: Bench, log: CaseLog, *, is_start: bool) -> None:
    words = ("开始录像", "start recording") if is_start else ("停止录像", "stop recording")
    with log.step(*words) as step:
        outcome = await bench.devices.commands.send(
            bench.device_id, bench.key.channel_id, RecordCommand(is_start)
        )
        if outcome is Outcome.NO_RESULT:
            raise failed("taken with 200, but no Response with a Result came")
        step.detail = "Result OK"


# ---------------------------------------------------------------- camera heads


async def ptz_directions(bench: Bench, log: CaseLog) -> None:
    steps = (
        ("向左", "left", Move(pan=-SPEED)),
        ("向右", "right", Move(pan=SPEED)),
        ("向上", "up", Move(tilt=SPEED)),
        ("向下", "down", Move(tilt=-SPEED)),
    )
    await _move(bench, log, steps)


async def ptz_zoom(bench: Bench, log: CaseLog) -> None:
    await _move(
        bench, log, (("放大", "zoom in", Move(zoom=ZOOM_SPEED)), ("缩小", "zoom out", Move(zoom=-ZOOM_SPEED)))
    )


async def _move(bench: Bench, log: CaseLog, steps: tuple[tuple[str, str, Move], ...]) -> None:
    """Each movement for a moment, with its opposite after it; the position tells what came of it."""
    ptz, key = bench.devices.ptz, bench.key
    async with _head(bench, log) as at_first:
        for chinese, english, move in steps:
            with log.step(f"{chinese}，然后停止", f"{english}, then stop") as step:
                await ptz.move(key, bench.holder, Motion(move), hold_s=HOLD_S)
                await asyncio.sleep(MOVE_S)
                await ptz.stop(key, bench.holder)
                step.detail = f"frames {move.to_frame().serialize()} and A50F0100000000B5, each answered 200"
            if at_first is not None:
                after = await _position(bench)
                step.detail += f"; now at {_place(after)}"
                if after is not None and _is_same(at_first, after):
                    log.check(False, "位置发生变化", "the position changed", f"still at {_place(after)}")
                at_first = after or at_first


@asynccontextmanager
async def _head(bench: Bench, log: CaseLog) -> AsyncIterator[PtzPosition | None]:
    """The head of the channel is ours; afterwards it rests, and looks where it looked when that is known."""
    ptz, key, holder = bench.devices.ptz, bench.key, bench.holder
    with log.step("取得云台控制权", "take the camera head"):
        ptz.lock(key, holder, HOLD_S)
    before = await _position(bench)
    try:
        yield before
    finally:
        with suppress(DeviceError):
            await ptz.settle(key)
            if before is not None:
                back = PtzPrecise(before.pan, before.tilt, before.zoom)
                await bench.devices.commands.aim(key, holder, back)
        ptz.release(key, holder.holder_id)


async def ptz_precise(bench: Bench, log: CaseLog) -> None:
    commands, key = bench.devices.commands, bench.key
    despite = bench.options.despite_edition
    with log.step("查询云台精准位置", "ask for the position") as step:
        before = await commands.position(key, despite_edition=despite)
        step.detail = _place(before)
    if before.pan is None:
        raise failed("PTZPosition holds no Pan")
    async with _head(bench, log):
        wanted = (before.pan + TURN_DEGREES) % 360
        with log.step("发送精准控制", "send PTZPreciseCtrl") as step:
            await commands.aim(
                key, bench.holder, PtzPrecise(wanted, before.tilt, before.zoom), despite_edition=despite
            )
            step.detail = f"pan {wanted:.2f}"
        with log.step("到达目标位置", "it arrives there") as step:
            async with asyncio.timeout(TURN_TIMEOUT_S):
                while not _has_turned(at := await commands.position(key, despite_edition=despite), wanted):
                    step.detail = _place(at)
                    await asyncio.sleep(0.5)
            step.detail = _place(at)


async def target_track(bench: Bench, log: CaseLog) -> None:
    commands, key = bench.devices.commands, bench.key
    despite = bench.options.despite_edition
    try:
        with log.step("开始自动跟踪", "begin to track by itself"):
            await commands.aim(key, bench.holder, TargetTrack(TrackMode.AUTO), despite_edition=despite)
        await asyncio.sleep(MOVE_S)
    finally:
        with log.step("停止跟踪", "stop tracking"):
            await commands.aim(key, bench.holder, TargetTrack(TrackMode.STOP), despite_edition=despite)
        bench.devices.ptz.release(key, bench.holder.holder_id)


async def cruise_tracks(bench: Bench, log: CaseLog) -> None:
    commands, key = bench.devices.commands, bench.key
    despite = bench.options.despite_edition
    with log.step("查询巡航轨迹列表", "ask for the list of cruises") as step:
        tracks = await commands.cruises(key, despite_edition=despite)
        step.detail = ", ".join(f"{each.number} {each.name}".strip() for each in tracks) or "none is stored"
    if not tracks:
        log.remark("未设置巡航轨迹", "no cruise is set, so none was asked for")
        return
    with log.step("查询巡航轨迹", "ask for a cruise") as step:
        track = await commands.cruise(key, tracks[0].number, despite_edition=despite)
        step.detail = f"{track.number} {track.name}: {len(track.points)} points"


async def home_position(bench: Bench, log: CaseLog) -> None:
    with log.step("查询看守位", "ask for the home position") as step:
        home = await bench.devices.commands.home_position(
            bench.key, despite_edition=bench.options.despite_edition
        )
        step.detail = "none is set" if home is None else str(home)


# ---------------------------------------------------------------- storage cards


async def storage_card(bench: Bench, log: CaseLog) -> None:
    with log.step("查询存储卡状态", "ask for the storage cards") as step:
        cards = await bench.devices.configuration.sd_cards.status(
            bench.whole_device, despite_edition=bench.options.despite_edition
        )
        step.detail = "; ".join(map(str, cards)) or "no card"


async def format_card(bench: Bench, log: CaseLog) -> None:
    card = bench.options.format_card
    if card is None:
        raise skipped("no card was named")
    cards, despite = bench.devices.configuration.sd_cards, bench.options.despite_edition
    with log.step(f"格式化存储卡 {card}", f"format card {card}"):
        await cards.format(bench.whole_device, card, despite_edition=despite)
    with log.step("等待格式化完成", "wait until it is done") as step:
        async with asyncio.timeout(FORMAT_TIMEOUT_S):
            while True:
                states = await cards.status(bench.whole_device, despite_edition=despite)
                step.detail = "; ".join(map(str, states))
                if not any(each.status.lower() == "formatting" for each in states):
                    break
                await asyncio.sleep(1.0)


# ---------------------------------------------------------------- inside


async def _position(bench: Bench) -> PtzPosition | None:
    """Where the head looks, when the device can say it."""
    if bench.edition is not Edition.V3_0:
        return None
    try:
        found = await bench.devices.commands.position(bench.key)
    except DeviceError:
        return None
    return None if found.pan is None else found


def _place(position: PtzPosition | None) -> str:
    if position is None:
        return "an unknown place"
    return f"pan {position.pan}, tilt {position.tilt}, zoom {position.zoom}"


def _is_same(one: PtzPosition, other: PtzPosition) -> bool:
    pairs = ((one.pan, other.pan), (one.tilt, other.tilt), (one.zoom, other.zoom))
    return all(a is None or b is None or abs(a - b) < SAME_WITHIN for a, b in pairs)


def _has_turned(at: PtzPosition, wanted: float) -> bool:
    return at.pan is not None and abs((at.pan - wanted + 180) % 360 - 180) <= TURNED_WITHIN
