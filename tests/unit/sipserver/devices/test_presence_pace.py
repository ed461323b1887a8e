"""Presence when thousands of devices change at once: bounded steps, bounded questions, bounded writes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from catalog.model import PresenceRow
from sipserver.devices.device_entry import LoadedDevice, Registration
from sipserver.devices.presence import CHECKS_PER_TURN, PROBES_PER_TICK, ROWS_PER_SAVE, Presence
from sipserver.devices.presence_state import State
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.stats import DeviceStats
from sipserver.sip.flow import Flow, Transport

MANY = 1200


class Rows:
    """The catalogue as presence writes to it."""

    def __init__(self) -> None:
        self.added: list[int] = []
        self.saved: list[int] = []
        self.fails_at = -1

    async def add_devices(self, device_ids: Collection[str]) -> None:
        self.added.append(len(device_ids))

    async def save_presence(self, rows: Iterable[PresenceRow]) -> None:
        if len(self.saved) == self.fails_at:
            raise OSError("the disk is full")
        self.saved.append(len(list(rows)))


class Bench:
    def __init__(self) -> None:
        self.now = 1000.0
        self.rows = Rows()
        self.asked: list[str] = []
        self.presence = Presence(
            DeviceSettings(),
            self.rows,  # type: ignore[arg-type]
            DeviceStats(),
            clock=lambda: self.now,
            open_flow=lambda *_: None,
        )
        self.presence.probe = self.probe

    async def probe(self, device_id: str) -> bool:
        self.asked.append(device_id)
        return True

    def register(self, number: int) -> None:
        flow = Flow(Transport.UDP, ("127.0.0.1", 5060), (f"10.0.{number // 250}.{number % 250}", 5060))
        self.presence.registered(Registration(f"3402000000132{number:07d}", flow, 3600.0, "call"))


async def test_new_devices_are_written_some_hundreds_in_one_transaction() -> None:
    bench = Bench()
    for number in range(MANY):
        bench.register(number)
    await bench.presence.save()
    assert bench.rows.added == bench.rows.saved == [ROWS_PER_SAVE, ROWS_PER_SAVE, 200]
    bench.register(0)
    await bench.presence.save()
    assert (len(bench.rows.added), bench.rows.saved[-1]) == (3, 1)
    await bench.presence.close()


async def test_what_could_not_be_written_is_written_later_and_the_rest_not_again() -> None:
    bench = Bench()
    for number in range(MANY):
        bench.register(number)
    bench.rows.fails_at = 1
    await bench.presence.save()
    assert bench.rows.saved == [ROWS_PER_SAVE]
    bench.rows.fails_at = -1
    await bench.presence.save()
    assert sum(bench.rows.saved) == MANY
    assert bench.presence.saving_for_s == 0.0
    await bench.presence.close()


async def test_a_database_that_takes_its_time_shows() -> None:
    bench = Bench()
    gate = asyncio.Event()

    async def slow(_rows: object) -> None:
        await gate.wait()

    bench.rows.save_presence = slow  # type: ignore[method-assign]
    bench.register(1)
    saving = asyncio.create_task(bench.presence.save())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bench.now += 12.0
    assert bench.presence.saving_for_s == 12.0
    gate.set()
    await saving
    assert bench.presence.saving_for_s == 0.0
    await bench.presence.close()


async def test_a_whole_network_that_falls_silent_is_asked_in_portions() -> None:
    bench = Bench()
    for number in range(MANY):
        bench.register(number)
    bench.now += 181.0
    await bench.presence.tick()
    await asyncio.sleep(0)
    assert len(bench.asked) == PROBES_PER_TICK
    # One that is heard meanwhile needs no question any more.
    last = bench.presence.table.get(f"3402000000132{MANY - 1:07d}")
    assert last is not None
    assert last.state is State.SUSPECT
    bench.presence.heard(last, bench.now)
    for _ in range(3):
        await bench.presence.tick()
        await asyncio.sleep(0)
    assert len(bench.asked) == len(set(bench.asked)) == MANY - 1
    await bench.presence.close()


async def test_the_loop_gets_its_turn_between_portions_of_devices() -> None:
    bench = Bench()
    for number in range(MANY):
        bench.presence.table.load(
            LoadedDevice(
                f"3402000000132{number:07d}",
                was_online=True,
                transport=Transport.UDP,
                remote=("10.0.0.1", number + 1),
                expires_at=5000.0,
            ),
            bench.now,
        )
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    bench.now += 181.0
    await bench.presence.tick()
    counting.cancel()
    assert turns >= MANY // CHECKS_PER_TURN
    await bench.presence.close()
