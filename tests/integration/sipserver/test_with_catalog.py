"""The same wire, with the real catalogue behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from catalog.model import ChannelKey
from catalog.store import CatalogStore
from catalog.tables import metadata
from tests.integration.sipserver.conftest import DEVICE_ID, MakeBench, until

CHANNELS = [f"3402000000132000000{number}" for number in range(1, 4)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CatalogStore]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'catalog.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield CatalogStore(engine)
    await engine.dispose()


async def test_a_new_device_its_presence_and_its_catalogue_are_stored_and_restored(
    store: CatalogStore, make_bench: MakeBench
) -> None:
    bench = await make_bench(catalog=store)
    async with bench.device() as device:
        await device.register(headers="User-Agent: Cam/1\r\nX-GB-Ver: 3.0\r\n")
        info = await device.query("DeviceInfo")
        await device.message(
            f"<Response><CmdType>DeviceInfo</CmdType><SN>{info.xml('SN')}</SN>"
            f"<DeviceID>{device.id}</DeviceID><Result>OK</Result><Model>D1</Model></Response>".encode()
        )
        sn = (await device.query("Catalog")).xml("SN")
        await device.send_catalog(sn, CHANNELS, sum_num=3)
        await until(lambda: bench.service.stats.catalogs_complete == 1)
        await bench.service.presence.save()
        stored = await store.get_device(DEVICE_ID)
        assert stored is not None
        assert stored.online
        assert (stored.remote_host, stored.remote_port) == device.address
        assert (stored.user_agent, stored.edition, stored.model) == ("Cam/1", "3.0", "D1")
        assert stored.catalog_complete
        channel = await store.get_channel(ChannelKey(DEVICE_ID, CHANNELS[0]))
        assert channel is not None
        assert channel.name == "大门 camera"
        await bench.close()
        second = await make_bench(catalog=store)
        assert second.service.presence.is_online(DEVICE_ID)
        device.server = second.address()
        assert (await device.keepalive()).status == 200
        await device.register()
        await device.keepalive()
        assert second.service.catalog_sync.running == []
