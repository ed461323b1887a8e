"""Subscriptions: what devices tell by themselves, and how each stands."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from access.roles import Action
from catalog.errors import UnknownDevice
from catalog.keyset import decode_cursor, encode_cursor
from console.api.devices import DeviceId
from console.api.models import Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.subscription_models import AlarmFilter, KindName, Subscription, SubscriptionWish
from console.auth import Caller, may
from sipserver.devices.subscriptions.kinds import AlarmConditions, Kind
from sipserver.devices.subscriptions.subscription import SubscriptionView

router = APIRouter(tags=["subscriptions"])

KindPath = Annotated[KindName, Path(description="What the device shall tell.")]
Target = Annotated[
    str, Query(pattern=r"^[0-9A-Za-z]{0,64}$", description="`target_id`; empty: the device itself.")
]


@router.get("/subscriptions", summary="List subscriptions", responses=documented(400, 401, 403, 422))
async def list_subscriptions(
    caller: Annotated[Caller, Depends(may(Action.VIEW_CATALOG))],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Subscription]:
    """Of all devices, by device, kind and target."""
    views = caller.context.devices.subscriptions.views()
    if cursor is not None:
        after = decode_cursor(cursor, (str, str, str))
        views = [view for view in views if tuple(view.key) > after]
    items = [subscription_view(view) for view in views[:limit]]
    more = len(views) > limit
    return Page(items=items, next=encode_cursor(*views[limit - 1].key) if more else None)


@router.get(
    "/devices/{device_id}/subscriptions",
    summary="List the subscriptions of a device",
    responses=documented(401, 403, 404, 422),
)
async def list_device_subscriptions(
    device_id: DeviceId, caller: Annotated[Caller, Depends(may(Action.VIEW_CATALOG))]
) -> Page[Subscription]:
    if await caller.context.catalog.get_device(device_id) is None:
        raise UnknownDevice(device_id)
    views = caller.context.devices.subscriptions.views(device_id)
    return Page(items=[subscription_view(view) for view in views])


@router.put(
    "/devices/{device_id}/subscriptions/{kind}",
    summary="Subscribe to something at a device",
    responses=documented(401, 403, 404, 409, 422),
)
async def put_subscription(
    device_id: DeviceId,
    kind: KindPath,
    wish: SubscriptionWish,
    caller: Annotated[Caller, Depends(may(Action.MANAGE_SUBSCRIPTIONS))],
) -> Subscription:
    """Answers when the device did. What it refuses is asked for again later: see `state` and `error`.

    It is kept over restarts of both sides until it is deleted.
    """
    target_id = wish.target_id or device_id
    async with caller.recorded(Action.MANAGE_SUBSCRIPTIONS, device_id, kind=kind, target_id=target_id):
        view = await caller.context.devices.subscriptions.want(
            device_id,
            Kind(kind),
            target_id,
            expires_s=wish.expires_s,
            interval_s=wish.interval_s,
            conditions=_conditions(wish.alarms),
            requested_by=caller.username,
            despite_edition=wish.despite_edition,
        )
    return subscription_view(view)


@router.delete(
    "/devices/{device_id}/subscriptions/{kind}",
    status_code=204,
    summary="End a subscription",
    responses=documented(401, 403, 404, 422),
)
async def delete_subscription(
    device_id: DeviceId,
    kind: KindPath,
    caller: Annotated[Caller, Depends(may(Action.MANAGE_SUBSCRIPTIONS))],
    target_id: Target = "",
) -> None:
    """One that every device gets (`subscriptions.automatic`) stays away from this device."""
    target = target_id or device_id
    async with caller.recorded(Action.MANAGE_SUBSCRIPTIONS, device_id, kind=kind, ended=target):
        await caller.context.devices.subscriptions.cancel(
            device_id, Kind(kind), target, requested_by=caller.username
        )


def subscription_view(view: SubscriptionView) -> Subscription:
    wanted, kind = view.wanted, view.key.kind
    conditions = wanted.conditions
    return Subscription(
        device_id=view.key.device_id,
        kind=kind.value,
        target_id=view.key.target_id,
        state=view.state.value,
        error=view.error,
        expires_s=wanted.expires_s,
        granted_s=view.granted_s,
        interval_s=wanted.interval_s if kind is Kind.MOBILE_POSITION else None,
        alarms=AlarmFilter(
            start_priority=conditions.start_priority,
            end_priority=conditions.end_priority,
            methods=list(conditions.methods),
            alarm_type=conditions.alarm_type,
        )
        if kind is Kind.ALARM
        else None,
        requested_by=wanted.requested_by,
        active_since=view.active_since_time,
        next_request_in_s=view.next_request_in_s,
        notifies=view.notifies,
        last_notify=view.last_notify_time,
        refreshes=view.refreshes,
        dialogs=view.dialogs,
        is_mute=view.is_mute,
    )


def _conditions(chosen: AlarmFilter | None) -> AlarmConditions | None:
    if chosen is None:
        return None
    return AlarmConditions(
        chosen.start_priority, chosen.end_priority, tuple(chosen.methods), chosen.alarm_type
    )
