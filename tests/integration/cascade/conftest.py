from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cascade.post import Surroundings
from cascade.store import SuperiorStore
from cascade.superiors import Superiors
from catalog.model import CatalogRow
from catalog.store import CatalogStore
from config.database import migrate, open_database
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.settings import SipTransportSettings, listen_pair
from tests.unit.sipserver.simulator.small_platform import SmallPlatform

NVR = "34010200001180000001"
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class FakeStanding:
    """Which devices are online."""

    def __init__(self) -> None:
        self.online = {NVR}

    def online_ids(self) -> set[str]:
        return self.online

    def is_online(self, device_id: str) -> bool:
        return device_id in self.online


class Below:
    """Our side: sockets, a database, and the superiors."""

    def __init__(self, engine: AsyncEngine, transport: SipTransport) -> None:
        self.transport = transport
        self.catalog = CatalogStore(engine)
        self.standing = FakeStanding()
        # Sealed by turning it round.
        self.store = SuperiorStore(engine, seal=lambda text: text[::-1], unseal=lambda text: text[::-1])
        self.others: list[IncomingRequest] = []
        self.superiors = Superiors(
            Surroundings(
                transport=transport,
                store=self.store,
                catalog=self.catalog,
                standing=self.standing,
                own_name="county",
                version="1.0",
                wall=lambda: NOW,
                start_spread_s=0.0,
            )
        )
        transport.request_handler = self._receive
        transport.flow_closed_handler = self.superiors.flow_closed

    async def cameras(self, count: int, device_id: str = NVR) -> None:
        """Put an NVR with so many cameras into the catalogue."""
        await self.catalog.add_devices([device_id])
        rows = [
            CatalogRow(
                channel_id=f"{device_id[:10]}1320{number:06d}",
                name=f"路口 {number} <东&西>",
                region_code="340102",
                status_online=True,
            )
            for number in range(1, count + 1)
        ]
        await self.catalog.replace_catalog(device_id, rows, complete=True)

    def _receive(self, incoming: IncomingRequest) -> None:
        if not self.superiors.receive(incoming):
            self.others.append(incoming)
            self.transport.respond(incoming, 403)


@pytest.fixture
async def above() -> AsyncIterator[SmallPlatform]:
    opened = SmallPlatform()
    await opened.transport.open()
    yield opened
    await opened.transport.close()


@pytest.fixture
async def below(tmp_path: Path) -> AsyncIterator[Below]:
    engine = open_database(f"sqlite:///{tmp_path}/below.db")
    await migrate(engine)
    transport = SipTransport(SipTransportSettings(listens=listen_pair("127.0.0.1", 0)))
    await transport.open()
    opened = Below(engine, transport)
    yield opened
    await opened.superiors.close()
    await transport.close()
    await engine.dispose()


Claim = Callable[[], bool]
