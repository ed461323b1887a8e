"""All timers of an endpoint in one queue.

RFC 3261 uses a handful of delays (T1 doubled up to T2 or 64*T1, T4, 64*T1). Equal delays expire
in the order in which they were armed, so each delay gets a lane: a deque to which arming appends
and from which expiry pops. Both cost O(1), and there is no object per timer beyond one tuple.

Nothing is ever cancelled: a timer that fires in a state that does not know it is ignored by the
state tables, and entries of terminated transactions are skipped (lazy deletion).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import inf
from typing import Final

from sipserver.sip.transaction import Input, State, Transaction

# A lane that only forgets may be late by this much, so that one wake-up serves many.
FORGET_SLACK_S: Final = 0.5

Entry = tuple[float, Transaction, Input]


class Lane:
    """Timers of one delay, oldest first."""

    __slots__ = ("_entries", "_queue", "delay", "slack")

    def __init__(self, queue: TimerQueue, delay: float, slack: float = 0.0) -> None:
        self._queue = queue
        self.delay = delay
        self.slack = slack
        self._entries: deque[Entry] = deque()

    def arm(self, now: float, transaction: Transaction, timer: Input) -> None:
        deadline = now + self.delay
        self._entries.append((deadline, transaction, timer))
        if deadline + self.slack < self._queue.earliest:
            self._queue.earliest = deadline + self.slack

    def deadline(self) -> float:
        """When the first live entry wants to be served, infinity for none; dead ones are dropped."""
        entries = self._entries
        while entries:
            deadline, transaction, _ = entries[0]
            if transaction.state is not State.TERMINATED:
                return deadline + self.slack
            entries.popleft()
        return inf

    def take_due(self, now: float) -> list[Entry]:
        """Take out what is due."""
        entries = self._entries
        due: list[Entry] = []
        while entries and entries[0][0] <= now:
            due.append(entries.popleft())
        return due

    def __len__(self) -> int:
        return len(self._entries)


class WaitingLane(Lane):
    """Timers of one delay and one kind for transactions that wait in known states.

    The transaction itself is the entry and says since when it waits. That spares a tuple for each of
    the many server transactions that only wait to be forgotten, and the garbage collector its visits.
    """

    __slots__ = ("_states", "_timer", "waiting")

    def __init__(
        self, queue: TimerQueue, delay: float, slack: float, timer: Input, states: frozenset[State]
    ) -> None:
        super().__init__(queue, delay, slack)
        self._timer = timer
        self._states = states
        self.waiting: deque[Transaction] = deque()

    def wait(self, now: float, transaction: Transaction) -> None:
        transaction.since = now
        self.waiting.append(transaction)
        deadline = now + self.delay + self.slack
        if deadline < self._queue.earliest:
            self._queue.earliest = deadline

    def deadline(self) -> float:
        waiting, states = self.waiting, self._states
        while waiting and waiting[0].state not in states:
            waiting.popleft()
        return waiting[0].since + self.delay + self.slack if waiting else inf

    def take_due(self, now: float) -> list[Entry]:
        due: list[Entry] = []
        while self.deadline() - self.slack <= now:
            transaction = self.waiting.popleft()
            due.append((transaction.since + self.delay, transaction, self._timer))
        return due

    def __len__(self) -> int:
        return len(self.waiting)


class TimerQueue:
    """Lanes by delay.

    ``earliest`` is kept while timers are armed and computed anew when some have expired, so asking
    for it is free. It may stand for a timer that is no longer of use: then a wake-up finds nothing.
    """

    __slots__ = ("_by_delay", "_lanes", "earliest")

    def __init__(self) -> None:
        self._lanes: list[Lane] = []
        self._by_delay: dict[float, Lane] = {}
        self.earliest = inf

    def __len__(self) -> int:
        return sum(map(len, self._lanes))

    def lane(self, delay: float) -> Lane:
        """The lane of a delay, shared by all timers that use it."""
        lane = self._by_delay.get(delay)
        if lane is None:
            lane = self._by_delay[delay] = Lane(self, delay)
            self._lanes.append(lane)
        return lane

    def waiting_lane(
        self, delay: float, timer: Input, states: frozenset[State], slack: float = 0.0
    ) -> WaitingLane:
        """A lane of its own for one timer of transactions that wait in ``states``."""
        lane = WaitingLane(self, delay, slack, timer, states)
        self._lanes.append(lane)
        return lane

    def arm(self, delay: float, now: float, transaction: Transaction, timer: Input) -> None:
        self.lane(delay).arm(now, transaction, timer)

    def next_deadline(self) -> float | None:
        """When to be called again, None when nothing is armed."""
        return None if self.earliest is inf else self.earliest

    def refresh(self) -> None:
        """Find the earliest deadline anew, dropping entries that have become useless."""
        self.earliest = min((lane.deadline() for lane in self._lanes), default=inf)

    def due(self, now: float) -> Iterator[Entry]:
        """Take out what is due, earliest deadline first."""
        due: list[Entry] = []
        for lane in self._lanes:
            due += lane.take_due(now)
        due.sort(key=_deadline)
        return iter(due)


def _deadline(entry: Entry) -> float:
    return entry[0]
