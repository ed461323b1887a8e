"""Learned device profiles: what works with which device, why, and the operator's word on it."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from access.roles import Action
from console.api.devices import DeviceId, known_device
from console.api.problems import INVALID, NOT_FOUND, ApiProblem, documented
from console.api.profile_models import (
    DeviceProfile,
    KindProfile,
    KindProfiles,
    PinnedKindValue,
    PinnedValue,
    ProfileDocument,
    ProfilesTaken,
    ProfileValue,
)
from console.auth import Caller, may
from sipserver.devices.profiles.exchange import document_of, rows_of
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.model import DeviceKind, Effective, Learned

router = APIRouter(tags=["profiles"])

MayView = Annotated[Caller, Depends(may(Action.VIEW_CATALOG))]
MayManage = Annotated[Caller, Depends(may(Action.MANAGE_PROFILES))]
FacetName = Annotated[Facet, Path(description="In what devices differ.", examples=["media_transport"])]


@router.get("/profiles", summary="What is known about kinds of devices", responses=documented(401, 403))
async def list_profiles(caller: MayView) -> KindProfiles:
    """By vendor, model and firmware, as the devices themselves say."""
    return KindProfiles(
        items=[
            KindProfile(
                **profile.kind._asdict(),
                devices=profile.devices,
                values=[_value(facet, learned) for facet, learned in profile.values.items()],
            )
            for profile in caller.context.devices.profiles.kinds()
        ]
    )


@router.put(
    "/profiles", summary="Pin a value for a kind", status_code=204, responses=documented(401, 403, 422)
)
async def pin_kind(pinned: PinnedKindValue, caller: MayManage) -> None:
    """It counts for all devices of this vendor, model and firmware, whatever they show."""
    kind, facet = _kind(pinned.manufacturer, pinned.model, pinned.firmware), _facet(pinned.facet)
    async with caller.recorded(Action.MANAGE_PROFILES, str(kind), facet=facet, value=pinned.value):
        caller.context.devices.profiles.pin_kind(kind, facet, pinned.value, caller.username)


@router.delete(
    "/profiles", summary="Forget a value of a kind", status_code=204, responses=documented(401, 403, 404, 422)
)
async def unpin_kind(
    caller: MayManage,
    facet: Annotated[Facet, Query(examples=["media_transport"])],
    manufacturer: Annotated[str, Query(max_length=64)] = "",
    model: Annotated[str, Query(max_length=64)] = "",
    firmware: Annotated[str, Query(max_length=64)] = "",
) -> None:
    """Pinned or learned; it can be learned anew."""
    kind = _kind(manufacturer, model, firmware)
    async with caller.recorded(Action.MANAGE_PROFILES, str(kind), facet=facet, value=None):
        if not caller.context.devices.profiles.unpin_kind(kind, facet):
            raise ApiProblem(NOT_FOUND, f"Nothing is known about {facet.value} of {kind}")


@router.get("/profiles/export", summary="Export the profiles", responses=documented(401, 403))
async def export_profiles(caller: MayView) -> ProfileDocument:
    """All values of all kinds, with their evidence, as one document."""
    return ProfileDocument.model_validate(document_of(caller.context.devices.profiles.rows()))


@router.post("/profiles/import", summary="Import profiles", responses=documented(401, 403, 413, 422))
async def import_profiles(
    document: ProfileDocument,
    caller: MayManage,
    replace: Annotated[
        bool, Query(description="Also where something is known here; else that stays.")
    ] = False,
) -> ProfilesTaken:
    """A document of the export, of this platform or another. All of it or, when a row cannot be, none."""
    async with caller.recorded(Action.MANAGE_PROFILES, "import", replace=replace):
        rows = rows_of(document.model_dump())
        taken = caller.context.devices.profiles.take_over(rows, replace=replace)
    return ProfilesTaken(taken=taken, held=len(rows))


@router.get(
    "/devices/{device_id}/profile",
    summary="What is known about a device",
    responses=documented(401, 403, 404, 422),
)
async def get_device_profile(device_id: DeviceId, caller: MayView) -> DeviceProfile:
    """What counts for it now, and where each value comes from."""
    device = await known_device(caller, device_id)
    profile = caller.context.devices.profiles.of_device(device_id)
    kind = profile.kind or DeviceKind(device.manufacturer, device.model, device.firmware)
    return DeviceProfile(device_id=device_id, **kind._asdict(), values=_values(profile.values.items()))


@router.put(
    "/devices/{device_id}/profile/{facet}",
    summary="Pin a value for a device",
    status_code=204,
    responses=documented(401, 403, 404, 422),
)
async def pin_device(device_id: DeviceId, facet: FacetName, pinned: PinnedValue, caller: MayManage) -> None:
    """It counts for this device alone, whatever it or its kind shows."""
    await known_device(caller, device_id)
    async with caller.recorded(Action.MANAGE_PROFILES, device_id, facet=facet, value=pinned.value):
        caller.context.devices.profiles.pin_device(device_id, facet, pinned.value, caller.username)


@router.delete(
    "/devices/{device_id}/profile/{facet}",
    summary="Forget a value of a device",
    status_code=204,
    responses=documented(401, 403, 404, 422),
)
async def unpin_device(device_id: DeviceId, facet: FacetName, caller: MayManage) -> None:
    """Pinned or learned; what counts for its kind counts again, and it can be learned anew."""
    async with caller.recorded(Action.MANAGE_PROFILES, device_id, facet=facet, value=None):
        if not caller.context.devices.profiles.unpin_device(device_id, facet):
            raise ApiProblem(NOT_FOUND, f"Nothing of its own is known about {facet.value} of {device_id}")


def _kind(manufacturer: str, model: str, firmware: str) -> DeviceKind:
    kind = DeviceKind.of(manufacturer, model, firmware)
    if kind is None:
        raise ApiProblem(INVALID, "manufacturer or model is needed to name a kind of devices")
    return kind


def _facet(name: str) -> Facet:
    try:
        return Facet(name)
    except ValueError:
        raise ApiProblem(INVALID, f"facet: {name!r} is none of {', '.join(Facet)}") from None


def _values(values: Iterable[tuple[Facet, Effective]]) -> list[ProfileValue]:
    return [
        _value(facet, effective.learned).model_copy(update={"origin": effective.origin.value})
        for facet, effective in values
    ]


def _value(facet: Facet, learned: Learned) -> ProfileValue:
    return ProfileValue(
        facet=facet.value,
        value=learned.value,
        evidence=learned.evidence,
        learned=learned.learned_time,
        pinned=learned.is_pinned,
    )
