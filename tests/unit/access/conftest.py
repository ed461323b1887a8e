from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from access.settings import AccessSettings
from access.tables import metadata
from access.users import Users

CHEAP = AccessSettings(hash_memory_kib=32, hash_rounds=1)
"""Hashes that cost microseconds; everything else as shipped."""


class WallTime:
    """A wall clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2024, 2, 29, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def wall_time() -> WallTime:
    return WallTime()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/access.db")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


@pytest.fixture
async def users(engine: AsyncEngine, wall_time: WallTime) -> AsyncIterator[Users]:
    users = Users(engine, CHEAP, clock=wall_time)
    yield users
    users.close()
