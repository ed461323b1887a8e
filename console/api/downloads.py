"""Downloads of recordings from devices into files of this platform."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

import storage.download_model as model
from access.roles import Action
from catalog.columns import from_us, to_us
from catalog.keyset import decode_cursor, encode_cursor
from console.api.channels import ChannelId, known_channel
from console.api.history_models import DownloadPart, DownloadRequest, DownloadState
from console.api.models import Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import INVALID, ApiProblem, documented
from console.api.ranges import file_response
from console.auth import Caller, may
from storage.errors import DownloadPartGone

router = APIRouter(tags=["recordings at devices"])

DownloadId = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$", description="`download_id` of the download.")]
PartId = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,80}$", description="`part_id` of one of its parts.")]
MayDownload = Annotated[Caller, Depends(may(Action.DOWNLOAD_DEVICE_RECORDS))]


@router.post(
    "/channels/{channel_id}/downloads",
    status_code=202,
    summary="Download a recording from the device",
    responses=documented(401, 403, 404, 409, 422, 503, 507),
)
async def start_download(channel_id: ChannelId, body: DownloadRequest, caller: MayDownload) -> DownloadState:
    """Queued at once; GET it for its progress. A download that breaks goes on as a further part, also after a
    restart of this platform."""
    key = (await known_channel(caller, channel_id)).key
    fastest = caller.context.devices.downloads.speed_max
    if body.speed > fastest:
        line = f"body.speed: at most {fastest} (history.download_speed_max)"
        raise ApiProblem(INVALID, line, errors=[line])
    period = {"start": body.start.isoformat(), "end": body.end.isoformat(), "speed": body.speed}
    async with caller.recorded(Action.DOWNLOAD_DEVICE_RECORDS, str(key), **period):
        download = await caller.context.downloads.start(
            key,
            body.start,
            body.end,
            speed=body.speed,
            requested_by=caller.username,
            record_type=body.type,
            uri=body.uri or "",
        )
    return _view(caller, download, [])


@router.get("/downloads", summary="List downloads", responses=documented(400, 401, 403, 422))
async def list_downloads(
    caller: MayDownload, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Page[DownloadState]:
    """Newest first; files are kept `storage.downloads_keep_days`."""
    after = None
    if cursor is not None:
        at_us, download_id = decode_cursor(cursor, (int, str))
        after = (from_us(int(at_us)), str(download_id))
    downloads = caller.context.downloads
    found = await downloads.page(after, limit + 1)
    chosen = found[:limit]
    parts = await downloads.parts(chosen)
    last = chosen[-1] if len(found) > limit else None
    return Page(
        items=[_view(caller, download, parts[download.download_id]) for download in chosen],
        next=None if last is None else encode_cursor(to_us(last.requested_time), last.download_id),
    )


@router.get("/downloads/{download_id}", summary="A download", responses=documented(401, 403, 404, 422))
async def get_download(download_id: DownloadId, caller: MayDownload) -> DownloadState:
    """How far it is, and its files."""
    return await _whole_view(caller, await caller.context.downloads.get(download_id))


@router.post(
    "/downloads/{download_id}/cancel", summary="End a download", responses=documented(401, 403, 404, 422)
)
async def cancel_download(download_id: DownloadId, caller: MayDownload) -> DownloadState:
    """What has come is kept. One that is finished stays as it is."""
    download = await caller.context.downloads.get(download_id)
    async with caller.recorded(Action.DOWNLOAD_DEVICE_RECORDS, str(download.key), cancelled=download_id):
        ended = await caller.context.downloads.cancel(download_id)
    return await _whole_view(caller, ended)


@router.delete(
    "/downloads/{download_id}",
    status_code=204,
    summary="Delete a download and its files",
    responses=documented(401, 403, 404, 422),
)
async def delete_download(download_id: DownloadId, caller: MayDownload) -> None:
    """One that is under way is ended first."""
    download = await caller.context.downloads.get(download_id)
    async with caller.recorded(Action.DOWNLOAD_DEVICE_RECORDS, str(download.key), deleted=download_id):
        await caller.context.downloads.remove(download_id)


@router.head("/downloads/{download_id}/{part_id}.mp4", include_in_schema=False)
@router.get(
    "/downloads/{download_id}/{part_id}.mp4",
    summary="Play or save a part of a download",
    response_class=Response,
    responses={
        **documented(401, 403, 404, 410, 416, 422),
        200: {"content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "The part that Range asks for.", "content": {"video/mp4": {}}},
    },
)
async def get_part(
    request: Request, download_id: DownloadId, part_id: PartId, caller: MayDownload
) -> Response:
    """A fragmented MP4 file that plays by itself; Range is supported."""
    context = caller.context
    part, file = await context.downloads.file(download_id, part_id)
    if context.viewed.is_first((caller.identity.session_id, part_id)):
        download = await context.downloads.get(download_id)
        await caller.record(Action.DOWNLOAD_DEVICE_RECORDS, str(download.key), detail={"part_id": part_id})
    try:
        return await file_response(request, file, "video/mp4", f"{part_id}.mp4", size_bytes=part.size_bytes)
    except FileNotFoundError:
        raise DownloadPartGone(part_id) from None


async def _whole_view(caller: Caller, download: model.Download) -> DownloadState:
    parts = await caller.context.downloads.parts([download])
    return _view(caller, download, parts[download.download_id])


def _view(caller: Caller, download: model.Download, parts: Sequence[model.DownloadPart]) -> DownloadState:
    progress = caller.context.downloads.progress(download)
    return DownloadState(
        download_id=download.download_id,
        device_id=download.key.device_id,
        channel_id=download.key.channel_id,
        start=download.start_time,
        end=download.end_time,
        speed=download.speed,
        state=download.state.value,
        progress=round(progress.ratio, 4),
        covered_s=round(progress.covered_s, 3),
        duration_s=download.duration_s,
        received_bytes=progress.received_bytes or sum(part.size_bytes for part in parts),
        size_bytes=progress.size_bytes,
        attempts=download.attempts,
        detail=download.detail,
        requested_by=download.requested_by,
        requested_at=download.requested_time,
        finished_at=download.finished_time,
        parts=[_part(part) for part in parts],
    )


def _part(part: model.DownloadPart) -> DownloadPart:
    return DownloadPart(
        part_id=part.part_id,
        offset_s=part.offset_s,
        duration_s=part.duration_s,
        size_bytes=part.size_bytes,
        sha256=part.sha256,
        video_codec=part.video_codec,
        audio_codec=part.audio_codec or None,
        verified=part.verified,
        url=f"/api/v1/downloads/{part.download_id}/{part.part_id}.mp4",
    )
