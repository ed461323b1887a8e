"""Leases beyond what the API's tests reach: failures between claim and address, and closing."""

import asyncio
from collections.abc import Mapping

import pytest

from catalog.model import ChannelKey, Device
from console.api.leases import LeaseRefused, Leases, UnknownLease
from console.api.ports import CatalogSyncOutcome, Presence, StreamFigures
from console.api.reader_models import StreamReaders
from sipserver.devices.stream_request import LiveStream

KEY = ChannelKey("34020000001110000001", "34020000001320000001")


class Hold:
    def __init__(self, streams: "Streams") -> None:
        self.lost = asyncio.Event()
        self.lost_reason = "the device hung up"
        self.stream = LiveStream.MAIN
        self.releases = 0
        self._streams = streams

    def grant(self, tag: str, ttl_s: float, *, user: str, channel: str) -> Mapping[str, str]:
        if self._streams.refuses_to_grant:
            raise RuntimeError("no address")
        return {"fmp4_ws": "ws://x/", "fmp4_http": "http://x/"}

    def revoke(self, tag: str) -> None: ...

    def viewers_of(self, tag: str) -> int:
        return 0

    def readers(self) -> StreamReaders:
        return StreamReaders()

    def figures(self) -> StreamFigures:
        return StreamFigures(session_id="1")

    async def jpeg(self, max_width: int | None) -> bytes:
        return b""

    async def release(self, *, at_once: bool = False) -> None:
        self.releases += 1
        if self._streams.release_hangs:
            await asyncio.get_running_loop().create_future()


class Streams:
    def __init__(self) -> None:
        self.made: list[Hold] = []
        self.refuses_to_grant = False
        self.release_hangs = False
        self.gate: asyncio.Event | None = None

    async def hold(
        self, key: ChannelKey, purpose: str, tag: str, stream: LiveStream = LiveStream.MAIN
    ) -> Hold:
        if self.gate is not None:
            await self.gate.wait()
        self.made.append(Hold(self))
        return self.made[-1]

    def figures(self) -> Mapping[ChannelKey, StreamFigures]:
        return {}

    def figures_of(self, key: ChannelKey) -> StreamFigures | None:
        return self.figures().get(key)

    async def sync_catalog(self, device_id: str) -> CatalogSyncOutcome:
        raise AssertionError("not asked for here")

    def device_changed(self, device: Device) -> None: ...

    def presence(self, device_id: str) -> Presence | None:
        return None

    def presences(self) -> Mapping[str, Presence]:
        return {}


@pytest.fixture
def streams() -> Streams:
    return Streams()


@pytest.fixture
def leases(streams: Streams) -> Leases:
    return Leases(streams, limit=2, linger_s=10.0, url_ttl_s=60.0, clock=lambda: 0.0)


async def test_a_claim_without_addresses_is_given_back(streams: Streams, leases: Leases) -> None:
    streams.refuses_to_grant = True
    with pytest.raises(RuntimeError):
        await leases.grant(KEY, "admin")
    assert streams.made[0].releases == 1
    assert leases.list() == []


async def test_leases_that_are_still_opening_count(streams: Streams, leases: Leases) -> None:
    streams.gate = asyncio.Event()
    opening = [asyncio.ensure_future(leases.grant(KEY, "admin")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(LeaseRefused):
        await leases.grant(KEY, "admin")
    streams.gate.set()
    assert len({lease.session_id for lease in await asyncio.gather(*opening)}) == 2


async def test_a_caller_that_gives_up_leaves_room(streams: Streams, leases: Leases) -> None:
    streams.gate = asyncio.Event()
    opening = asyncio.ensure_future(leases.grant(KEY, "admin"))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    streams.gate.set()
    await leases.grant(KEY, "admin")
    await leases.grant(KEY, "admin")


async def test_ending_twice_releases_once(streams: Streams, leases: Leases) -> None:
    lease = await leases.grant(KEY, "admin")
    results = await asyncio.gather(
        leases.delete(lease.session_id), leases.delete(lease.session_id), return_exceptions=True
    )
    assert [type(result) for result in results][1] is UnknownLease
    assert streams.made[0].releases == 1


async def test_closing_ends_every_lease(streams: Streams, leases: Leases) -> None:
    await leases.open()
    await leases.grant(KEY, "admin")
    await leases.grant(KEY, "viewer")
    await leases.close()
    assert [hold.releases for hold in streams.made] == [1, 1]
    assert leases.list() == []
