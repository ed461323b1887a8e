"""What a superior may do, with which cameras and when, within which limits; and what it did (R-1, R-5)."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from access.audit import AuditEntry
from access.hours import Hours
from access.rights import Grant, Limits, Policy, Right, Scope, ScopeKind, StreamChoice
from access.roles import Action
from cascade.post import SuperiorPost
from cascade.rights.permits import subject_of
from catalog.keyset import decode_cursor, encode_cursor
from console.api.models import Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.superior_grant_models import (
    GrantHours,
    SuperiorAuditEntry,
    SuperiorGrant,
    SuperiorGrants,
    SuperiorGrantsReplace,
    SuperiorLimits,
    SuperiorUsage,
)
from console.api.superiors import MayManage, MayView, SuperiorId
from console.auth import Caller, may

router = APIRouter(tags=["superiors"])

MayAudit = Annotated[Caller, Depends(may(Action.VIEW_AUDIT))]


@router.get(
    "/superiors/{superior_id}/grants",
    summary="What a superior may do",
    responses=documented(401, 403, 404, 422),
)
async def get_grants(superior_id: SuperiorId, caller: MayView) -> SuperiorGrants:
    """Who was just entered may watch, play back and download all that it is shown, and nothing else."""
    return _view(caller, caller.context.superiors.get(superior_id))


@router.put(
    "/superiors/{superior_id}/grants",
    summary="Decide what a superior may do",
    responses=documented(401, 403, 404, 422),
)
async def replace_grants(
    superior_id: SuperiorId, body: SuperiorGrantsReplace, caller: MayManage
) -> SuperiorGrants:
    """What runs and is granted no longer ends at once."""
    post = caller.context.superiors.get(superior_id)
    policy = _policy(body)
    async with caller.recorded(
        Action.MANAGE_DEVICES, superior_id, did="decide rights", rights=body.model_dump(mode="json")
    ):
        await caller.context.rights.replace(subject_of(superior_id), policy)
    return _view(caller, post)


@router.delete(
    "/superiors/{superior_id}/grants",
    status_code=204,
    summary="Decide nothing about a superior",
    responses=documented(401, 403, 404, 422),
)
async def remove_grants(superior_id: SuperiorId, caller: MayManage) -> None:
    """It may do again what all begin with."""
    caller.context.superiors.get(superior_id)
    async with caller.recorded(Action.MANAGE_DEVICES, superior_id, did="forget rights"):
        await caller.context.rights.remove(subject_of(superior_id))


@router.get(
    "/superiors/{superior_id}/audit",
    summary="What a superior did",
    responses=documented(400, 401, 403, 404, 422),
)
async def audit_of(
    superior_id: SuperiorId, caller: MayAudit, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Page[SuperiorAuditEntry]:
    """What it did and was refused, and what operators decided about it; the newest first."""
    caller.context.superiors.get(superior_id)
    before = None
    if cursor is not None:
        (before,) = (int(each) for each in decode_cursor(cursor, (int,)))
    about = (subject_of(superior_id), superior_id)
    found = await caller.context.audit.list(before=before, limit=limit, about=about)
    more = encode_cursor(found[-1].sequence) if len(found) == limit else None
    return Page(items=[_entry(each) for each in found], next=more)


def _policy(body: SuperiorGrantsReplace) -> Policy:
    limits = body.limits
    return Policy(
        tuple(_grant(each) for each in body.grants),
        Limits(limits.streams, limits.kbps, StreamChoice(limits.stream), limits.priority),
    )


def _grant(body: SuperiorGrant) -> Grant:
    return Grant(
        frozenset(Right(each) for each in body.actions),
        Scope(ScopeKind(body.scope), body.value),
        tuple(
            Hours(tuple(sorted(each.weekdays)), _minute(each.start), _minute(each.end)) for each in body.hours
        ),
    )


def _view(caller: Caller, post: SuperiorPost) -> SuperiorGrants:
    rights, subject = caller.context.rights, post.permits.subject
    policy, used = rights.policy(subject), post.permits.view
    limits = policy.limits
    return SuperiorGrants(
        is_initial=rights.is_initial(subject),
        grants=[_grant_view(each) for each in policy.grants],
        limits=SuperiorLimits(
            streams=limits.streams,
            kbps=limits.kbps,
            stream=limits.stream.value,
            priority=limits.priority,
        ),
        usage=SuperiorUsage(
            streams=used.streams,
            kbps=round(used.kbps, 1),
            moving=len(post.controls.moving),
            refused=post.permits.refused,
        ),
    )


def _grant_view(grant: Grant) -> SuperiorGrant:
    return SuperiorGrant(
        # In the order in which the rights are listed everywhere.
        actions=[each.value for each in Right if each in grant.actions],
        scope=grant.scope.kind.value,
        value=grant.scope.value,
        hours=[
            GrantHours(
                weekdays=list(each.weekdays), start=_clock(each.start_minute), end=_clock(each.end_minute)
            )
            for each in grant.hours
        ],
    )


def _entry(entry: AuditEntry) -> SuperiorAuditEntry:
    detail: dict[str, Any] = json.loads(entry.detail)
    return SuperiorAuditEntry(
        sequence=entry.sequence,
        time=entry.time,
        actor=entry.actor,
        source=entry.source,
        action=entry.action,
        target=entry.target,
        outcome=entry.outcome,
        detail=detail,
    )


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
