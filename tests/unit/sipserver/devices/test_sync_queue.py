"""The order in which devices are asked for their catalogue, and how many at a time."""

from __future__ import annotations

import asyncio

import pytest

from sipserver.devices.sync_queue import Errand, SyncQueue


class Work:
    """Errands that end when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Future[bool]] = {}

    async def run(self, errand: Errand) -> bool:
        self.begun.append(errand.device_id)
        self.ends[errand.device_id] = asyncio.get_running_loop().create_future()
        return await self.ends[errand.device_id]

    async def end(self, device_id: str, is_done: bool = True) -> None:
        self.ends[device_id].set_result(is_done)
        await turns()

    def queue(self, **changes: float) -> SyncQueue:
        values = {"at_once": 2, "tries": 3, "pause_s": 0.001} | changes
        return SyncQueue(self.run, clock=asyncio.get_running_loop().time, **values)  # type: ignore[arg-type]


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def until_begun(work: Work, count: int) -> None:
    async with asyncio.timeout(5.0):
        while len(work.begun) < count:  # noqa: ASYNC110 - begun is a list
            await asyncio.sleep(0.001)


async def test_no_more_than_allowed_run_at_a_time_and_all_get_their_turn_in_order() -> None:
    work = Work()
    queue = work.queue()
    for device_id in "abcd":
        queue.add(device_id)
    await turns()
    assert (work.begun, len(queue)) == (["a", "b"], 4)
    await work.end("b")
    assert work.begun == ["a", "b", "c"]
    await work.end("a")
    await work.end("c")
    await work.end("d")
    assert (work.begun, len(queue)) == (["a", "b", "c", "d"], 0)


async def test_one_that_failed_comes_again_until_its_tries_are_over() -> None:
    work = Work()
    queue = work.queue(tries=2)
    queue.add("a")
    await turns()
    await work.end("a", is_done=False)
    await until_begun(work, 2)
    await work.end("a", is_done=False)
    assert (work.begun, len(queue)) == (["a", "a"], 0)


async def test_a_device_that_registers_again_does_not_wait_for_its_pause() -> None:
    work = Work()
    queue = work.queue(pause_s=1000.0)
    queue.add("a")
    await turns()
    await work.end("a", is_done=False)
    assert (work.begun, len(queue)) == (["a"], 1)
    queue.add("a")
    await turns()
    assert work.begun == ["a", "a"]
    await work.end("a")
    assert len(queue) == 0


async def test_a_question_that_is_under_way_is_not_asked_twice() -> None:
    work = Work()
    queue = work.queue()
    queue.add("a")
    await turns()
    queue.add("a")
    await work.end("a")
    assert (work.begun, len(queue)) == (["a"], 0)


async def test_a_device_that_went_is_not_asked_and_makes_room() -> None:
    work = Work()
    queue = work.queue(at_once=1)
    for device_id in "abc":
        queue.add(device_id)
    await turns()
    queue.remove("b")
    queue.remove("a")
    await turns()
    assert work.begun == ["a", "c"]
    assert work.ends["a"].cancelled()
    queue.remove("unknown")
    await work.end("c")
    assert len(queue) == 0


async def test_a_device_that_went_and_came_back_at_once_is_asked_anew() -> None:
    work = Work()
    queue = work.queue()
    queue.add("a")
    await turns()
    queue.remove("a")
    queue.add("a")
    await turns()
    assert work.begun == ["a", "a"]
    await work.end("a")
    assert len(queue) == 0


async def test_a_paused_device_that_went_stays_away() -> None:
    work = Work()
    queue = work.queue(pause_s=0.001)
    queue.add("a")
    queue.add("b")
    await turns()
    await work.end("a", is_done=False)
    queue.remove("a")
    await work.end("b", is_done=False)
    await until_begun(work, 3)
    assert work.begun == ["a", "b", "b"]
    await work.end("b")


async def test_while_there_is_more_urgent_work_one_goes_on_after_the_other() -> None:
    work, is_busy = Work(), True
    queue = SyncQueue(work.run, at_once=2, tries=1, pause_s=1.0, is_busy=lambda: is_busy, clock=lambda: 0.0)
    for device_id in "abcd":
        queue.add(device_id)
    await turns()
    assert work.begun == ["a"]
    await work.end("a")
    assert work.begun == ["a", "b"]
    is_busy = False
    await work.end("b")
    assert work.begun == ["a", "b", "c", "d"]
    await work.end("c")
    await work.end("d")


async def test_closing_ends_everything() -> None:
    work = Work()
    queue = work.queue(at_once=1)
    queue.add("a")
    queue.add("b")
    await turns()
    await queue.close()
    assert (work.begun, len(queue)) == (["a"], 0)
    queue.add("c")
    await turns()
    assert work.begun == ["a"]


async def test_a_bug_in_one_errand_is_loud_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    queue = work.queue(at_once=1)
    queue.add("a")
    queue.add("b")
    await turns()
    work.ends["a"].set_exception(ZeroDivisionError())
    await turns()
    assert work.begun == ["a", "b"]
    assert "ZeroDivisionError" in caplog.text
    await work.end("b")
