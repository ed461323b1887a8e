"""The store and its twin in memory: the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.database import migrate, open_database
from sipserver.devices.uploads.memory_store import MemoryUploadStore
from sipserver.devices.uploads.model import (
    BurstState,
    Firmware,
    SnapshotBurst,
    SnapshotPicture,
    Upgrade,
    UpgradeState,
)
from sipserver.devices.uploads.store import SqlUploadStore, UploadStore

START = datetime(2024, 5, 1, tzinfo=UTC)
BURST = SnapshotBurst(
    session_id="s1",
    token="t1",
    device_id="d",
    channel_id="c",
    count=2,
    interval_s=1,
    requested_by="admin",
    requested_time=START,
    deadline_time=START + timedelta(seconds=60),
)
PICTURE = SnapshotPicture(
    session_id="s1",
    number=1,
    file_name="a.jpg",
    blob="aa/b1.jpg",
    size_bytes=10,
    sha256="0" * 64,
    width=64,
    height=48,
    received_time=START,
    taken_time=START,
)
FIRMWARE = Firmware(
    firmware_id="f1",
    file_name="a.bin",
    manufacturer="m",
    version="2",
    blob="aa/f1.bin",
    size_bytes=5_000_000_000,
    sha256="1" * 64,
    uploaded_by="admin",
    uploaded_time=START,
)
UPGRADE = Upgrade(
    session_id="u1",
    token="t2",
    device_id="d",
    target_id="d",
    firmware_id="f1",
    version="2",
    requested_by="admin",
    requested_time=START,
    deadline_time=START + timedelta(minutes=30),
)


@pytest.fixture(params=["sql", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[UploadStore]:
    if request.param == "memory":
        yield MemoryUploadStore()
        return
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    await migrate(engine)
    yield SqlUploadStore(engine)
    await engine.dispose()


async def test_bursts_come_back_as_they_were_saved(store: UploadStore) -> None:
    await store.save_burst(BURST)
    assert await store.burst("s1") == BURST
    assert await store.burst("other") is None
    assert await store.open_bursts() == [BURST]
    ended = replace(BURST, state=BurstState.DONE, pictures=2, announced=2, ended_time=START)
    await store.save_burst(ended)
    assert await store.burst("s1") == ended
    assert await store.open_bursts() == []


async def test_bursts_of_a_channel_come_newest_first(store: UploadStore) -> None:
    later = replace(BURST, session_id="s2", requested_time=START + timedelta(seconds=1))
    elsewhere = replace(BURST, session_id="s3", channel_id="other")
    for burst in (BURST, later, elsewhere):
        await store.save_burst(burst)
    assert await store.bursts_of("d", "c") == [later, BURST]


async def test_old_bursts_go_with_their_pictures_and_open_ones_stay(store: UploadStore) -> None:
    ended = replace(BURST, ended_time=START)
    running = replace(BURST, session_id="s2")
    for burst in (ended, running):
        await store.save_burst(burst)
    await store.add_picture(PICTURE)
    assert await store.pictures_of(["s1", "s2"]) == [PICTURE]
    assert await store.bursts_before(START) == []
    assert await store.bursts_before(START + timedelta(seconds=1)) == [ended]
    await store.delete_bursts(["s1"])
    assert await store.pictures_of(["s1"]) == []
    assert await store.burst("s1") is None
    assert await store.open_bursts() == [running]


async def test_firmware_and_upgrades_come_back(store: UploadStore) -> None:
    await store.add_firmware(FIRMWARE)
    await store.save_upgrade(UPGRADE)
    assert await store.all_firmware() == [FIRMWARE]
    assert await store.open_upgrades() == [UPGRADE]
    ended = replace(UPGRADE, state=UpgradeState.FAILED, detail="why", ended_time=START)
    await store.save_upgrade(ended)
    assert await store.open_upgrades() == []
    assert await store.upgrade("u1") == ended
    assert await store.upgrade("other") is None
    assert await store.upgrades_of("d") == [ended]
    assert await store.upgrades_of("other") == []
    await store.delete_firmware("f1")
    assert await store.firmware("f1") is None


async def test_every_file_that_a_row_names_is_known(store: UploadStore) -> None:
    assert await store.blobs() == set()
    await store.save_burst(BURST)
    await store.add_picture(PICTURE)
    await store.add_firmware(FIRMWARE)
    assert await store.blobs() == {"aa/b1.jpg", "aa/f1.bin"}
