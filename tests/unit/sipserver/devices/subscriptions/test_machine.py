"""The machine with a signalling that a test answers: bounds, order, and what was overtaken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sipserver.devices.errors import DeviceOffline, NoAnswer
from sipserver.devices.stats import DeviceStats
from sipserver.devices.subscriptions.kinds import Kind, SubscriptionKey, WantedSubscription
from sipserver.devices.subscriptions.machine import Machine
from sipserver.devices.subscriptions.settings import SubscriptionSettings
from sipserver.devices.subscriptions.subscription import Subscription
from sipserver.gb.subscription import Input, State
from sipserver.sip.headers import Headers
from sipserver.sip.message import SipRequest, SipResponse, make_response

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Entry:
    flow = object()


class FakeSignalling:
    """Every request waits for the answer that a test gives."""

    def __init__(self) -> None:
        self.out: list[tuple[SipRequest, asyncio.Future[SipResponse]]] = []
        self.offline = False
        self._count = 0

    def entry_of(self, device_id: str) -> Entry:
        if self.offline:
            raise DeviceOffline(f"{device_id} is away")
        return Entry()

    def next_sn(self) -> str:
        return "1"

    def request(self, method: str, target_id: str, flow: object) -> SipRequest:
        self._count += 1
        headers = Headers(
            [
                ("From", "<sip:p@x>;tag=ours"),
                ("To", f"<sip:{target_id}@x>"),
                ("Call-ID", f"call{self._count}"),
                ("CSeq", f"1 {method}"),
                ("Contact", "<sip:p@127.0.0.1>"),
            ]
        )
        return SipRequest(method, f"sip:{target_id}@x", headers)

    async def send(
        self, device_id: str, request: SipRequest, flow: object, *, timeout_s: float
    ) -> SipResponse:
        answer: asyncio.Future[SipResponse] = asyncio.get_running_loop().create_future()
        self.out.append((request, answer))
        return await answer

    def answer(self, status: int = 200) -> SipRequest:
        """Answer the oldest request that waits."""
        request, answer = self.out.pop(0)
        answer.set_result(make_response(request, status, to_tag="theirs"))
        return request


class NoProfiles:
    def value(self, *_: object) -> None:
        """Nothing was learned."""


class Bench:
    def __init__(self, **settings: Any) -> None:
        self.now = 0.0
        self.signalling = FakeSignalling()
        self.stats = DeviceStats()
        fakes: Any = (self.signalling, NoProfiles(), self.stats)
        self.machine = Machine(
            SubscriptionSettings(**settings), *fakes, clock=lambda: self.now, wall=lambda: NOW
        )

    def subscription(self, number: int = 0) -> Subscription:
        key = SubscriptionKey(f"device{number}", Kind.ALARM, f"device{number}")
        wanted = WantedSubscription(key=key, expires_s=600, interval_s=5, changed_time=NOW)
        return Subscription(wanted, number)

    async def turns(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    opened = Bench(at_once=3, retry_s=60.0, retry_max_s=100.0)
    yield opened
    await opened.machine.close()


async def test_so_many_are_on_their_way_and_no_more(bench: Bench) -> None:
    """Thousands of devices may register in one minute."""
    found = [bench.subscription(number) for number in range(10)]
    for subscription in found:
        bench.machine.apply(subscription, Input.WANTED)
    await bench.turns()
    assert len(bench.signalling.out) == 3
    while bench.signalling.out:
        bench.signalling.answer()
        await bench.turns()
        assert len(bench.signalling.out) <= 3
    assert {subscription.state for subscription in found} == {State.ACTIVE}


async def test_an_answer_to_what_was_overtaken_changes_nothing(bench: Bench) -> None:
    subscription = bench.subscription()
    bench.machine.apply(subscription, Input.WANTED)
    await bench.turns()
    bench.machine.apply(subscription, Input.RESTARTED)
    await bench.turns()
    assert len(bench.signalling.out) == 2
    first = bench.signalling.answer()
    await bench.turns()
    assert subscription.state is State.ASKING
    second = bench.signalling.answer()
    await bench.turns()
    assert subscription.state is State.ACTIVE
    assert bench.machine.of_call(second.call_id) is subscription
    assert bench.machine.of_call(first.call_id) is None


async def test_what_is_no_longer_wanted_is_cancelled_once_it_is_accepted(bench: Bench) -> None:
    """GB-C090."""
    subscription = bench.subscription()
    bench.machine.apply(subscription, Input.WANTED)
    await bench.turns()
    bench.machine.apply(subscription, Input.UNWANTED)
    first = bench.signalling.answer()
    await bench.turns()
    last, _ = bench.signalling.out[0]
    assert (last.call_id, last.headers.get("Expires"), last.cseq.number) == (first.call_id, "0", 2)
    bench.machine.apply(subscription, Input.WANTED)
    bench.signalling.answer(481)
    await bench.turns()
    again, _ = bench.signalling.out[0]
    assert again.call_id != first.call_id
    bench.signalling.answer()
    await bench.turns()
    assert subscription.state is State.ACTIVE


async def test_pauses_double_up_to_the_longest(bench: Bench) -> None:
    subscription = bench.subscription()
    bench.machine.apply(subscription, Input.WANTED)
    pauses = []
    for _ in range(3):
        await bench.turns()
        _, answer = bench.signalling.out.pop(0)
        answer.set_exception(NoAnswer("silent"))
        await bench.turns()
        pauses.append(subscription.due_at - bench.now)
        bench.now = subscription.due_at
        bench.machine.sweep()
    assert pauses == [60.0, 100.0, 100.0]


async def test_a_device_that_is_away_is_awaited(bench: Bench) -> None:
    subscription = bench.subscription()
    bench.signalling.offline = True
    bench.machine.apply(subscription, Input.WANTED)
    await bench.turns()
    assert (subscription.state, subscription.error) == (State.WAITING, "device0 is away")
    bench.now = 1e9
    bench.machine.sweep()
    assert subscription.state is State.WAITING
    bench.signalling.offline = False
    bench.machine.apply(subscription, Input.RESTARTED)
    await bench.turns()
    bench.signalling.answer()
    await bench.turns()
    assert subscription.state is State.ACTIVE


async def test_a_fault_of_ours_is_loud_and_the_subscription_is_tried_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    subscription = bench.subscription()
    bench.machine.apply(subscription, Input.WANTED)
    await bench.turns()
    _, answer = bench.signalling.out.pop(0)
    answer.set_exception(RuntimeError("a bug"))
    await bench.turns()
    assert subscription.state is State.WAITING
    assert "subscription requests: worker failed" in caplog.text
    bench.now += 60
    bench.machine.sweep()
    await bench.turns()
    bench.signalling.answer()
    await bench.turns()
    assert subscription.state is State.ACTIVE
