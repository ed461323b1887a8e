"""Pictures that are pushed to other servers over RTMP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from access.roles import Action
from console.api.channels import ChannelId, known_channel
from console.api.models import ApiCommand, ApiModel, Instant, Page, StreamChoice
from console.api.problems import documented
from console.auth import Caller, may
from console.push_desk import ChannelPush, PushWish
from sipserver.devices.stream_request import LiveStream

router = APIRouter(tags=["pushes"])

PushId = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$", description="`push_id` of a push.")]
MayManage = Annotated[Caller, Depends(may(Action.MANAGE_CHANNELS))]


class PushRequest(ApiCommand):
    """Body of POST channels/{channel_id}/pushes."""

    url: str = Field(
        pattern=r"^rtmp://[^/\s]+/[^/\s]+/\S+$",
        max_length=2048,
        description="RTMPS is not spoken.",
        examples=["rtmp://192.0.2.30:1935/live/gate?key=secret"],
    )
    stream: StreamChoice = "main"
    g711: bool = Field(default=False, description="Send G.711, which many servers do not take.")
    h265: bool = Field(default=False, description="Send H.265 in the enhanced form.")


class PushView(ApiModel):
    """A push of a channel."""

    push_id: str
    channel: str = Field(description="`device~channel`.")
    stream: StreamChoice
    address: str = Field(description="Host and application; the rest of the address is a secret.")
    state: str = Field(examples=["running", "connecting", "waiting"])
    trouble: str = Field(description="Why nothing is pushed at the moment.")
    requested_by: str
    requested_at: Instant
    attempts: int
    connections: int
    skipped: int = Field(description="Units left out because the server was too slow.")


@router.post(
    "/channels/{channel_id}/pushes",
    status_code=201,
    summary="Push a channel to another server",
    responses=documented(401, 403, 404, 422, 503),
)
async def start_push(channel_id: ChannelId, body: PushRequest, caller: MayManage) -> PushView:
    """It begins again after each break, until it is stopped; a restart of this platform ends it."""
    key = (await known_channel(caller, channel_id)).key
    wish = PushWish(key, LiveStream(body.stream), body.url, body.g711, body.h265)
    host = body.url.split("/")[2].rpartition("@")[2]
    async with caller.recorded(Action.MANAGE_CHANNELS, str(key), what="push", host=host):
        return _view(caller.context.pushes.start(wish, caller.username))


@router.get("/pushes", summary="List pushes", responses=documented(401, 403))
async def list_pushes(caller: MayManage) -> Page[PushView]:
    """The oldest first."""
    return Page(items=[_view(push) for push in caller.context.pushes.list()])


@router.get("/pushes/{push_id}", summary="One push", responses=documented(401, 403, 404, 422))
async def get_push(push_id: PushId, caller: MayManage) -> PushView:
    return _view(caller.context.pushes.get(push_id))


@router.delete(
    "/pushes/{push_id}", status_code=204, summary="Stop a push", responses=documented(401, 403, 404, 422)
)
async def stop_push(push_id: PushId, caller: MayManage) -> None:
    push = caller.context.pushes.get(push_id)
    async with caller.recorded(Action.MANAGE_CHANNELS, str(push.wish.key), what="push", did="stop"):
        await caller.context.pushes.stop(push_id)


def _view(made: ChannelPush) -> PushView:
    stats, wish = made.stats, made.wish
    return PushView(
        push_id=made.push_id,
        channel=str(wish.key),
        stream="sub" if wish.stream is LiveStream.SUB else "main",
        address=made.address,
        state="waiting" if made.trouble else (stats.state.value if stats is not None else "connecting"),
        trouble=made.trouble or (stats.last_reason if stats is not None else ""),
        requested_by=made.requested_by,
        requested_at=made.requested_time,
        attempts=stats.attempts if stats is not None else 0,
        connections=stats.connections if stats is not None else 0,
        skipped=stats.skipped if stats is not None else 0,
    )
