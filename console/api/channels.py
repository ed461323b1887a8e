"""Channels: the cameras of devices."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query

from access.roles import Action
from catalog.errors import UnknownChannel, UnknownDevice
from catalog.model import Channel as CatalogChannel
from catalog.model import ChannelChanges, ChannelKey, Priority, RetentionClass
from catalog.store import CAMERAS, EVERY_KIND
from console.api.models import Channel, ChannelChange, Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.views import channel_view, channel_views
from console.auth import Caller, may

router = APIRouter(tags=["channels"])

ChannelId = Annotated[
    str,
    Path(
        max_length=129,
        description="The channel's id; `{device_id}~{channel_id}` when several devices have it.",
        examples=["34020000001320000001", "34020000001110000001~34020000001320000001"],
    ),
]
Kind = Annotated[
    Literal["camera", "all"], Query(description="`all` adds directories, regions, alarms and other items.")
]


@router.get("/channels", summary="List channels", responses=documented(400, 401, 403, 422))
async def list_channels(
    caller: Annotated[Caller, Depends(may(Action.VIEW_CATALOG))],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    kind: Kind = "camera",
) -> Page[Channel]:
    """The channels of all devices, by device and channel id."""
    return await _page(caller, None, cursor, limit, kind)


@router.get(
    "/devices/{device_id}/channels",
    summary="List the channels of a device",
    responses=documented(400, 401, 403, 404, 422),
    tags=["devices"],
)
async def list_device_channels(
    device_id: Annotated[str, Path(max_length=64)],
    caller: Annotated[Caller, Depends(may(Action.VIEW_CATALOG))],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    kind: Kind = "camera",
) -> Page[Channel]:
    """What its newest whole catalogue lists."""
    if await caller.context.catalog.get_device(device_id) is None:
        raise UnknownDevice(device_id)
    return await _page(caller, device_id, cursor, limit, kind)


@router.get("/channels/{channel_id}", summary="One channel", responses=documented(401, 403, 404, 409, 422))
async def get_channel(
    channel_id: ChannelId, caller: Annotated[Caller, Depends(may(Action.VIEW_CATALOG))]
) -> Channel:
    return channel_view(caller.context, await known_channel(caller, channel_id))


@router.patch(
    "/channels/{channel_id}", summary="Change a channel", responses=documented(401, 403, 404, 409, 422)
)
async def change_channel(
    channel_id: ChannelId,
    change: ChannelChange,
    caller: Annotated[Caller, Depends(may(Action.MANAGE_CHANNELS))],
) -> Channel:
    """Retention class, always-on recording, camera class, priority and the operator's own name for it."""
    key = await caller.context.catalog.resolve_channel(channel_id)
    given = change.model_dump(exclude_unset=True)
    async with caller.recorded(Action.MANAGE_CHANNELS, str(key), **given):
        await caller.context.catalog.set_channel(key, **_changes(change))
    return channel_view(caller.context, await _channel(caller, key))


async def known_channel(caller: Caller, channel_id: str) -> CatalogChannel:
    """The channel that a caller's text means. Raises UnknownChannel, AmbiguousChannel."""
    return await _channel(caller, await caller.context.catalog.resolve_channel(channel_id))


async def _channel(caller: Caller, key: ChannelKey) -> CatalogChannel:
    channel = await caller.context.catalog.get_channel(key)
    if channel is None:
        raise UnknownChannel(str(key))
    return channel


async def _page(
    caller: Caller, device_id: str | None, cursor: str | None, limit: int, kind: str
) -> Page[Channel]:
    kinds = CAMERAS if kind == "camera" else EVERY_KIND
    page = await caller.context.catalog.list_channels(device_id, cursor, limit, kinds=kinds)
    return Page(items=channel_views(caller.context, page.items), next=page.next)


def _changes(change: ChannelChange) -> ChannelChanges:
    changes = ChannelChanges()
    if change.given_name is not None:
        changes["given_name"] = change.given_name
    if change.retention_class is not None:
        changes["retention_class"] = RetentionClass(change.retention_class)
    if change.record_always is not None:
        changes["record_always"] = change.record_always
    if change.priority is not None:
        changes["priority"] = Priority(change.priority)
    if "camera_class" in change.model_fields_set:
        changes["camera_class"] = change.camera_class
    return changes
