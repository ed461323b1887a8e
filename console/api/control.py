"""Commands to a device: key frame, recording of its own, restart."""

from typing import Annotated

from fastapi import APIRouter, Depends

from access.roles import Action
from console.api.channels import ChannelId
from console.api.devices import DeviceId, known_device
from console.api.problems import documented
from console.api.ptz_models import CommandResult, DeviceRecording
from console.api.ptz_views import camera_key, result_view
from console.auth import Caller, may
from sipserver.gb.control_commands import RecordCommand, TeleBoot

router = APIRouter(tags=["control"])

Controller = Annotated[Caller, Depends(may(Action.CONTROL_DEVICE))]
_COMMANDED = documented(401, 403, 404, 409, 422, 502, 503, 504)


@router.post(
    "/channels/{channel_id}/keyframe", status_code=204, summary="Ask for a key frame", responses=_COMMANDED
)
async def ask_keyframe(channel_id: ChannelId, caller: Controller) -> None:
    """In the spelling that the device's edition and profile name."""
    key = await camera_key(caller, channel_id)
    async with caller.recorded(Action.CONTROL_DEVICE, str(key), command="keyframe"):
        await caller.context.devices.request_keyframe(key)


@router.put(
    "/channels/{channel_id}/device-recording",
    summary="Start or stop recording in the device",
    responses=_COMMANDED,
)
async def record_in_device(
    channel_id: ChannelId, request: DeviceRecording, caller: Controller
) -> CommandResult:
    """On the device's own storage (录像控制); for ours see `channels/{channel_id}/recording`."""
    key = await camera_key(caller, channel_id)
    command = RecordCommand(request.on, request.stream_number)
    async with caller.recorded(Action.CONTROL_DEVICE, str(key), record=request.on):
        outcome = await caller.context.devices.commands.send(key.device_id, key.channel_id, command)
    return result_view(outcome)


@router.post("/devices/{device_id}/restart", summary="Restart a device", responses=_COMMANDED)
async def restart(device_id: DeviceId, caller: Controller) -> CommandResult:
    """It goes offline and registers again when it is up (远程启动)."""
    await known_device(caller, device_id)
    async with caller.recorded(Action.CONTROL_DEVICE, device_id, command="restart"):
        outcome = await caller.context.devices.commands.send(device_id, device_id, TeleBoot())
    return result_view(outcome)
