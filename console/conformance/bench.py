"""The device under test, and what its cases share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from catalog.model import ChannelKey
from console.conformance.log import CaseLog, failed, not_supported, skipped
from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.history.records import FoundRecords, RecordSearch
from sipserver.devices.ptz.lock import Holder
from sipserver.devices.service import DeviceService
from sipserver.devices.tracing.ladder import LadderStep
from sipserver.gb.editions import Edition
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.messages.record_info import RecordItem

LOOK_EVERY_S: Final = 0.1
ANSWER_S: Final = 5.0
SEARCH_HOURS: Final = 24
SHORTEST_RECORDING_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller chose. The last three do harm, so each is asked for by name."""

    cases: tuple[str, ...] = ()
    channel_id: str = ""
    despite_edition: bool = False
    operator_wait_s: float = 0.0
    """How long somebody at the device has time to raise an alarm, or to change its catalogue."""
    reboot: bool = False
    firmware_id: str = ""
    format_card: int | None = None


@dataclass(slots=True, kw_only=True)
class Bench:
    """One device in one run. ``key`` is the channel that is looked at."""

    devices: DeviceService
    key: ChannelKey
    edition: Edition
    options: Options
    username: str
    run_id: str
    began_at: float
    """On the clock of the devices."""
    operator_priority: int = 50
    found: FoundRecords | None = field(default=None)

    @property
    def device_id(self) -> str:
        return self.key.device_id

    @property
    def holder(self) -> Holder:
        return Holder(
            f"conformance {self.run_id}", f"conformance run of {self.username}", self.operator_priority
        )

    @property
    def whole_device(self) -> ChannelKey:
        """The device itself, in the form that settings and cards are asked for."""
        return ChannelKey(self.device_id, self.device_id)

    def entry(self) -> DeviceEntry:
        """Presence's entry; to be read at once. Raises CaseEnded when the device is gone."""
        entry = self.devices.presence.table.get(self.device_id)
        if entry is None:
            raise failed("the device is not known any more")
        return entry

    async def messages(self, since: datetime | None = None, call_id: str | None = None) -> list[LadderStep]:
        """What was said with the device, oldest first."""
        device_id = None if call_id else self.device_id
        steps = await self.devices.trace.steps(device_id=device_id, call_id=call_id)
        return [step for step in steps if since is None or step.time >= since]

    async def answers(self, call_id: str, method: str) -> list[str]:
        """The answers to a request of ours, as soon as there is one; none when time is over."""
        end = monotonic() + ANSWER_S
        while True:
            said = await self.messages(call_id=call_id)
            found = [each.what for each in said if each.method == method and each.status is not None]
            if found or monotonic() >= end:
                return found
            await asyncio.sleep(LOOK_EVERY_S)

    async def until(self, holds: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for something to become true; False when time is over."""
        end = monotonic() + timeout_s
        while not holds():
            if monotonic() >= end:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
        return True

    # ---------------------------------------------------------------- recordings

    async def search(self) -> FoundRecords:
        """The recordings of the last day, asked for once in a run."""
        if self.found is None:
            end = datetime.now(UTC).replace(microsecond=0)
            search = RecordSearch(self.key, end - timedelta(hours=SEARCH_HOURS), end)
            self.found = await self.devices.records.search(search)
        return self.found

    async def recording(self, log: CaseLog, wanted_s: float) -> tuple[datetime, datetime]:
        """The last ``wanted_s`` of the newest recording that is long enough."""
        with log.step("查找可用录像", "find a recording to play") as step:
            items = (await self.search()).items
            item = _newest(items, wanted_s + SHORTEST_RECORDING_S) or _newest(items, wanted_s)
            if not items:
                raise not_supported(f"the device holds no recordings of the last {SEARCH_HOURS} hours")
            if item is None:
                raise skipped(f"none of {len(items)} recordings lasts {wanted_s:g} s")
            end = item.end - timedelta(seconds=2)
            start = max(item.start, end - timedelta(seconds=wanted_s))
            name = item.name or item.file_path or item.device_id
            first, last = start.astimezone(BEIJING), end.astimezone(BEIJING)
            step.detail = f"{first:%Y-%m-%d %H:%M:%S} to {last:%H:%M:%S} of {name}"
        return start, end


def _newest(items: tuple[RecordItem, ...], shortest_s: float) -> RecordItem | None:
    long_enough = [item for item in items if (item.end - item.start).total_seconds() >= shortest_s]
    return max(long_enough, key=lambda item: item.end, default=None)
