"""Sound that is kept, and when it is played: clips and schedules."""

import struct
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from access.roles import Action
from console.api.audio import audio_key
from console.api.audio_models import Clip, Clips, Schedule, ScheduleCommand, Schedules
from console.api.problems import INVALID, ApiProblem, documented
from console.api.security import BodyTooLarge
from console.auth import Caller, may
from media.audio.decode import MAX_FILE_BYTES
from media.audio.g711 import SAMPLE_RATE
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.audio.store import ClipInfo
from sipserver.devices.audio.store import Schedule as KeptSchedule
from sipserver.devices.audio.timetable import Timetable

router = APIRouter(tags=["audio"])

ClipPath = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
SchedulePath = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Speaker = Annotated[Caller, Depends(may(Action.SPEAK))]
_ALAW_TAG: Final = 6


@router.get("/audio/clips", summary="List clips", responses=documented(401, 403))
async def list_clips(caller: Speaker) -> Clips:
    return Clips(items=[_clip(info) for info in await caller.context.devices.audio.clips.list()])


@router.post(
    "/audio/clips",
    status_code=201,
    summary="Keep a clip",
    responses=documented(401, 403, 413, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("audio/wav", "audio/mpeg")
            },
        }
    },
)
async def add_clip(
    request: Request,
    caller: Speaker,
    name: Annotated[str, Query(min_length=1, max_length=128, examples=["Closing time"])],
) -> Clip:
    """The body is a WAV or MP3 file of any rate; it is kept as G.711 at 8 kHz, as devices play it."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_FILE_BYTES:
            raise BodyTooLarge(MAX_FILE_BYTES)
    async with caller.recorded(Action.SPEAK, name, event="clip added", size=len(data)):
        info = await caller.context.devices.audio.clips.add(name, bytes(data), caller.username)
    return _clip(info)


@router.get("/audio/clips/{clip_id}", summary="One clip", responses=documented(401, 403, 404, 422))
async def get_clip(clip_id: ClipPath, caller: Speaker) -> Clip:
    return _clip(await caller.context.devices.audio.clips.info(clip_id))


@router.get(
    "/audio/clips/{clip_id}/sound.wav",
    summary="Listen to a clip",
    response_class=Response,
    responses={
        **documented(401, 403, 404, 422),
        200: {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}},
    },
)
async def get_clip_sound(clip_id: ClipPath, caller: Speaker) -> Response:
    """As devices get it: G.711 A-law, 8 kHz."""
    alaw = await caller.context.devices.audio.clips.sound(clip_id)
    return Response(_wav(alaw), media_type="audio/wav")


@router.delete(
    "/audio/clips/{clip_id}",
    status_code=204,
    summary="Remove a clip",
    responses=documented(401, 403, 404, 409, 422),
)
async def remove_clip(clip_id: ClipPath, caller: Speaker) -> None:
    """Refused while a schedule plays it."""
    async with caller.recorded(Action.SPEAK, clip_id, event="clip removed"):
        await caller.context.devices.audio.remove_clip(clip_id)


@router.get("/audio/schedules", summary="List planned announcements", responses=documented(401, 403))
async def list_schedules(caller: Speaker) -> Schedules:
    listed = caller.context.devices.audio.schedules.list()
    return Schedules(items=[_schedule(*each) for each in listed])


@router.post(
    "/audio/schedules",
    status_code=201,
    summary="Plan an announcement",
    responses=documented(401, 403, 404, 409, 422, 503),
)
async def add_schedule(command: ScheduleCommand, caller: Speaker) -> Schedule:
    """Devices are called at the time itself; the sound begins when all have answered or failed."""
    schedules = caller.context.devices.audio.schedules
    schedule = await _kept(caller, "", command)
    async with caller.recorded(Action.SPEAK, command.name, event="schedule added"):
        kept = await schedules.add(schedule)
    return _schedule(*schedules.get(kept.schedule_id))


@router.get(
    "/audio/schedules/{schedule_id}",
    summary="One planned announcement",
    responses=documented(401, 403, 404, 422),
)
async def get_schedule(schedule_id: SchedulePath, caller: Speaker) -> Schedule:
    return _schedule(*caller.context.devices.audio.schedules.get(schedule_id))


@router.put(
    "/audio/schedules/{schedule_id}",
    summary="Change a planned announcement",
    responses=documented(401, 403, 404, 409, 422),
)
async def change_schedule(schedule_id: SchedulePath, command: ScheduleCommand, caller: Speaker) -> Schedule:
    schedules = caller.context.devices.audio.schedules
    schedules.get(schedule_id)
    schedule = await _kept(caller, schedule_id, command)
    async with caller.recorded(Action.SPEAK, command.name, event="schedule changed"):
        await schedules.change(schedule)
    return _schedule(*schedules.get(schedule_id))


@router.delete(
    "/audio/schedules/{schedule_id}",
    status_code=204,
    summary="Remove a planned announcement",
    responses=documented(401, 403, 404, 422),
)
async def remove_schedule(schedule_id: SchedulePath, caller: Speaker) -> None:
    """One that plays now is played to its end."""
    async with caller.recorded(Action.SPEAK, schedule_id, event="schedule removed"):
        await caller.context.devices.audio.schedules.remove(schedule_id)


async def _kept(caller: Caller, schedule_id: str, command: ScheduleCommand) -> KeptSchedule:
    """The schedule that a command means; its clip and targets exist."""
    await caller.context.devices.audio.clips.info(command.clip_id)
    keys = [await audio_key(caller, text) for text in command.targets]
    try:
        timetable = Timetable(
            tuple(sorted(command.times)),
            tuple(sorted(set(command.weekdays))),
            command.first_date,
            command.last_date,
        )
    except ValueError as error:
        raise ApiProblem(INVALID, str(error)) from error
    return KeptSchedule(
        schedule_id=schedule_id,
        name=command.name,
        clip_id=command.clip_id,
        targets=tuple(dict.fromkeys(keys)),
        timetable=timetable,
        mode=AudioMode(command.mode),
        repeats=command.repeats,
        is_enabled=command.enabled,
        created_by=caller.username,
    )


def _clip(info: ClipInfo) -> Clip:
    return Clip(
        clip_id=info.clip_id,
        name=info.name,
        duration_s=round(info.duration_s, 3),
        created_by=info.created_by,
        created_time=info.created_time,
    )


def _schedule(kept: KeptSchedule, next_time: object) -> Schedule:
    timetable = kept.timetable
    return Schedule.model_validate(
        {
            "schedule_id": kept.schedule_id,
            "name": kept.name,
            "clip_id": kept.clip_id,
            "targets": [str(key) for key in kept.targets],
            "times": list(timetable.times),
            "weekdays": list(timetable.weekdays),
            "first_date": timetable.first_date,
            "last_date": timetable.last_date,
            "mode": kept.mode.value,
            "repeats": kept.repeats,
            "enabled": kept.is_enabled,
            "created_by": kept.created_by,
            "next_time": next_time,
            "last_time": kept.last_time,
            "last_result": kept.last_result,
        }
    )


def _wav(alaw: bytes) -> bytes:
    """A WAV file of A-law bytes."""
    head = struct.pack("<HHIIHH", _ALAW_TAG, 1, SAMPLE_RATE, SAMPLE_RATE, 1, 8)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(alaw)) + alaw
    return b"RIFF" + struct.pack("<I", len(body)) + body
