"""Devices that are written many at a time, and what they say about themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catalog.model import Device
from catalog.store import CatalogStore
from config.database import migrate, open_database

ID = "34020000001320000001"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CatalogStore]:
    engine = open_database(f"sqlite:///{tmp_path}/catalog.db")
    await migrate(engine)
    yield CatalogStore(engine)
    await engine.dispose()


async def test_new_devices_get_rows_and_known_ones_are_left_alone(store: CatalogStore) -> None:
    await store.upsert_device(Device(device_id=ID, name="gate", blocked=True))
    before = await store.get_device(ID)
    await store.add_devices([ID, "34020000001320000002"])
    await store.add_devices([])
    assert await store.get_device(ID) == before
    added = await store.get_device("34020000001320000002")
    assert added is not None
    assert (added.name, added.online, added.send_date, added.media_transport) == ("", False, True, None)
    assert added.created_time is not None


async def test_what_a_device_says_is_noted_and_nothing_is_replaced_by_nothing(store: CatalogStore) -> None:
    await store.add_devices([ID])
    await store.note_device_info(ID, name="IPC", manufacturer="A", model="B", firmware="1")
    await store.note_device_info(ID, name="other", manufacturer="", model="", firmware="2")
    device = await store.get_device(ID)
    assert device is not None
    assert (device.name, device.manufacturer, device.model, device.firmware) == ("IPC", "A", "B", "2")
    await store.note_device_info("unknown", name="x", manufacturer="", model="", firmware="")
    assert await store.get_device("unknown") is None


async def test_what_an_operator_sets_is_kept(store: CatalogStore) -> None:
    await store.add_devices([ID])
    await store.set_device(ID, send_date=False, media_transport="udp")
    device = await store.get_device(ID)
    assert device is not None
    assert (device.send_date, device.media_transport) == (False, "udp")
    await store.upsert_device(device)
    assert await store.get_device(ID) == device
