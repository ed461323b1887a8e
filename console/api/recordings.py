"""Recordings: start, stop, list, play."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from access.roles import Action
from catalog.model import ChannelKey
from console.api.channels import ChannelId, known_channel
from console.api.instants import instant_of
from console.api.models import Page, RecordingItem, RecordingState
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import SEGMENT_GONE, ApiProblem, documented
from console.api.ranges import file_response
from console.api.views import recording_view
from console.auth import Caller, may

router = APIRouter(tags=["recordings"])

SegmentId = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,80}$", description="`segment_id` of a recording.")]


@router.put(
    "/channels/{channel_id}/recording",
    summary="Start recording",
    responses=documented(401, 403, 404, 409, 422, 507),
)
async def start_recording(
    channel_id: ChannelId, caller: Annotated[Caller, Depends(may(Action.RECORD))]
) -> RecordingState:
    """Record from now until DELETE, also across restarts and while the device comes and goes."""
    key = (await known_channel(caller, channel_id)).key
    async with caller.recorded(Action.RECORD, str(key), wanted=True):
        await caller.context.recorder.start(key, caller.username)
    return _state(caller, key, wanted=True)


@router.delete(
    "/channels/{channel_id}/recording",
    summary="Stop recording",
    responses=documented(401, 403, 404, 409, 422),
)
async def stop_recording(
    channel_id: ChannelId, caller: Annotated[Caller, Depends(may(Action.RECORD))]
) -> RecordingState:
    """End the recording that was asked for; answers when its last file is closed.

    A channel with `record_always` cannot be stopped this way.
    """
    key = (await known_channel(caller, channel_id)).key
    async with caller.recorded(Action.RECORD, str(key), wanted=False):
        await caller.context.recorder.stop(key)
    return _state(caller, key, wanted=False)


@router.get(
    "/channels/{channel_id}/recordings",
    summary="List recordings",
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def list_recordings(
    channel_id: ChannelId,
    caller: Annotated[Caller, Depends(may(Action.VIEW_RECORDINGS))],
    start: Annotated[str | None, Query(description="RFC 3339 with offset; open when missing.")] = None,
    end: Annotated[str | None, Query(description="RFC 3339 with offset; open when missing.")] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[RecordingItem]:
    """Segments that overlap the time asked for, oldest first, the one being written included."""
    key = (await known_channel(caller, channel_id)).key
    page = await caller.context.segments.list_segments(
        key, instant_of("start", start), instant_of("end", end), cursor, limit
    )
    now = caller.context.streams.figures_of(key)
    return Page(items=[recording_view(segment, now) for segment in page.items], next=page.next)


@router.head("/recordings/{segment_id}.mp4", include_in_schema=False)
@router.get(
    "/recordings/{segment_id}.mp4",
    summary="Play or save a recording",
    response_class=Response,
    responses={
        **documented(401, 403, 404, 410, 416, 422),
        200: {"content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "The part that Range asks for.", "content": {"video/mp4": {}}},
    },
)
async def get_recording(
    request: Request,
    segment_id: SegmentId,
    caller: Annotated[Caller, Depends(may(Action.VIEW_RECORDINGS))],
) -> Response:
    """A fragmented MP4 file that plays by itself; Range is supported, also while it is being written."""
    context = caller.context
    # The path comes from the index; the caller's text only chooses the row.
    playable = await context.playback.open_segment(segment_id)
    if context.viewed.is_first((caller.identity.session_id, segment_id)):
        target = str(playable.segment.key)
        await caller.record(Action.VIEW_RECORDINGS, target, detail={"segment_id": segment_id})
    try:
        return await file_response(
            request, playable.file, "video/mp4", f"{segment_id}.mp4", size_bytes=playable.size_bytes
        )
    except FileNotFoundError:
        raise ApiProblem(SEGMENT_GONE, f"The file of {segment_id!r} is not on the disk") from None


def _state(caller: Caller, key: ChannelKey, *, wanted: bool) -> RecordingState:
    return RecordingState(
        device_id=key.device_id,
        channel_id=key.channel_id,
        wanted=wanted,
        recording=caller.context.recorder.is_recording(key),
    )
