"""Rules for linked actions: what is recorded, photographed or turned when an alarm comes."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from access.roles import Action
from console.api.alarm_models import AlarmRuleBody, AlarmRuleItem
from console.api.alarm_views import rule_of, rule_view
from console.api.models import Page
from console.api.problems import documented
from console.auth import Caller, may

router = APIRouter(tags=["alarms"])

RuleId = Annotated[str, Path(pattern=r"^[0-9a-f]{8,32}$", description="`rule_id` of a rule.")]


@router.get("/alarm-rules", summary="List alarm rules", responses=documented(401, 403))
async def list_rules(
    caller: Annotated[Caller, Depends(may(Action.VIEW_ALARMS))],
) -> Page[AlarmRuleItem]:
    """All rules, by name."""
    return Page(items=[rule_view(rule) for rule in caller.context.devices.alarms.rules.all()])


@router.post(
    "/alarm-rules",
    status_code=201,
    summary="Add an alarm rule",
    responses=documented(401, 403, 404, 409, 422),
)
async def add_rule(
    body: AlarmRuleBody, caller: Annotated[Caller, Depends(may(Action.MANAGE_CHANNELS))]
) -> AlarmRuleItem:
    """Every rule that an alarm matches is carried out; the same action of several rules is done once."""
    return await _save(caller, secrets.token_hex(8), body)


@router.get("/alarm-rules/{rule_id}", summary="One alarm rule", responses=documented(401, 403, 404, 422))
async def get_rule(
    rule_id: RuleId, caller: Annotated[Caller, Depends(may(Action.VIEW_ALARMS))]
) -> AlarmRuleItem:
    return rule_view(caller.context.devices.alarms.rules.get(rule_id))


@router.put(
    "/alarm-rules/{rule_id}", summary="Replace an alarm rule", responses=documented(401, 403, 404, 409, 422)
)
async def replace_rule(
    rule_id: RuleId, body: AlarmRuleBody, caller: Annotated[Caller, Depends(may(Action.MANAGE_CHANNELS))]
) -> AlarmRuleItem:
    caller.context.devices.alarms.rules.get(rule_id)
    return await _save(caller, rule_id, body)


@router.delete(
    "/alarm-rules/{rule_id}",
    status_code=204,
    summary="Remove an alarm rule",
    responses=documented(401, 403, 404, 422),
)
async def remove_rule(
    rule_id: RuleId, caller: Annotated[Caller, Depends(may(Action.MANAGE_CHANNELS))]
) -> None:
    """What it had done stays with its alarms."""
    async with caller.recorded(Action.MANAGE_CHANNELS, f"alarm rule {rule_id}", removed=True):
        await caller.context.devices.alarms.rules.remove(rule_id)


async def _save(caller: Caller, rule_id: str, body: AlarmRuleBody) -> AlarmRuleItem:
    rules = caller.context.devices.alarms.rules
    async with caller.recorded(
        Action.MANAGE_CHANNELS, f"alarm rule {rule_id}", rule=body.model_dump(mode="json")
    ):
        await rules.save(await rule_of(rule_id, body, caller.context.catalog.resolve_channel))
    return rule_view(rules.get(rule_id))
