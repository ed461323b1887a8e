"""A small platform, settings that lead to it, and a socket for media."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import pytest

from sipserver.simulator.settings import SimulatedDeviceSettings
from tests.unit.sipserver.simulator.small_platform import PASSWORD, PLATFORM_ID, SMALL, SmallPlatform


@pytest.fixture
async def platform() -> AsyncIterator[SmallPlatform]:
    opened = SmallPlatform()
    await opened.transport.open()
    yield opened
    await opened.transport.close()


@pytest.fixture
def settings_of(platform: SmallPlatform) -> Callable[..., SimulatedDeviceSettings]:
    """Settings of a small camera at the platform; keyword arguments change fields."""

    def make(**changes: object) -> SimulatedDeviceSettings:
        basic = SimulatedDeviceSettings(
            device_id="34020000001180000005",
            server_id=PLATFORM_ID,
            server_host="127.0.0.1",
            server_port=platform.port,
            password=PASSWORD,
            pictures=SMALL,
            register_retry_s=0.05,
            media_connect_interval_s=0.02,
        )
        return replace(basic, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    """A UDP socket that media can be sent to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.setblocking(False)
        yield opened
