"""Which recordings devices hold."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from access.roles import Action
from console.api.channels import ChannelId, known_channel
from console.api.history_models import DeviceRecord, DeviceRecords, RecordType, Span, StorageName
from console.api.instants import instant_of
from console.api.problems import INVALID, ApiProblem, documented
from console.auth import Caller, may
from sipserver.devices.history.records import RecordSearch, Storage
from sipserver.gb.messages.record_info import RecordItem

router = APIRouter(tags=["recordings at devices"])


@router.get(
    "/channels/{channel_id}/device-records",
    summary="List the recordings that the device holds",
    responses=documented(401, 403, 404, 409, 422, 502, 503, 504),
)
async def list_device_records(
    channel_id: ChannelId,
    caller: Annotated[Caller, Depends(may(Action.VIEW_DEVICE_RECORDS))],
    start: Annotated[str, Query(description="RFC 3339 with offset.")],
    end: Annotated[str, Query(description="RFC 3339 with offset.")],
    type: Annotated[RecordType, Query(description="How it came to be recorded.")] = "all",  # noqa: A002
    storage: Annotated[
        StorageName,
        Query(description="Where a platform looks: its centre, the front end, or both with each location."),
    ] = "any",
    stream_number: Annotated[int | None, Query(ge=0, le=9, description="0 main, 1 sub (2022).")] = None,
) -> DeviceRecords:
    """Asks the device now, for a day at a time; a full recorder takes half a minute for a day."""
    key = (await known_channel(caller, channel_id)).key
    first, last = instant_of("start", start), instant_of("end", end)
    days = caller.context.devices.records.days_max
    if first is None or last is None or last <= first or (last - first).total_seconds() > days * 86_400:
        line = f"query.end: the time asked for is longer than nothing and at most {days:g} days"
        raise ApiProblem(INVALID, line, errors=[line])
    search = RecordSearch(key, first, last, type, Storage(storage), stream_number)
    found = await caller.context.devices.records.search(search)
    return DeviceRecords(
        items=[_record(item) for item in found.items],
        coverage=[Span(start=begin, end=until) for begin, until in found.coverage],
        complete=found.complete,
        queries=found.queries,
    )


def _record(item: RecordItem) -> DeviceRecord:
    return DeviceRecord(
        device_id=item.device_id,
        start=item.start,
        end=item.end,
        name=item.name,
        file_path=item.file_path,
        address=item.address,
        type=item.record_type,
        secrecy=item.secrecy,
        recorder_id=item.recorder_id,
        size_bytes=item.size_bytes,
        location=item.location,
        stream_number=item.stream_number,
    )
