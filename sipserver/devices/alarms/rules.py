"""The rules for linked actions: few, so they are kept in memory and written through."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.alarms.cameras import CameraFinder
from sipserver.devices.alarms.linkage import Linkage
from sipserver.devices.alarms.model import ActionKind, AlarmRule
from sipserver.devices.alarms.rule_store import RuleStore
from sipserver.devices.errors import NoCapacity, UnknownAlarmRule

RULES_MAX: Final = 2000

logger = logging.getLogger(__name__)


class Rules:
    """Owns the rules; the footage that they want from before an alarm is asked for with every change."""

    def __init__(self, store: RuleStore, linkage: Linkage, cameras: CameraFinder) -> None:
        self._store = store
        self._linkage = linkage
        self._cameras = cameras
        self._rules: dict[str, AlarmRule] = {}

    async def open(self) -> None:
        self._rules = {rule.rule_id: rule for rule in await self._store.rules()}

    def all(self) -> list[AlarmRule]:
        """By name."""
        return sorted(self._rules.values(), key=lambda rule: (rule.name, rule.rule_id))

    def get(self, rule_id: str) -> AlarmRule:
        """One rule.

        Raises:
            UnknownAlarmRule
        """
        rule = self._rules.get(rule_id)
        if rule is None:
            raise UnknownAlarmRule(f"there is no alarm rule {rule_id[:64]}")
        return rule

    async def save(self, rule: AlarmRule) -> None:
        """Add a rule or replace it.

        Raises:
            NoCapacity: there are too many.
        """
        if rule.rule_id not in self._rules and len(self._rules) >= RULES_MAX:
            raise NoCapacity(f"there are {RULES_MAX} alarm rules already: remove some")
        await self._store.save_rule(rule)
        self._rules[rule.rule_id] = rule
        await self.watch()

    async def remove(self, rule_id: str) -> None:
        """Forget a rule.

        Raises:
            UnknownAlarmRule
        """
        self.get(rule_id)
        await self._store.remove_rule(rule_id)
        self._rules.pop(rule_id, None)
        await self.watch()

    async def watch(self) -> None:
        """Say which cameras need footage from before an alarm."""
        self._linkage.watch(await self.watched())

    async def watched(self) -> Mapping[ChannelKey, float]:
        """How many seconds before an alarm are wanted, by camera.

        A rule that records the alarm's own camera must name the source for it: a rule for alarms of any
        source would keep every camera running. Without it there is footage from before only where the
        camera is recorded anyway.
        """
        found: dict[ChannelKey, float] = {}
        for rule in self.all():
            wanted = [each for each in rule.actions if each.kind is ActionKind.RECORD and each.before_s > 0]
            if not rule.is_enabled or not wanted:
                continue
            own = await self._own_camera(rule)
            for action in wanted:
                key = action.channel or own
                if key is not None:
                    found[key] = max(found.get(key, 0.0), action.before_s)
        return found

    async def _own_camera(self, rule: AlarmRule) -> ChannelKey | None:
        if not rule.device_id or not rule.source_id:
            return None
        camera = await self._cameras.camera_of(rule.device_id, rule.source_id)
        return ChannelKey(rule.device_id, camera) if camera else None
