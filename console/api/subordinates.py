"""Subordinate platforms: settings, standing, catalogue, live sessions, a test call (R-1, R-3)."""

from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path

from access.roles import Action
from cascade.below.subordinates import Pins, SubordinateView
from cascade.below.trial import SubordinateTrial
from cascade.trial import in_turn
from catalog.model import Device
from console.api.models import MediaTransportChoice, Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.subordinate_models import (
    SubordinateCatalogue,
    SubordinateCreate,
    SubordinateItem,
    SubordinateLink,
    SubordinateReplace,
    SubordinateStream,
)
from console.api.superior_models import CharsetName, EditionName
from console.api.trial_models import TrialResult, result_of
from console.auth import Caller, may

router = APIRouter(tags=["subordinates"])

SubordinateId = Annotated[
    str, Path(pattern=r"^[0-9]{20}$", description="The subordinate's id.", examples=["34020000002000000001"])
]
MayView = Annotated[Caller, Depends(may(Action.VIEW_CATALOG))]
MayManage = Annotated[Caller, Depends(may(Action.MANAGE_DEVICES))]
MayTry = Annotated[Caller, Depends(may(Action.DIAGNOSE))]


@router.get("/subordinates", summary="List subordinate platforms", responses=documented(400, 401, 403, 422))
async def list_subordinates(
    caller: MayView, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Page[SubordinateItem]:
    """Those on file and those that registered as platforms, by id."""
    page = await caller.context.subordinates.page(cursor, limit)
    return Page(items=[_view(view) for view in page.items], next=page.next)


@router.post(
    "/subordinates",
    status_code=201,
    summary="Enter a subordinate platform",
    responses=documented(401, 403, 409, 422),
)
async def create_subordinate(body: SubordinateCreate, caller: MayManage) -> SubordinateItem:
    """With an account of its own. One that registered already with the common password has to know it now."""
    device = _device(body.subordinate_id, body, caller.context.seal(body.password))
    async with caller.recorded(Action.MANAGE_DEVICES, body.subordinate_id, did="enter subordinate"):
        view = await caller.context.subordinates.add(device, _pins(body), caller.username)
    return _view(view)


@router.get(
    "/subordinates/{subordinate_id}", summary="One subordinate", responses=documented(401, 403, 404, 422)
)
async def get_subordinate(subordinate_id: SubordinateId, caller: MayView) -> SubordinateItem:
    return _view(await caller.context.subordinates.get(subordinate_id))


@router.put(
    "/subordinates/{subordinate_id}",
    summary="Change a subordinate",
    responses=documented(401, 403, 404, 422),
)
async def change_subordinate(
    subordinate_id: SubordinateId, body: SubordinateReplace, caller: MayManage
) -> SubordinateItem:
    """A new password counts from its next registration; its streams go on unless it may not stay."""
    former = (await caller.context.subordinates.get(subordinate_id)).device
    sealed = former.password_sealed if body.password is None else caller.context.seal(body.password)
    fields = sorted(body.model_fields_set)
    async with caller.recorded(
        Action.MANAGE_DEVICES, subordinate_id, did="change subordinate", fields=fields
    ):
        view = await caller.context.subordinates.change(
            _device(subordinate_id, body, sealed), _pins(body), caller.username
        )
    return _view(view)


@router.delete(
    "/subordinates/{subordinate_id}",
    status_code=204,
    summary="Remove a subordinate",
    responses=documented(401, 403, 404, 422),
)
async def remove_subordinate(subordinate_id: SubordinateId, caller: MayManage) -> None:
    """What is watched of it ends, and its catalogue goes; channels of which there is footage stay."""
    async with caller.recorded(Action.MANAGE_DEVICES, subordinate_id, did="remove subordinate"):
        await caller.context.subordinates.remove(subordinate_id)


@router.get(
    "/subordinates/{subordinate_id}/streams",
    summary="What comes from a subordinate",
    responses=documented(401, 403, 404, 422),
)
async def subordinate_streams(subordinate_id: SubordinateId, caller: MayView) -> Page[SubordinateStream]:
    view = await caller.context.subordinates.get(subordinate_id)
    now = caller.context.devices.clock()
    return Page(
        items=[
            SubordinateStream(
                channel=str(invite.key),
                stream=invite.stream.value,
                session_id=invite.session_id,
                state=invite.state.value,
                transport=invite.transport.value,
                ssrc=invite.ssrc,
                holders=sorted({purpose for purpose, _ in invite.holders}),
                age_s=round(max(0.0, now - invite.started_at), 1),
                path=list(invite.route_path),
            )
            for invite in view.streams
        ]
    )


@router.post(
    "/subordinates/{subordinate_id}/test-call",
    summary="Try a subordinate out",
    responses=documented(401, 403, 404, 422),
)
async def try_subordinate(subordinate_id: SubordinateId, caller: MayTry) -> TrialResult:
    """Is it registered, does it answer, what does it list, one live picture; it may take a minute or two."""
    context = caller.context
    view = await context.subordinates.get(subordinate_id)
    async with caller.recorded(Action.DIAGNOSE, subordinate_id, did="test call"):
        trial = SubordinateTrial(view, context.devices, context.catalog, context.pictures)
        return result_of(await in_turn(trial.steps))


def _device(subordinate_id: str, body: SubordinateCreate | SubordinateReplace, sealed: str | None) -> Device:
    return Device(
        device_id=subordinate_id,
        name=body.name,
        password_sealed=sealed,
        blocked=not body.enabled,
        send_date=body.send_date,
        media_transport=body.media_transport,
        account=body.account,
        expected_hosts=" ".join(body.expected_hosts),
        path_rank=body.path_rank,
        catalog_every_s=body.catalog_every_s,
    )


def _pins(body: SubordinateCreate | SubordinateReplace) -> Pins:
    return Pins(body.edition, body.charset)


def _view(view: SubordinateView) -> SubordinateItem:
    device = view.device
    return SubordinateItem(
        subordinate_id=device.device_id,
        name=device.name,
        enabled=not device.blocked,
        has_password=device.password_sealed is not None,
        account=device.account,
        expected_hosts=device.expected_hosts.split(),
        edition=cast(EditionName | None, view.edition),
        charset=cast(CharsetName | None, view.charset),
        send_date=device.send_date,
        media_transport=cast(MediaTransportChoice | None, device.media_transport),
        path_rank=device.path_rank,
        catalog_every_s=device.catalog_every_s,
        link=_link(view),
        catalogue=_catalogue(view),
        streams=len(view.streams),
    )


def _link(view: SubordinateView) -> SubordinateLink:
    device, presence = view.device, view.presence
    remote = presence.remote if presence is not None else None
    return SubordinateLink(
        state=view.state.value,
        why=view.why,
        online_since=view.online_since,
        registered_at=view.registered_time,
        expires_at=view.expires_time,
        last_keepalive_at=view.last_keepalive_time,
        last_seen_at=view.last_seen_time,
        keepalive_interval_s=(presence and presence.keepalive_interval_s) or device.keepalive_interval_s,
        transport=presence.transport.value if presence is not None and presence.transport else None,
        remote=None if remote is None else f"{remote[0]}:{remote[1]}",
        edition=presence.edition.value if presence is not None else device.edition,
        user_agent=device.user_agent,
    )


def _catalogue(view: SubordinateView) -> SubordinateCatalogue:
    at = view.device.catalog_time
    return SubordinateCatalogue(
        state=view.catalog_state.value,
        at=at,
        age_s=None if at is None else round(max(0.0, (datetime.now(UTC) - at).total_seconds()), 1),
        cameras=view.totals.cameras,
        cameras_on=view.totals.cameras_on,
        directories=view.totals.directories,
        others=view.totals.others,
        missing=view.totals.missing,
    )
