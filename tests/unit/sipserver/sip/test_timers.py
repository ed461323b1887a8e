"""The timer queue."""

from __future__ import annotations

from sipserver.sip.timers import FORGET_SLACK_S, TimerQueue
from sipserver.sip.transaction import NON_INVITE_SERVER, Input, State, Transaction
from tests.unit.sipserver.sip.builders import UDP


class Dummy(Transaction):
    __slots__ = ()

    table = NON_INVITE_SERVER

    def __init__(self) -> None:
        super().__init__(State.TRYING, UDP)


def test_timers_of_different_delays_expire_in_order_of_deadline() -> None:
    queue, one, two, three = TimerQueue(), Dummy(), Dummy(), Dummy()
    queue.arm(4.0, 0.0, one, Input.TIMER_E)
    queue.arm(0.5, 1.0, two, Input.TIMER_E)
    queue.arm(4.0, 2.0, three, Input.TIMER_E)
    assert queue.next_deadline() == 1.5
    assert [entry[1] for entry in queue.due(4.0)] == [two, one]
    queue.refresh()
    assert queue.next_deadline() == 6.0
    assert len(queue) == 1


def test_an_empty_queue_wants_nothing() -> None:
    queue = TimerQueue()
    assert queue.next_deadline() is None
    assert list(queue.due(100.0)) == []
    queue.refresh()
    assert queue.next_deadline() is None


def test_dead_entries_are_dropped_when_they_reach_the_front() -> None:
    queue, dead, live = TimerQueue(), Dummy(), Dummy()
    queue.arm(0.5, 0.0, dead, Input.TIMER_E)
    queue.arm(0.5, 1.0, live, Input.TIMER_E)
    dead.state = State.TERMINATED
    queue.refresh()
    assert queue.next_deadline() == 1.5
    assert len(queue) == 1
    live.state = State.TERMINATED
    queue.refresh()
    assert queue.next_deadline() is None
    assert len(queue) == 0


def test_a_lane_that_only_forgets_wakes_late_and_then_serves_many() -> None:
    queue = TimerQueue()
    lane = queue.waiting_lane(32.0, Input.TIMER_J, frozenset([State.TRYING]), FORGET_SLACK_S)
    waiting = [Dummy() for _ in range(4)]
    for i, transaction in enumerate(waiting):
        lane.wait(i * 0.1, transaction)
    assert queue.next_deadline() == 32.0 + FORGET_SLACK_S
    due = list(queue.due(32.5))
    assert [entry[1] for entry in due] == waiting
    assert [entry[0] for entry in due] == [32.0, 32.1, 32.2, 32.3]
    assert {entry[2] for entry in due} == {Input.TIMER_J}


def test_a_transaction_that_waits_no_longer_is_dropped_from_its_lane() -> None:
    queue = TimerQueue()
    lane = queue.waiting_lane(32.0, Input.TIMER_F, frozenset([State.TRYING]))
    answered, waiting = Dummy(), Dummy()
    lane.wait(0.0, answered)
    lane.wait(1.0, waiting)
    answered.state = State.COMPLETED
    queue.refresh()
    assert queue.next_deadline() == 33.0
    assert (len(lane), len(queue)) == (1, 1)
    waiting.state = State.COMPLETED
    assert list(queue.due(100.0)) == []


def test_a_thousand_timers_of_one_delay_share_one_lane() -> None:
    queue = TimerQueue()
    for i in range(1000):
        queue.arm(32.0, i / 1000, Dummy(), Input.TIMER_F)
    assert queue.lane(32.0) is queue.lane(32.0)
    assert len(queue) == 1000
