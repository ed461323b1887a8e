"""The runs of this process: one for a device at a time, the last ones kept."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from catalog.model import Channel, Device
from console.conformance import device_side
from console.conformance.bench import Bench, Options
from console.conformance.model import CaseResult, Fact, Report, Step
from sipserver.devices.service import DeviceService

RUNS_AT_ONCE: Final = 8
RUNS_KEPT: Final = 20
CLOSE_S: Final = 8.0

logger = logging.getLogger(__name__)


class UnknownRun(Exception):
    """No conformance run has this id, or it is too long ago."""


class RunsBusy(Exception):
    """The device is being examined already, or too many are."""


class Run:
    """One run against a device."""

    def __init__(self, run_id: str, username: str, report: Report) -> None:
        self.run_id: Final = run_id
        self.username: Final = username
        self.report: Final = report
        self.task: asyncio.Task[None] | None = None

    @property
    def device_id(self) -> str:
        return self.report.subject

    @property
    def is_running(self) -> bool:
        return self.report.ended_time is None


class ConformanceRuns:
    """Starts, keeps and ends runs."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Run] = OrderedDict()

    async def close(self) -> None:
        """Break off what runs: devices get back what was changed while they can still be told."""
        tasks = [run.task for run in self._runs.values() if run.task is not None and not run.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)

    def start(
        self,
        devices: DeviceService,
        device: Device,
        channel: Channel | None,
        options: Options,
        *,
        username: str,
        server: Sequence[Fact],
    ) -> Run:
        """Begin a run.

        Raises:
            RunsBusy
            ValueError: there is no such case.
            DeviceOffline, UnknownDevice: nothing can be asked of it.
        """
        cases = device_side.cases_for(options.cases)
        running = [run for run in self._runs.values() if run.is_running]
        if any(run.device_id == device.device_id for run in running):
            raise RunsBusy(f"a run against device {device.device_id} is under way")
        if len(running) >= RUNS_AT_ONCE:
            raise RunsBusy(f"{len(running)} runs are under way")
        run_id = secrets.token_hex(8)
        bench = Bench(
            devices=devices,
            key=device_side.key_of(device.device_id, channel),
            edition=devices.edition_of(device.device_id),
            options=options,
            username=username,
            run_id=run_id,
            began_at=devices.clock(),
            operator_priority=devices.ptz.settings.operator_priority,
        )
        run = Run(run_id, username, device_side.new_report(device, channel, bench, server, cases))
        self._runs[run_id] = run
        self._forget_old()
        run.task = asyncio.get_running_loop().create_task(self._run(run, bench), name=f"conformance {run_id}")
        return run

    def get(self, run_id: str, device_id: str) -> Run:
        """Raises UnknownRun."""
        run = self._runs.get(run_id)
        if run is None or run.device_id != device_id:
            raise UnknownRun(f"no conformance run {run_id[:64]!r} of this device is known")
        return run

    def of(self, device_id: str) -> list[Run]:
        """The runs of a device, the newest first."""
        return [run for run in reversed(self._runs.values()) if run.device_id == device_id]

    async def cancel(self, run: Run) -> None:
        """Break a run off; returns when the device has back what was changed."""
        if run.task is not None and not run.task.done():
            run.task.cancel()
            await asyncio.wait({run.task}, timeout=CLOSE_S)

    async def _run(self, run: Run, bench: Bench) -> None:
        logger.info("conformance run %s begins", run.run_id, extra={"device_id": run.device_id})
        try:
            await device_side.run(bench, run.report, _tell)
        except Exception:
            logger.exception("conformance run %s failed", run.run_id)
        finally:
            logger.info(
                "conformance run %s ended: %s",
                run.run_id,
                "failed" if run.report.has_failed else "passed",
                extra={"device_id": run.device_id},
            )

    def _forget_old(self) -> None:
        ended = [run_id for run_id, run in self._runs.items() if not run.is_running]
        for run_id in ended[: max(0, len(self._runs) - RUNS_KEPT)]:
            del self._runs[run_id]


def _tell(result: CaseResult, step: Step | None) -> None:
    if step is None:
        logger.debug("conformance case %s: %s %s", result.case.case_id, result.verdict, result.reason)
