"""The channel tree: our devices and the platforms below us, their own trees under them (GB-C004, GB-C005).

Three views of the same cameras: by devices, by business groups, by regions. Each level is a page of its own.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from access.roles import Action
from catalog.errors import UnknownDevice
from catalog.forest import Branch, Form, Region
from catalog.keyset import decode_cursor, encode_cursor
from catalog.model import Channel, ChannelKey, ChannelKind, Device
from console.api.models import Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.tree_models import TreeNode, ViewName
from console.api.views import is_channel_online
from console.auth import Caller, may

router = APIRouter(tags=["channels"])

View = Annotated[ViewName, Query(description="By devices, by business groups, or by regions over all.")]
Node = Annotated[
    str, Query(max_length=129, pattern=r"^[0-9A-Za-z~-]*$", description="What to look under; empty: the top.")
]
NO_REGION = "-"
CAMERAS_BEGIN = "\0"
"""In a cursor: the regions of a level are through, its cameras follow."""


@router.get("/tree", summary="One level of the channel tree", responses=documented(400, 401, 403, 404, 422))
async def tree_level(
    caller: Annotated[Caller, Depends(may(Action.VIEW_CATALOG))],
    view: View = "physical",
    node: Node = "",
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[TreeNode]:
    """Nothing for a node that is not there any more; what has an unknown parent stands under its device."""
    if view == "regions":
        return await _region_level(caller, node, cursor, limit)
    if not node:
        return await _top(caller, view, cursor, limit)
    device_id, _, item_id = node.partition("~")
    if await caller.context.catalog.get_device(device_id) is None:
        raise UnknownDevice(device_id)
    page = await caller.context.forest.children(Form(view), device_id, item_id or device_id, cursor, limit)
    return Page(items=await _branches(caller, device_id, page.items), next=page.next)


# -------------------------------------------------------------------- devices and what hangs under them


async def _top(caller: Caller, view: str, cursor: str | None, limit: int) -> Page[TreeNode]:
    page = await caller.context.catalog.list_devices(cursor, limit)
    devices = list(page.items)
    if view == "business":
        wanted = await caller.context.forest.with_organisations()
        devices = [device for device in devices if device.device_id in wanted]
    counts = await caller.context.catalog.channel_counts([device.device_id for device in devices])
    nodes = [_device_node(caller, device, counts.get(device.device_id, 0)) for device in devices]
    return Page(items=nodes, next=page.next)


def _device_node(caller: Caller, device: Device, cameras: int) -> TreeNode:
    presence = caller.context.streams.presence(device.device_id)
    return TreeNode(
        node=device.device_id,
        kind="subordinate" if device.is_subordinate else "device",
        name=device.name or device.device_id,
        has_children=device.catalog_time is not None or device.is_gateway,
        online=device.online if presence is None else presence.online,
        cameras=cameras,
    )


async def _branches(caller: Caller, device_id: str, branches: Sequence[Branch]) -> list[TreeNode]:
    found = await caller.context.catalog.load_some(device_id, [branch.item_id for branch in branches])
    by_id = {channel.channel_id: channel for channel in found}
    return [
        _channel_node(caller, by_id[branch.item_id], has_children=branch.has_children)
        for branch in branches
        if branch.item_id in by_id
    ]


def _channel_node(caller: Caller, channel: Channel, *, has_children: bool) -> TreeNode:
    is_camera = channel.kind is ChannelKind.CAMERA
    presence = caller.context.streams.presence(channel.device_id)
    return TreeNode(
        node=str(channel.key),
        kind=channel.kind.value,
        name=channel.shown_name,
        has_children=has_children,
        channel=str(channel.key) if is_camera else None,
        online=is_channel_online(channel, None, presence) if is_camera else None,
    )


# -------------------------------------------------------------------- regions


async def _region_level(caller: Caller, node: str, cursor: str | None, limit: int) -> Page[TreeNode]:
    """The regions of a level first, then the cameras that lie in it directly."""
    context, code = caller.context, "" if node == NO_REGION else node
    nodes: list[TreeNode] = []
    after = None if cursor is None else tuple(map(str, decode_cursor(cursor, (str, str))))
    if after is None or after[0] != CAMERAS_BEGIN:
        regions = [] if node == NO_REGION else await context.forest.regions(code)
        regions = [each for each in regions if after is None or each.code > after[0]]
        if len(regions) > limit:
            chosen = regions[:limit]
            return Page(
                items=[_region_node(each) for each in chosen], next=encode_cursor(chosen[-1].code, "")
            )
        nodes = [_region_node(each) for each in regions]
        after = None
    if not node:
        # Those of no region have a place of their own.
        unplaced = await context.forest.cameras_in("", None, 1)
        if unplaced.items:
            nodes.append(TreeNode(node=NO_REGION, kind="region", name=NO_REGION, has_children=True))
        return Page(items=nodes, next=None)
    if len(nodes) == limit:
        return Page(items=nodes, next=encode_cursor(CAMERAS_BEGIN, ""))
    inner = after[1] if after is not None and after[1] else None
    page = await context.forest.cameras_in(code, inner, limit - len(nodes))
    nodes += await _cameras(caller, page.items)
    return Page(items=nodes, next=None if page.next is None else encode_cursor(CAMERAS_BEGIN, page.next))


def _region_node(region: Region) -> TreeNode:
    return TreeNode(
        node=region.code, kind="region", name=region.name, has_children=True, cameras=region.cameras
    )


async def _cameras(caller: Caller, keys: Sequence[ChannelKey]) -> list[TreeNode]:
    by_device: dict[str, list[str]] = {}
    for key in keys:
        by_device.setdefault(key.device_id, []).append(key.channel_id)
    found = {
        channel.key: channel
        for device_id, channel_ids in by_device.items()
        for channel in await caller.context.catalog.load_some(device_id, channel_ids)
    }
    return [_channel_node(caller, found[key], has_children=False) for key in keys if key in found]
