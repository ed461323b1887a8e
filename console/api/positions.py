"""Positions: where mobile devices are and were, and where cameras look."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from access.roles import Action
from catalog.errors import UnknownDevice
from catalog.keyset import Page as RowPage
from catalog.keyset import decode_cursor, encode_cursor
from catalog.model import ChannelKey
from console.api.channels import ChannelId, known_channel
from console.api.devices import DeviceId
from console.api.models import Instant, Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.position_models import CameraDirection, Position
from console.api.problems import NO_POSITION, ApiProblem, documented
from console.auth import Caller, may
from sipserver.devices.positions.model import StoredPosition

router = APIRouter(tags=["positions"])

Viewer = Annotated[Caller, Depends(may(Action.VIEW_POSITIONS))]
Start = Annotated[Instant | None, Query(description="From this instant on.")]
End = Annotated[Instant | None, Query(description="Before this instant.")]
ObjectId = Annotated[
    str, Query(pattern=r"^[0-9A-Za-z]{0,64}$", description="`object_id`; empty: the device itself.")
]


@router.get("/positions", summary="Newest positions", responses=documented(400, 401, 403, 422))
async def list_positions(
    caller: Viewer, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Page[Position]:
    """Of everything that ever reported one, by device and object."""
    positions = caller.context.devices.positions
    keys = positions.keys()
    if cursor is not None:
        after = decode_cursor(cursor, (str, str))
        keys = [key for key in keys if tuple(key) > after]
    chosen = keys[:limit]
    items = [position_view(latest) for key in chosen if (latest := positions.latest(key)) is not None]
    return Page(items=items, next=encode_cursor(*chosen[-1]) if len(keys) > limit else None)


@router.get(
    "/devices/{device_id}/positions",
    summary="Newest positions of a device",
    responses=documented(401, 403, 404, 422),
)
async def list_device_positions(device_id: DeviceId, caller: Viewer) -> Page[Position]:
    """One for each object that the device reported: itself, or what is below it."""
    await _known(caller, device_id)
    latest = caller.context.devices.positions.latest_of_device(device_id)
    return Page(items=[position_view(each) for each in latest])


@router.get(
    "/devices/{device_id}/track",
    summary="Track of a device",
    responses=documented(400, 401, 403, 404, 422),
)
async def get_device_track(
    device_id: DeviceId,
    caller: Viewer,
    object_id: ObjectId = "",
    start: Start = None,
    end: End = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Position]:
    """Where it was, in the order of its own clock; kept for `positions.keep_days`."""
    await _known(caller, device_id)
    key = ChannelKey(device_id, object_id or device_id)
    return _page(await caller.context.devices.positions.track(key, start, end, cursor, limit))


@router.get(
    "/channels/{channel_id}/position",
    summary="Newest position of a channel",
    responses=documented(401, 403, 404, 409, 422),
)
async def get_channel_position(channel_id: ChannelId, caller: Viewer) -> Position:
    """What the channel itself reported, else its device: a camera on a vehicle is where the vehicle is."""
    key = (await known_channel(caller, channel_id)).key
    positions = caller.context.devices.positions
    latest = positions.latest(key) or positions.latest(ChannelKey(key.device_id, key.device_id))
    if latest is None:
        raise ApiProblem(NO_POSITION, f"Nothing is known about where {key} is")
    return position_view(latest)


@router.get(
    "/channels/{channel_id}/track",
    summary="Track of a channel",
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def get_channel_track(
    channel_id: ChannelId,
    caller: Viewer,
    start: Start = None,
    end: End = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Position]:
    """Where it was, in the order of its own clock; kept for `positions.keep_days`."""
    key = (await known_channel(caller, channel_id)).key
    return _page(await caller.context.devices.positions.track(key, start, end, cursor, limit))


@router.get(
    "/channels/{channel_id}/direction",
    summary="Where a camera looks, as it last notified",
    responses=documented(401, 403, 404, 409, 422),
)
async def get_direction(channel_id: ChannelId, caller: Viewer) -> CameraDirection:
    """Without asking the camera: needs its subscription of kind `ptz_position`."""
    key = (await known_channel(caller, channel_id)).key
    told = caller.context.devices.positions.direction(key)
    if told is None:
        raise ApiProblem(NO_POSITION, f"{key} has not notified where it looks")
    position = told.position
    return CameraDirection(
        channel_id=key.channel_id,
        pan=position.pan,
        tilt=position.tilt,
        zoom=position.zoom,
        horizontal_angle=position.horizontal_angle,
        vertical_angle=position.vertical_angle,
        view_distance_m=position.view_distance_m,
        received=told.received_time,
    )


def position_view(position: StoredPosition) -> Position:
    return Position(
        device_id=position.device_id,
        object_id=position.object_id,
        time=position.time,
        longitude=position.longitude,
        latitude=position.latitude,
        speed_kmh=position.speed_kmh,
        direction_deg=position.direction_deg,
        altitude_m=position.altitude_m,
        height_m=position.height_m,
        received=position.received_time,
    )


def _page(rows: RowPage[StoredPosition]) -> Page[Position]:
    return Page(items=[position_view(row) for row in rows.items], next=rows.next)


async def _known(caller: Caller, device_id: str) -> None:
    if await caller.context.catalog.get_device(device_id) is None:
        raise UnknownDevice(device_id)
