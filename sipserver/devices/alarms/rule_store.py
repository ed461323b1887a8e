"""Rules, devices' own policies and guards in the database: one function per query."""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing, upsert
from catalog.model import ChannelKey
from sipserver.devices.alarms.model import ActionKind, AlarmRule, DevicePolicy, Guard, LinkedAction
from sipserver.devices.alarms.settings import AutoReset
from sipserver.devices.alarms.tables import alarm_guards, alarm_policies, alarm_rules

_RULE_COLUMNS: Final = (
    "name", "is_enabled", "device_id", "source_id", "methods", "types", "lowest_priority", "actions",
)  # fmt: skip


class RuleStore(Protocol):
    """Where rules, policies and guards are kept."""

    async def rules(self) -> list[AlarmRule]: ...
    async def save_rule(self, rule: AlarmRule) -> None: ...
    async def remove_rule(self, rule_id: str) -> None: ...
    async def policies(self) -> list[DevicePolicy]: ...
    async def save_policy(self, policy: DevicePolicy) -> None: ...
    async def guards(self) -> list[Guard]: ...
    async def save_guard(self, guard: Guard) -> None: ...
    async def forget_device(self, device_id: str) -> None:
        """Its policy and guards; rules are the operator's."""


class SqlRuleStore:
    """The tables ``alarm_rules``, ``alarm_policies`` and ``alarm_guards``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        self._dialect = engine.dialect.name

    async def rules(self) -> list[AlarmRule]:
        async with self._reading.connect() as connection:
            query = select(alarm_rules).order_by(alarm_rules.c.name, alarm_rules.c.rule_id)
            return [_rule(row) for row in (await connection.execute(query)).mappings()]

    async def save_rule(self, rule: AlarmRule) -> None:
        statement = upsert(self._dialect, alarm_rules, key=["rule_id"], update=list(_RULE_COLUMNS))
        async with self._writing.begin() as connection:
            await connection.execute(statement, [_rule_values(rule)])

    async def remove_rule(self, rule_id: str) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(alarm_rules).where(alarm_rules.c.rule_id == rule_id))

    async def policies(self) -> list[DevicePolicy]:
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(alarm_policies))).mappings().all()
        return [
            DevicePolicy(
                device_id=row["device_id"],
                auto_arm=row["auto_arm"],
                auto_reset=None if row["auto_reset"] is None else AutoReset(row["auto_reset"]),
            )
            for row in rows
        ]

    async def save_policy(self, policy: DevicePolicy) -> None:
        statement = upsert(
            self._dialect, alarm_policies, key=["device_id"], update=["auto_arm", "auto_reset"]
        )
        values = {
            "device_id": policy.device_id,
            "auto_arm": policy.auto_arm,
            "auto_reset": None if policy.auto_reset is None else policy.auto_reset.value,
        }
        async with self._writing.begin() as connection:
            await connection.execute(statement, [values])

    async def guards(self) -> list[Guard]:
        async with self._reading.connect() as connection:
            return [Guard(**row) for row in (await connection.execute(select(alarm_guards))).mappings()]

    async def save_guard(self, guard: Guard) -> None:
        columns = ["is_armed", "is_confirmed", "changed_time", "changed_by"]
        statement = upsert(self._dialect, alarm_guards, key=["device_id", "target_id"], update=columns)
        values = {name: getattr(guard, name) for name in ("device_id", "target_id", *columns)}
        async with self._writing.begin() as connection:
            await connection.execute(statement, [values])

    async def forget_device(self, device_id: str) -> None:
        async with self._writing.begin() as connection:
            for table in (alarm_policies, alarm_guards):
                await connection.execute(delete(table).where(table.c.device_id == device_id))


def _rule_values(rule: AlarmRule) -> dict[str, Any]:
    return {
        "rule_id": rule.rule_id,
        "name": rule.name,
        "is_enabled": rule.is_enabled,
        "device_id": rule.device_id,
        "source_id": rule.source_id,
        "methods": json.dumps(rule.methods),
        "types": json.dumps(rule.types),
        "lowest_priority": rule.lowest_priority,
        "actions": json.dumps([_action_values(action) for action in rule.actions]),
    }


def _rule(row: RowMapping) -> AlarmRule:
    return AlarmRule(
        rule_id=row["rule_id"],
        name=row["name"],
        is_enabled=row["is_enabled"],
        device_id=row["device_id"],
        source_id=row["source_id"],
        methods=tuple(json.loads(row["methods"])),
        types=tuple(json.loads(row["types"])),
        lowest_priority=row["lowest_priority"],
        actions=tuple(_action(values) for values in json.loads(row["actions"])),
    )


def _action_values(action: LinkedAction) -> dict[str, Any]:
    return {
        "kind": action.kind.value,
        "channel": str(action.channel) if action.channel else "",
        "before_s": action.before_s,
        "after_s": action.after_s,
        "preset": action.preset,
    }


def _action(values: dict[str, Any]) -> LinkedAction:
    return LinkedAction(
        kind=ActionKind(values["kind"]),
        channel=ChannelKey.parse(values["channel"]) if values["channel"] else None,
        before_s=values["before_s"],
        after_s=values["after_s"],
        preset=values["preset"],
    )
