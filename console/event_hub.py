"""News of all rooms for whoever listens over the API: numbered, kept for a moment, bounded for each listener.

A listener that does not keep up loses the oldest news and is told how many; it never holds up the others.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

KEPT_MAX: Final = 2000
"""News that a listener who comes back can still be given."""
WAITING_MAX: Final = 1000
LISTENERS_MAX: Final = 500


class EventKind(StrEnum):
    """What news is about; a listener chooses among these."""

    ALARM = "alarm"
    PRESENCE = "presence"
    POSITION = "position"


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of news. ``data`` is ready for JSON."""

    event_id: str
    number: int
    kind: EventKind
    name: str
    data: Mapping[str, Any]


class TooManyListeners(Exception):
    """No more listeners fit."""


class Listening:
    """One listener's news, in order."""

    def __init__(self, hub: "EventHub", kinds: Collection[EventKind]) -> None:
        self._hub = hub
        self.kinds: Final = frozenset(kinds)
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self.is_closed = False
        self.lost = 0
        """News dropped since it was asked last."""

    def take(self, event: Event) -> None:
        if event.kind not in self.kinds:
            return
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(event)
        self._news.set()

    async def next(self, timeout_s: float) -> Event | None:
        """The next piece of news; None when there is none in time, or when the hub closed."""
        if not self._waiting and not self.is_closed:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), timeout_s)
            except TimeoutError:
                return None
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        self.is_closed = True
        self._news.set()
        self._hub.forget(self)


class EventHub:
    """Takes news from the rooms, hands it to the listeners."""

    def __init__(self) -> None:
        self._run: Final = secrets.token_hex(4)
        self._number = 0
        self._kept: deque[Event] = deque(maxlen=KEPT_MAX)
        self._listeners: set[Listening] = set()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._listeners)

    def publish(self, kind: EventKind, name: str, data: Mapping[str, Any]) -> None:
        """Tell everybody who wants it; never waits."""
        self._number += 1
        event = Event(f"{self._run}-{self._number}", self._number, kind, name, data)
        self._kept.append(event)
        for listener in self._listeners:
            listener.take(event)

    def listen(self, kinds: Collection[EventKind], after: str | None = None) -> Listening:
        """Begin to listen.

        Args:
            after: the id of the last news that this listener had before; what is kept since then comes first.

        Raises:
            TooManyListeners
        """
        if len(self._listeners) >= LISTENERS_MAX or self._is_closed:
            raise TooManyListeners(f"{len(self._listeners)} listen already")
        listening = Listening(self, kinds)
        run, _, number = (after or "").partition("-")
        if run == self._run and number.isascii() and number.isdecimal() and len(number) <= 18:
            for event in self._kept:
                if event.number > int(number):
                    listening.take(event)
        self._listeners.add(listening)
        return listening

    def forget(self, listening: Listening) -> None:
        self._listeners.discard(listening)

    async def close(self) -> None:
        """End every listener; nobody can begin any more."""
        self._is_closed = True
        for listener in list(self._listeners):
            listener.close()
