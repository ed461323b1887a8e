"""One timer for many streams."""

import asyncio

import pytest

from sipserver.simulator.pacer import Pacer


class Stream:
    """Wants to be called every ``interval_s`` and closes itself after ``calls``."""

    def __init__(self, interval_s: float, calls: int, done: asyncio.Event) -> None:
        self.is_open = True
        self.called: list[float] = []
        self._interval_s = interval_s
        self._calls = calls
        self._done = done

    def tick(self, now: float) -> float:
        self.called.append(now)
        if len(self.called) == self._calls:
            self.is_open = False
            self._done.set()
        return now + self._interval_s


async def test_streams_are_called_in_turn_and_leave_when_closed() -> None:
    done = asyncio.Event()
    pacer = Pacer()
    quick, slow = Stream(0.005, 6, done), Stream(0.02, 100, asyncio.Event())
    pacer.add(quick)
    pacer.add(slow, delay_s=0.001)
    async with asyncio.timeout(10.0):
        await done.wait()
    assert quick.called == sorted(quick.called)
    assert 1 <= len(slow.called) <= len(quick.called)
    slow.is_open = False
    last = asyncio.Event()
    pacer.add(Stream(1.0, 1, last), delay_s=0.05)
    async with asyncio.timeout(10.0):
        await last.wait()
    assert len(pacer) == 1
    pacer.close()


async def test_new_stream_that_is_due_earlier_moves_the_timer() -> None:
    done = asyncio.Event()
    pacer = Pacer()
    pacer.add(Stream(1.0, 1, asyncio.Event()), delay_s=3600.0)
    pacer.add(Stream(1.0, 1, asyncio.Event()), delay_s=7200.0)
    pacer.add(Stream(1.0, 1, done))
    async with asyncio.timeout(10.0):
        await done.wait()
    pacer.close()
    assert len(pacer) == 0


async def test_stream_that_wants_to_be_called_at_once_cannot_stop_the_rest() -> None:
    done = asyncio.Event()
    pacer = Pacer()
    greedy, other = Stream(-1.0, 10**9, asyncio.Event()), Stream(0.001, 3, done)
    pacer.add(greedy)
    pacer.add(other)
    async with asyncio.timeout(10.0):
        await done.wait()
    pacer.close()
    assert len(greedy.called) == pytest.approx(len(other.called), abs=10)
