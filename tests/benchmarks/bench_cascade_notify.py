"""10,000 changes of status a minute notified to 5 superiors that present 100,000 channels each.

Method: every 100 ms the changes of that time are stored as a subordinate platform's notification would be
(``CatalogStore.apply_events``), each of another camera; five superiors in another process subscribed to the
catalogue and answer each NOTIFY with 200 at once. Measured are how long after its change each superior heard
of it, the CPU time of this process (all threads), and the delay of the event loop. The first pass has no
subscriber: what is left is the price of telling.

Aims: heard by all within 5 s; half a core at most.

Run: python tests/benchmarks/bench_cascade_notify.py [--channels N] [--seconds S]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from catalog.model import CatalogRow
from catalog.notified import CatalogChange, ChangeKind
from catalog.store import CatalogStore
from tests.benchmarks.cascade_server import BELOW, below, camera_id, fill, until
from tests.benchmarks.fleet_server import LoopWatch, cpu_s, memory_bytes, run, scratch

PER_SECOND = 10_000 / 60
STEP_S = 0.1
SUPERIORS = 5


async def change(catalog: CatalogStore, first: float, count: int, kind: ChangeKind) -> None:
    """Camera number k at ``first + k / PER_SECOND``."""
    done = 0
    while done < count:
        await asyncio.sleep(max(0.0, first + done / PER_SECOND + STEP_S - time.monotonic()))
        due = min(count, int((time.monotonic() - first) * PER_SECOND))
        changes = [
            CatalogChange(kind, CatalogRow(channel_id=camera_id(number), name=""))
            for number in range(done, due)
        ]
        await catalog.apply_events(BELOW, changes)
        done = due


async def measure(channels: int, seconds: float) -> None:
    count = int(PER_SECOND * seconds)
    with scratch() as directory:
        database = Path(directory) / "bench.db"
        await fill(database, channels)
        async with below(database, SUPERIORS) as (superiors, catalog, load, address):
            before = memory_bytes()
            for post in superiors.list():
                await post.catalogue.tree()
            print(
                f"{SUPERIORS} superiors, {channels} channels each: "
                f"memory +{(memory_bytes() - before) / 1e6:.0f} MB"
            )
            cpu = cpu_s()
            await change(catalog, time.monotonic(), count, ChangeKind.VLOST)
            alone = (cpu_s() - cpu) / seconds
            print(f"nobody subscribed: {alone:.1%} of a core")
            await change(catalog, time.monotonic() - seconds, count, ChangeKind.ON)

            await load.tell(f"subscribe {address}")
            await until(lambda: all(post.notices.subscriptions.running() for post in superiors.list()))
            watch = LoopWatch()
            watch.start()
            cpu, first = cpu_s(), time.monotonic()
            reporting = asyncio.ensure_future(load.tell(f"expect {first} {PER_SECOND} {count}"))
            await change(catalog, first, count, ChangeKind.OFF)
            report = await reporting
            cpu, delays = (cpu_s() - cpu) / (time.monotonic() - first), await watch.stop()
            assert report["heard"] == [count] * SUPERIORS, report
            print(
                f"{count} changes in {seconds:.0f} s to {SUPERIORS} superiors: {report['notifies']} NOTIFYs, "
                f"heard after p50 {report['p50_s']:.2f} p99 {report['p99_s']:.2f} max {report['max_s']:.2f} "
                f"s, {cpu:.1%} of a core, memory +{(memory_bytes() - before) / 1e6:.0f} MB; {delays}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--channels", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    run(measure(arguments.channels, arguments.seconds))


if __name__ == "__main__":
    main()
