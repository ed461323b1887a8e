"""Superior platforms: how we stand with each, what it is shown, and what it watches (R-1, R-21)."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Path

from access.roles import Action
from cascade.model import InitialReport, RecordSource, Superior, TreeForm
from cascade.post import SuperiorPost
from cascade.shown.shares import Share, ShareKind
from cascade.superior_trial import SuperiorTrial
from cascade.trial import in_turn
from catalog.keyset import decode_cursor, encode_cursor
from console.api.models import Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.superior_models import (
    PresentedItem,
    ShareKindName,
    SuperiorCreate,
    SuperiorItem,
    SuperiorLinkItem,
    SuperiorReplace,
    SuperiorShare,
)
from console.api.trial_models import TrialResult, result_of
from console.auth import Caller, may
from sipserver.gb.editions import Edition
from sipserver.sip.flow import Transport

router = APIRouter(tags=["superiors"])

SuperiorId = Annotated[
    str, Path(pattern=r"^[0-9]{20}$", description="The superior's id.", examples=["34000000002000000001"])
]
MayView = Annotated[Caller, Depends(may(Action.VIEW_CATALOG))]
MayManage = Annotated[Caller, Depends(may(Action.MANAGE_DEVICES))]
MayTry = Annotated[Caller, Depends(may(Action.DIAGNOSE))]

SAME_NAMES = (
    "name", "host", "port", "alternate", "domain", "own_id", "own_domain", "username", "charset",
    "advertised_host", "expires_s", "keepalive_s", "keepalive_misses", "retry_s", "retry_max_s",
    "with_own_item", "id_prefix", "keeps_ids", "fragment_items", "fragment_pause_s",
    "notify_items", "notify_wait_s", "pushes_alarms",
    "record_wait_s", "takes_ssrc", "awaits_ack", "speech_tcp",
    "tls_authorities", "tls_verify", "tls_name",
)  # fmt: skip
"""Fields that the API and the room call the same."""


@router.get("/superiors", summary="List superior platforms", responses=documented(401, 403))
async def list_superiors(caller: MayView) -> Page[SuperiorItem]:
    """All of them, with how we stand with each."""
    posts = sorted(caller.context.superiors.list(), key=lambda post: post.link.superior.superior_id)
    return Page(items=[_view(caller, post) for post in posts])


@router.post(
    "/superiors",
    status_code=201,
    summary="Enter a superior platform",
    responses=documented(401, 403, 409, 422),
)
async def create_superior(body: SuperiorCreate, caller: MayManage) -> SuperiorItem:
    """We register with it at once, unless it is switched off."""
    superior = _superior(caller, body.superior_id, body, body.password)
    async with caller.recorded(Action.MANAGE_DEVICES, body.superior_id, did="enter superior"):
        post = await caller.context.superiors.add(superior)
    return _view(caller, post)


@router.get("/superiors/{superior_id}", summary="One superior", responses=documented(401, 403, 404, 422))
async def get_superior(superior_id: SuperiorId, caller: MayView) -> SuperiorItem:
    return _view(caller, caller.context.superiors.get(superior_id))


@router.put("/superiors/{superior_id}", summary="Change a superior", responses=documented(401, 403, 404, 422))
async def change_superior(superior_id: SuperiorId, body: SuperiorReplace, caller: MayManage) -> SuperiorItem:
    """The difference is acted on: the registration is made anew only when it changes itself."""
    former = caller.context.superiors.get(superior_id).link.superior
    password = former.password if body.password is None else body.password
    superior = _superior(caller, superior_id, body, password)
    async with caller.recorded(Action.MANAGE_DEVICES, superior_id, did="change superior"):
        post = await caller.context.superiors.change(superior)
    return _view(caller, post)


@router.delete(
    "/superiors/{superior_id}",
    status_code=204,
    summary="Remove a superior",
    responses=documented(401, 403, 404, 422),
)
async def remove_superior(superior_id: SuperiorId, caller: MayManage) -> None:
    """What it watches ends; the ids that it knew are forgotten."""
    async with caller.recorded(Action.MANAGE_DEVICES, superior_id, did="remove superior"):
        await caller.context.superiors.remove(superior_id)


@router.get(
    "/superiors/{superior_id}/catalogue",
    summary="What a superior is shown",
    responses=documented(400, 401, 403, 404, 422),
)
async def presented_catalogue(
    superior_id: SuperiorId, caller: MayView, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Page[PresentedItem]:
    """In the order in which it is sent."""
    tree = await caller.context.superiors.get(superior_id).catalogue.tree()
    start = 0
    if cursor is not None:
        (start,) = (int(each) for each in decode_cursor(cursor, (int,)))
    chosen = tree.items[start : start + limit]
    more = start + limit < len(tree.items)
    items = [
        PresentedItem(
            id=str(item.device_id),
            name=item.name,
            kind=item.kind.value,
            parent_ids=list(item.parent_ids),
            status=item.status,
            channel=str(entry.paths[0]) if (entry := tree.channels.get(item.device_id)) else None,
        )
        for item in chosen
    ]
    return Page(items=items, next=encode_cursor(start + limit) if more else None)


@router.post(
    "/superiors/{superior_id}/test-call",
    summary="Try a superior out",
    responses=documented(401, 403, 404, 422),
)
async def try_superior(superior_id: SuperiorId, caller: MayTry) -> TrialResult:
    """Does it register us, does it answer, what is it shown, could it have a picture; up to a minute.

    Who is not registered with it is registered anew at once.
    """
    context = caller.context
    post = context.superiors.get(superior_id)
    async with caller.recorded(Action.DIAGNOSE, superior_id, did="test call"):
        return result_of(await in_turn(SuperiorTrial(post, context.pictures).steps))


def _superior(
    caller: Caller, superior_id: str, body: SuperiorCreate | SuperiorReplace, password: str
) -> Superior:
    values: dict[str, Any] = {name: getattr(body, name) for name in SAME_NAMES}
    values["own_id"] = body.own_id or caller.context.server().sip_id
    return Superior(
        **values,
        superior_id=superior_id,
        password=password,
        is_enabled=body.enabled,
        transport=Transport(body.transport),
        edition=Edition(body.edition),
        tree=TreeForm(body.tree),
        initial_report=InitialReport(body.initial_report),
        record_source=RecordSource(body.record_source),
        shares=tuple(Share(ShareKind[share.kind.upper()], share.value, share.shown) for share in body.shares),
    )


def _view(caller: Caller, post: SuperiorPost) -> SuperiorItem:
    superior, view = post.link.superior, post.link.view
    values: dict[str, Any] = {name: getattr(superior, name) for name in SAME_NAMES}
    now = caller.context.devices.clock()
    return SuperiorItem(
        **values,
        superior_id=superior.superior_id,
        has_password=bool(superior.password),
        enabled=superior.is_enabled,
        transport=superior.transport.value,
        edition=superior.edition.value,
        tree=superior.tree.value,
        initial_report=superior.initial_report.value,
        record_source=superior.record_source.value,
        shares=[
            SuperiorShare(
                kind=cast(ShareKindName, share.kind.name.lower()), value=share.value, shown=share.is_shown
            )
            for share in superior.shares
        ],
        link=SuperiorLinkItem(
            state=view.state.value,
            why=view.why,
            since=datetime.now(UTC) - timedelta(seconds=now - view.since),
            next_in_s=None if view.next_at is None else max(0.0, round(view.next_at - now, 1)),
            remote=":".join(map(str, view.remote)) if view.remote is not None else "",
            registrations=view.registrations,
            refusals=view.refusals,
            losses=view.losses,
            keepalives=view.keepalives,
            keepalives_missed=view.keepalives_missed,
        ),
        streams=len(post.relay.streams) + len(post.speech.calls),
    )
