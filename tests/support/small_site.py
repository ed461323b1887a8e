"""A whole platform in this process, on loopback, and simulated devices that register to it.

For tests that go through everything: API, devices, SIP over real sockets, media, database.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from access.settings import AccessSettings
from config.schema import Settings
from config.tables import DatabaseSettings, HttpSettings
from console.app import Platform
from media.settings import MediaSettings
from sipserver.devices.registration.settings import RegistrationSettings
from sipserver.devices.settings import DeviceSettings
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.pacer import Pacer
from sipserver.simulator.settings import SimulatedDeviceSettings, camera_settings, nvr_settings
from storage.settings import StorageSettings
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports

HOST = "127.0.0.1"
SIP_PASSWORD = "small site cameras"
ADMIN_PASSWORD = "small site admin"


@dataclass(eq=False)
class SmallSite:
    """The platform, a logged-in API caller, and the devices that a test adds."""

    platform: Platform
    api: httpx.AsyncClient
    """Base address ``.../api/v1``, with an administrator's token."""
    devices: list[SimulatedDevice] = field(default_factory=list)
    _pacer: Pacer = field(default_factory=Pacer)

    @property
    def sip_port(self) -> int:
        return self.platform.transport.addresses[0].port

    async def add_camera(self, index: int = 0, **changes: Any) -> SimulatedDevice:
        """A camera that is registered and whose catalogue is stored when this returns."""
        base = camera_settings(index, self.platform.settings.sip.id, HOST, self.sip_port, SIP_PASSWORD)
        return await self._add(base, changes)

    async def add_nvr(self, index: int = 0, channels: int = 4, **changes: Any) -> SimulatedDevice:
        base = nvr_settings(index, channels, self.platform.settings.sip.id, HOST, self.sip_port, SIP_PASSWORD)
        return await self._add(base, changes)

    async def _add(self, base: SimulatedDeviceSettings, changes: dict[str, Any]) -> SimulatedDevice:
        quick = replace(base, register_retry_s=1.0, pictures=replace(base.pictures, loop_s=2, gop_s=1.0))
        device = SimulatedDevice(replace(quick, **changes), self._pacer)
        self.devices.append(device)
        await device.start()
        await device.wait_registered(10.0)
        channel_ids = set(device.settings.all_channel_ids)

        async def catalogued() -> bool:
            known = await self.platform.catalog.list_channels(device.settings.device_id, limit=1000)
            return channel_ids <= {channel.channel_id for channel in known.items}

        await eventually(catalogued, "the catalogue is stored")
        return device

    async def close(self) -> None:
        await asyncio.gather(*(device.stop() for device in self.devices))
        self._pacer.close()


@contextlib.asynccontextmanager
async def small_site(directory: Path, **tables: Any) -> AsyncIterator[SmallSite]:
    """Open a platform below ``directory``.

    Args:
        tables: settings that replace those below, by table: ``sip=DeviceSettings(...)``.
    """
    settings = Settings(
        sip=DeviceSettings(
            host=HOST, port=0, password=SIP_PASSWORD, catalog_quiet_s=1.0, linger_s=0.2, query_timeout_s=3.0
        ),
        http=HttpSettings(host=HOST, port=0, close_timeout_s=0.5),
        media=MediaSettings(
            host=HOST, port=0, rtp_ports=rtp_ports(), capture_directory=str(directory / "captures")
        ),
        storage=StorageSettings(path=directory / "recordings", free_floor_bytes=1_000_000),
        database=DatabaseSettings(url=f"sqlite:///{directory}/platform.db"),
        # The machine of a test may be busy with other tests: that is no reason to put devices off.
        registration=RegistrationSettings(overload_loop_delay_s=30.0),
        access=AccessSettings(hash_memory_kib=32, hash_rounds=1),
    )
    platform = Platform(replace(settings, **tables), {"TONGSHI_ADMIN_PASSWORD": ADMIN_PASSWORD})
    await platform.open()
    base = f"http://{HOST}:{platform.http_port}/api/v1"
    try:
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30.0) as api:
            login = {"username": "admin", "password": ADMIN_PASSWORD}
            token = (await api.post("/login", json=login)).json()["token"]
            api.headers["Authorization"] = f"Bearer {token}"
            site = SmallSite(platform, api)
            try:
                yield site
            finally:
                await site.close()
    finally:
        await platform.close()
