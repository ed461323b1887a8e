from collections.abc import AsyncIterator

import pytest

from cascade.link import SuperiorLink
from cascade.model import LinkState, Superior
from sipserver.transport.driver import SipTransport
from sipserver.transport.settings import SipTransportSettings, listen_pair
from tests.unit.sipserver.simulator.small_platform import PASSWORD, PLATFORM_ID, SmallPlatform

OWN_ID = "34010000002000000001"


@pytest.fixture
async def above() -> AsyncIterator[SmallPlatform]:
    """A superior on real sockets."""
    opened = SmallPlatform()
    await opened.transport.open()
    yield opened
    await opened.transport.close()


@pytest.fixture
async def transport() -> AsyncIterator[SipTransport]:
    """Our own sockets."""
    opened = SipTransport(SipTransportSettings(listens=listen_pair("127.0.0.1", 0)))
    await opened.open()
    yield opened
    await opened.close()


def superior_at(port: int, **changes: object) -> Superior:
    values: dict[str, object] = {
        "superior_id": PLATFORM_ID,
        "host": "127.0.0.1",
        "port": port,
        "own_id": OWN_ID,
        "password": PASSWORD,
        "retry_s": 0.1,
        "retry_max_s": 0.4,
        "keepalive_s": 0.05,
    }
    return Superior(**values | changes)  # type: ignore[arg-type]


def states_of(link: SuperiorLink) -> list[LinkState]:
    """Fills with each state that the link takes from now on."""
    seen: list[LinkState] = []
    link.listeners.append(lambda changed: seen.append(changed.view.state))
    return seen
