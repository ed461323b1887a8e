"""The stock reads everything once, and then only what somebody reported; what failed is read again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import pytest

from cascade.shown.channel_table import ItemState
from cascade.shown.stock import ChannelStock
from catalog.keyset import Page
from catalog.model import Channel, ChannelKey, ChannelKind

NVR, OTHER = "34010200001180000001", "34010200001180000002"


def camera(device_id: str, number: int, **values: object) -> Channel:
    return Channel(device_id=device_id, channel_id=str(number), name="c", **values)  # type: ignore[arg-type]


class FakeCatalog:
    """See ``CascadeCatalog``: pages of two."""

    def __init__(self, *channels: Channel) -> None:
        self.channels = {channel.key: channel for channel in channels}
        self.listeners: list[Callable[[str, Collection[str] | None], None]] = []
        self.reads: list[str] = []
        self.failures: list[Exception] = []

    async def list_channels(
        self,
        device_id: str | None = None,
        cursor: str | None = None,
        limit: int = 2,
        *,
        kinds: Collection[ChannelKind] = (),
    ) -> Page[Channel]:
        self._note(f"list {device_id or 'all'}")
        keys = sorted(key for key in self.channels if device_id in (None, key.device_id))
        start = int(cursor or 0)
        found = [self.channels[key] for key in keys[start : start + 2]]
        return Page(found, str(start + 2) if start + 2 < len(keys) else None)

    async def load_some(self, device_id: str, channel_ids: Collection[str]) -> list[Channel]:
        self._note(f"some {sorted(channel_ids)}")
        return [
            self.channels[key]
            for each in channel_ids
            if (key := ChannelKey(device_id, each)) in self.channels
        ]

    def change(self, channel: Channel) -> None:
        self.channels[channel.key] = channel
        self.tell(channel.device_id, (channel.channel_id,))

    def tell(self, device_id: str, channel_ids: Collection[str] | None) -> None:
        for listener in self.listeners:
            listener(device_id, channel_ids)

    def _note(self, what: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.reads.append(what)


class Standing:
    def __init__(self) -> None:
        self.online = {NVR}

    def online_ids(self) -> set[str]:
        return self.online

    def is_online(self, device_id: str) -> bool:
        return device_id in self.online


class Onlooker:
    def __init__(self) -> None:
        self.stirs = 0
        self.rows: set[int] = set()

    def stir(self) -> None:
        self.stirs += 1

    def note(self, rows: Iterable[int]) -> None:
        self.rows.update(rows)


@pytest.fixture
def catalog() -> FakeCatalog:
    return FakeCatalog(*(camera(NVR, number) for number in (1, 2, 3)), camera(OTHER, 1))


@pytest.fixture
def standing() -> Standing:
    return Standing()


@pytest.fixture
def onlooker() -> Onlooker:
    return Onlooker()


@pytest.fixture
def stock(catalog: FakeCatalog, standing: Standing, onlooker: Onlooker) -> ChannelStock:
    opened = ChannelStock(catalog, standing)
    opened.open()
    opened.onlookers.add(onlooker)
    return opened


async def test_nothing_is_read_before_it_is_wanted_and_nothing_twice(
    stock: ChannelStock, catalog: FakeCatalog, onlooker: Onlooker
) -> None:
    catalog.change(camera(NVR, 4))
    assert (catalog.reads, onlooker.stirs) == ([], 0)
    await stock.settle()
    assert catalog.reads == ["list all"] * 3
    assert onlooker.rows == set(range(5))
    await stock.settle()
    assert len(catalog.reads) == 3


async def test_only_what_was_reported_is_read_again(
    stock: ChannelStock, catalog: FakeCatalog, onlooker: Onlooker
) -> None:
    await stock.settle()
    catalog.reads.clear()
    onlooker.rows.clear()
    catalog.change(camera(NVR, 2, fault=True))
    catalog.tell(NVR, ("1",))
    del catalog.channels[ChannelKey(OTHER, "1")]
    catalog.tell(OTHER, None)
    assert onlooker.stirs == 3
    await stock.settle()
    assert catalog.reads == ["some ['1', '2']", f"list {OTHER}"]
    table = stock.table
    two, gone = table.row(ChannelKey(NVR, "2")), table.row(ChannelKey(OTHER, "1"))
    assert onlooker.rows == {two, gone}, "the first has not changed"
    assert two is not None
    assert table.state(two) is ItemState.VLOST
    assert gone is not None
    assert not table.is_present(gone)


async def test_a_device_that_comes_and_goes(
    stock: ChannelStock, standing: Standing, onlooker: Onlooker
) -> None:
    await stock.settle()
    onlooker.rows.clear()
    standing.online = {OTHER}
    stock.device_changed(NVR)
    await stock.settle()
    assert len(onlooker.rows) == 3
    stock.devices_changed()
    await stock.settle()
    assert len(onlooker.rows) == 4


async def test_what_could_not_be_read_is_read_the_next_time(
    stock: ChannelStock, catalog: FakeCatalog
) -> None:
    catalog.failures.append(OSError("away"))
    with pytest.raises(OSError, match="away"):
        await stock.settle()
    await stock.settle()
    catalog.change(camera(NVR, 2, status_online=False))
    catalog.failures.append(OSError("away"))
    with pytest.raises(OSError, match="away"):
        await stock.settle()
    catalog.tell(NVR, ("3",))
    await stock.settle()
    assert catalog.reads[-1] == "some ['2', '3']"
    row = stock.table.row(ChannelKey(NVR, "2"))
    assert row is not None
    assert stock.table.state(row) is ItemState.OFF


async def test_what_is_closed_hears_no_more(stock: ChannelStock, catalog: FakeCatalog) -> None:
    stock.close()
    stock.close()
    assert catalog.listeners == []
