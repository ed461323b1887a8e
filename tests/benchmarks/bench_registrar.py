"""SIP transactions per CPU-second: keepalives, refreshes and first REGISTERs, through the real registrar.

Method: the server (transport, endpoint, registrar, presence, router; uvloop; catalogue in memory) runs in
this process and listens on loopback UDP. The load comes from a second process, which built its datagrams
beforehand, keeps a fixed number of requests outstanding and, for REGISTER, computes real digest answers.
Only the CPU time (user + system) of the server process counts. A keepalive is one transaction, a
registration two (401, 200), each with a nonce of its own and a digest that is checked.

"refresh" is a REGISTER of a device that is online, whose catalogue is known and fresh; all listeners of
presence are at work. "register" is the first REGISTER of a device nobody knew, with its line in the log
(INFO, written to the null device). The catalogue query that follows a first registration is left out: it is
a transaction of the platform's own, sent to 16 devices at a time, and the load does not answer it. For the
same reason devices are not asked for their time.

Run: python tests/benchmarks/bench_registrar.py [--keepalives N] [--refreshes N] [--registrations N]
     [--profile]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import logging
import os
import platform
import pstats
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from catalog.model import CatalogReplaced, CatalogRow, Channel, ChannelKey, Device, PresenceRow
from console.process import settle_garbage_collector
from sipserver.devices.clocks.settings import ClockSettings
from sipserver.devices.features import FeatureSettings
from sipserver.devices.service import DeviceService
from sipserver.devices.settings import DeviceSettings
from sipserver.transport.driver import SipTransport
from tests.benchmarks.sip_load import DEVICES, PASSWORD, SOCKETS, WINDOW, device_id

LOAD: Final = Path(__file__).with_name("sip_load.py")


class NoCatalog:
    """A catalogue that forgets: the database is not what is measured, and it is written once a second."""

    async def load_registrations(self) -> list[Device]:
        """Devices that were offline when the platform stopped, with a fresh catalogue."""
        now = datetime.now(UTC)
        return [
            Device(device_id=device_id(number), catalog_complete=True, catalog_time=now)
            for number in range(DEVICES)
        ]

    async def get_device(self, device_id: str) -> Device | None:
        return Device(device_id=device_id)

    async def add_devices(self, device_ids: Collection[str]) -> None: ...

    async def note_device_info(
        self, device_id: str, *, name: str, manufacturer: str, model: str, firmware: str
    ) -> None: ...

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
    expected = count * (1 if kind == "keepalive" else 2)
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


async def serve(keepalives: int, refreshes: int, registrations: int, *, profile: bool) -> list[Result]:
    settings = DeviceSettings(
        host="127.0.0.1", port=0, password=PASSWORD, catalog_retries=0, attempts_burst=10_000_000
    )
    transport = SipTransport(settings.transport_settings())
    await transport.open()
    features = FeatureSettings(clocks=ClockSettings(ask_interval_s=0.0))
    service = DeviceService(settings, transport, NoMedia(), NoCatalog(), features=features)
    await service.open()
    presence, sync = service.presence, service.catalog_sync
    port = transport.addresses[0].port
    results = []
    try:
        presence.unsubscribe(sync.listen)
        await measure(transport, port, "warm-up", "refresh", DEVICES, "w", profile=False)
        await measure(transport, port, "warm-up", "keepalive", DEVICES, "w", profile=False)
        presence.subscribe(sync.listen, sync.listens_to)
        for name, kind, count in (
            ("keepalive", "keepalive", keepalives),
            ("refresh (known device, MD5)", "refresh", refreshes),
        ):
            results.append(await measure(transport, port, name, kind, count, "m", profile=profile))
        presence.unsubscribe(sync.listen)
        results.append(
            await measure(
                transport, port, "register (new device, MD5)", "register", registrations, "n", profile=profile
            )
        )
    finally:
        await service.close()
        await transport.close()
    stats = service.stats
    assert stats.keepalives == keepalives + DEVICES
    assert (stats.refreshes, stats.registrations) == (refreshes, registrations + DEVICES)
    assert not transport.endpoint.stats.requests_sent, "a refresh must not make the platform ask anything"
    return results


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
        f"{WINDOW * SOCKETS} requests outstanding, log at INFO to the null device, "
        f"gc thresholds {gc.get_threshold()}; load average {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--keepalives", type=int, default=60_000)
    parser.add_argument("--refreshes", type=int, default=20_000)
    parser.add_argument("--registrations", type=int, default=10_000)
    parser.add_argument("--profile", action="store_true", help="with cProfile, which slows everything down")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, filename=os.devnull)
    settle_garbage_collector()
    print(conditions())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for result in runner.run(
            serve(
                arguments.keepalives,
                arguments.refreshes,
                arguments.registrations,
                profile=arguments.profile,
            )
        ):
            print(result)
    print(f"load average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
