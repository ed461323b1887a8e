"""Firmware for devices, and upgrades with it."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request

from access.roles import Action
from catalog.errors import UnknownDevice
from catalog.model import ChannelKey
from console.api.channels import ChannelId
from console.api.configuration import DespiteEdition
from console.api.configuration_models import Firmware, Upgrade, UpgradeCommand
from console.api.devices import DeviceId
from console.api.models import Page
from console.api.problems import documented
from console.auth import Caller, may
from console.http_connection import allow_longer
from sipserver.devices.uploads.model import Firmware as StoredFirmware
from sipserver.devices.uploads.model import Upgrade as RunningUpgrade

router = APIRouter(tags=["firmware"])

UPLOAD_S: Final = 1800.0
"""Longest time for the upload of an operator's file."""

Text = Annotated[str, Query(min_length=1, max_length=255)]
FirmwareId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="`firmware_id`.")]
SessionId = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,128}$", description="`session_id` of an upgrade.")]
Changing = Annotated[Caller, Depends(may(Action.CONFIGURE_DEVICE))]
UPGRADE_PROBLEMS = documented(401, 403, 404, 409, 422, 502, 503, 504)


@router.post(
    "/firmware",
    status_code=201,
    summary="Upload a firmware file",
    responses=documented(401, 403, 413, 422, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def add_firmware(
    request: Request, file_name: Text, manufacturer: Text, version: Text, caller: Changing
) -> Firmware:
    """The file is the body. Its size is limited by `uploads.firmware_max_bytes`."""
    allow_longer(request.scope, UPLOAD_S)
    detail = {"file_name": file_name, "manufacturer": manufacturer, "version": version}
    async with caller.recorded(Action.CONFIGURE_DEVICE, "firmware", command="add-firmware", **detail):
        found = await caller.context.devices.uploads.upgrades.add_firmware(
            request.stream(), uploaded_by=caller.username, **detail
        )
    return _firmware_view(found)


@router.get("/firmware", summary="Firmware files", responses=documented(401, 403))
async def list_firmware(caller: Changing) -> Page[Firmware]:
    """The newest first, at most 200."""
    found = await caller.context.devices.uploads.upgrades.all_firmware()
    return Page(items=[_firmware_view(each) for each in found])


@router.delete(
    "/firmware/{firmware_id}",
    status_code=204,
    summary="Delete a firmware file",
    responses=documented(401, 403, 404, 422, 503),
)
async def delete_firmware(firmware_id: FirmwareId, caller: Changing) -> None:
    """Not while a device is being upgraded with it."""
    async with caller.recorded(Action.CONFIGURE_DEVICE, firmware_id, command="delete-firmware"):
        await caller.context.devices.uploads.upgrades.remove_firmware(firmware_id)


@router.post(
    "/devices/{device_id}/upgrades",
    status_code=201,
    summary="Upgrade a device",
    responses=UPGRADE_PROBLEMS,
)
async def upgrade_device(
    device_id: DeviceId, command: UpgradeCommand, caller: Changing, despite_edition: DespiteEdition = False
) -> Upgrade:
    """Answers when the device has accepted. It then fetches the file, restarts, registers and reports."""
    return await _start(caller, await _device(caller, device_id), command, despite_edition)


@router.post(
    "/channels/{channel_id}/upgrades",
    status_code=201,
    summary="Upgrade the camera behind a channel",
    responses=UPGRADE_PROBLEMS,
)
async def upgrade_channel(
    channel_id: ChannelId, command: UpgradeCommand, caller: Changing, despite_edition: DespiteEdition = False
) -> Upgrade:
    """Likewise; for recorders and platforms that pass it on."""
    key = await caller.context.catalog.resolve_channel(channel_id)
    return await _start(caller, key, command, despite_edition)


@router.get(
    "/devices/{device_id}/upgrades",
    summary="Upgrades of a device",
    responses=documented(401, 403, 404, 422),
)
async def list_upgrades(device_id: DeviceId, caller: Changing) -> Page[Upgrade]:
    """The newest first, at most 200."""
    await _device(caller, device_id)
    found = await caller.context.devices.uploads.upgrades.upgrades_of(device_id)
    return Page(items=[_upgrade_view(each) for each in found])


@router.get("/upgrades/{session_id}", summary="One upgrade", responses=documented(401, 403, 404, 422))
async def get_upgrade(session_id: SessionId, caller: Changing) -> Upgrade:
    return _upgrade_view(await caller.context.devices.uploads.upgrades.upgrade(session_id))


async def _device(caller: Caller, device_id: str) -> ChannelKey:
    if await caller.context.catalog.get_device(device_id) is None:
        raise UnknownDevice(device_id)
    return ChannelKey(device_id, device_id)


async def _start(caller: Caller, key: ChannelKey, command: UpgradeCommand, despite_edition: bool) -> Upgrade:
    async with caller.recorded(
        Action.CONFIGURE_DEVICE, str(key), command="upgrade", firmware_id=command.firmware_id
    ):
        upgrade = await caller.context.devices.uploads.upgrades.start(
            key, command.firmware_id, requested_by=caller.username, despite_edition=despite_edition
        )
    return _upgrade_view(upgrade)


def _firmware_view(found: StoredFirmware) -> Firmware:
    return Firmware(
        firmware_id=found.firmware_id,
        file_name=found.file_name,
        manufacturer=found.manufacturer,
        version=found.version,
        size_bytes=found.size_bytes,
        sha256=found.sha256,
        uploaded_by=found.uploaded_by,
        uploaded_at=found.uploaded_time,
    )


def _upgrade_view(upgrade: RunningUpgrade) -> Upgrade:
    return Upgrade(
        session_id=upgrade.session_id,
        device_id=upgrade.device_id,
        target_id=upgrade.target_id,
        firmware_id=upgrade.firmware_id,
        version=upgrade.version,
        state=upgrade.state.value,
        detail=upgrade.detail,
        firmware_after=upgrade.firmware_after,
        requested_by=upgrade.requested_by,
        requested_at=upgrade.requested_time,
        ended_at=upgrade.ended_time,
    )
