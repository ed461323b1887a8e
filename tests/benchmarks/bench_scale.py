"""How many streams one and two cores take without a loss.

``python tests/benchmarks/bench_scale.py [--seconds 4] [--transports UDP TCP_PASSIVE] [--directory DIR]``

The streams and cameras are those of bench_ingest.py. For one core the receiving process is bound to core 0
and the cameras to core 1; for two cores both share both, so the cameras' work takes its part of the second
core. A number of streams holds when nothing was lost and 95 of 100 bytes arrived; it is doubled until it does
not, then narrowed down to one part in twenty. Where nothing was lost and bytes are missing all the same, the
cameras could not keep up: it says so, and the number is theirs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.bench_ingest import Result, conditions, measure

FIRST = 200
"""Streams of the first try."""
NOMINAL_SHARE = 0.95
STEP_SHARE = 0.05


@dataclass(frozen=True)
class Try:
    """One number of streams, and whether it held."""

    streams: int
    result: Result
    holds: bool


def attempt(
    transport: str, streams: int, nominal: float, directory: Path | None, options: argparse.Namespace
) -> Try:
    with tempfile.TemporaryDirectory(dir=directory) as temporary:
        recording = None if directory is None else Path(temporary)
        try:
            result = asyncio.run(measure(transport, streams, options.seconds, recording, options))
        except TimeoutError:
            result = Result(0.0, 0.0, -1)  # not even all pictures came
    holds = result.lost == 0 and result.mbit_s >= nominal * NOMINAL_SHARE
    return Try(streams, result, holds)


def highest(
    transport: str, nominal: float, directory: Path | None, options: argparse.Namespace
) -> tuple[Try | None, Try | None]:
    """The most streams that held, and the fewest that did not."""
    good: Try | None = None
    bad: Try | None = None
    streams = FIRST
    while streams <= options.most:
        tried = attempt(transport, streams, nominal, directory, options)
        if not tried.holds:
            # Once more: a single hiccup of the machine is not the end of it.
            tried = attempt(transport, streams, nominal, directory, options)
        good, bad = (tried, bad) if tried.holds else (good, tried)
        if bad is None:
            streams *= 2
            continue
        low = good.streams if good else 0
        if bad.streams - low <= max(5, STEP_SHARE * bad.streams):
            break
        streams = (low + bad.streams) // 2
    return good, bad


def told(found: tuple[Try | None, Try | None], cores: int) -> str:
    good, bad = found
    if good is None:
        return "none held"
    busy = good.result.cpu_ms * good.streams / 10 / cores
    why = "none tried did not hold"
    if bad is not None:
        lost = f"{bad.result.lost} packets lost"
        if bad.result.lost <= 0:
            lost = "no loss, but the cameras could not keep up" if bad.result.lost == 0 else "no pictures"
        why = f"at {bad.streams}: {lost}, {bad.result.mbit_s:.2f} Mbit/s each"
    return f"{good.streams:>7} {good.result.cpu_ms:>8.2f} {busy:>7.0f} %   {why}"


def run(transport: str, cores: Sequence[int], senders: Sequence[int], options: argparse.Namespace) -> None:
    os.sched_setaffinity(0, cores)
    options.sender_cores = list(senders)
    nominal = asyncio.run(measure(transport, 20, options.seconds, None, options)).mbit_s
    for name, directory in (("ingest", None), ("+record", options.directory)):
        found = highest(transport, nominal, directory, options)
        print(f"{transport:12} {len(cores):>5} {name:8} {told(found, len(cores))}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Streams without loss on one and two cores.")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each try")
    parser.add_argument("--most", type=int, default=3_200, help="more streams are not tried")
    parser.add_argument("--transports", nargs="+", default=["UDP", "TCP_PASSIVE"])
    parser.add_argument("--nap-ms", type=float, default=5.0)
    parser.add_argument("--directory", type=Path, help="where recordings go; default: a temporary directory")
    options = parser.parse_args()
    options.threads, options.gso = 0, False
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise SystemExit("this needs two cores: one for the cameras")
    with tempfile.TemporaryDirectory(dir=options.directory) as temporary:
        options.directory = Path(temporary)
        print("\n".join(conditions(options, options.directory)))
        print("cores      one: the plane on one core, the cameras on another; two: both on both")
        print(
            f"\n{'transport':12} {'cores':>5} {'':8} {'streams':>7} {'ms/s':>8} {'busy':>9}   what ended it"
        )
        for transport in options.transports:
            run(transport, available[:1], available[1:2], options)
            run(transport, available[:2], available[:2], options)


if __name__ == "__main__":
    main()
