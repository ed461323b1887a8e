"""Recordings with a stated end: what a superior keeps of a subordinate's camera for a while (R-4)."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from access.roles import Action
from catalog.model import RetentionClass
from console.api.channels import ChannelId, known_channel
from console.api.models import Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.temporary_models import (
    TemporaryRecordingChange,
    TemporaryRecordingItem,
    TemporaryRecordingStart,
)
from console.auth import Caller, may
from storage.temporary import TemporaryRecording

router = APIRouter(tags=["recordings"])

RecordingId = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,32}$", description="`recording_id`.")]
MayView = Annotated[Caller, Depends(may(Action.VIEW_RECORDINGS))]
MayRecord = Annotated[Caller, Depends(may(Action.RECORD))]


@router.post(
    "/channels/{channel_id}/temporary-recordings",
    status_code=201,
    summary="Record until a stated time",
    responses=documented(401, 403, 404, 409, 422, 507),
)
async def start_temporary(
    channel_id: ChannelId, body: TemporaryRecordingStart, caller: MayRecord
) -> TemporaryRecordingItem:
    """From now on, also across restarts and while the device comes and goes; it ends by itself.

    What is recorded stands with the channel's recordings.
    """
    key = (await known_channel(caller, channel_id)).key
    end = body.end or datetime.now(UTC) + timedelta(minutes=body.minutes or 0)
    async with caller.recorded(
        Action.RECORD, str(key), until=end.isoformat(), reason=body.reason, kept=body.retention_class
    ):
        recording = await caller.context.storage.record_until(
            key,
            end,
            requested_by=caller.username,
            reason=body.reason,
            retention_class=RetentionClass(body.retention_class),
        )
    return _view(caller, recording)


@router.get(
    "/temporary-recordings",
    summary="List recordings with a stated end",
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def list_temporary(
    caller: MayView,
    channel: Annotated[str | None, Query(max_length=129, description="Of this channel alone.")] = None,
    in_force: Annotated[bool, Query(description="Only those that are not over.")] = False,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[TemporaryRecordingItem]:
    """The newest first."""
    key = None if channel is None else (await known_channel(caller, channel)).key
    page = await caller.context.storage.temporary.store.page(key, cursor, limit, in_force=in_force)
    return Page(items=[_view(caller, each) for each in page.items], next=page.next)


@router.get(
    "/temporary-recordings/{recording_id}",
    summary="One recording with a stated end",
    responses=documented(401, 403, 404, 422),
)
async def get_temporary(recording_id: RecordingId, caller: MayView) -> TemporaryRecordingItem:
    return _view(caller, await caller.context.storage.temporary.get(recording_id))


@router.patch(
    "/temporary-recordings/{recording_id}",
    summary="Let it last longer or less long",
    responses=documented(401, 403, 404, 409, 422),
)
async def change_temporary(
    recording_id: RecordingId, body: TemporaryRecordingChange, caller: MayRecord
) -> TemporaryRecordingItem:
    async with caller.recorded(Action.RECORD, recording_id, until=body.end.isoformat()):
        changed = await caller.context.storage.temporary.change_end(recording_id, body.end)
    return _view(caller, changed)


@router.delete(
    "/temporary-recordings/{recording_id}",
    summary="End it now",
    responses=documented(401, 403, 404, 422),
)
async def stop_temporary(recording_id: RecordingId, caller: MayRecord) -> TemporaryRecordingItem:
    """Answers when its last file is closed; the recording goes on if something else wants it. One that is
    over stays as it is."""
    async with caller.recorded(Action.RECORD, recording_id, did="end temporary recording"):
        recording = await caller.context.storage.end_temporary(recording_id)
    return _view(caller, recording)


def _view(caller: Caller, recording: TemporaryRecording) -> TemporaryRecordingItem:
    return TemporaryRecordingItem(
        recording_id=recording.recording_id,
        device_id=recording.key.device_id,
        channel_id=recording.key.channel_id,
        requested_by=recording.requested_by,
        reason=recording.reason,
        retention_class=recording.retention_class.value,
        start=recording.start_time,
        end=recording.end_time,
        in_force=recording.is_in_force,
        recording=caller.context.recorder.is_recording(recording.key),
        ended_at=recording.ended_time,
        ended_why=None if recording.ended_why is None else recording.ended_why.value,
    )
