"""Presets, cruises and scans of a camera."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query

from access.roles import Action
from console.api.channels import ChannelId
from console.api.problems import INVALID, ApiProblem, documented
from console.api.ptz_models import (
    Cruise,
    CruiseChange,
    CruisePoint,
    Cruises,
    CruiseTrack,
    Name,
    Preset,
    Presets,
    ScanChange,
)
from console.api.ptz_views import DespiteEdition, camera_key, holder_of
from console.auth import Caller, may
from sipserver.gb import ptz
from sipserver.gb.camera_commands import CRUISE_NAME_BYTES_MAX, NAME_CHARSET

router = APIRouter(tags=["ptz"])

Mover = Annotated[Caller, Depends(may(Action.CONTROL_PTZ))]
PresetNumber = Annotated[int, Path(ge=1, le=255, description="1 to 255; 0 is reserved.", examples=[5])]
Group = Annotated[int, Path(ge=0, le=255, description="Number of the cruise or scan, 0 to 255.")]
_COMMANDED = documented(401, 403, 404, 409, 422, 502, 503, 504)


@router.get("/channels/{channel_id}/presets", summary="List presets", responses=_COMMANDED)
async def list_presets(
    channel_id: ChannelId,
    caller: Mover,
    named: Annotated[
        bool, Query(description="Leave out those without a name: some devices list every number.")
    ] = False,
    despite_edition: DespiteEdition = False,
) -> Presets:
    """Asks the device (预置位查询)."""
    key = await camera_key(caller, channel_id)
    found = await caller.context.devices.commands.presets(key, despite_edition=despite_edition)
    return Presets(
        items=[Preset(number=item.number, name=item.name) for item in found if item.name or not named]
    )


@router.put(
    "/channels/{channel_id}/presets/{number}", status_code=204, summary="Set a preset", responses=_COMMANDED
)
async def set_preset(channel_id: ChannelId, number: PresetNumber, request: Name, caller: Mover) -> None:
    """Keeps the present direction under this number."""
    instruction = ptz.Preset(ptz.PresetAction.SET, number)
    await _instruct(caller, channel_id, instruction, preset_name=request.name)


@router.delete(
    "/channels/{channel_id}/presets/{number}",
    status_code=204,
    summary="Delete a preset",
    responses=_COMMANDED,
)
async def delete_preset(channel_id: ChannelId, number: PresetNumber, caller: Mover) -> None:
    await _instruct(caller, channel_id, ptz.Preset(ptz.PresetAction.DELETE, number))


@router.post(
    "/channels/{channel_id}/presets/{number}/call",
    status_code=204,
    summary="Turn to a preset",
    responses=_COMMANDED,
)
async def call_preset(channel_id: ChannelId, number: PresetNumber, caller: Mover) -> None:
    """A movement of ours that still runs is stopped first."""
    await _instruct(caller, channel_id, ptz.Preset(ptz.PresetAction.CALL, number))


@router.get("/channels/{channel_id}/cruises", summary="List cruises", responses=_COMMANDED)
async def list_cruises(
    channel_id: ChannelId, caller: Mover, despite_edition: DespiteEdition = False
) -> Cruises:
    """Asks the device (edition 2022)."""
    key = await camera_key(caller, channel_id)
    found = await caller.context.devices.commands.cruises(key, despite_edition=despite_edition)
    return Cruises(items=[Cruise(number=item.number, name=item.name) for item in found])


@router.get("/channels/{channel_id}/cruises/{group}", summary="One cruise", responses=_COMMANDED)
async def get_cruise(
    channel_id: ChannelId, group: Group, caller: Mover, despite_edition: DespiteEdition = False
) -> CruiseTrack:
    """Asks the device (edition 2022)."""
    key = await camera_key(caller, channel_id)
    found = await caller.context.devices.commands.cruise(key, group, despite_edition=despite_edition)
    points = [
        CruisePoint(preset=point.preset_index, stay_s=point.stay_s, speed=point.speed)
        for point in found.points
    ]
    return CruiseTrack(number=group if found.number is None else found.number, name=found.name, points=points)


@router.put(
    "/channels/{channel_id}/cruises/{group}/points/{number}",
    status_code=204,
    summary="Add a preset to a cruise",
    responses=_COMMANDED,
)
async def add_cruise_point(
    channel_id: ChannelId, group: Group, number: PresetNumber, request: Name, caller: Mover
) -> None:
    """`name` names the cruise, at most 32 bytes in GB 18030."""
    if len(request.name.encode(NAME_CHARSET, "replace")) > CRUISE_NAME_BYTES_MAX:
        raise ApiProblem(INVALID, f"The name of a cruise has at most {CRUISE_NAME_BYTES_MAX} bytes")
    await _instruct(caller, channel_id, ptz.CruiseAdd(group, number), cruise_name=request.name)


@router.delete(
    "/channels/{channel_id}/cruises/{group}/points/{number}",
    status_code=204,
    summary="Take a preset out of a cruise",
    responses=_COMMANDED,
)
async def delete_cruise_point(
    channel_id: ChannelId, group: Group, number: PresetNumber, caller: Mover
) -> None:
    await _instruct(caller, channel_id, ptz.CruiseDelete(group, number))


@router.patch(
    "/channels/{channel_id}/cruises/{group}",
    status_code=204,
    summary="Change speed and rest of a cruise",
    responses=_COMMANDED,
)
async def change_cruise(channel_id: ChannelId, group: Group, request: CruiseChange, caller: Mover) -> None:
    if request.speed is not None:
        await _instruct(caller, channel_id, ptz.CruiseSpeed(group, request.speed))
    if request.dwell_s is not None:
        await _instruct(caller, channel_id, ptz.CruiseDwell(group, request.dwell_s))


@router.delete(
    "/channels/{channel_id}/cruises/{group}",
    status_code=204,
    summary="Delete a cruise",
    responses=_COMMANDED,
)
async def delete_cruise(channel_id: ChannelId, group: Group, caller: Mover) -> None:
    await _instruct(caller, channel_id, ptz.CruiseDelete(group))


@router.post(
    "/channels/{channel_id}/cruises/{group}/start",
    status_code=204,
    summary="Start a cruise",
    responses=_COMMANDED,
)
async def start_cruise(channel_id: ChannelId, group: Group, caller: Mover) -> None:
    """It goes on, also without anybody watching, until `POST .../ptz/stop` or another movement."""
    await _instruct(caller, channel_id, ptz.CruiseStart(group))


@router.post(
    "/channels/{channel_id}/scans/{group}/start",
    status_code=204,
    summary="Start an automatic scan",
    responses=_COMMANDED,
)
async def start_scan(channel_id: ChannelId, group: Group, caller: Mover) -> None:
    """It goes on until `POST .../ptz/stop` or another movement (自动扫描)."""
    await _instruct(caller, channel_id, ptz.ScanStart(group))


@router.put(
    "/channels/{channel_id}/scans/{group}/limits/{side}",
    status_code=204,
    summary="Make the present direction a limit of a scan",
    responses=_COMMANDED,
)
async def set_scan_limit(
    channel_id: ChannelId, group: Group, side: Literal["left", "right"], caller: Mover
) -> None:
    limit = ptz.ScanSide.LEFT if side == "left" else ptz.ScanSide.RIGHT
    await _instruct(caller, channel_id, ptz.ScanLimit(group, limit))


@router.patch(
    "/channels/{channel_id}/scans/{group}",
    status_code=204,
    summary="Change the speed of a scan",
    responses=_COMMANDED,
)
async def change_scan(channel_id: ChannelId, group: Group, request: ScanChange, caller: Mover) -> None:
    await _instruct(caller, channel_id, ptz.ScanSpeed(group, request.speed))


async def _instruct(
    caller: Caller,
    channel_id: str,
    instruction: ptz.Instruction,
    *,
    preset_name: str = "",
    cruise_name: str = "",
) -> None:
    key = await camera_key(caller, channel_id)
    async with caller.recorded(Action.CONTROL_PTZ, str(key), command=repr(instruction)):
        await caller.context.devices.ptz.instruct(
            key, holder_of(caller), instruction, preset_name=preset_name, cruise_name=cruise_name
        )
