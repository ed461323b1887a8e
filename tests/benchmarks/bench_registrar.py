"""SIP transactions per CPU-second: keepalives, and REGISTERs with digest, through the real registrar.

Method: the server (transport, endpoint, registrar, presence, router; uvloop; catalogue in memory) runs in
this process and listens on loopback UDP. The load comes from a second process, which built its datagrams
beforehand, keeps a fixed number of requests outstanding and, for REGISTER, computes real digest answers.
Only the CPU time (user + system) of the server process counts. A keepalive is one transaction, a
registration two (401, 200).

Run: python tests/benchmarks/bench_registrar.py [--keepalives N] [--registrations N] [--profile]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import os
import platform
import pstats
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from catalog.model import CatalogReplaced, CatalogRow, Channel, ChannelKey, Device, PresenceRow
from sipserver.devices.service import DeviceService
from sipserver.devices.settings import DeviceSettings
from sipserver.transport.driver import SipTransport
from tests.benchmarks.sip_load import DEVICES, PASSWORD, SOCKETS, WINDOW

LOAD: Final = Path(__file__).with_name("sip_load.py")


class NoCatalog:
    """A catalogue that forgets: the database is not what is measured, and it is written once a second."""

    async def load_registrations(self) -> list[Device]:
        return []

    async def get_device(self, device_id: str) -> Device | None:
        return Device(device_id=device_id)

    async def upsert_device(self, device: Device) -> None: ...

    async def save_presence(self, rows: Iterable[PresenceRow]) -> None:
        list(rows)

    async def replace_catalog(
        self, device_id: str, items: Sequence[CatalogRow], complete: bool
    ) -> CatalogReplaced:
        return CatalogReplaced(len(items), 0, complete)

    async def get_channel(self, key: ChannelKey) -> Channel | None:
        return None

    async def resolve_channel(self, text: str) -> ChannelKey:
        raise LookupError(text)


class NoMedia:
    """No invite is made here."""

    sessions: Final[dict[str, Any]] = {}

    async def open_session(self, **_: object) -> Any:
        raise LookupError


@dataclass
class Result:
    name: str
    transactions: int
    cpu_s: float
    wall_s: float

    def __str__(self) -> str:
        return (
            f"{self.name:32} {self.transactions:8d} transactions  "
            f"{self.transactions / self.cpu_s:9,.0f} per CPU-second  "
            f"{self.cpu_s / self.transactions * 1e6:6.1f} µs each  "
            f"({self.transactions / self.wall_s:,.0f} per second of wall time)"
        )


def cpu_s() -> float:
    times = os.times()
    return times.user + times.system


@contextmanager
def profiled(is_on: bool) -> Iterator[None]:
    if not is_on:
        yield
        return
    profile = cProfile.Profile()
    profile.enable()
    yield
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)


async def measure(
    transport: SipTransport, port: int, name: str, kind: str, count: int, run: str, *, profile: bool
) -> Result:
    before = transport.stats.datagrams_received
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(LOAD), str(port), kind, str(count), run, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    # Counters are looked at now and then, so that the measured path carries nothing for the measurement.
    while transport.stats.datagrams_received == before:  # noqa: ASYNC110 - the load builds its datagrams first
        await asyncio.sleep(0.01)
    cpu, wall = cpu_s(), time.perf_counter()
    expected = count * (2 if kind == "register" else 1)
    with profiled(profile):
        while (  # noqa: ASYNC110
            transport.stats.datagrams_received - before < expected and process.returncode is None
        ):
            await asyncio.sleep(0.02)
        cpu, wall = cpu_s() - cpu, time.perf_counter() - wall
    answered = int(await process.stdout.readline() or 0)
    await process.wait()
    if answered != expected:
        raise SystemExit(f"{name}: {answered} of {expected} answered")
    return Result(name, expected, cpu, wall)


async def serve(keepalives: int, registrations: int, *, profile: bool) -> list[Result]:
    settings = DeviceSettings(
        host="127.0.0.1", port=0, password=PASSWORD, catalog_retries=0, attempts_burst=10_000_000
    )
    transport = SipTransport(settings.transport_settings())
    await transport.open()
    service = DeviceService(settings, transport, NoMedia(), NoCatalog())
    await service.open()
    service.presence.listeners.clear()  # no catalogue queries to peers that do not answer them
    port = transport.addresses[0].port
    try:
        await measure(transport, port, "warm-up", "register", DEVICES, "w", profile=False)
        await measure(transport, port, "warm-up", "keepalive", DEVICES, "w", profile=False)
        results = [
            await measure(transport, port, "keepalive", "keepalive", keepalives, "m", profile=profile),
            await measure(
                transport, port, "REGISTER with digest (MD5)", "register", registrations, "m", profile=profile
            ),
        ]
    finally:
        await service.close()
        await transport.close()
    assert service.stats.keepalives == keepalives + DEVICES
    return results


def settle_garbage_collector() -> None:
    """What a long-running server does after its start.

    Each answered request is kept for 32 s, so that the default thresholds make the collector walk over the
    same tens of thousands of living objects again and again: up to a quarter of all CPU time here.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def conditions() -> str:
    model = "unknown processor"
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return (
        f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}, "
        f"uvloop {uvloop.__version__}; loopback UDP, {DEVICES} devices on {SOCKETS} sources, "
        f"{WINDOW * SOCKETS} requests outstanding; load average {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--keepalives", type=int, default=60_000)
    parser.add_argument("--registrations", type=int, default=20_000)
    parser.add_argument("--profile", action="store_true", help="with cProfile, which slows everything down")
    arguments = parser.parse_args()
    settle_garbage_collector()
    print(conditions())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for result in runner.run(
            serve(arguments.keepalives, arguments.registrations, profile=arguments.profile)
        ):
            print(result)


if __name__ == "__main__":
    main()
