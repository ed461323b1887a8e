"""Linked actions: each once, bounded, and every outcome reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from catalog.model import ChannelKey
from sipserver.devices.alarms.linkage import ACTIONS_MAX, Linkage, Ports, actions_for
from sipserver.devices.alarms.model import (
    ActionKind,
    ActionOutcome,
    Alarm,
    AlarmAction,
    AlarmRule,
    LinkedAction,
)
from sipserver.devices.alarms.settings import AlarmSettings
from sipserver.devices.errors import DeviceOffline
from sipserver.devices.stats import DeviceStats
from tests.unit.sipserver.devices.alarms.test_stores import KEY, START, alarm

OTHER = ChannelKey("34020000001180000006", "34020000001320000013")
RECORD = LinkedAction(kind=ActionKind.RECORD, before_s=5, after_s=10)
SNAPSHOT = LinkedAction(kind=ActionKind.SNAPSHOT)
PRESET = LinkedAction(kind=ActionKind.PRESET, channel=OTHER, preset=3)


def rule(*actions: LinkedAction, **conditions: object) -> AlarmRule:
    return replace(AlarmRule(rule_id="r", actions=actions), **conditions)  # type: ignore[arg-type]


@dataclass
class World:
    """Rooms that remember what they were asked, and reports."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    error: Exception | None = None
    hangs: bool = False
    reports: list[AlarmAction] = field(default_factory=list)

    def watch(self, before_s: Mapping[ChannelKey, float]) -> None:
        self.asked.append(("watch", dict(before_s)))

    async def keep_clip(
        self, alarm_id: str, key: ChannelKey, moment: datetime, *, before_s: float, after_s: float
    ) -> str:
        await self._ask("clip", key, moment, before_s, after_s)
        return "clip id"

    async def keep_picture(self, alarm_id: str, key: ChannelKey) -> str:
        await self._ask("picture", key)
        return "picture id"

    async def call_preset(self, key: ChannelKey, preset: int) -> None:
        await self._ask("preset", key, preset)

    async def _ask(self, *what: object) -> None:
        self.asked.append(what)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    def report(self, _alarm: Alarm, action: AlarmAction) -> None:
        self.reports.append(action)

    async def until_ended(self, count: int) -> list[AlarmAction]:
        for _ in range(400):
            ended = [each for each in self.reports if each.outcome is not ActionOutcome.WAITING]
            if len(ended) >= count:
                return sorted(ended, key=lambda each: each.number)
            await asyncio.sleep(0.005)
        pytest.fail("the actions do not end")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def linkage(world: World) -> AsyncIterator[Linkage]:
    settings = AlarmSettings(linkage_workers=1, linkage_waiting=2, linkage_timeout_s=1)
    made = Linkage(settings, DeviceStats(), world.report)
    made.open()
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"is_enabled": False}, False),
        ({"device_id": KEY.device_id, "source_id": KEY.channel_id}, True),
        ({"device_id": "other"}, False),
        ({"source_id": "other"}, False),
        ({"methods": (2, 5)}, True),
        ({"methods": (2,)}, False),
        ({"types": (6,)}, True),
        ({"types": (7,)}, False),
        ({"lowest_priority": 2}, True),
        ({"lowest_priority": 1}, False),
    ],
)
def test_conditions(conditions: dict[str, object], matches: bool) -> None:
    assert rule(**conditions).matches(alarm(1)) is matches


def test_an_alarm_without_a_priority_counts_as_the_lowest() -> None:
    assert rule().matches(alarm(1, priority=0))
    assert not rule(lowest_priority=3).matches(alarm(1, priority=0))


def test_what_several_rules_ask_for_is_done_once_and_long_enough() -> None:
    longer = replace(RECORD, before_s=2, after_s=60)
    found = actions_for(alarm(1), [rule(RECORD, SNAPSHOT, PRESET), rule(longer, SNAPSHOT, channel_free())])
    assert found == [
        (KEY, replace(RECORD, before_s=5, after_s=60)),
        (KEY, SNAPSHOT),
        (OTHER, PRESET),
        (KEY, channel_free()),
    ]


def channel_free() -> LinkedAction:
    return LinkedAction(kind=ActionKind.PRESET, preset=9)


def test_one_alarm_has_a_bounded_number_of_actions() -> None:
    presets = [LinkedAction(kind=ActionKind.PRESET, preset=number) for number in range(1, ACTIONS_MAX + 2)]
    assert len(actions_for(alarm(1), [rule(*presets)])) == ACTIONS_MAX


async def test_actions_are_carried_out_and_reported(linkage: Linkage, world: World) -> None:
    linkage.connect(Ports(world, world))
    linkage.act(alarm(1), [rule(RECORD, SNAPSHOT, PRESET)])
    assert [each.outcome for each in world.reports] == [ActionOutcome.WAITING] * 3
    ended = await world.until_ended(3)
    assert [(each.outcome, each.file_id) for each in ended] == [
        (ActionOutcome.DONE, "clip id"),
        (ActionOutcome.DONE, "picture id"),
        (ActionOutcome.DONE, ""),
    ]
    received = alarm(1).received_time
    assert sorted(world.asked) == [
        ("clip", KEY, received, 5, 10),
        ("picture", KEY),
        ("preset", OTHER, 3),
    ]


async def test_a_failure_is_an_outcome_and_stops_nothing(linkage: Linkage, world: World) -> None:
    linkage.connect(Ports(world, world))
    world.error = DeviceOffline("device is offline")
    linkage.act(alarm(1), [rule(SNAPSHOT)])
    ended = await world.until_ended(1)
    assert (ended[0].outcome, ended[0].detail) == (ActionOutcome.FAILED, "device is offline")
    world.error = None
    linkage.act(alarm(2), [rule(SNAPSHOT)])
    assert (await world.until_ended(2))[-1].outcome is ActionOutcome.DONE


async def test_an_action_that_hangs_is_given_up(linkage: Linkage, world: World) -> None:
    linkage.connect(Ports(world, world))
    world.hangs = True
    linkage.act(alarm(1), [rule(SNAPSHOT)])
    assert (await world.until_ended(1))[0].detail == "not done within 1 s"


async def test_without_a_camera_or_rooms_the_operator_is_told(linkage: Linkage, world: World) -> None:
    linkage.act(alarm(1), [rule(SNAPSHOT)])
    assert "not ready" in (await world.until_ended(1))[0].detail
    linkage.connect(Ports(world, world))
    linkage.act(alarm(2, channel_id=""), [rule(SNAPSHOT)])
    assert "name one in the rule" in (await world.until_ended(2))[-1].detail


async def test_a_storm_is_bounded_and_says_what_was_left_out(linkage: Linkage, world: World) -> None:
    linkage.connect(Ports(world, world))
    for number in range(10):
        linkage.act(alarm(number), [rule(SNAPSHOT)])
    left_out = [each for each in world.reports if each.outcome is ActionOutcome.LEFT_OUT]
    assert len(left_out) == 8
    await world.until_ended(10)
    assert len([each for each in world.asked if each[0] == "picture"]) == 2


async def test_alarms_without_a_rule_cost_nothing(linkage: Linkage, world: World) -> None:
    linkage.act(alarm(1), [])
    assert world.reports == []
    assert START is not None
