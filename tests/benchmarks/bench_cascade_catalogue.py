"""A catalogue of 100,000 presented channels answered to one superior, in fragments of 100 items and of one.

Method: our catalogue is in SQLite; a superior in another process asks for it over loopback UDP and answers
each MESSAGE with 200 at once; the next goes out behind that answer. Measured are the time until the superior
has all items, the CPU time of this process (all threads), its memory, and the delay of the event loop, which
is what everybody else feels. The first query also reads the catalogue and assigns the ids.

Aims: memory at most 200 MB more than before, loop delay at most 50 ms (p99).

Run: python tests/benchmarks/bench_cascade_catalogue.py [--channels N]
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.cascade_server import below, fill
from tests.benchmarks.fleet_server import LoopWatch, cpu_s, memory_bytes, run, scratch


async def measure(channels: int) -> None:
    with scratch() as directory:
        database = Path(directory) / "bench.db"
        await fill(database, channels)
        async with below(database, 1) as (superiors, _, load, address):
            (post,) = superiors.list()
            before = memory_bytes()
            watch = LoopWatch()
            watch.start()
            began, cpu = time.monotonic(), cpu_s()
            await post.catalogue.tree()
            print(
                f"{channels} channels read and their ids assigned in {time.monotonic() - began:.1f} s, "
                f"CPU {cpu_s() - cpu:.1f} s, memory +{(memory_bytes() - before) / 1e6:.0f} MB; "
                f"{await watch.stop()}"
            )
            for size in (100, 1):
                await superiors.change(replace(post.link.superior, fragment_items=size))
                watch.start()
                cpu = cpu_s()
                report = await load.tell(f"query {address}")
                cpu, delays = cpu_s() - cpu, await watch.stop()
                assert report["items"] == report["sum_num"] == channels + 1, report
                print(
                    f"{size} in a message: first after {report['first_s']:.2f} s, all {report['messages']} "
                    f"messages after {report['all_s']:.1f} s, CPU {cpu:.1f} s "
                    f"({cpu / report['messages'] * 1e6:.0f} µs a message), "
                    f"memory +{(memory_bytes() - before) / 1e6:.0f} MB; {delays}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--channels", type=int, default=100_000)
    run(measure(parser.parse_args().channels))


if __name__ == "__main__":
    main()
