"""Runs simulated devices until they are cancelled; what the command line calls."""

import asyncio
import logging
from collections.abc import Iterable

from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.pacer import Pacer
from sipserver.simulator.settings import SimulatedDeviceSettings

# A fleet that registers all at once is a test of its own; by default it comes in gently.
_STARTS_PER_S = 200.0

logger = logging.getLogger(__name__)


async def run_camera(settings: SimulatedDeviceSettings) -> None:
    """A camera, until cancelled; then BYE and unregister."""
    await run_fleet([settings])


async def run_nvr(settings: SimulatedDeviceSettings) -> None:
    """An NVR with several channels, until cancelled; then BYE and unregister."""
    await run_fleet([settings])


async def run_fleet(fleet: Iterable[SimulatedDeviceSettings]) -> None:
    """Many devices in one process with one media timer, until cancelled."""
    pacer = Pacer()
    devices: list[SimulatedDevice] = []
    try:
        for settings in fleet:
            device = SimulatedDevice(settings, pacer)
            await device.start()
            devices.append(device)
            await asyncio.sleep(1.0 / _STARTS_PER_S)
        logger.info("%d simulated devices run", len(devices))
        await asyncio.get_running_loop().create_future()
    finally:
        results = await asyncio.gather(*(device.stop() for device in devices), return_exceptions=True)
        pacer.close()
        for result in results:
            if isinstance(result, Exception):
                logger.warning("a simulated device did not stop cleanly: %s", result)
