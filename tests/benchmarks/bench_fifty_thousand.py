"""50,000 devices registered and kept alive in one process: memory per idle device, share of a core.

Method: the database (SQLite on disk) knows 50,000 devices with a running registration and a fresh
catalogue. The platform opens on it; a fleet in another process registers (401, 200, MD5), each device from
an address of its own, and then sends keepalives at a period of 60 s, evenly spread: a first minute so that
everybody has been heard, and a second that is measured. Memory is what this process holds at the end more
than it held when a smaller platform had been opened, used and closed in it, divided by the devices: what is
known of each, answered transactions, rows on their way to the database, and all that was ever needed on the
way. The share of a core is CPU time (all threads, the watch on the loop included) divided by the time of
the keepalives.

Aims: at most 10 kB for each device, at most 35 % of one core.

Run: python tests/benchmarks/bench_fifty_thousand.py [--devices N] [--seconds S] [--register-over S]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.fleet_server import (
    LOAD,
    FleetProcess,
    LoopWatch,
    cpu_s,
    memory_bytes,
    remember,
    run,
    scratch,
    server,
)

KEEPALIVE_S = 60.0
WARM_UP = 64


async def measure(devices: int, seconds: float, register_s: float) -> None:
    with scratch() as directory:
        await warm_up(Path(directory) / "small.db")
        await remember(Path(directory) / "bench.db", devices, online=True)
        before = memory_bytes()
        async with server(Path(directory) / "bench.db") as (service, transport):
            print(f"opened: memory {per_device(before, devices)}")
            fleet = await FleetProcess.start(LOAD, transport.addresses[0].port, devices)
            cpu = cpu_s()
            report = await fleet.tell(f"register {register_s}")
            print(f"registered: {report['done']} in {report['seconds']:.1f} s, CPU {cpu_s() - cpu:.1f} s")
            await fleet.tell(f"keepalive {seconds} {KEEPALIVE_S}")
            watch = LoopWatch()
            watch.start()
            cpu = cpu_s()
            report = await fleet.tell(f"keepalive {seconds} {KEEPALIVE_S}")
            cpu = cpu_s() - cpu
            delays = await watch.stop()
            online = sum(entry.is_online for entry in service.presence.table)
            print(
                f"{online} devices online, {report['done']} keepalives in {report['seconds']:.0f} s: "
                f"{cpu / report['seconds']:.1%} of one core; {per_device(before, devices)}; {delays}"
            )
            assert online == devices
            assert report["given_up"] == 0
            await fleet.close()


async def warm_up(database: Path) -> None:
    """Caches, statements, pools: what a platform has whether it serves one device or many."""
    async with server(database) as (_, transport):
        fleet = await FleetProcess.start(LOAD, transport.addresses[0].port, WARM_UP)
        await fleet.tell("register 1")
        await fleet.tell("keepalive 2 1")
        await fleet.close()


def per_device(before: int, devices: int) -> str:
    grown = memory_bytes() - before
    return f"{grown / devices / 1000:.2f} kB for each device ({grown / 1e6:.0f} MB)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--devices", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--register-over", type=float, default=30.0)
    arguments = parser.parse_args()
    run(measure(arguments.devices, arguments.seconds, arguments.register_over))


if __name__ == "__main__":
    main()
