"""Alarms: list, acknowledge, reset; their clips and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from access.roles import Action
from console.api.alarm_models import Acknowledgement, AlarmItem, AlarmMeaning, CommandResult
from console.api.alarm_views import alarm_view
from console.api.instants import instant_of
from console.api.models import Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.ranges import file_response
from console.auth import Caller, may
from sipserver.devices.alarms.model import Alarm, AlarmFilter
from sipserver.gb.alarm_tables import METHODS, TYPES, describe
from storage.alarm_files import SUFFIXES, FileKind

router = APIRouter(tags=["alarms"])

AlarmId = Annotated[str, Path(pattern=r"^[0-9a-f]{8,32}$", description="`alarm_id` of an alarm.")]
FileId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="`file_id` of a clip or picture.")]
MEDIA_TYPES: Final = {FileKind.CLIP: "video/mp4", FileKind.PICTURE: "image/jpeg"}


@router.get("/alarms", summary="List alarms", responses=documented(400, 401, 403, 422))
async def list_alarms(
    caller: Annotated[Caller, Depends(may(Action.VIEW_ALARMS))],
    device_id: Annotated[str, Query(max_length=64)] = "",
    channel_id: Annotated[str, Query(max_length=64, description="The camera, or the source.")] = "",
    method: Annotated[int | None, Query(ge=1, le=7)] = None,
    alarm_type: Annotated[int | None, Query(alias="type", ge=0, le=1000)] = None,
    lowest_priority: Annotated[int | None, Query(ge=1, le=4, description="1: the most serious only.")] = None,
    acknowledged: Annotated[bool | None, Query()] = None,
    start: Annotated[str | None, Query(description="RFC 3339 with offset; open when missing.")] = None,
    end: Annotated[str | None, Query(description="RFC 3339 with offset; open when missing.")] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[AlarmItem]:
    """The newest first, by the time at which they came here."""
    wanted = AlarmFilter(
        device_id=device_id,
        channel_id=channel_id,
        method=method,
        alarm_type=alarm_type,
        lowest_priority=lowest_priority,
        is_acknowledged=acknowledged,
        start=instant_of("start", start),
        end=instant_of("end", end),
    )
    page = await caller.context.devices.alarms.find(wanted, cursor, limit)
    return Page(items=await alarm_views(caller, page.items), next=page.next)


@router.get("/alarms/{alarm_id}", summary="One alarm", responses=documented(401, 403, 404, 422))
async def get_alarm(
    alarm_id: AlarmId, caller: Annotated[Caller, Depends(may(Action.VIEW_ALARMS))]
) -> AlarmItem:
    return await _view(caller, await caller.context.devices.alarms.get(alarm_id))


@router.post(
    "/alarms/{alarm_id}/acknowledge", summary="Acknowledge an alarm", responses=documented(401, 403, 404, 422)
)
async def acknowledge_alarm(
    alarm_id: AlarmId,
    body: Acknowledgement,
    caller: Annotated[Caller, Depends(may(Action.HANDLE_ALARMS))],
) -> AlarmItem:
    """The first acknowledgement counts. A device alarm is then reset, if `auto_reset` says so."""
    async with caller.recorded(Action.HANDLE_ALARMS, alarm_id, done="acknowledged"):
        alarm = await caller.context.devices.alarms.acknowledge(alarm_id, caller.username, body.note)
    return await _view(caller, alarm)


@router.post(
    "/alarms/{alarm_id}/reset",
    summary="Reset an alarm at its device",
    responses=documented(401, 403, 404, 422, 502, 503, 504),
)
async def reset_alarm(
    alarm_id: AlarmId, caller: Annotated[Caller, Depends(may(Action.HANDLE_ALARMS))]
) -> CommandResult:
    """AlarmCmd ResetAlarm (报警复位): many devices report no further device alarm before it."""
    async with caller.recorded(Action.HANDLE_ALARMS, alarm_id, done="reset"):
        confirmed = await caller.context.devices.alarms.reset(alarm_id)
    return CommandResult(confirmed=confirmed is True)


@router.get("/alarm-types", summary="What the numbers of alarms mean", responses=documented(401, 403))
async def list_alarm_types(
    caller: Annotated[Caller, Depends(may(Action.VIEW_ALARMS))],
) -> Page[AlarmMeaning]:
    """The table of GB/T 28181: each method, then its types."""
    rows = [(method, None) for method in METHODS] + list(TYPES)
    meanings = [(method, kind, describe(method, kind)) for method, kind in rows]
    return Page(
        items=[
            AlarmMeaning(method=method, type=kind, text=words.english, text_chinese=words.chinese)
            for method, kind, words in meanings
        ]
    )


@router.head("/alarm-files/{file_id}", include_in_schema=False)
@router.get(
    "/alarm-files/{file_id}",
    summary="Play or save a clip or picture of an alarm",
    response_class=Response,
    responses={
        **documented(401, 403, 404, 409, 416, 422),
        200: {"content": {"video/mp4": {}, "image/jpeg": {}}},
        206: {"description": "The part that Range asks for.", "content": {"video/mp4": {}}},
    },
)
async def get_alarm_file(
    request: Request, file_id: FileId, caller: Annotated[Caller, Depends(may(Action.VIEW_RECORDINGS))]
) -> Response:
    """An MP4 file that plays by itself, or a JPEG."""
    context = caller.context
    file, path = await context.alarm_files.open_file(file_id)
    if context.viewed.is_first((caller.identity.session_id, file_id)):
        await caller.record(Action.VIEW_RECORDINGS, str(file.key), detail={"alarm_file": file_id})
    return await file_response(request, path, MEDIA_TYPES[file.kind], f"{file_id}{SUFFIXES[file.kind]}")


async def alarm_views(caller: Caller, alarms: Sequence[Alarm]) -> list[AlarmItem]:
    """Alarms with what was done about them and what was kept."""
    actions = await caller.context.devices.alarms.actions_of([alarm.alarm_id for alarm in alarms])
    file_ids = [action.file_id for done in actions.values() for action in done if action.file_id]
    files = await caller.context.alarm_files.files(file_ids) if file_ids else {}
    return [alarm_view(alarm, actions.get(alarm.alarm_id, []), files) for alarm in alarms]


async def _view(caller: Caller, alarm: Alarm) -> AlarmItem:
    return (await alarm_views(caller, [alarm]))[0]
