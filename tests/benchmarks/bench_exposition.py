"""CPU time of one scrape of /metrics with 20,000 cameras, and the longest stall of the event loop.

Run: ``python tests/benchmarks/bench_exposition.py [cameras]``
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from health.exposition import Exposition
from health.inputs import Camera, Totals

ROUNDS = 5


class Source:
    """A fifth of the cameras stream."""

    def __init__(self, count: int) -> None:
        self._cameras = [
            Camera(
                f"3402000000111{number // 16:07}",
                f"3402000000131{number:07}",
                name=f"摄像机 {number}",
                online=number % 50 != 0,
                streaming=number % 5 == 0,
                bitrate_bps=4e6 + number,
                fps=25.0,
                packet_loss_ratio=0.0001,
                keyframe_age_s=1.5,
                last_keepalive_age_s=30.0 + number % 60,
            )
            for number in range(count)
        ]

    def cameras(self) -> Iterator[Camera]:
        # Building the sample objects belongs to the scrape.
        return (camera._replace() for camera in self._cameras)

    def totals(self) -> Totals:
        return Totals(devices=len(self._cameras) // 16)

    def counters(self) -> Mapping[str, object]:
        return {}


async def longest_stall(stop: asyncio.Event) -> float:
    """CPU seconds between two turns of a task that always wants one."""
    longest, last = 0.0, time.thread_time()
    while not stop.is_set():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return longest


async def main(count: int) -> None:
    exposition, source = Exposition(), Source(count)
    for name in ("first scrape", *["next scrape"] * ROUNDS):
        started = time.process_time()
        text = await exposition.render(source)
        cpu_ms = (time.process_time() - started) * 1000
        lines = text.count(b"\n")
        print(f"{name}: {count} cameras, {lines} lines, {len(text) / 1e6:.1f} MB, {cpu_ms:.0f} ms CPU")
    stall_ms = await stall_of_scrape(exposition, source)
    print(f"longest stall of the loop in one streamed scrape: {stall_ms:.1f} ms")
    gc.disable()
    stall_ms = await stall_of_scrape(exposition, source)
    print(f"the same without a full garbage collection: {stall_ms:.1f} ms")


async def stall_of_scrape(exposition: Exposition, source: Source) -> float:
    """Milliseconds of CPU between two turns of another task."""
    stop = asyncio.Event()
    watching = asyncio.create_task(longest_stall(stop))
    await asyncio.sleep(0)
    async for _ in exposition.stream(source):
        pass
    stop.set()
    return await watching * 1000


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
