"""A platform below us with 100,000 channels: taken in, compared again, kept true by notifications, looked at.

Method: a subordinate in another process answers the Catalog query over loopback UDP, a hundred items in a
message. First all is new; then the same list comes again, of which nothing is written; then a list in which
one channel in a hundred is another. After that 10,000 changes of status are notified, and its tree is asked
for: the first page of a level, and the next one. Measured are the CPU time of this process (all threads), the
time from the last fragment to the end, resident memory, and the delay of the event loop.

Aims: an unchanged catalogue is compared and no row written, one in which little has changed costs
what has changed; loop delay at most 50 ms (p99) without other programs; a page of the tree takes at most a
second the first time, and a millisecond after that.

Run: python tests/benchmarks/bench_subordinates.py [--channels N]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from catalog.forest import Forest, Form
from catalog.model import CatalogRow
from catalog.store import CatalogStore
from sipserver.devices.service import DeviceService
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.messages.catalog_notify import CatalogEvent, CatalogEventKind, CatalogNotify
from tests.benchmarks.catalog_load import SUBORDINATE_ID
from tests.benchmarks.fleet_server import (
    FleetProcess,
    LoopWatch,
    cpu_s,
    memory_bytes,
    run,
    scratch,
    server,
)

LOAD = Path(__file__).with_name("catalog_load.py")
CHANGES = 10_000
NOTIFIED_AT_ONCE = 100
EVERY = 100


@asynccontextmanager
async def measured(what: str) -> AsyncIterator[dict[str, str]]:
    """Prints what it cost; the body may add to what is said."""
    said: dict[str, str] = {}
    before, watch = memory_bytes(), LoopWatch()
    watch.start()
    cpu, begun = cpu_s(), time.monotonic()
    yield said
    took, cpu = time.monotonic() - begun, cpu_s() - cpu
    delays = await watch.stop()
    more = "".join(f", {text}" for text in said.values())
    print(
        f"{what}: {took:.2f} s, CPU {cpu:.2f} s, memory {memory_bytes() / 1e6:.0f} MB "
        f"({(memory_bytes() - before) / 1e6:+.0f} MB){more}; {delays}"
    )


async def measure(channels: int) -> None:
    with scratch() as directory:
        async with server(Path(directory) / "bench.db") as (service, transport):
            service.presence.unsubscribe(service.catalog_sync.listen)  # the query is ours to send
            port = transport.addresses[0].port
            store = service._catalog
            assert isinstance(store, CatalogStore)
            forest = Forest(store._reading)
            store.listeners.append(forest.channels_changed)
            for what in ("taken in", "the same again"):
                await queried(service, port, channels, what)
            await partly_changed(store)
            await notified(service)
            await looked_at(forest)


async def queried(service: DeviceService, port: int, channels: int, what: str) -> None:
    subordinate = await FleetProcess.start(LOAD, port, channels, 100)
    async with measured(f"{channels} channels {what}") as said:
        result = await service.sync_catalog(SUBORDINATE_ID)
        ended = time.monotonic()
        report = await subordinate.report()
        said["last"] = f"{ended - report['ended']:.2f} s after the last fragment"
    assert (result.complete, result.items) == (True, channels)
    await subordinate.close()


async def partly_changed(store: CatalogStore) -> None:
    rows = [
        CatalogRow(**{name: getattr(channel, name) for name in CatalogRow.__dataclass_fields__})
        for channel in await store.load_channels(SUBORDINATE_ID)
    ]
    await store.replace_catalog(SUBORDINATE_ID, rows, complete=True)
    changed = [
        CatalogRow(**{name: getattr(row, name) for name in CatalogRow.__dataclass_fields__} | {"name": "新"})
        if number % EVERY == 0
        else row
        for number, row in enumerate(rows)
    ]
    async with measured("compared and stored, one in a hundred is another") as said:
        result = await store.replace_catalog(SUBORDINATE_ID, changed, complete=True)
        said["written"] = f"{result.written} rows written"


async def notified(service: DeviceService) -> None:
    """As documents, the way they come out of a NOTIFY."""
    page = await service._catalog.load_channels(SUBORDINATE_ID)
    ids = [GbId(channel.channel_id) for channel in page[:CHANGES]]
    documents = [
        CatalogNotify(
            str(start + 1),
            GbId(SUBORDINATE_ID),
            NOTIFIED_AT_ONCE,
            tuple(
                CatalogEvent(CatalogEventKind.OFF, CatalogItem(each))
                for each in ids[start : start + NOTIFIED_AT_ONCE]
            ),
        ).to_xml()
        for start in range(0, len(ids), NOTIFIED_AT_ONCE)
    ]
    async with measured(f"{len(ids)} notified changes of status"):
        for document in documents:
            service.subscriptions.catalog_events.receive(SUBORDINATE_ID, document)
        while service.stats.catalog_changes["statuses"] < len(ids):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # what is counted sets no event


async def looked_at(forest: Forest) -> None:
    async with measured("the first page of its tree"):
        page = await forest.children(Form.PHYSICAL, SUBORDINATE_ID, SUBORDINATE_ID, None, 100)
    async with measured("the next page of its tree"):
        await forest.children(Form.PHYSICAL, SUBORDINATE_ID, SUBORDINATE_ID, page.next, 100)
    async with measured("the regions over all"):
        await forest.regions("")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--channels", type=int, default=100_000)
    run(measure(parser.parse_args().channels))


if __name__ == "__main__":
    main()
