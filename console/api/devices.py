"""Devices: what registers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from access.roles import Action
from catalog.errors import UnknownDevice
from catalog.model import Device as CatalogDevice
from catalog.model import DeviceChanges
from console.api.models import CatalogSync, Device, DeviceChange, Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.views import device_view, device_views
from console.auth import Caller, may

router = APIRouter(tags=["devices"])

DeviceId = Annotated[
    str,
    Path(pattern=r"^[0-9A-Za-z]{1,64}$", description="The device's id.", examples=["34020000001110000001"]),
]


@router.get("/devices", summary="List devices", responses=documented(400, 401, 403, 422))
async def list_devices(
    caller: Annotated[Caller, Depends(may(Action.VIEW_CATALOG))],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Device]:
    """All devices that ever registered or were created, by id."""
    page = await caller.context.catalog.list_devices(cursor, limit)
    return Page(items=await device_views(caller.context, page.items), next=page.next)


@router.get("/devices/{device_id}", summary="One device", responses=documented(401, 403, 404, 422))
async def get_device(
    device_id: DeviceId, caller: Annotated[Caller, Depends(may(Action.VIEW_CATALOG))]
) -> Device:
    return await device_view(caller.context, await known_device(caller, device_id))


@router.put("/devices/{device_id}", summary="Create or change a device", responses=documented(401, 403, 422))
async def put_device(
    device_id: DeviceId,
    change: DeviceChange,
    response: Response,
    caller: Annotated[Caller, Depends(may(Action.MANAGE_DEVICES))],
) -> Device:
    """Put a device on file before it registers, for example with a password of its own."""
    async with caller.recorded(Action.MANAGE_DEVICES, device_id, fields=sorted(change.model_fields_set)):
        if await caller.context.catalog.get_device(device_id) is None:
            await caller.context.catalog.upsert_device(CatalogDevice(device_id=device_id))
            response.status_code = 201
        await _apply(caller, device_id, change)
    return await device_view(caller.context, await known_device(caller, device_id))


@router.patch("/devices/{device_id}", summary="Change a device", responses=documented(401, 403, 404, 422))
async def change_device(
    device_id: DeviceId,
    change: DeviceChange,
    caller: Annotated[Caller, Depends(may(Action.MANAGE_DEVICES))],
) -> Device:
    """Only the fields that are present change. A new password counts from the next registration."""
    async with caller.recorded(Action.MANAGE_DEVICES, device_id, fields=sorted(change.model_fields_set)):
        await _apply(caller, device_id, change)
    return await device_view(caller.context, await known_device(caller, device_id))


@router.post(
    "/devices/{device_id}/catalog",
    summary="Ask a device for its catalogue",
    responses=documented(401, 403, 404, 422, 502, 503, 504),
)
async def sync_catalog(
    device_id: DeviceId, caller: Annotated[Caller, Depends(may(Action.SYNC_CATALOG))]
) -> CatalogSync:
    """Answers when the catalogue is whole, or when the device stops sending.

    The last whole catalogue stays until a new one is whole.
    """
    await known_device(caller, device_id)
    async with caller.recorded(Action.SYNC_CATALOG, device_id):
        result = await caller.context.streams.sync_catalog(device_id)
    return CatalogSync(
        device_id=device_id,
        channels=result.stored,
        complete=result.complete,
        announced=result.announced,
    )


async def known_device(caller: Caller, device_id: str) -> CatalogDevice:
    """The device that is on file. Raises UnknownDevice."""
    device = await caller.context.catalog.get_device(device_id)
    if device is None:
        raise UnknownDevice(device_id)
    return device


async def _apply(caller: Caller, device_id: str, change: DeviceChange) -> None:
    changes = DeviceChanges()
    if change.name is not None:
        changes["name"] = change.name
    if change.allowed is not None:
        changes["allowed"] = change.allowed
    if change.blocked is not None:
        changes["blocked"] = change.blocked
    if change.send_date is not None:
        changes["send_date"] = change.send_date
    if "media_transport" in change.model_fields_set:
        changes["media_transport"] = change.media_transport
    if "password" in change.model_fields_set:
        plain = change.password or ""
        changes["password_sealed"] = caller.context.seal(plain) if plain else None
    await caller.context.catalog.set_device(device_id, **changes)
    caller.context.streams.device_changed(await known_device(caller, device_id))
