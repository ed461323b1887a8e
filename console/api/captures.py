"""Captures of what a camera sends: packets for Wireshark, and the payload as a file that players read."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field
from starlette.responses import Response

from access.roles import Action
from console.api.channels import ChannelId, known_channel
from console.api.models import ApiModel, Instant, Page, StreamChoice
from console.api.problems import SEGMENT_GONE, ApiProblem, documented
from console.api.ranges import file_response
from console.auth import Caller, may
from media.capture_desk import CaptureOrder
from media.errors import UnknownCapture

router = APIRouter(tags=["captures"])

CaptureId = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$", description="`capture_id` of a capture.")]
FileName = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}\.(pcap|ps|ts|es)$", description="Of its `files`.")]
MayDiagnose = Annotated[Caller, Depends(may(Action.DIAGNOSE))]

MEDIA_TYPES = {
    ".pcap": "application/vnd.tcpdump.pcap",
    ".ps": "video/mp2p",
    ".ts": "video/mp2t",
    ".es": "application/octet-stream",
}


class CaptureRequest(ApiModel):
    """Body of POST channels/{channel_id}/captures."""

    stream: StreamChoice = "main"
    max_bytes: int = Field(default=64 << 20, ge=1_000, le=1 << 30, description="Of all files together.")
    max_s: float = Field(default=60.0, ge=1, le=3600)


class CaptureFile(ApiModel):
    """One file of a capture."""

    name: str
    size_bytes: int


class CaptureView(ApiModel):
    """A capture of a stream."""

    capture_id: str
    what: str = Field(description="Which stream: its device and channel, and `sub` for a sub-stream.")
    state: str = Field(examples=["waiting", "running", "ended"])
    reason: str = Field(description="Why it ended.")
    requested_by: str
    requested_at: Instant
    max_bytes: int
    max_s: float
    packets: int = 0
    dropped: int = Field(default=0, description="Pieces that the disk was too slow for.")
    files: list[CaptureFile] = Field(default_factory=list)


@router.post(
    "/channels/{channel_id}/captures",
    status_code=201,
    summary="Capture what a camera sends",
    responses=documented(401, 403, 404, 409, 422, 507),
)
async def start_capture(channel_id: ChannelId, body: CaptureRequest, caller: MayDiagnose) -> CaptureView:
    """A stream that is open is captured at once, else its next opening from the first packet on.

    The files come when it has ended: by its bounds, with the stream, or by stop. Captures are not kept over
    a restart of this platform.
    """
    key = (await known_channel(caller, channel_id)).key
    label = str(key) if body.stream == "main" else f"{key} sub"
    async with caller.recorded(Action.DIAGNOSE, str(key), what="capture", **body.model_dump()):
        captures = caller.context.media.captures
        order = captures.start(label, body.max_bytes, body.max_s, caller.username)
    return _view(order)


@router.get("/captures", summary="List captures", responses=documented(401, 403))
async def list_captures(caller: MayDiagnose) -> Page[CaptureView]:
    """The oldest first."""
    return Page(items=[_view(order) for order in caller.context.media.captures.orders()])


@router.get("/captures/{capture_id}", summary="One capture", responses=documented(401, 403, 404, 422))
async def get_capture(capture_id: CaptureId, caller: MayDiagnose) -> CaptureView:
    """Where it stands, and its files when it has ended."""
    return _view(caller.context.media.captures.order(capture_id))


@router.get(
    "/captures/{capture_id}/files/{name}",
    summary="One file of a capture",
    response_class=Response,
    responses={**documented(401, 403, 404, 410, 422), 200: {"content": {"application/octet-stream": {}}}},
)
async def get_capture_file(
    request: Request, capture_id: CaptureId, name: FileName, caller: MayDiagnose
) -> Response:
    """The bytes of a camera's picture and sound: who fetched them is in the audit log."""
    order = caller.context.media.captures.order(capture_id)
    file = next((each for each in order.files if each.name == name), None)
    if file is None:
        raise UnknownCapture(f"the capture {capture_id} has no file {name}")
    if caller.context.viewed.is_first((caller.identity.session_id, f"{capture_id}/{name}")):
        await caller.record(Action.DIAGNOSE, order.label, detail={"what": "capture", "file": name})
    try:
        return await file_response(request, file, MEDIA_TYPES[file.suffix], name)
    except FileNotFoundError:
        raise ApiProblem(SEGMENT_GONE, "This file of the capture is not on the disk") from None


@router.delete(
    "/captures/{capture_id}",
    status_code=204,
    summary="End and delete a capture",
    responses=documented(401, 403, 404, 422),
)
async def delete_capture(capture_id: CaptureId, caller: MayDiagnose) -> None:
    """Its files go with it."""
    captures = caller.context.media.captures
    order = captures.order(capture_id)
    async with caller.recorded(Action.DIAGNOSE, order.label, what="capture deleted"):
        captures.delete(capture_id)


@router.post(
    "/captures/{capture_id}/stop",
    summary="End a capture and keep its files",
    responses=documented(401, 403, 404, 422),
)
async def stop_capture(capture_id: CaptureId, caller: MayDiagnose) -> CaptureView:
    """The files come a moment later: see GET of the capture."""
    captures = caller.context.media.captures
    order = captures.order(capture_id)
    async with caller.recorded(Action.DIAGNOSE, order.label, what="capture stopped"):
        captures.stop(capture_id)
    return _view(order)


def _view(order: CaptureOrder) -> CaptureView:
    end = order.end
    return CaptureView(
        capture_id=order.order_id,
        what=order.label,
        state=order.state.value,
        reason=order.reason,
        requested_by=order.requested_by,
        requested_at=order.asked_time,
        max_bytes=order.max_bytes,
        max_s=order.max_s,
        packets=0 if end is None else end.packets,
        dropped=0 if end is None else end.dropped,
        files=[CaptureFile(name=file.name, size_bytes=_size(file)) for file in order.files],
    )


def _size(file: FilePath) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
