"""Alarms of one device: arm and disarm, reset, its own policy, and why none arrive."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends

from access.roles import Action
from catalog.errors import UnknownDevice
from console.api.alarm_models import (
    AlarmItem,
    AlarmPolicy,
    AlarmResetRequest,
    AlarmSituation,
    CommandResult,
    GuardChange,
    GuardState,
    TestAlarm,
)
from console.api.alarm_views import alarm_view, guard_view
from console.api.devices import DeviceId
from console.api.problems import documented
from console.auth import Caller, may
from sipserver.devices.alarms.model import DevicePolicy
from sipserver.devices.alarms.settings import AutoReset
from sipserver.devices.subscriptions.kinds import Kind

router = APIRouter(tags=["alarms"])

NOT_ARMED: Final = "Arm the device (PUT .../guard): many report nothing before."
NO_SUBSCRIPTION: Final = (
    "Subscribe to its alarms (PUT .../subscriptions/alarm): some report to subscribers only."
)
NOT_RESET: Final = "Reset it (POST .../alarm-reset): a device alarm that was not reset may block the next."
TRY_IT: Final = "Cover the lens or close an alarm input, then look at the device's signalling trace."


@router.get(
    "/devices/{device_id}/alarm-situation",
    summary="Why alarms of a device come or do not",
    responses=documented(401, 403, 404, 422),
)
async def get_situation(
    device_id: DeviceId, caller: Annotated[Caller, Depends(may(Action.VIEW_ALARMS))]
) -> AlarmSituation:
    """What it was told, its subscription, its newest alarm, and what to try."""
    await _known(caller, device_id)
    return await _situation(caller, device_id)


@router.put(
    "/devices/{device_id}/guard",
    summary="Arm or disarm",
    responses=documented(401, 403, 404, 422, 502, 503, 504),
)
async def set_guard(
    device_id: DeviceId, body: GuardChange, caller: Annotated[Caller, Depends(may(Action.CONTROL_DEVICE))]
) -> GuardState:
    """GuardCmd (布防, 撤防), remembered and shown. What an operator disarmed is not armed by itself."""
    target_id = body.target_id or device_id
    async with caller.recorded(Action.CONTROL_DEVICE, device_id, guard_of=target_id, armed=body.armed):
        guard = await caller.context.devices.alarms.guarding.set_guard(
            device_id, target_id, armed=body.armed, by=caller.username
        )
    return guard_view(guard)


@router.post(
    "/devices/{device_id}/alarm-reset",
    summary="Reset the alarms of a device",
    responses=documented(401, 403, 404, 422, 502, 503, 504),
)
async def reset_alarms(
    device_id: DeviceId,
    body: AlarmResetRequest,
    caller: Annotated[Caller, Depends(may(Action.HANDLE_ALARMS))],
) -> CommandResult:
    """AlarmCmd ResetAlarm (报警复位) for all methods, or for some."""
    target_id = body.target_id or device_id
    async with caller.recorded(Action.HANDLE_ALARMS, device_id, reset_of=target_id, methods=body.methods):
        confirmed = await caller.context.devices.alarms.guarding.reset(
            device_id, target_id, tuple(sorted(set(body.methods))), body.type
        )
    return CommandResult(confirmed=confirmed is True)


@router.put(
    "/devices/{device_id}/alarm-policy",
    summary="Arm and reset a device by itself",
    responses=documented(401, 403, 404, 422),
)
async def set_policy(
    device_id: DeviceId, body: AlarmPolicy, caller: Annotated[Caller, Depends(may(Action.MANAGE_DEVICES))]
) -> AlarmSituation:
    """The device's own policy in place of the settings'; null goes back to these."""
    await _known(caller, device_id)
    policy = DevicePolicy(
        device_id=device_id,
        auto_arm=body.auto_arm,
        auto_reset=None if body.auto_reset is None else AutoReset(body.auto_reset),
    )
    async with caller.recorded(Action.MANAGE_DEVICES, device_id, alarm_policy=body.model_dump()):
        await caller.context.devices.alarms.guarding.set_policy(policy)
    return await _situation(caller, device_id)


@router.post(
    "/devices/{device_id}/test-alarm",
    status_code=201,
    summary="Try the alarm rules",
    responses=documented(401, 403, 404, 422),
)
async def test_alarm(
    device_id: DeviceId, body: TestAlarm, caller: Annotated[Caller, Depends(may(Action.HANDLE_ALARMS))]
) -> AlarmItem:
    """As if the device had sent it: stored as a test, told to listeners, and acted on by the rules."""
    await _known(caller, device_id)
    source_id = body.source_id or device_id
    async with caller.recorded(Action.HANDLE_ALARMS, device_id, test=True, source=source_id):
        alarm = caller.context.devices.alarms.test(
            device_id, source_id, method=body.method, alarm_type=body.type, by=caller.username
        )
    return alarm_view(alarm, [], {})


async def _known(caller: Caller, device_id: str) -> None:
    if await caller.context.catalog.get_device(device_id) is None:
        raise UnknownDevice(device_id)


async def _situation(caller: Caller, device_id: str) -> AlarmSituation:
    devices = caller.context.devices
    guarding = devices.alarms.guarding
    policy = guarding.policy_of(device_id)
    guards = guarding.guards_of(device_id)
    views = [view for view in devices.subscriptions.views(device_id) if view.key.kind is Kind.ALARM]
    newest = await devices.alarms.newest_of(device_id)
    wrong = [
        (not any(guard.is_armed for guard in guards), NOT_ARMED),
        (not views, NO_SUBSCRIPTION),
        (newest is not None and newest.method == 2, NOT_RESET),
        (newest is None, TRY_IT),
    ]
    return AlarmSituation(
        device_id=device_id,
        guards=[guard_view(guard) for guard in guards],
        auto_arm=guarding.arms_by_itself(device_id),
        auto_reset=guarding.auto_reset_of(device_id).value,
        own_auto_arm=policy.auto_arm,
        own_auto_reset=policy.auto_reset.value if policy.auto_reset else None,
        subscription=views[0].state.value if views else None,
        newest=newest.received_time if newest else None,
        advice=[text for is_wrong, text in wrong if is_wrong],
    )
