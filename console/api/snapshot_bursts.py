"""Stills that devices take and upload."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from access.roles import Action
from console.api.channels import ChannelId
from console.api.configuration import DespiteEdition
from console.api.configuration_models import BurstCommand, BurstPicture, SnapshotBurst
from console.api.models import Page
from console.api.problems import SEGMENT_GONE, ApiProblem, documented
from console.api.ranges import file_response
from console.auth import Caller, may
from sipserver.devices.errors import UnknownTransfer
from sipserver.devices.uploads.model import SnapshotBurst as Burst
from sipserver.devices.uploads.model import SnapshotPicture

router = APIRouter(tags=["snapshot bursts"])

SessionId = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,128}$", description="`session_id` of a burst.")]
Seeing = Annotated[Caller, Depends(may(Action.SNAPSHOT))]


@router.post(
    "/channels/{channel_id}/snapshot-bursts",
    status_code=201,
    summary="Let a device take stills",
    responses=documented(401, 403, 404, 409, 422, 502, 503, 504),
)
async def start_burst(
    channel_id: ChannelId,
    command: BurstCommand,
    caller: Annotated[Caller, Depends(may(Action.CONTROL_DEVICE))],
    despite_edition: DespiteEdition = False,
) -> SnapshotBurst:
    """Answers when the device has accepted; the pictures come afterwards: see GET of the burst.

    Unlike the snapshot of a live stream, these are taken by the camera itself, in its main resolution.
    """
    key = await caller.context.catalog.resolve_channel(channel_id)
    async with caller.recorded(Action.SNAPSHOT, str(key), count=command.count, interval_s=command.interval_s):
        burst = await caller.context.devices.uploads.snapshots.start(
            key,
            command.count,
            command.interval_s,
            requested_by=caller.username,
            despite_edition=despite_edition,
        )
    return burst_view(burst, [])


@router.get(
    "/channels/{channel_id}/snapshot-bursts",
    summary="Bursts of a channel",
    responses=documented(401, 403, 404, 409, 422),
)
async def list_bursts(channel_id: ChannelId, caller: Seeing) -> Page[SnapshotBurst]:
    """The newest first, at most 200, without their pictures."""
    key = await caller.context.catalog.resolve_channel(channel_id)
    bursts = await caller.context.devices.uploads.snapshots.bursts_of(key)
    return Page(items=[burst_view(burst, []) for burst in bursts])


@router.get("/snapshot-bursts/{session_id}", summary="One burst", responses=documented(401, 403, 404, 422))
async def get_burst(session_id: SessionId, caller: Seeing) -> SnapshotBurst:
    """Where it stands, and the pictures that are here."""
    snapshots = caller.context.devices.uploads.snapshots
    burst = await snapshots.burst(session_id)
    return burst_view(burst, await snapshots.pictures_of(session_id))


@router.get(
    "/snapshot-bursts/{session_id}/pictures/{number}.jpg",
    summary="One still",
    response_class=Response,
    responses={**documented(401, 403, 404, 410, 422), 200: {"content": {"image/jpeg": {}}}},
)
async def get_picture(
    request: Request, session_id: SessionId, number: Annotated[int, Path(ge=1, le=10)], caller: Seeing
) -> Response:
    """The file as the device uploaded it."""
    uploads = caller.context.devices.uploads
    pictures = await uploads.snapshots.pictures_of(session_id)
    picture = next((each for each in pictures if each.number == number), None)
    if picture is None:
        raise UnknownTransfer(f"the burst {session_id} has no picture {number}")
    if caller.context.viewed.is_first((caller.identity.session_id, session_id)):
        await caller.record(Action.SNAPSHOT, session_id, detail={"number": number})
    try:
        return await file_response(
            request, uploads.path_of(picture), "image/jpeg", f"{session_id}-{number}.jpg"
        )
    except FileNotFoundError:
        raise ApiProblem(SEGMENT_GONE, "The file of this picture is not on the disk") from None


def burst_view(burst: Burst, pictures: list[SnapshotPicture]) -> SnapshotBurst:
    return SnapshotBurst(
        session_id=burst.session_id,
        device_id=burst.device_id,
        channel_id=burst.channel_id,
        count=burst.count,
        interval_s=burst.interval_s,
        state=burst.state.value,
        detail=burst.detail,
        announced=burst.announced,
        pictures=[_picture_view(each) for each in pictures],
        arrived=max(burst.pictures, len(pictures)),
        requested_by=burst.requested_by,
        requested_at=burst.requested_time,
        ended_at=burst.ended_time,
    )


def _picture_view(picture: SnapshotPicture) -> BurstPicture:
    return BurstPicture(
        number=picture.number,
        file_name=picture.file_name,
        size_bytes=picture.size_bytes,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        received_at=picture.received_time,
        taken_at=picture.taken_time,
        url=f"/api/v1/snapshot-bursts/{picture.session_id}/pictures/{picture.number}.jpg",
    )
