"""What is wanted outlives the process: the same contract for SQL and memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.database import migrate, open_database
from sipserver.devices.subscriptions.kinds import AlarmConditions, Kind, SubscriptionKey, WantedSubscription
from sipserver.devices.subscriptions.store import (
    MemorySubscriptionStore,
    SqlSubscriptionStore,
    SubscriptionStore,
)

DEVICE = "34020000001180000005"
WANTED = WantedSubscription(
    key=SubscriptionKey(DEVICE, Kind.ALARM, DEVICE),
    expires_s=600,
    interval_s=5,
    conditions=AlarmConditions(1, 4, (2, 5), 6),
    requested_by="admin",
    changed_time=datetime(2026, 3, 1, tzinfo=UTC),
)


@pytest.fixture(params=["sql", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SubscriptionStore]:
    if request.param == "memory":
        yield MemorySubscriptionStore()
        return
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    await migrate(engine)
    yield SqlSubscriptionStore(engine)
    await engine.dispose()


async def test_what_was_saved_is_loaded(store: SubscriptionStore) -> None:
    other = replace(WANTED, key=SubscriptionKey(DEVICE, Kind.CATALOG, "3402"), conditions=AlarmConditions())
    await store.save(WANTED)
    await store.save(other)
    changed = replace(WANTED, is_wanted=False, expires_s=60)
    await store.save(changed)
    assert sorted(await store.load(), key=lambda each: each.key) == [changed, other]
    await store.remove(other.key)
    await store.remove(other.key)
    assert await store.load() == [changed]
