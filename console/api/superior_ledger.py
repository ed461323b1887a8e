"""What a superior was told, what it acknowledged, and the differences by name."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, cast

from fastapi import APIRouter, Path, Query

from access.roles import Action
from cascade.shown.channel_table import ItemState
from cascade.shown.items import Override
from cascade.shown.presented import PresentedTree
from cascade.told.ledger import Difference, Ledger, Listed
from catalog.keyset import decode_cursor, encode_cursor
from console.api.models import Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.superior_ledger_models import (
    DifferenceName,
    ItemOverride,
    LedgerChecked,
    LedgerItem,
    LedgerPush,
    LedgerPushed,
    LedgerSummary,
    ListedWord,
    StateWord,
    SuperiorSubscription,
)
from console.api.superiors import MayManage, MayView, SuperiorId

router = APIRouter(tags=["superiors"])

LOOKED_AT: int = 5_000
"""Entries looked at in one go."""

PresentedId = Annotated[str, Path(max_length=64, description="The id that the superior knows.")]
Wanted = Annotated[
    DifferenceName | None, Query(description="Entries with this difference; absent: every entry.")
]
Differing = Annotated[bool, Query(description="True: entries with any difference alone.")]


@router.get(
    "/superiors/{superior_id}/ledger",
    summary="What a superior was told and what it knows",
    responses=documented(400, 401, 403, 404, 422),
)
async def superior_ledger(
    superior_id: SuperiorId,
    caller: MayView,
    difference: Wanted = None,
    differing: Differing = False,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[LedgerItem]:
    """Entry by entry; those that are shown no more stay until the superior knows."""
    post = caller.context.superiors.get(superior_id)
    ledger, tree = await post.book.ledger(), await post.catalogue.tree()
    start = int(decode_cursor(cursor, (int,))[0]) if cursor is not None else 0
    items: list[LedgerItem] = []
    for first in range(start, len(tree), LOOKED_AT):
        for entry in range(first, min(first + LOOKED_AT, len(tree))):
            found = ledger.difference(entry)
            if not _is_wanted(tree, entry, found, difference, differing):
                continue
            if len(items) == limit:
                return Page(items=items, next=encode_cursor(entry))
            items.append(_item(tree, ledger, entry, found))
        await asyncio.sleep(0)
    return Page(items=items)


@router.get(
    "/superiors/{superior_id}/ledger/summary",
    summary="How much of what a superior is shown it knows",
    responses=documented(401, 403, 404, 422),
)
async def ledger_summary(superior_id: SuperiorId, caller: MayView) -> LedgerSummary:
    post = caller.context.superiors.get(superior_id)
    ledger, tree = await post.book.ledger(), await post.catalogue.tree()
    counts: Counter[Difference] = Counter()
    intended = wrong = 0
    for first in range(0, len(tree), LOOKED_AT):
        for entry in range(first, min(first + LOOKED_AT, len(tree))):
            found = ledger.difference(entry)
            is_shown = bool(tree.states[entry])
            intended += is_shown
            if found is not None:
                counts[found] += 1
                wrong += is_shown
        await asyncio.sleep(0)
    return LedgerSummary(
        intended=intended,
        acknowledged=intended - wrong,
        differences={name.value: count for name, count in counts.items()},
        strangers=[stranger.presented_id for stranger in post.check.strangers],
        sent=post.notices.sent,
        unanswered=post.notices.unanswered,
        refused=post.notices.refused,
    )


@router.post(
    "/superiors/{superior_id}/ledger/push",
    status_code=202,
    summary="Tell a superior again",
    responses=documented(401, 403, 404, 422),
)
async def push_again(superior_id: SuperiorId, body: LedgerPush, caller: MayManage) -> LedgerPushed:
    """In its subscription to the catalogue, or by MESSAGE when it has none; while it is offline it waits."""
    post = caller.context.superiors.get(superior_id)
    async with caller.recorded(Action.MANAGE_DEVICES, superior_id, did="tell superior again"):
        return LedgerPushed(entries=await post.notices.push_again(body.ids))


@router.post(
    "/superiors/{superior_id}/ledger/check",
    summary="Ask a superior what it lists",
    responses=documented(401, 403, 404, 422, 502, 503, 504),
)
async def check_ledger(superior_id: SuperiorId, caller: MayManage) -> LedgerChecked:
    """Many superiors answer no such query."""
    post = caller.context.superiors.get(superior_id)
    async with caller.recorded(Action.MANAGE_DEVICES, superior_id, did="ask superior for its list"):
        found = await post.check.ask()
    return LedgerChecked(
        listed=len(found.found),
        strangers=found.stranger_count,
        announced=found.sum_num or 0,
        complete=found.is_whole,
    )


@router.get(
    "/superiors/{superior_id}/subscriptions",
    summary="What a superior subscribed to",
    responses=documented(401, 403, 404, 422),
)
async def superior_subscriptions(superior_id: SuperiorId, caller: MayView) -> Page[SuperiorSubscription]:
    now = caller.context.devices.clock()
    running = caller.context.superiors.get(superior_id).notices.subscriptions.running()
    return Page(
        items=[
            SuperiorSubscription(
                kind=each.kind.value,
                scope=each.scope,
                expires_in_s=max(0.0, round(each.expires_at - now, 1)),
                notices=each.notices,
                unanswered=each.unanswered,
            )
            for each in running
        ]
    )


@router.put(
    "/superiors/{superior_id}/catalogue/{presented_id}",
    status_code=204,
    summary="Tell a superior something else about a camera",
    responses=documented(401, 403, 404, 422),
)
async def override_item(
    superior_id: SuperiorId, presented_id: PresentedId, body: ItemOverride, caller: MayManage
) -> None:
    """Its name, region or address, for this superior alone."""
    post = caller.context.superiors.get(superior_id)
    override = Override(body.name, body.civil_code, body.address)
    async with caller.recorded(Action.MANAGE_DEVICES, superior_id, did="override item", item=presented_id):
        await post.catalogue.override(presented_id, override)


def _is_wanted(
    tree: PresentedTree, entry: int, found: Difference | None, wanted: DifferenceName | None, differing: bool
) -> bool:
    if wanted is not None:
        return found is not None and found.value == wanted
    return found is not None or (not differing and bool(tree.states[entry]))


def _item(tree: PresentedTree, ledger: Ledger, entry: int, found: Difference | None) -> LedgerItem:
    row = ledger.row(entry)
    path = next(islice(tree.paths(entry), 1), None)
    return LedgerItem(
        id=row.presented_id,
        name=tree.item(entry).name,
        channel=None if path is None else str(path),
        intended=_word(tree.states[entry]),
        sent=_word(row.sent_state),
        sent_at=_instant(row.sent_s),
        acknowledged=_word(row.acknowledged_state),
        acknowledged_at=_instant(row.acknowledged_s),
        refused_status=row.refused_status or None,
        listed=cast(ListedWord, Listed(row.listed).name.lower()),
        difference=None if found is None else found.value,
    )


def _word(state: int) -> StateWord:
    return cast(StateWord, ItemState(state).name.lower())


def _instant(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
