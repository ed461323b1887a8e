"""A platform's storage that records a stream until it is killed: run by test_recording.py."""

import asyncio
import sys
from pathlib import Path

from catalog.model import ChannelKey, Device
from catalog.store import CatalogStore
from config.database import migrate, open_database
from storage.service import StorageService
from storage.settings import StorageSettings
from tests.integration.storage.conftest import Source, media_settings

KEY = ChannelKey("34020000001180000005", "34020000001320000012")


async def main(directory: Path) -> None:
    from media.session import MediaPlane

    plane = MediaPlane(media_settings())
    await plane.open()
    engine = open_database(f"sqlite:///{directory}/tongshi.db")
    await migrate(engine)
    catalog = CatalogStore(engine)
    await catalog.upsert_device(Device(device_id=KEY.device_id))
    source = Source(plane)
    settings = StorageSettings(
        path=directory / "recordings", segment_s=5.0, free_floor_bytes=0, flush_s=0.05, retry_min_s=0.1
    )
    service = StorageService(settings, engine, source, catalog)
    await service.open()
    await service.recorder.start(KEY, "test")
    while not (source.holds and source.holds[-1].session.readers):  # noqa: ASYNC110 - killed, not ended
        await asyncio.sleep(0.02)
    sender = await source.sender()
    while True:
        await sender.send(1)
        await asyncio.sleep(0.1)
        rows = await service.index.open_segments()
        closed = (await service.index.list_segments(KEY)).items
        if rows and rows[-1].size_bytes and len(closed) >= 2:
            print("recording", flush=True)


asyncio.run(main(Path(sys.argv[1])))
