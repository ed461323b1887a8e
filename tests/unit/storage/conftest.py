"""A store on a fresh disk and a fresh SQLite file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from config.database import migrate, open_database
from storage.recording import CLOSING_S
from storage.settings import StorageSettings
from tests.unit.storage.bench import Bench
from tests.unit.storage.fakes import InlineExecutor, ManualClock


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    opened = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    await migrate(opened)
    yield opened
    await opened.dispose()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def settings(tmp_path: Path) -> StorageSettings:
    root = tmp_path / "recordings"
    root.mkdir()
    return StorageSettings(path=root, free_floor_bytes=0)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    made = Bench(tmp_path)
    yield made
    closing = asyncio.ensure_future(made.recorder.close())
    await made.clock.advance(CLOSING_S * 2)
    await closing
