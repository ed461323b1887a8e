"""Cases with subscriptions, arming and alarms. What an operator had subscribed to is there afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from console.conformance.bench import Bench
from console.conformance.log import CaseLog, failed, not_supported
from sipserver.devices.alarms.model import AlarmNews
from sipserver.devices.errors import DeviceError
from sipserver.devices.ptz.motion import Motion
from sipserver.devices.subscriptions.kinds import Kind
from sipserver.devices.subscriptions.subscription import SubscriptionView
from sipserver.gb.ptz import Move
from sipserver.gb.subscription import State

EXPIRES_S: Final = 120
FIRST_REPORT_S: Final = 10.0
ENDED_S: Final = 5.0
TURN_S: Final = 0.6
DUTY: Final = frozenset({"ONDUTY", "ALARM"})


async def alarm_subscription(bench: Bench, log: CaseLog) -> None:
    was_armed = await _is_armed(bench, log)
    with log.step("布防", "arm") as step:
        reported = await bench.devices.commands.set_guard(bench.device_id, bench.device_id, armed=True)
        step.detail = "Result OK" if reported else ""
        if not reported:
            raise failed("taken with 200, but no Response with a Result came")
    try:
        async with _subscribed(bench, log, Kind.ALARM):
            await _refresh(bench, log, Kind.ALARM)
            await _await_alarm(bench, log)
    finally:
        if not was_armed:
            with log.step("撤防 (恢复原状)", "disarm, as it was before"):
                await bench.devices.commands.set_guard(bench.device_id, bench.device_id, armed=False)


async def catalog_subscription(bench: Bench, log: CaseLog) -> None:
    async with _subscribed(bench, log, Kind.CATALOG) as begun:
        with log.step("首次通知", f"the first report comes within {FIRST_REPORT_S:g} s") as step:
            if not await bench.until(lambda: _notifies(bench, Kind.CATALOG) > begun, FIRST_REPORT_S):
                raise failed("SUBSCRIBE was accepted, and no NOTIFY came (RFC 6665 section 4.2.1.2)")
            step.detail = f"{_notifies(bench, Kind.CATALOG) - begun} NOTIFY"
        await _refresh(bench, log, Kind.CATALOG)
        await _await_change(bench, log)


async def ptz_position_subscription(bench: Bench, log: CaseLog) -> None:
    ptz, key, holder = bench.devices.ptz, bench.key, bench.holder
    async with _subscribed(bench, log, Kind.PTZ_POSITION) as begun:
        first = await bench.until(lambda: _notifies(bench, Kind.PTZ_POSITION) > begun, ENDED_S)
        if not first:
            log.remark("没有首次通知", "no first report came")
        before = _notifies(bench, Kind.PTZ_POSITION)
        try:
            with log.step("转动云台", "move the head"):
                await ptz.move(key, holder, Motion(Move(pan=0x60)), hold_s=3.0)
                await asyncio.sleep(TURN_S)
                await ptz.move(key, holder, Motion(Move(pan=-0x60)), hold_s=3.0)
                await asyncio.sleep(TURN_S)
                await ptz.stop(key, holder)
            with log.step("位置通知", "its position is notified") as step:
                if not await bench.until(
                    lambda: _notifies(bench, Kind.PTZ_POSITION) > before, FIRST_REPORT_S
                ):
                    raise failed("it moved, and no NOTIFY came")
                step.detail = f"{_notifies(bench, Kind.PTZ_POSITION) - before} NOTIFY"
        finally:
            ptz.release(key, holder.holder_id)


# ---------------------------------------------------------------- subscriptions


@asynccontextmanager
async def _subscribed(bench: Bench, log: CaseLog, kind: Kind) -> AsyncIterator[int]:
    """A new subscription, cancelled at the end; yields how many notifications came before it."""
    subscriptions, device_id = bench.devices.subscriptions, bench.device_id
    target = bench.key.channel_id if kind is Kind.PTZ_POSITION else device_id
    before = _view(bench, kind, target)
    was_wanted = before is not None and before.wanted.is_wanted
    if was_wanted:
        # Anew, so that its beginning can be seen.
        with log.step("取消已有订阅", "end the subscription that is there"):
            await subscriptions.cancel(device_id, kind, target, requested_by=bench.username)
            await bench.until(lambda: not _is_open(bench, kind, target), ENDED_S)
    begun = _notifies(bench, kind)
    try:
        with log.step("订阅 (SUBSCRIBE)", "SUBSCRIBE") as step:
            view = await subscriptions.want(
                device_id,
                kind,
                target,
                expires_s=EXPIRES_S,
                requested_by=bench.username,
                despite_edition=bench.options.despite_edition,
            )
            if view.state is not State.ACTIVE:
                reason = f"SUBSCRIBE was not accepted: {view.error or view.state.value}"
                is_refusal = "refused" in reason or "answered" in reason
                raise (
                    not_supported(reason)
                    if is_refusal and not log.result.case.is_mandatory
                    else failed(reason)
                )
            step.detail = f"granted {view.granted_s} s"
        yield begun
        with log.step("取消订阅 (Expires: 0)", "cancel with Expires: 0") as step:
            await subscriptions.cancel(device_id, kind, target, requested_by=bench.username)
            if not await bench.until(lambda: not _is_open(bench, kind, target), ENDED_S):
                raise failed("the cancellation was not answered")
            step.detail = "accepted"
    finally:
        await _restore(bench, kind, target, before if was_wanted else None)


async def _restore(bench: Bench, kind: Kind, target: str, before: SubscriptionView | None) -> None:
    subscriptions, device_id = bench.devices.subscriptions, bench.device_id
    with suppress(DeviceError):
        if before is not None:
            wanted = before.wanted
            await subscriptions.want(
                device_id,
                kind,
                target,
                expires_s=wanted.expires_s,
                interval_s=wanted.interval_s,
                conditions=wanted.conditions,
                requested_by=wanted.requested_by,
                despite_edition=True,
            )
        elif _is_open(bench, kind, target):
            await subscriptions.cancel(device_id, kind, target, requested_by=bench.username)


async def _refresh(bench: Bench, log: CaseLog, kind: Kind) -> None:
    """Asking for what is there already goes out in its dialog."""
    before = _view(bench, kind, bench.device_id)
    with log.step("对话内刷新", "refresh in the dialog") as step:
        view = await bench.devices.subscriptions.want(
            bench.device_id,
            kind,
            expires_s=EXPIRES_S,
            requested_by=bench.username,
            despite_edition=bench.options.despite_edition,
        )
        if view.state is not State.ACTIVE:
            raise failed(f"the refresh was not accepted: {view.error or view.state.value}")
        if before is not None and view.dialogs != before.dialogs:
            raise failed("the device had forgotten the dialog: the refresh had to open another one")
        step.detail = f"granted {view.granted_s} s"


# ---------------------------------------------------------------- what somebody at the device causes


async def _await_alarm(bench: Bench, log: CaseLog) -> None:
    raised: list[AlarmNews] = []

    def hear(news: AlarmNews) -> None:
        if news.alarm.device_id == bench.device_id:
            raised.append(news)

    listeners = bench.devices.alarms.listeners
    listeners.append(hear)
    try:
        is_seen = await _caused(bench, log, "触发报警", "raise an alarm at the device", lambda: bool(raised))
    finally:
        listeners.remove(hear)
    if is_seen:
        alarm = raised[0].alarm
        log.check(
            alarm.method in range(1, 8),
            "报警方式为1-7",
            "its method is 1 to 7",
            f"method {alarm.method}: {alarm.words.english}, by {alarm.form.value}",
        )


async def _await_change(bench: Bench, log: CaseLog) -> None:
    before = _notifies(bench, Kind.CATALOG)
    await _caused(
        bench,
        log,
        "使目录变化 (如断开一个通道)",
        "change the catalogue, for example unplug a channel",
        lambda: _notifies(bench, Kind.CATALOG) > before,
    )


async def _caused(bench: Bench, log: CaseLog, chinese: str, english: str, holds: Callable[[], bool]) -> bool:
    """Wait for somebody at the device, when the caller gave time for it."""
    wait_s = bench.options.operator_wait_s
    if not wait_s:
        log.remark(
            f"未等待: {chinese}", f"not waited for: {english}", "give operator_wait_s to see this, too"
        )
        return False
    log.remark(f"请在{wait_s:.0f}秒内{chinese}", f"now, within {wait_s:.0f} s: {english}")
    with log.step(f"收到: {chinese}", f"it is reported: {english}") as step:
        if not await bench.until(holds, wait_s):
            step.detail = f"nothing came within {wait_s:.0f} s"
            raise failed(step.detail)
    return True


# ---------------------------------------------------------------- inside


async def _is_armed(bench: Bench, log: CaseLog) -> bool:
    """By its own status, else by what it was told last."""
    with log.step("查询布防状态", "ask whether it is armed") as step:
        guards = bench.devices.alarms.guarding.guards_of(bench.device_id)
        was_armed = any(guard.is_armed and guard.target_id == bench.device_id for guard in guards)
        try:
            status = await bench.devices.query_status(bench.device_id)
        except DeviceError as error:
            step.detail = f"not known: {error}"
        else:
            was_armed = was_armed or any(each.duty_status in DUTY for each in status.alarms)
            step.detail = "armed" if was_armed else "not armed"
        return was_armed


def _view(bench: Bench, kind: Kind, target: str) -> SubscriptionView | None:
    views = bench.devices.subscriptions.views(bench.device_id)
    return next((view for view in views if view.key.kind is kind and view.key.target_id == target), None)


def _is_open(bench: Bench, kind: Kind, target: str) -> bool:
    view = _view(bench, kind, target)
    return view is not None and view.state is not State.OFF


def _notifies(bench: Bench, kind: Kind) -> int:
    views = bench.devices.subscriptions.views(bench.device_id)
    return sum(view.notifies for view in views if view.key.kind is kind)
