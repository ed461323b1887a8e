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

    __slots__ = ("_queue", "delay", "entries", "slack")

    def __init__(self, queue: TimerQueue, delay: float, slack: float) -> None:
        self._queue = queue
        self.delay = delay
        self.slack = slack
        self.entries: deque[Entry] = deque()

    def arm(self, now: float, transaction: Transaction, timer: Input) -> None:
        deadline = now + self.delay
        self.entries.append((deadline, transaction, timer))
        if deadline + self.slack < self._queue.earliest:
            self._queue.earliest = deadline + self.slack

    def deadline(self) -> float:
        """When the first live entry wants to be served, infinity for none; dead ones are dropped."""
        entries = self.entries
        while entries:
            deadline, transaction, _ = entries[0]
            if transaction.state is not State.TERMINATED:
                return deadline + self.slack
            entries.popleft()
        return inf


class TimerQueue:
    """Lanes by delay.

    ``earliest`` is kept while timers are armed and computed anew when some have expired, so asking
    for it is free. It may stand for a timer that is no longer of use: then a wake-up finds nothing.
    """

    __slots__ = ("_lanes", "earliest")

    def __init__(self) -> None:
        self._lanes: dict[tuple[float, float], Lane] = {}
        self.earliest = inf

    def __len__(self) -> int:
        return sum(len(lane.entries) for lane in self._lanes.values())

    def lane(self, delay: float, slack: float = 0.0) -> Lane:
        lane = self._lanes.get((delay, slack))
        if lane is None:
            lane = self._lanes[delay, slack] = Lane(self, delay, slack)
        return lane

    def arm(self, delay: float, now: float, transaction: Transaction, timer: Input) -> None:
        self.lane(delay).arm(now, transaction, timer)

    def next_deadline(self) -> float | None:
        """When to be called again, None when nothing is armed."""
        return None if self.earliest is inf else self.earliest

    def refresh(self) -> None:
        """Find the earliest deadline anew, dropping entries that have become useless."""
        self.earliest = min((lane.deadline() for lane in self._lanes.values()), default=inf)

    def due(self, now: float) -> Iterator[Entry]:
        """Take out what is due, earliest deadline first."""
        due: list[Entry] = []
        for lane in self._lanes.values():
            entries = lane.entries
            while entries and entries[0][0] <= now:
                due.append(entries.popleft())
        due.sort(key=_deadline)
        return iter(due)


def _deadline(entry: Entry) -> float:
    return entry[0]
