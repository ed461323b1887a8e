"""Memory of a stream: resident bytes of the server for each stream, the idle plane subtracted.

``python tests/benchmarks/bench_memory.py [--seconds 12] [--streams 50 200] [--readers none viewer]``

The streams are those of ``bench_ingest.py``: 4 Mbit/s, a key frame every 2 s, so that the pictures since the
newest key frame are 0.98 MB at most and half of it on average. Each point is a process of its own: what the
plane holds before the first session is open is the idle plane; then streams run, and for ``--seconds`` the
resident bytes are read ten times a second. Printed are the mean and the highest, beside what the pictures of
the cache alone come to. What the kernel keeps in socket buffers is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from media.session import MediaPlane, MediaSession, MediaTransport, RecorderFact
from media.settings import MediaSettings
from tests.benchmarks import bench_ingest as ingest
from tests.benchmarks import bench_viewers as watching

READERS: Final = ("none", "recording", "viewer")
WARM_UP_S: Final = 6.0
"""Three groups of pictures: every buffer has had its largest content."""
GOP_BYTES: Final = ingest.KEY_BYTES + (ingest.GOP - 1) * ingest.OTHER_BYTES
SAMPLES_PER_S: Final = 10


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def point(readers: str, count: int, seconds: float, directory: Path) -> dict[str, Any]:
    """Mean and highest resident bytes over the idle plane, and packets that were lost meanwhile."""
    ports = f"{ingest.FIRST_PORT}-{ingest.FIRST_PORT + 2_000}"
    settings = MediaSettings(
        host="127.0.0.1", port=0, rtp_ports=ports, viewers_max=10_000, strangers_per_address=10_000
    )
    plane = MediaPlane(settings)
    await plane.open()
    # What the senders are built of is not the plane's: they import it again in processes of their own.
    idle = resident_bytes()
    facts: list[RecorderFact] = []
    try:
        sessions: list[MediaSession] = []
        for number in range(count):
            session = await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label=str(number))
            sessions.append(session)
            if readers == "recording":
                session.attach_recorder(f"{number:04x}", directory, metadata=b"", on_fact=facts.append)
        targets = [(session.port, ingest.FIRST_SSRC + number) for number, session in enumerate(sessions)]
        with contextlib.ExitStack() as held:
            held.enter_context(ingest.cameras("UDP", targets, False))
            await asyncio.gather(*(session.wait_first_keyframe(60) for session in sessions))
            if readers == "viewer":
                urls = [session.grant("v")["fmp4_ws"] for session in sessions]
                held.enter_context(watching.viewers([watching.address_of(url) for url in urls]))
            await asyncio.sleep(WARM_UP_S)
            before = plane.snapshot()
            samples = []
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                samples.append(resident_bytes() - idle)
                await asyncio.sleep(1 / SAMPLES_PER_S)
            after = plane.snapshot()
    finally:
        await plane.close()
    lost = sum(row.lost for row in after) - sum(row.lost for row in before)
    units = sum(row.access_units for row in after) - sum(row.access_units for row in before)
    return {
        "mean": fmean(samples) / count,
        "highest": max(samples) / count,
        "idle": idle,
        "lost": lost,
        "fps": units / count / seconds,
    }


def measure(readers: str, count: int, seconds: float, directory: Path) -> dict[str, Any]:
    """The point in a process of its own, so that nothing of the one before is in it."""
    arguments = [readers, str(count), str(seconds), str(directory)]
    made = subprocess.run(
        [sys.executable, __file__, "--point", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory of a stream.")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of each measurement")
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--readers", nargs="+", choices=READERS, default=READERS)
    parser.add_argument("--directory", type=Path, help="where recordings go; default: a temporary directory")
    parser.add_argument("--point", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point:
        readers, count, seconds, directory = options.point
        print(json.dumps(asyncio.run(point(readers, int(count), float(seconds), Path(directory)))))
        return
    options.gso, options.threads, options.nap_ms = False, 0, 5.0
    with tempfile.TemporaryDirectory(dir=options.directory) as temporary:
        print("\n".join(ingest.conditions(options, Path(temporary))))
        print(
            f"cache      {GOP_BYTES / 1e6:.2f} MB for a whole group of pictures,"
            f" {GOP_BYTES / 2e6:.2f} on average"
        )
        print("\nmegabytes for each stream above the idle plane (aim: 1.5)")
        print(f"{'readers':10} {'streams':>7} {'mean':>7} {'highest':>8} {'idle':>7} {'fps':>6} {'lost':>6}")
        for readers in options.readers:
            for count in options.streams:
                directory = Path(temporary) / f"{readers}-{count}"
                directory.mkdir()
                found = measure(readers, count, options.seconds, directory)
                print(
                    f"{readers:10} {count:7} {found['mean'] / 1e6:7.2f} {found['highest'] / 1e6:8.2f}"
                    f" {found['idle'] / 1e6:7.1f} {found['fps']:6.1f} {found['lost']:6}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
