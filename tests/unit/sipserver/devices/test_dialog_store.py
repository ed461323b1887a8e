"""The contract of dialog stores, on the real one and on its twin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from sipserver.devices.dialog_store import DialogStore, MemoryDialogStore, OpenDialog, SqlDialogStore
from sipserver.devices.tables import metadata

DIALOG = OpenDialog(
    call_id="a@b",
    device_id="34020000001180000005",
    channel_id="34020000001320000012",
    target="sip:34020000001320000012@198.51.100.20:5060",
    local="<sip:34020000002000000001@3402000000>;tag=l",
    remote="<sip:34020000001320000012@3402000000>;tag=r",
    cseq=1,
    ssrc="0200000001",
    opened_time=datetime(2024, 5, 1, tzinfo=UTC),
)


@pytest.fixture(params=["memory", "sql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DialogStore]:
    if request.param == "memory":
        yield MemoryDialogStore()
        return
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield SqlDialogStore(engine)
    await engine.dispose()


async def test_what_was_added_is_loaded_until_it_is_removed(store: DialogStore) -> None:
    await store.save({"a@b": DIALOG, "second": replace(DIALOG, call_id="second")})
    await store.save({"a@b": replace(DIALOG, cseq=3)})
    assert sorted(await store.load(), key=lambda each: each.call_id) == [
        replace(DIALOG, cseq=3),
        replace(DIALOG, call_id="second"),
    ]
    await store.save({"a@b": None, "never there": None})
    assert [each.call_id for each in await store.load()] == ["second"]
