"""Positions on disk and in memory: one contract for both."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from catalog.errors import BadCursor
from catalog.model import ChannelKey
from config.database import migrate, open_database
from sipserver.devices.positions import store as module
from sipserver.devices.positions.store import MemoryPositionStore, PositionStore, SqlPositionStore
from tests.unit.sipserver.devices.positions.test_objects import DEVICE, START, at

KEY = ChannelKey(DEVICE, DEVICE)


@pytest.fixture(params=["sql", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PositionStore]:
    if request.param == "memory":
        yield MemoryPositionStore()
        return
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    await migrate(engine)
    yield SqlPositionStore(engine)
    await engine.dispose()


async def test_a_track_comes_in_the_order_of_the_devices_clock(store: PositionStore) -> None:
    """GB-C079."""
    await store.save([at(20), at(0), at(10), at(5, "other")], [at(20)])
    await store.save([at(10)], [at(20)])  # the same again, from a dialog of before our restart
    assert (await store.track(KEY)).items == [at(0), at(10), at(20)]
    start, end = START + timedelta(seconds=10), START + timedelta(seconds=20)
    assert (await store.track(KEY, start, end)).items == [at(10)]
    assert (await store.track(ChannelKey("x", "y"))).items == []


async def test_tracks_come_in_pages(store: PositionStore) -> None:
    await store.save([at(second) for second in range(5)], [])
    found, cursor = [], None
    while True:
        page = await store.track(KEY, cursor=cursor, limit=2)
        found += page.items
        assert len(page.items) <= 2
        if (cursor := page.next) is None:
            break
    assert found == [at(second) for second in range(5)]
    for bad in ("!", "WyJ4Il0", "Wzk5OTk5OTk5OTk5OTk5OTk5OV0"):
        with pytest.raises(BadCursor):
            await store.track(KEY, cursor=bad)


async def test_the_newest_are_loaded_and_survive_the_pruning(
    store: PositionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRUNE_ROWS", 2)
    await store.save([at(second) for second in range(10)], [at(9), at(3, "other")])
    assert await store.load_latest(1) == [at(9)]
    assert await store.prune(START + timedelta(seconds=7)) == 7
    assert await store.prune(START + timedelta(seconds=7)) == 0
    assert (await store.track(KEY)).items == [at(7), at(8), at(9)]
    assert await store.prune(START + timedelta(days=1)) == 3
    assert len(await store.load_latest(10)) == 2
    await store.forget(DEVICE)
    assert await store.load_latest(10) == []


async def test_memory_is_bounded() -> None:
    store = MemoryPositionStore(rows_max=3)
    await store.save([at(second) for second in range(10)], [])
    assert (await store.track(KEY)).items == [at(7), at(8), at(9)]
