"""One subscription: what is wanted, where it stands, and what was seen of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sipserver.devices.device_entry import NEVER
from sipserver.devices.subscriptions.kinds import SubscriptionKey, WantedSubscription
from sipserver.gb.subscription import State
from sipserver.sip.dialog import Dialog
from sipserver.sip.message import SipRequest

SETTLED: Final = frozenset({State.OFF, State.WAITING, State.ACTIVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """What others see of a subscription."""

    wanted: WantedSubscription
    state: State
    error: str
    """Why it is not active, in words; empty while all is well."""
    granted_s: int | None
    active_since_time: datetime | None
    next_request_in_s: float | None
    """Until the refresh or the next try; None: nothing is planned, the device is awaited."""
    notifies: int
    last_notify_time: datetime | None
    refreshes: int
    dialogs: int
    """How many dialogs were opened: more than one means that it was lost and made again."""
    is_mute: bool
    """It never notified: the catalogue is asked for periodically instead (Q46)."""

    @property
    def key(self) -> SubscriptionKey:
        return self.wanted.key


class Subscription:
    """Owned by ``Subscriptions``; nobody else changes it.

    ``generation`` counts requests: the outcome of one that was overtaken is dropped. ``due_at`` is when the
    state machine gets its TIMER, on the monotonic clock.
    """

    __slots__ = (
        "active_since",
        "active_since_time",
        "dialog",
        "dialogs",
        "due_at",
        "error",
        "event_form",
        "event_id",
        "failures",
        "generation",
        "granted_s",
        "is_mute",
        "last_notify_time",
        "min_expires_s",
        "notifies",
        "quiet_refreshes",
        "refreshes",
        "request",
        "retry_after_s",
        "settled",
        "state",
        "wanted",
    )

    def __init__(self, wanted: WantedSubscription, event_id: int) -> None:
        self.wanted = wanted
        self.event_id: Final = event_id
        self.state = State.OFF
        self.generation = 0
        self.due_at = NEVER
        self.dialog: Dialog | None = None
        self.request: SipRequest | None = None
        """The SUBSCRIBE that opened, or is to open, the dialog."""
        self.event_form = 0
        self.min_expires_s = 0
        self.granted_s: int | None = None
        self.failures = 0
        self.retry_after_s = 0.0
        self.error = ""
        self.active_since: float | None = None
        self.active_since_time: datetime | None = None
        self.last_notify_time: datetime | None = None
        self.notifies = 0
        self.refreshes = 0
        self.quiet_refreshes = 0
        """Refreshes in a row without a NOTIFY between them."""
        self.dialogs = 0
        self.is_mute = False
        self.settled = asyncio.Event()

    @property
    def key(self) -> SubscriptionKey:
        return self.wanted.key

    @property
    def expires_s(self) -> int:
        return max(self.wanted.expires_s, self.min_expires_s)

    def enter(self, state: State) -> None:
        self.state = state
        if state in SETTLED:
            self.settled.set()
        else:
            self.settled.clear()

    def view(self, now: float) -> SubscriptionView:
        is_active = self.state in (State.ACTIVE, State.REFRESHING)
        return SubscriptionView(
            wanted=self.wanted,
            state=self.state,
            error="" if is_active else self.error,
            granted_s=self.granted_s if is_active else None,
            active_since_time=self.active_since_time if is_active else None,
            next_request_in_s=None if self.due_at == NEVER else max(0.0, self.due_at - now),
            notifies=self.notifies,
            last_notify_time=self.last_notify_time,
            refreshes=self.refreshes,
            dialogs=self.dialogs,
            is_mute=self.is_mute,
        )
