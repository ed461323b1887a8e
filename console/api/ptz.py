"""Moving a camera: hold, stop, lock, aim, and the joystick's socket."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, WebSocket

from access.roles import Action
from console.api.channels import ChannelId
from console.api.joystick import Joystick, admitted
from console.api.problems import documented
from console.api.ptz_models import (
    CommandResult,
    DragZoomRequest,
    HomePosition,
    HomePositionAnswer,
    LockRequest,
    PreciseAim,
    PtzPosition,
    PtzStatus,
    Switch,
    TimedMovement,
    TrackRequest,
)
from console.api.ptz_views import (
    DespiteEdition,
    area_of,
    camera_key,
    hold_s_of,
    holder_of,
    home_view,
    motion_of,
    ptz_status,
    result_view,
)
from console.auth import Caller, may
from sipserver.gb.ids import GbId
from sipserver.gb.messages import device_control as gb
from sipserver.gb.ptz import Auxiliary

router = APIRouter(tags=["ptz"])

Mover = Annotated[Caller, Depends(may(Action.CONTROL_PTZ))]
Controller = Annotated[Caller, Depends(may(Action.CONTROL_DEVICE))]
_COMMANDED = documented(401, 403, 404, 409, 422, 502, 503, 504)


@router.get(
    "/channels/{channel_id}/ptz", summary="Who moves a camera", responses=documented(401, 403, 404, 409, 422)
)
async def get_ptz(
    channel_id: ChannelId, caller: Annotated[Caller, Depends(may(Action.VIEW_CATALOG))]
) -> PtzStatus:
    """The lock and the movement that is held now."""
    return ptz_status(caller, await camera_key(caller, channel_id))


@router.post("/channels/{channel_id}/ptz/move", summary="Move for a time", responses=_COMMANDED)
async def move(channel_id: ChannelId, movement: TimedMovement, caller: Mover) -> PtzStatus:
    """Answers when the device took it; the platform stops it after `for_s` unless it is sent anew.

    For a joystick use the socket `channels/{channel_id}/ptz/joystick`.
    """
    key = await camera_key(caller, channel_id)
    async with caller.recorded(Action.CONTROL_PTZ, str(key), **movement.model_dump(exclude_defaults=True)):
        await caller.context.devices.ptz.move(
            key, holder_of(caller), motion_of(movement), hold_s=hold_s_of(caller, movement.for_s)
        )
    return ptz_status(caller, key)


@router.post("/channels/{channel_id}/ptz/stop", summary="Stop", responses=_COMMANDED)
async def stop(channel_id: ChannelId, caller: Mover) -> PtzStatus:
    """Stops movement, cruise and scan. When the device does not answer, stop is sent again until it does."""
    key = await camera_key(caller, channel_id)
    async with caller.recorded(Action.CONTROL_PTZ, str(key), command="stop"):
        await caller.context.devices.ptz.stop(key, holder_of(caller))
    return ptz_status(caller, key)


@router.put(
    "/channels/{channel_id}/ptz/lock",
    summary="Take a camera for a time",
    responses=documented(401, 403, 404, 409, 422),
)
async def lock(channel_id: ChannelId, request: LockRequest, caller: Mover) -> PtzStatus:
    """Others of the same or a lower priority cannot move it until then, or until DELETE."""
    key = await camera_key(caller, channel_id)
    async with caller.recorded(Action.CONTROL_PTZ, str(key), command="lock", for_s=request.for_s):
        caller.context.devices.ptz.lock(key, holder_of(caller), hold_s_of(caller, request.for_s))
    return ptz_status(caller, key)


@router.delete(
    "/channels/{channel_id}/ptz/lock",
    status_code=204,
    summary="Give a camera back",
    responses=documented(401, 403, 404, 409, 422),
)
async def unlock(channel_id: ChannelId, caller: Mover) -> None:
    """Stops what this log-in moves, and frees its lock; nothing happens when it has neither."""
    key = await camera_key(caller, channel_id)
    async with caller.recorded(Action.CONTROL_PTZ, str(key), command="unlock"):
        caller.context.devices.ptz.release(key, caller.identity.session_id)


@router.websocket("/channels/{channel_id}/ptz/joystick")
async def joystick(websocket: WebSocket, channel_id: str) -> None:
    """The held joystick: each message is the movement that is wanted from now on."""
    entrance = await admitted(websocket, Action.CONTROL_PTZ, channel_id)
    if entrance is not None:
        await Joystick(websocket, *entrance).run()


@router.put(
    "/channels/{channel_id}/ptz/auxiliaries/{number}",
    status_code=204,
    summary="Switch something at the camera",
    responses=_COMMANDED,
)
async def switch(
    channel_id: ChannelId,
    number: Annotated[int, Path(ge=0, le=255, description="1 is the wiper (雨刷).")],
    request: Switch,
    caller: Mover,
) -> None:
    key = await camera_key(caller, channel_id)
    async with caller.recorded(Action.CONTROL_PTZ, str(key), auxiliary=number, on=request.on):
        await caller.context.devices.ptz.instruct(key, holder_of(caller), Auxiliary(number, request.on))


@router.get("/channels/{channel_id}/ptz/position", summary="Where a camera looks", responses=_COMMANDED)
async def get_position(
    channel_id: ChannelId, caller: Mover, despite_edition: DespiteEdition = False
) -> PtzPosition:
    """Asks the device (edition 2022)."""
    key = await camera_key(caller, channel_id)
    found = await caller.context.devices.commands.position(key, despite_edition=despite_edition)
    return PtzPosition(
        pan=found.pan,
        tilt=found.tilt,
        zoom=found.zoom,
        horizontal_angle=found.horizontal_angle,
        vertical_angle=found.vertical_angle,
        view_distance_m=found.view_distance_m,
    )


@router.put("/channels/{channel_id}/ptz/position", summary="Aim exactly", responses=_COMMANDED)
async def aim(
    channel_id: ChannelId, request: PreciseAim, caller: Mover, despite_edition: DespiteEdition = False
) -> CommandResult:
    """Turn to a direction and zoom (精准控制, edition 2022)."""
    command = gb.PtzPrecise(request.pan, request.tilt, request.zoom)
    return await _aimed(caller, channel_id, command, despite_edition, **request.model_dump(exclude_none=True))


@router.post("/channels/{channel_id}/ptz/drag-zoom", summary="Zoom on a box", responses=_COMMANDED)
async def drag_zoom(
    channel_id: ChannelId, request: DragZoomRequest, caller: Mover, despite_edition: DespiteEdition = False
) -> CommandResult:
    """The box that was drawn in the picture fills it afterwards (拉框放大); `out` is the reverse."""
    direction = gb.ZoomDirection.IN if request.direction == "in" else gb.ZoomDirection.OUT
    command = gb.DragZoom(direction, area_of(request.area))
    return await _aimed(caller, channel_id, command, despite_edition, drag_zoom=request.direction)


@router.post("/channels/{channel_id}/ptz/track", summary="Follow a target", responses=_COMMANDED)
async def track(
    channel_id: ChannelId, request: TrackRequest, caller: Mover, despite_edition: DespiteEdition = False
) -> CommandResult:
    """For the dome of a panoramic camera (目标跟踪, edition 2022)."""
    panorama = request.panorama_channel_id
    command = gb.TargetTrack(
        gb.TrackMode(request.mode.capitalize()),
        None if panorama is None else GbId(panorama),
        None if request.area is None else area_of(request.area),
    )
    return await _aimed(caller, channel_id, command, despite_edition, track=request.mode)


@router.get(
    "/channels/{channel_id}/home-position", summary="The home position of a camera", responses=_COMMANDED
)
async def get_home_position(
    channel_id: ChannelId, caller: Mover, despite_edition: DespiteEdition = False
) -> HomePositionAnswer:
    """Asks the device (edition 2022)."""
    key = await camera_key(caller, channel_id)
    home = await caller.context.devices.commands.home_position(key, despite_edition=despite_edition)
    return HomePositionAnswer(home_position=home_view(home))


@router.put(
    "/channels/{channel_id}/home-position", summary="Set the home position of a camera", responses=_COMMANDED
)
async def set_home_position(
    channel_id: ChannelId, request: HomePosition, caller: Controller, despite_edition: DespiteEdition = False
) -> CommandResult:
    """Left alone for `reset_time_s`, the camera returns to `preset` (看守位)."""
    key = await camera_key(caller, channel_id)
    command = gb.HomePosition(request.enabled, request.reset_time_s, request.preset)
    async with caller.recorded(Action.CONTROL_DEVICE, str(key), home_position=request.model_dump()):
        outcome = await caller.context.devices.commands.send(
            key.device_id, key.channel_id, command, despite_edition=despite_edition
        )
    return result_view(outcome)


async def _aimed(
    caller: Caller,
    channel_id: str,
    command: gb.DragZoom | gb.PtzPrecise | gb.TargetTrack,
    despite_edition: bool,
    **detail: object,
) -> CommandResult:
    key = await camera_key(caller, channel_id)
    async with caller.recorded(Action.CONTROL_PTZ, str(key), **detail):
        outcome = await caller.context.devices.commands.aim(
            key, holder_of(caller), command, despite_edition=despite_edition
        )
    return result_view(outcome)
