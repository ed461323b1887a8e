"""Notifications on their way into the catalogue, and the queries that make up for what was lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from catalog.errors import UnknownDevice
from catalog.notified import CatalogChange, CatalogChanged, ChangeKind
from sipserver.devices.errors import NoAnswer
from sipserver.devices.stats import DeviceStats
from sipserver.devices.subscriptions import catalog_events as module
from sipserver.devices.subscriptions.catalog_events import CatalogEvents
from sipserver.devices.subscriptions.catalog_queries import CatalogQueries
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.messages.catalog_notify import CatalogEvent, CatalogEventKind, CatalogNotify

A, B = "34020000001180000001", "34020000001180000002"


class Catalogue:
    """Remembers the transactions; the first waits until a test lets it go."""

    def __init__(self) -> None:
        self.transactions: list[tuple[str, list[ChangeKind | None]]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def apply_events(self, device_id: str, changes: Sequence[CatalogChange]) -> CatalogChanged:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.transactions.append((device_id, [change.kind for change in changes]))
        return CatalogChanged(statuses=len(changes))


class Presence:
    async def ensure_stored(self, device_id: str) -> None:
        """Every device is."""


class Queries:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, device_id: str, why: str) -> None:
        self.asked.append(device_id)


class Bench:
    def __init__(self) -> None:
        self.catalogue, self.queries, self.stats = Catalogue(), Queries(), DeviceStats()
        parts: Any = (self.catalogue, Presence(), self.queries)
        self.events = CatalogEvents(*parts, self.stats)
        self.told: list[str] = []
        self.events.listeners.append(lambda device_id, _: self.told.append(device_id))

    def notify(self, device_id: str, *kinds: CatalogEventKind) -> None:
        items = [CatalogEvent(kind, CatalogItem(GbId("34020000001320000001"))) for kind in kinds]
        notify = CatalogNotify("1", GbId(device_id), len(items), tuple(items))
        self.events.receive(device_id, notify.to_xml())


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    opened = Bench()
    opened.events.open()
    yield opened
    await opened.events.close()


async def _turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


ON, OFF, ADD = CatalogEventKind.ON, CatalogEventKind.OFF, CatalogEventKind.ADD


async def test_what_waits_for_one_device_is_one_transaction_in_order(bench: Bench) -> None:
    """GB-C091."""
    bench.notify(A, ON)
    await _turns()
    await _turns()
    for device_id, kinds in ((A, (OFF,)), (A, (ADD, ON)), (B, (ON,)), (A, (OFF,)), (B, ())):
        bench.notify(device_id, *kinds)
    bench.catalogue.gate.set()
    await _turns()
    assert bench.catalogue.transactions == [
        (A, [ChangeKind.ON]),
        (A, [ChangeKind.OFF, ChangeKind.ADD, ChangeKind.ON]),
        (B, [ChangeKind.ON]),
        (A, [ChangeKind.OFF]),
    ]
    assert bench.told == [A, A, B, A]


async def test_a_flood_is_dropped_and_made_up_for_by_a_query(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    bench.notify(A, ON, OFF)
    bench.notify(B, ON)
    assert bench.queries.asked == [B]
    bench.catalogue.gate.set()
    await _turns()
    bench.notify(B, ON)
    await _turns()
    assert [device_id for device_id, _ in bench.catalogue.transactions] == [A, B]
    assert bench.stats.catalog_changes == Counter(dropped=1, statuses=3)


@pytest.mark.parametrize("error", [UnknownDevice(A), OSError("the disk is full")])
async def test_changes_that_cannot_be_stored_are_made_up_for(bench: Bench, error: Exception) -> None:
    bench.catalogue.gate.set()
    bench.catalogue.error = error
    bench.notify(A, ON)
    await _turns()
    assert bench.queries.asked == [A]
    bench.catalogue.error = None
    bench.notify(A, OFF)
    await _turns()
    assert bench.catalogue.transactions == [(A, [ChangeKind.OFF])]


async def test_changes_wait_for_a_database_that_is_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order, and nothing has to be asked for again."""
    monkeypatch.setattr(module, "RETRY_MIN_S", 0.001)
    bench.catalogue.gate.set()
    bench.catalogue.error = OperationalError("BEGIN", {}, Exception("database is locked"))
    bench.notify(A, ON)
    bench.notify(B, OFF)
    await asyncio.sleep(0.02)
    assert bench.catalogue.transactions == []
    bench.catalogue.error = None
    async with asyncio.timeout(5):
        while len(bench.catalogue.transactions) < 2:  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(0.001)
    assert bench.catalogue.transactions == [(A, [ChangeKind.ON]), (B, [ChangeKind.OFF])]
    assert bench.queries.asked == []


async def test_queries_pause_and_do_not_pile_up() -> None:
    asked: list[str] = []
    now = 0.0

    async def sync(device_id: str) -> None:
        asked.append(device_id)
        if len(asked) == 1:
            raise NoAnswer("silent")

    queries = CatalogQueries(sync, 0.01, clock=lambda: now)
    for _ in range(5):
        queries.ask(A, "a test")
    await _turns()
    assert asked == [A]
    for _ in range(5):
        queries.ask(A, "a test")
    await _turns()
    assert asked == [A]
    async with asyncio.timeout(5):
        while len(asked) < 2:  # noqa: ASYNC110 - the list is the fake's, nobody could set an event
            await asyncio.sleep(0.001)
    queries.forget(A)
    queries.ask(A, "a test")
    await _turns()
    assert asked == [A, A, A]
    await queries.close()
    queries.ask(A, "too late")
    await _turns()
    assert len(asked) == 3
