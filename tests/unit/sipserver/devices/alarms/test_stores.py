"""Alarms and rules in SQLite and in memory hold the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog.errors import BadCursor
from catalog.model import ChannelKey
from config.database import open_database
from sipserver.devices.alarms import tables
from sipserver.devices.alarms.memory import MemoryAlarmStore, MemoryRuleStore
from sipserver.devices.alarms.model import (
    ActionKind,
    ActionOutcome,
    Alarm,
    AlarmAction,
    AlarmFilter,
    AlarmForm,
    AlarmRule,
    DevicePolicy,
    Guard,
    LinkedAction,
)
from sipserver.devices.alarms.rule_store import RuleStore, SqlRuleStore
from sipserver.devices.alarms.settings import AutoReset
from sipserver.devices.alarms.store import AlarmBatch, AlarmStore, SqlAlarmStore

START = datetime(2026, 3, 1, tzinfo=UTC)
KEY = ChannelKey("34020000001180000005", "34020000001320000012")


def alarm(number: int, **changes: object) -> Alarm:
    received = START + timedelta(seconds=number)
    base = Alarm(
        alarm_id=f"{number:016x}",
        device_id=KEY.device_id,
        source_id=KEY.channel_id,
        channel_id=KEY.channel_id,
        priority=2,
        method=5,
        alarm_type=6,
        event_type=1,
        alarm_time=received - timedelta(hours=1),
        received_time=received,
        last_time=received,
        description="东门",
        longitude=117.3,
        latitude=31.8,
        extra="one\ntwo",
        form=AlarmForm.NOTIFY,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def batch(*alarms: Alarm) -> AlarmBatch:
    return AlarmBatch(alarms={each.alarm_id: each for each in alarms})


@pytest.fixture(params=["sql", "memory"])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[AlarmStore, RuleStore]]:
    if request.param == "memory":
        yield MemoryAlarmStore(), MemoryRuleStore()
        return
    engine = open_database(f"sqlite:///{tmp_path}/alarms.db")
    async with engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    yield SqlAlarmStore(engine), SqlRuleStore(engine)
    await engine.dispose()


@pytest.fixture
def store(stores: tuple[AlarmStore, RuleStore]) -> AlarmStore:
    return stores[0]


@pytest.fixture
def rules(stores: tuple[AlarmStore, RuleStore]) -> RuleStore:
    return stores[1]


async def test_an_alarm_comes_back_as_it_was_saved(store: AlarmStore) -> None:
    await store.save(batch(alarm(1)))
    assert await store.get(alarm(1).alarm_id) == alarm(1)
    assert await store.get("none") is None
    assert await store.newest_of(KEY.device_id) == alarm(1)
    assert await store.newest_of("other") is None


async def test_repeats_are_counted_onto_what_is_stored(store: AlarmStore) -> None:
    await store.save(batch(alarm(1)))
    last = START + timedelta(minutes=1)
    for more in (2, 3):
        await store.save(AlarmBatch(repeats={alarm(1).alarm_id: (more, last), "gone": (1, last)}))
    found = await store.get(alarm(1).alarm_id)
    assert found is not None
    assert (found.repeats, found.last_time) == (5, last)


async def test_pages_go_back_in_time(store: AlarmStore) -> None:
    same_time = [alarm(number, received_time=START) for number in range(5)]
    later = [alarm(number) for number in range(5, 10)]
    await store.save(batch(*same_time, *later))
    found, cursor = [], None
    for _ in range(5):
        page = await store.find(AlarmFilter(), cursor, 3)
        found += [each.alarm_id for each in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == [f"{number:016x}" for number in range(9, -1, -1)]
    with pytest.raises(BadCursor):
        await store.find(AlarmFilter(), "nonsense", 3)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (AlarmFilter(device_id="other"), [3]),
        (AlarmFilter(channel_id=KEY.channel_id), [5, 4, 2, 1]),
        (AlarmFilter(channel_id="input"), [2]),
        (AlarmFilter(method=2), [4]),
        (AlarmFilter(alarm_type=6), [5, 4, 3, 2, 1]),
        (AlarmFilter(lowest_priority=1), [5]),
        (AlarmFilter(lowest_priority=4), [5, 4, 3, 2, 1]),
        (AlarmFilter(is_acknowledged=True), [1]),
        (AlarmFilter(is_acknowledged=False), [5, 4, 3, 2]),
        (AlarmFilter(start=START + timedelta(seconds=2), end=START + timedelta(seconds=4)), [3, 2]),
    ],
)
async def test_filters(store: AlarmStore, wanted: AlarmFilter, numbers: list[int]) -> None:
    await store.save(
        batch(
            alarm(1),
            alarm(2, source_id="input"),
            alarm(3, device_id="other", source_id="x", channel_id=""),
            alarm(4, method=2, priority=0),
            alarm(5, priority=1),
        )
    )
    await store.acknowledge(alarm(1).alarm_id, "admin", START, "")
    page = await store.find(wanted, None, 10)
    assert [int(each.alarm_id, 16) for each in page.items] == numbers


async def test_the_first_acknowledgement_counts(store: AlarmStore) -> None:
    await store.save(batch(alarm(1)))
    assert await store.acknowledge(alarm(1).alarm_id, "first", START, "seen")
    assert not await store.acknowledge(alarm(1).alarm_id, "second", START, "too")
    assert not await store.acknowledge("none", "second", START, "")
    found = await store.get(alarm(1).alarm_id)
    assert found is not None
    assert (found.acknowledged_by, found.note, found.acknowledged_time) == ("first", "seen", START)


async def test_actions_are_kept_in_order_and_brought_up_to_date(store: AlarmStore) -> None:
    waiting = [
        AlarmAction(alarm_id=alarm(1).alarm_id, number=number, kind=kind, channel=KEY if number else None)
        for number, kind in enumerate(ActionKind)
    ]
    await store.save(AlarmBatch(actions={(each.alarm_id, each.number): each for each in reversed(waiting)}))
    done = replace(waiting[1], outcome=ActionOutcome.DONE, file_id="f")
    await store.save(AlarmBatch(actions={(done.alarm_id, done.number): done}))
    assert await store.actions_of([alarm(1).alarm_id, "none"]) == {
        alarm(1).alarm_id: [waiting[0], done, waiting[2]]
    }


async def test_actions_that_a_former_run_did_not_end_have_failed(store: AlarmStore) -> None:
    waiting = AlarmAction(alarm_id="a", number=0, kind=ActionKind.SNAPSHOT, channel=KEY)
    done = replace(waiting, number=1, outcome=ActionOutcome.DONE)
    await store.save(AlarmBatch(actions={("a", 0): waiting, ("a", 1): done}))
    await store.give_up_waiting("stopped")
    failed = replace(waiting, outcome=ActionOutcome.FAILED, detail="stopped")
    assert await store.actions_of(["a"]) == {"a": [failed, done]}


async def test_old_alarms_and_those_beyond_the_limit_are_forgotten(store: AlarmStore) -> None:
    await store.save(batch(*(alarm(number) for number in range(10))))
    assert await store.forget_older(START + timedelta(seconds=3), 100, 2) == 2
    assert await store.forget_older(START + timedelta(seconds=3), 100, 100) == 1
    assert await store.forget_older(START, 4, 100) == 3
    left = (await store.find(AlarmFilter(), None, 100)).items
    assert [int(each.alarm_id, 16) for each in left] == [9, 8, 7, 6]


async def test_rules_policies_and_guards_are_remembered(rules: RuleStore) -> None:
    rule = AlarmRule(
        rule_id="1",
        name="gate",
        device_id=KEY.device_id,
        methods=(2, 5),
        types=(1,),
        lowest_priority=2,
        actions=(
            LinkedAction(kind=ActionKind.RECORD, channel=KEY, before_s=5, after_s=10.5),
            LinkedAction(kind=ActionKind.PRESET, preset=3),
        ),
    )
    other = AlarmRule(rule_id="2", name="all", is_enabled=False)
    for each in (rule, other, replace(rule, lowest_priority=1)):
        await rules.save_rule(each)
    assert await rules.rules() == [other, replace(rule, lowest_priority=1)]
    await rules.remove_rule("2")
    await rules.remove_rule("none")
    assert [each.rule_id for each in await rules.rules()] == ["1"]
    policy = DevicePolicy(device_id="d", auto_arm=True)
    await rules.save_policy(policy)
    await rules.save_policy(replace(policy, auto_arm=None, auto_reset=AutoReset.AT_ONCE))
    assert await rules.policies() == [DevicePolicy(device_id="d", auto_reset=AutoReset.AT_ONCE)]
    guard = Guard(
        device_id="d",
        target_id="d",
        is_armed=True,
        is_confirmed=False,
        changed_time=START,
        changed_by="admin",
    )
    await rules.save_guard(guard)
    await rules.save_guard(replace(guard, is_armed=False))
    assert await rules.guards() == [replace(guard, is_armed=False)]
