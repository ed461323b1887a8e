"""Alarms between the SIP path and the database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from sipserver.devices.alarms import journal as journal_module
from sipserver.devices.alarms.journal import AlarmJournal
from sipserver.devices.alarms.memory import MemoryAlarmStore
from sipserver.devices.alarms.model import ActionKind, ActionOutcome, AlarmAction
from sipserver.devices.alarms.store import AlarmBatch
from sipserver.devices.stats import DeviceStats
from tests.unit.sipserver.devices.alarms.test_stores import START, alarm


class FailingStore(MemoryAlarmStore):
    """A database that does not answer for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.is_failing = False

    async def save(self, batch: AlarmBatch) -> None:
        if self.is_failing:
            raise OperationalError("insert", {}, OSError("locked"))
        await super().save(batch)


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def stats() -> DeviceStats:
    return DeviceStats()


@pytest.fixture
def changed() -> list[str]:
    return []


@pytest.fixture
def journal(store: FailingStore, stats: DeviceStats, changed: list[str]) -> AlarmJournal:
    return AlarmJournal(store, stats, changed.extend)


async def test_nothing_is_lost_while_the_database_does_not_answer(
    journal: AlarmJournal, store: FailingStore, stats: DeviceStats, changed: list[str]
) -> None:
    store.is_failing = True
    first = alarm(1)
    journal.raised(first)
    journal.repeated(first.alarm_id, START)
    await journal.flush()
    journal.repeated(first.alarm_id, START + timedelta(seconds=9))
    journal.raised(alarm(2))
    action = AlarmAction(alarm_id=first.alarm_id, number=0, kind=ActionKind.SNAPSHOT, channel=None)
    journal.acted(action)
    await journal.flush()
    assert (stats.alarm_save_failures, stats.alarms_saved, changed) == (2, 0, [])
    store.is_failing = False
    await journal.flush()
    await journal.flush()
    found = await store.get(first.alarm_id)
    assert found is not None
    assert (found.repeats, found.last_time) == (2, START + timedelta(seconds=9))
    assert await store.get(alarm(2).alarm_id) == alarm(2)
    assert (await store.actions_of([first.alarm_id]))[first.alarm_id][0].outcome is ActionOutcome.WAITING
    assert (stats.alarms_saved, changed, len(journal)) == (2, [first.alarm_id], 0)


async def test_what_waits_is_bounded_and_losses_are_counted(
    journal: AlarmJournal, stats: DeviceStats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MAX_WAITING", 3)
    for number in range(5):
        journal.raised(alarm(number))
    journal.repeated("new", START)
    assert (len(journal), stats.alarms_lost) == (3, 3)


async def test_a_reader_does_not_wait_for_a_database_that_is_away(
    journal: AlarmJournal, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers share one attempt; what came is still stored when it succeeds."""
    monkeypatch.setattr(journal_module, "SETTLE_S", 0.01)
    answers = asyncio.Event()
    saves = 0

    async def save(batch: AlarmBatch) -> None:
        nonlocal saves
        saves += 1
        await answers.wait()

    monkeypatch.setattr(store, "save", save)
    journal.raised(alarm(1))
    await asyncio.gather(*(journal.settle() for _ in range(20)))
    assert (saves, len(journal)) == (1, 0)
    answers.set()
    await journal.settle()
    journal.raised(alarm(2))
    await journal.settle()
    assert (saves, len(journal)) == (2, 0)
