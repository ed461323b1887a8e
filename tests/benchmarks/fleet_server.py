"""What the scale benchmarks share: the platform's SIP side with a real database, a fleet, and the watches.

The server part runs in this process, as the platform puts it together: transport, every feature of the
devices with its default settings, what each remembers in SQLite in a temporary directory, the watch over
outages and the news for listeners of the API; uvloop; collector settings of the real process. Media,
recordings and HTTP are left out. The fleet runs in another process. Only this process's CPU time (user and
system, all threads) and memory are counted.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import uvloop
from sqlalchemy import update

sys.path.insert(0, str(Path(__file__).parents[2]))

from catalog.columns import chunks
from catalog.model import PresenceRow
from catalog.store import CatalogStore
from catalog.tables import devices as devices_table
from config.database import migrate, open_database
from console.event_hub import EventHub
from console.news import News
from console.outage_source import OutageSource
from console.process import settle_garbage_collector
from health.outages.settings import OutageSettings
from health.outages.store import OutageStore
from health.outages.watch import OutageWatch
from sipserver.devices.dialog_store import SqlDialogStore
from sipserver.devices.service import DeviceService
from sipserver.devices.settings import DeviceSettings
from sipserver.transport.driver import SipTransport
from tests.benchmarks.fleet_load import PASSWORD, SOURCE_PORT, device_id, host

LOAD: Final = Path(__file__).with_name("fleet_load.py")
PROBE_S: Final = 0.005


class NoMedia:
    """No invite is made here."""

    sessions: Final[dict[str, Any]] = {}

    async def open_session(self, **_: object) -> Any:
        raise LookupError


def cpu_s() -> float:
    """CPU time of this process, user and system, all threads."""
    times = os.times()
    return times.user + times.system


def memory_bytes() -> int:
    """Resident memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class LoopWatch:
    """How late the loop comes to what is due: every 5 ms it asks to be called, and looks at the clock.

    ``late`` is by the clock on the wall, with whatever else this machine was doing. ``own`` leaves out the
    time in which the loop's thread was ready and had no processor, because other programs had it. ``busy`` is
    the CPU time that the loop's thread spent in between; what ``own`` has more, other threads of this process
    held the interpreter.
    """

    def __init__(self) -> None:
        self.late: list[float] = []
        self.own: list[float] = []
        self.busy: list[float] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.late, self.own, self.busy = [], [], []
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> str:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return ", ".join(
            (
                _percentiles("loop delay, wall", self.late),
                _percentiles("without other programs", self.own),
                _percentiles("CPU only", self.busy),
            )
        )

    async def _run(self) -> None:
        with open("/proc/thread-self/schedstat", "rb", buffering=0) as schedule:  # noqa: ASYNC230 - no disk

            def without_processor() -> float:
                """Seconds in which this thread was ready and did not run, since its start."""
                schedule.seek(0)
                return int(schedule.read(100).split()[1]) / 1e9

            while True:
                wall, busy, waited = time.monotonic(), time.thread_time(), without_processor()
                await asyncio.sleep(PROBE_S)
                late = max(0.0, time.monotonic() - wall - PROBE_S)
                self.late.append(late)
                self.own.append(max(0.0, late - (without_processor() - waited)))
                self.busy.append(time.thread_time() - busy)


def percentile(values: list[float], fraction: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))] if ordered else 0.0


def _percentiles(name: str, values: list[float]) -> str:
    p50, p99 = percentile(values, 0.5) * 1e3, percentile(values, 0.99) * 1e3
    return f"{name} p50 {p50:.1f} p99 {p99:.1f} max {max(values, default=0.0) * 1e3:.1f} ms"


@asynccontextmanager
async def server(database: Path, **settings: Any) -> AsyncIterator[tuple[DeviceService, SipTransport]]:
    """The platform's SIP side on a free loopback port, its catalogue in ``database``."""
    engine = open_database(f"sqlite:///{database}")
    await migrate(engine)
    chosen = DeviceSettings(host="127.0.0.1", port=0, password=PASSWORD, **settings)
    transport = SipTransport(chosen.transport_settings())
    await transport.open()
    media: Any = NoMedia()
    service = DeviceService(
        chosen,
        transport,
        media,
        CatalogStore(engine),
        database=engine,
        dialogs=SqlDialogStore(engine),
    )
    source = OutageSource(service, media, transport.clock)
    outages = OutageWatch(OutageSettings(), source, OutageStore(engine), clock=transport.clock)
    news = News(EventHub())
    service.presence.subscribe(outages.listen, outages.listens_to)
    await service.open()
    await outages.open(view.device_id for view in service.presence.snapshot() if view.online)
    service.presence.subscribe(news.device, news.listens_to)
    settle_garbage_collector()
    try:
        yield service, transport
    finally:
        await outages.close()
        await service.close()
        await transport.close()
        await engine.dispose()


async def remember(database: Path, devices: int, *, online: bool) -> None:
    """What a database holds of devices whose catalogue is fresh, with or without a running registration."""
    engine = open_database(f"sqlite:///{database}")
    await migrate(engine)
    store = CatalogStore(engine)
    now = datetime.now(UTC)
    for chunk in chunks(range(devices), 5000):
        await store.add_devices([device_id(number) for number in chunk])
        await store.save_presence(_rows(chunk, now, online))
    async with engine.begin() as connection:
        await connection.execute(update(devices_table).values(catalog_time=now, catalog_complete=True))
    await engine.dispose()


def _rows(numbers: list[int], now: datetime, online: bool) -> Iterator[PresenceRow]:
    for number in numbers:
        yield PresenceRow(
            device_id=device_id(number),
            online=online,
            transport="UDP",
            remote_host=host(number),
            remote_port=SOURCE_PORT,
            edition="2.0",
            registered_at=now,
            expires_at=now + timedelta(seconds=3600),
            last_seen_at=now,
            keepalive_interval_s=60.0,
        )


class FleetProcess:
    """The other process; ``tell`` gives it a command and waits for its report."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, script: Path, *arguments: object) -> FleetProcess:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), *map(str, arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        fleet = cls(process)
        assert await fleet._line() == "ready"
        return fleet

    async def tell(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()
        return await self.report()

    async def report(self) -> dict[str, Any]:
        """Its next report."""
        report: dict[str, Any] = json.loads(await self._line())
        return report

    async def close(self) -> None:
        assert self._process.stdin is not None
        if self._process.returncode is None:
            self._process.stdin.write(b"quit\n")
        self._process.stdin.close()
        await self._process.wait()

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the load ended with {await self._process.wait()}")
        return line.decode().strip()


def conditions() -> str:
    model = "unknown processor"
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return (
        f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}, "
        f"uvloop {uvloop.__version__}; loopback UDP, SQLite on disk, log at INFO to the null device, "
        f"gc thresholds {gc.get_threshold()}; load average {os.getloadavg()[0]:.1f}"
    )


def run(main: Any) -> None:
    """Run one benchmark in the surroundings of the real process."""
    logging.basicConfig(level=logging.INFO, filename=os.devnull)
    settle_garbage_collector()
    print(conditions())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
    print(f"load average at the end {os.getloadavg()[0]:.1f}")


def scratch() -> TemporaryDirectory[str]:
    """A directory for the database, gone at the end."""
    return TemporaryDirectory(prefix="tongshi-bench-")
