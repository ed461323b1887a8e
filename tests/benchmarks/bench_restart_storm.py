"""50,000 devices that all register again: after our own restart, and after a power cut of theirs.

Method: the database knows 50,000 devices with a running registration and a fresh catalogue. The platform
opens on it, and a fleet in another process, each device with an address of its own, registers within OVER
seconds (401, 200, MD5, repeating what is not answered as RFC 3261 says, coming again when told to by 503
and Retry-After): first with the Call-ID that each had, as devices do that noticed our restart; then all
with a new one, as after a power cut; then when all are offline, as after a long stop, and overload control
may put them off. In the last two the platform also has each to ask for its information and catalogue; that
goes on when all are back. CPU time is that of this process, all threads, from the first REGISTER to the
last 200.

Aims: all back within 60 s of CPU time, none wrongly offline, delay of the event loop at most 50 ms (p99).

Run: python tests/benchmarks/bench_restart_storm.py [--devices N] [--over SECONDS]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sipserver.devices.events import DeviceEvent, DeviceWentOffline
from sipserver.devices.service import DeviceService
from tests.benchmarks.fleet_server import (
    LOAD,
    FleetProcess,
    LoopWatch,
    cpu_s,
    remember,
    run,
    scratch,
    server,
)


async def measure(devices: int, over_s: float) -> None:
    with scratch() as directory:
        database = Path(directory) / "bench.db"
        await remember(database, devices, online=True)
        begun, cpu = time.monotonic(), cpu_s()
        async with server(database) as (service, transport):
            print(
                f"opened with {devices} devices: CPU {cpu_s() - cpu:.1f} s, {time.monotonic() - begun:.1f} s"
            )
            lost = Lost()
            service.presence.subscribe(lost.listen, (DeviceWentOffline,))
            fleet = await FleetProcess.start(LOAD, transport.addresses[0].port, devices)
            await storm(service, fleet, lost, f"register {over_s}", "after our restart")
            await asyncio.sleep(2.0)
            await storm(service, fleet, lost, f"restart {over_s}", "after a power cut")
            for device in [entry.device_id for entry in service.presence.table]:
                service.presence.unregistered(device)
            lost.events.clear()
            await storm(service, fleet, lost, f"register {over_s}", "after an hour without us")
            await fleet.close()


class Lost:
    """Devices that went offline, which none should."""

    def __init__(self) -> None:
        self.events: list[DeviceWentOffline] = []

    def listen(self, event: DeviceEvent) -> None:
        if isinstance(event, DeviceWentOffline):
            self.events.append(event)


async def storm(service: DeviceService, fleet: FleetProcess, lost: Lost, command: str, name: str) -> None:
    watch = LoopWatch()
    watch.start()
    cpu = cpu_s()
    report = await fleet.tell(command)
    cpu = cpu_s() - cpu
    delays = await watch.stop()
    online = sum(entry.is_online for entry in service.presence.table)
    print(
        f"{name}: {report['done']} back after {cpu:.1f} s of CPU time ({report['seconds']:.1f} s), "
        f"{online} online, {len(lost.events)} wrongly offline, "
        f"{service.catalog_sync.waiting} catalogues still to be asked for; {delays}"
    )
    print(
        f"    answers {report['statuses']}, {report['repeated']} repetitions, {report['given_up']} given up"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--devices", type=int, default=50_000)
    parser.add_argument("--over", type=float, default=5.0)
    arguments = parser.parse_args()
    run(measure(arguments.devices, arguments.over))


if __name__ == "__main__":
    main()
