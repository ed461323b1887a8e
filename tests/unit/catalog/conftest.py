"""A catalogue on a fresh SQLite file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.store import CatalogStore
from config.database import migrate, open_database
from tests.unit.catalog.builders import HandClock


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    opened = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    await migrate(opened)
    yield opened
    await opened.dispose()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(engine: AsyncEngine, clock: HandClock) -> CatalogStore:
    return CatalogStore(engine, clock)
