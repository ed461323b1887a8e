"""Several ways to one camera: which there are, and which is wanted (R-3, annex H of 2022)."""

from typing import Annotated

from fastapi import APIRouter, Depends

from access.roles import Action
from catalog.model import Channel
from console.api.channels import ChannelId, known_channel
from console.api.models import Page
from console.api.problems import INVALID, ApiProblem, documented
from console.api.views import is_channel_online
from console.api.way_models import ChannelWay, PreferredPath
from console.auth import Caller, may
from sipserver.gb.route_path import parse_path, print_path

router = APIRouter(tags=["channels"])

MayView = Annotated[Caller, Depends(may(Action.VIEW_CATALOG))]
MayManage = Annotated[Caller, Depends(may(Action.MANAGE_CHANNELS))]


@router.get(
    "/channels/{channel_id}/ways",
    summary="The ways to a camera",
    responses=documented(401, 403, 404, 409, 422),
)
async def channel_ways(channel_id: ChannelId, caller: MayView) -> Page[ChannelWay]:
    """The camera by this way, then by the others, in the order in which they are asked when it fails."""
    channel = await known_channel(caller, channel_id)
    keys = await caller.context.below.other_ways(channel.key)
    others = [await caller.context.catalog.get_channel(key) for key in keys]
    return Page(items=[_way(caller, each) for each in (channel, *others) if each is not None])


@router.put(
    "/channels/{channel_id}/preferred-path",
    summary="By which platforms a camera is asked for",
    responses=documented(401, 403, 404, 409, 422),
)
async def prefer_path(channel_id: ChannelId, body: PreferredPath, caller: MayManage) -> ChannelWay:
    """Counts from the next picture on; platforms of before 2022 take no notice of it."""
    key = (await known_channel(caller, channel_id)).key
    if body.path and (body.path[0] != key.device_id or not parse_path(print_path(body.path))):
        raise ApiProblem(INVALID, f"path: it has to begin with {key.device_id} and name no platform twice")
    async with caller.recorded(Action.MANAGE_CHANNELS, str(key), preferred_path=body.path):
        await caller.context.catalog.set_channel(key, preferred_path=print_path(body.path))
    return _way(caller, await known_channel(caller, str(key)))


def _way(caller: Caller, channel: Channel) -> ChannelWay:
    devices = caller.context.devices
    invite = devices.invites.get(channel.key)
    return ChannelWay(
        channel=str(channel.key),
        online=is_channel_online(channel, None, caller.context.streams.presence(channel.device_id)),
        path_rank=devices.path_rank(channel.device_id),
        preferred_path=list(parse_path(channel.preferred_path)),
        path=[] if invite is None else list(invite.route_path),
    )
