"""The contract of the stores of movements, on the real one and on its twin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from catalog.model import ChannelKey
from sipserver.devices.ptz.store import MemoryMotionStore, MotionStore, SqlMotionStore
from sipserver.devices.tables import metadata

NOW = datetime(2024, 5, 1, tzinfo=UTC)
FIRST, SECOND = ChannelKey("34020000001180000005", "1"), ChannelKey("34020000001180000005", "2")


@pytest.fixture(params=["memory", "sql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MotionStore]:
    if request.param == "memory":
        yield MemoryMotionStore()
        return
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield SqlMotionStore(engine)
    await engine.dispose()


async def test_what_moves_is_loaded_until_it_was_stopped(store: MotionStore) -> None:
    await store.save({FIRST: NOW, SECOND: NOW})
    await store.save({FIRST: NOW, SECOND: None, ChannelKey("never", "there"): None})
    assert await store.load() == {FIRST: NOW}
    await store.save({})
    await store.save({FIRST: None})
    assert await store.load() == {}
