"""Drives the state machine of every subscription: requests by a bounded number of workers, and timers."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from sipserver.devices.device_entry import NEVER
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.signalling import Signalling
from sipserver.devices.stats import DeviceStats
from sipserver.devices.subscriptions.agenda import Agenda
from sipserver.devices.subscriptions.exchange import Exchange, Outcome
from sipserver.devices.subscriptions.kinds import Kind
from sipserver.devices.subscriptions.settings import SubscriptionSettings
from sipserver.devices.subscriptions.subscription import Subscription
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.subscription import SUBSCRIBER, Action, Input, State, refresh_delay_s
from sipserver.sip.message import SipRequest

SOON_S: Final = 1.0
# A moving device that was heard before and then lets so many refreshes pass in silence has lost us (Q45).
SILENT_REFRESHES: Final = 2
_REQUESTS: Final = frozenset({Action.SUBSCRIBE, Action.REFRESH, Action.CANCEL})

logger = logging.getLogger(__name__)


class _Job(NamedTuple):
    subscription: Subscription
    generation: int
    action: Action


def _ignore(*_: object) -> None:
    """A hook that nobody took."""


class Machine:
    """Whoever owns the table of subscriptions takes the hooks."""

    def __init__(
        self,
        settings: SubscriptionSettings,
        signalling: Signalling,
        profiles: Profiles,
        stats: DeviceStats,
        *,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
    ) -> None:
        self.on_settled: Callable[[Subscription, Outcome, Action], None] = _ignore
        self.on_remade: Callable[[Subscription], None] = _ignore
        """A dialog is open again after another one was lost."""
        self.on_forgotten: Callable[[Subscription], None] = _ignore
        self._settings = settings
        self._exchange = Exchange(signalling, profiles, settings.answer_timeout_s, self._announce)
        self._stats = stats
        self._clock = clock
        self._wall = wall
        self._calls: dict[str, Subscription] = {}
        self._agenda: Agenda[Subscription] = Agenda()
        self._jobs: deque[_Job] = deque()
        self._workers = 0
        self._tasks = TaskOwner("subscription requests")

    async def close(self) -> None:
        await self._tasks.close()

    def of_call(self, call_id: str) -> Subscription | None:
        """The subscription whose dialog, or whose SUBSCRIBE under way, has this Call-ID."""
        return self._calls.get(call_id)

    def apply(self, subscription: Subscription, given: Input) -> None:
        """One input; a pair that the table does not have changes nothing."""
        transition = SUBSCRIBER.get((subscription.state, given))
        if transition is None:
            return
        action, state = transition
        subscription.enter(state)
        if action is Action.NOTHING:
            return
        subscription.generation += 1
        subscription.due_at = NEVER
        if action in _REQUESTS:
            self._request(subscription, action)
        elif action is Action.ARM:
            self._arm(subscription)
        else:
            self._lose(subscription)
            if action is Action.RETRY_LATER:
                self._retry_later(subscription)
            elif action is Action.FORGET:
                self.on_forgotten(subscription)

    def settle(self, subscription: Subscription, outcome: Outcome, action: Action) -> None:
        """Take in what came of a request."""
        if outcome.input is Input.ACCEPTED:
            subscription.granted_s = outcome.granted_s
            subscription.dialog = outcome.dialog
            if action is Action.REFRESH:
                subscription.failures = 0
                subscription.refreshes += 1
                subscription.quiet_refreshes += 1
        else:
            subscription.error = outcome.error[:200]
            subscription.retry_after_s = outcome.retry_after_s
            logger.info("subscription %s: %s", subscription.key, outcome.error)
        self.apply(subscription, outcome.input)
        self.on_settled(subscription, outcome, action)

    def shorten(self, subscription: Subscription, expires_s: int) -> None:
        """A NOTIFY says that the subscription ends sooner than was granted."""
        due_at = self._clock() + refresh_delay_s(expires_s)
        if subscription.state is State.ACTIVE and due_at < subscription.due_at - 1.0:
            self._set_due(subscription, due_at)

    def sweep(self) -> None:
        """Give the TIMER to every subscription whose moment has come."""
        while (due := self._agenda.pop_due(self._clock())) is not None:
            at, subscription = due
            if subscription.due_at == at:
                subscription.due_at = NEVER
                self.apply(subscription, Input.SILENT if _is_silent(subscription) else Input.TIMER)

    # ---------------------------------------------------------------- requests

    def _request(self, subscription: Subscription, action: Action) -> None:
        if action is Action.SUBSCRIBE:
            self._lose(subscription)
        self._jobs.append(_Job(subscription, subscription.generation, action))
        if self._workers < self._settings.at_once and self._tasks.spawn(self._work(), "worker") is not None:
            self._workers += 1

    async def _work(self) -> None:
        try:
            while self._jobs:
                job = self._jobs.popleft()
                if job.generation == job.subscription.generation:
                    await self._perform(job)
        finally:
            self._workers -= 1

    async def _perform(self, job: _Job) -> None:
        subscription = job.subscription
        self._stats.subscriptions[job.action.value] += 1
        try:
            outcome = await self._exchange.perform(subscription, job.action)
        except Exception as error:
            # A fault of ours is loud, and leaves a subscription that is tried again.
            self.settle(subscription, Outcome(Input.REFUSED, str(error)), job.action)
            raise
        self._stats.subscriptions[outcome.input.value] += 1
        if subscription.generation == job.generation or _was_overtaken(subscription, outcome):
            self.settle(subscription, outcome, job.action)

    def _announce(self, subscription: Subscription, request: SipRequest) -> None:
        self._lose(subscription)
        subscription.request = request
        self._calls[request.call_id] = subscription

    # ---------------------------------------------------------------- actions

    def _arm(self, subscription: Subscription) -> None:
        now = self._clock()
        if subscription.active_since is None:
            subscription.active_since, subscription.active_since_time = now, self._wall()
            subscription.dialogs += 1
            logger.info("subscription %s is active for %s s", subscription.key, subscription.granted_s)
            if subscription.dialogs > 1:
                self.on_remade(subscription)
        self._set_due(subscription, now + refresh_delay_s(subscription.granted_s or 0))

    def _retry_later(self, subscription: Subscription) -> None:
        """Twice as long each time; a refresh that succeeds sets it back."""
        subscription.failures += 1
        hint = subscription.retry_after_s
        base = SOON_S if hint < 0 else self._settings.retry_s
        pause_s = min(base * 2.0 ** min(subscription.failures - 1, 20), self._settings.retry_max_s)
        self._set_due(subscription, self._clock() + max(pause_s, hint))

    def _lose(self, subscription: Subscription) -> None:
        """The dialog is over; a NOTIFY that still comes in it is out of dialog."""
        if subscription.request is not None:
            self._calls.pop(subscription.request.call_id, None)
        subscription.request = subscription.dialog = None
        subscription.active_since = subscription.active_since_time = None
        subscription.quiet_refreshes = 0

    def _set_due(self, subscription: Subscription, at: float) -> None:
        subscription.due_at = at
        self._agenda.put(at, subscription)


def _was_overtaken(subscription: Subscription, outcome: Outcome) -> bool:
    """A NOTIFY made the dialog active before the 200 came: the 200 has the period."""
    return subscription.state is State.ACTIVE and subscription.dialog is outcome.dialog is not None


def _is_silent(subscription: Subscription) -> bool:
    return (
        subscription.key.kind is Kind.MOBILE_POSITION
        and subscription.notifies > 0
        and subscription.quiet_refreshes >= SILENT_REFRESHES
    )
