"""A catalogue of 100,000 channels from one subordinate, in messages of one item and of a hundred.

Method: a subordinate platform in another process answers the Catalog query over loopback UDP, one MESSAGE
after the other. Measured are the CPU time of this process (all threads), the time from the answer to the
last fragment to the end of the query, when all is in the database (SQLite on disk), and the delay of the
event loop over all of it. The second pass stores the same catalogue again, over rows that exist.

Aims: in the database at most 30 s after the last fragment, loop delay at most 50 ms (p99).

Run: python tests/benchmarks/bench_catalog.py [--channels N]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.catalog_load import SUBORDINATE_ID
from tests.benchmarks.fleet_server import (
    FleetProcess,
    LoopWatch,
    cpu_s,
    memory_bytes,
    run,
    scratch,
    server,
)

LOAD = Path(__file__).with_name("catalog_load.py")


async def measure(channels: int) -> None:
    with scratch() as directory:
        for size in (100, 1):
            await one(Path(directory) / "bench.db", channels, size)


async def one(database: Path, channels: int, size: int) -> None:
    async with server(database) as (service, transport):
        service.presence.unsubscribe(service.catalog_sync.listen)  # the query is ours to send
        subordinate = await FleetProcess.start(LOAD, transport.addresses[0].port, channels, size)
        before = memory_bytes()
        watch = LoopWatch()
        watch.start()
        cpu = cpu_s()
        result = await service.sync_catalog(SUBORDINATE_ID)
        ended, cpu = time.monotonic(), cpu_s() - cpu
        delays = await watch.stop()
        report = await subordinate.report()
        assert (result.complete, result.items) == (True, channels)
        received_s, stored_s = report["ended"] - report["begun"], ended - report["ended"]
        print(
            f"{channels} channels, {size} in a message: received in {received_s:.1f} s, "
            f"in the database {stored_s:.1f} s after the last; CPU {cpu:.1f} s, "
            f"memory +{(memory_bytes() - before) / 1e6:.0f} MB; {delays}"
        )
        await subordinate.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--channels", type=int, default=100_000)
    run(measure(parser.parse_args().channels))


if __name__ == "__main__":
    main()
