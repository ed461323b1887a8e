"""Every subscription at every device: asked for, refreshed in its dialog, made again when it is lost.

What is wanted is written down; what is open is not. After our own restart each is asked for anew, and the
notifications of the former dialogs are taken out of dialog until the devices let them lapse.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Final

from sipserver.devices.device_entry import NEVER
from sipserver.devices.errors import NotInEdition, TooManySubscriptions, UnknownDevice, UnknownSubscription
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceConfirmed,
    DeviceEvent,
    DeviceRefreshed,
    DeviceRestarted,
    DeviceWentOffline,
)
from sipserver.devices.features import Parts
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.subscriptions.catalog_events import CatalogEvents
from sipserver.devices.subscriptions.catalog_notices import CatalogNotices
from sipserver.devices.subscriptions.catalog_queries import CatalogQueries
from sipserver.devices.subscriptions.exchange import Outcome
from sipserver.devices.subscriptions.kinds import (
    AlarmConditions,
    Kind,
    SubscriptionKey,
    WantedSubscription,
    is_in_edition,
)
from sipserver.devices.subscriptions.machine import Machine
from sipserver.devices.subscriptions.mute_catalogs import MuteCatalogs
from sipserver.devices.subscriptions.notifies import Notifies
from sipserver.devices.subscriptions.store import (
    MemorySubscriptionStore,
    SqlSubscriptionStore,
    SubscriptionStore,
)
from sipserver.devices.subscriptions.subscription import Subscription, SubscriptionView
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.until_written import until_written
from sipserver.gb.editions import Edition, from_header
from sipserver.gb.subscription import SOON_REASONS, Action, Input, State, SubscriptionState
from sipserver.sip.dialog import Dialog

TICK_S: Final = 1.0
MAX_PER_DEVICE: Final = 64

logger = logging.getLogger(__name__)


class Subscriptions:
    """The table of subscriptions, and the loop that drives it."""

    listens_to: Final = (
        DeviceCameOnline,
        DeviceRefreshed,
        DeviceRestarted,
        DeviceConfirmed,
        DeviceWentOffline,
    )

    def __init__(self, parts: Parts, sync_catalog: Callable[[str], Awaitable[object]]) -> None:
        self._settings = parts.features.subscriptions
        self._presence = parts.presence
        self._profiles = parts.profiles
        self._stats = parts.stats
        self._clock = parts.clock
        self._wall = parts.wall
        self._store: SubscriptionStore = (
            MemorySubscriptionStore() if parts.database is None else SqlSubscriptionStore(parts.database)
        )
        self._machine = Machine(
            self._settings, parts.signalling, parts.profiles, parts.stats, clock=parts.clock, wall=parts.wall
        )
        self._machine.on_settled = self._settled
        self._machine.on_remade = self._remade
        self._machine.on_forgotten = self._forgotten
        self._queries = CatalogQueries(sync_catalog, self._settings.query_pause_s, clock=parts.clock)
        self._mute = MuteCatalogs(
            self._settings, parts.presence, parts.profiles, self._queries, clock=parts.clock
        )
        self.catalog_events: Final = CatalogEvents(
            parts.catalog, parts.presence, self._queries, parts.stats, parts.foreign.is_admitted
        )
        self._kinds_of_devices = self._settings.automatic_kinds(of_platforms=False)
        self._kinds_of_platforms = self._settings.automatic_kinds(of_platforms=True)
        self._is_platform = parts.foreign.is_platform
        self._devices: dict[str, dict[SubscriptionKey, Subscription]] = {}
        self._event_ids = count(1)
        self._tasks = TaskOwner("subscriptions")
        notifies = Notifies(parts.transport, self, parts.stats)
        parts.router.request_handlers.setdefault("NOTIFY", []).append(notifies.receive)
        CatalogNotices(parts.router, self, self.catalog_events, parts.stats)

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        self.catalog_events.open()
        for wanted in await self._store.load():
            self._add(wanted)
        for entry in self._presence.table:
            if entry.is_online:
                self._came(entry.device_id, is_restarted=True)
        self._tasks.spawn(self._run(), "timer")

    async def close(self) -> None:
        """Devices are not told: after a short restart their notifications are welcome, else they lapse."""
        await self._tasks.close()
        await self._machine.close()
        await self._queries.close()
        await self.catalog_events.close()

    def listen(self, event: DeviceEvent) -> None:
        match event:
            case DeviceRefreshed(device_id) | DeviceConfirmed(device_id):
                self._came(device_id, is_restarted=False)
            case DeviceCameOnline(device_id) | DeviceRestarted(device_id):
                self._came(device_id, is_restarted=True)
            case DeviceWentOffline(device_id, _):
                self._queries.forget(device_id)
                for subscription in self._of(device_id):
                    subscription.error = "the device is offline"
                    self._machine.apply(subscription, Input.UNREACHABLE)
            case _:
                pass

    # ---------------------------------------------------------------- what others may ask

    async def want(
        self,
        device_id: str,
        kind: Kind,
        target_id: str = "",
        *,
        expires_s: int | None = None,
        interval_s: int | None = None,
        conditions: AlarmConditions | None = None,
        requested_by: str = "",
        despite_edition: bool = False,
    ) -> SubscriptionView:
        """Subscribe, or change what is subscribed; answers when the device did, or when time is up.

        Raises:
            UnknownDevice, NotInEdition, TooManySubscriptions
        """
        edition = self._edition(device_id)
        if edition is None:
            raise UnknownDevice(f"device {device_id} is not known", device_id=device_id)
        if not (despite_edition or is_in_edition(kind, edition)):
            raise NotInEdition(
                f"device {device_id} is of edition {edition.value}, which has no {kind} subscription",
                device_id=device_id,
            )
        key = SubscriptionKey(device_id, kind, target_id or device_id)
        known = self._devices.get(device_id, {})
        if key not in known and len(known) >= MAX_PER_DEVICE:
            raise TooManySubscriptions(
                f"device {device_id} has {len(known)} subscriptions already", device_id=device_id
            )
        wanted = WantedSubscription(
            key=key,
            expires_s=expires_s or self._settings.expires_s,
            interval_s=interval_s or self._settings.position_interval_s,
            conditions=conditions or AlarmConditions(),
            requested_by=requested_by,
            changed_time=self._wall(),
        )
        await self._store.save(wanted)
        subscription = self._add(wanted)
        # A device that accepted already hears of the change in the dialog.
        self._machine.apply(subscription, Input.TIMER if subscription.state is State.ACTIVE else Input.WANTED)
        await self._settle_down(subscription)
        return subscription.view(self._clock())

    async def cancel(
        self, device_id: str, kind: Kind, target_id: str = "", *, requested_by: str = ""
    ) -> None:
        """End a subscription; one that every device gets stays cancelled here.

        Raises:
            UnknownSubscription
        """
        key = SubscriptionKey(device_id, kind, target_id or device_id)
        subscription = self._devices.get(device_id, {}).get(key)
        if subscription is None or not subscription.wanted.is_wanted:
            raise UnknownSubscription(f"there is no subscription {key}", device_id=device_id)
        unwanted = WantedSubscription(
            key=key,
            is_wanted=False,
            expires_s=subscription.wanted.expires_s,
            interval_s=subscription.wanted.interval_s,
            requested_by=requested_by,
            changed_time=self._wall(),
        )
        if self._is_automatic(key):
            await self._store.save(unwanted)
        else:
            await self._store.remove(key)
        subscription.wanted = unwanted
        self._machine.apply(subscription, Input.UNWANTED)
        await self._settle_down(subscription)

    def device_removed(self, device_id: str) -> None:
        """What was wanted of it goes with it."""
        keys = []
        for subscription in self._of(device_id):
            keys.append(subscription.key)
            subscription.is_mute = False  # its catalogue is asked for no more
            self._machine.apply(subscription, Input.UNWANTED)
        self._devices.pop(device_id, None)
        self._queries.forget(device_id)
        forget = partial(self._remove, keys)
        self._tasks.spawn(until_written(forget, f"the removal of {device_id}"), f"removal of {device_id}")

    def views(self, device_id: str | None = None) -> list[SubscriptionView]:
        """The wanted subscriptions of one device, or of all, in the order of their keys."""
        now = self._clock()
        ids = sorted(self._devices) if device_id is None else [device_id]
        return [
            subscription.view(now)
            for each in ids
            for _, subscription in sorted(self._devices.get(each, {}).items())
            if subscription.wanted.is_wanted or subscription.state is not State.OFF
        ]

    def sweep(self) -> None:
        """One turn of the timer; it also runs by itself."""
        self._machine.sweep()
        self._mute.sweep()

    # ---------------------------------------------------------------- what notifications say

    def of_call(self, call_id: str, device_id: str) -> Subscription | None:
        subscription = self._machine.of_call(call_id)
        return subscription if subscription is not None and subscription.key.device_id == device_id else None

    def wants(self, device_id: str, kind: Kind) -> bool:
        return any(each.key.kind is kind and each.wanted.is_wanted for each in self._of(device_id))

    def heard(self, device_id: str, kind: Kind) -> None:
        """A notification came, if not in the dialog of its subscription."""
        for subscription in self._of(device_id):
            if subscription.key.kind is kind:
                self._heard(subscription)

    def overtaken(self, subscription: Subscription, dialog: Dialog) -> None:
        outcome = Outcome(Input.ACCEPTED, granted_s=subscription.expires_s, dialog=dialog)
        self._machine.settle(subscription, outcome, Action.SUBSCRIBE)

    def notified(self, subscription: Subscription, state: SubscriptionState) -> None:
        self._heard(subscription)
        if state.is_terminated:
            self._stats.subscriptions["terminated"] += 1
            subscription.error = f"the device ended it{f': {state.reason}' if state.reason else ''}"[:200]
            soon = state.reason in SOON_REASONS and not state.retry_after_s
            subscription.retry_after_s = float(state.retry_after_s or (-1 if soon else 0))
            self._machine.apply(subscription, Input.TERMINATED)
        elif state.expires_s:
            self._machine.shorten(subscription, state.expires_s)

    def missed(self, subscription: Subscription) -> None:
        """Notifications came in the wrong order: what they said together is not known."""
        if subscription.key.kind is Kind.CATALOG:
            self._queries.ask(subscription.key.device_id, "a notification was lost")

    # ---------------------------------------------------------------- what the machine tells

    def _settled(self, subscription: Subscription, outcome: Outcome, action: Action) -> None:
        if subscription.key.kind is Kind.CATALOG and action is not Action.CANCEL:
            self._mute.watch(subscription, is_refused=outcome.input is Input.REFUSED)

    def _remade(self, subscription: Subscription) -> None:
        if subscription.key.kind is Kind.CATALOG:
            self._queries.ask(subscription.key.device_id, "its subscription was lost for a while")

    def _forgotten(self, subscription: Subscription) -> None:
        key = subscription.key
        known = self._devices.get(key.device_id, {})
        known.pop(key, None)
        if not known:
            self._devices.pop(key.device_id, None)
        if self._is_automatic(key) and self._presence.table.get(key.device_id) is not None:
            self._add(subscription.wanted)  # the note that it is not wanted here

    # ---------------------------------------------------------------- inside

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self.sweep()
            except Exception:
                logger.exception("a turn of the subscriptions failed")

    def _came(self, device_id: str, *, is_restarted: bool) -> None:
        """The device can be reached; what it forgot with its restart is asked for again (Q45, GB-C096)."""
        automatic = self._automatic_kinds(device_id)
        if device_id not in self._devices and not automatic:
            return  # nearly every registration of nearly every device
        for kind in automatic:
            key = SubscriptionKey(device_id, kind, device_id)
            if key not in self._devices.get(device_id, {}) and self._suits(device_id, kind):
                self._add(self._automatic(key))
        for subscription in self._of(device_id):
            if not subscription.wanted.is_wanted:
                continue
            if subscription.state is State.OFF:
                self._machine.apply(subscription, Input.WANTED)
            elif is_restarted or (subscription.due_at == NEVER and subscription.state is State.WAITING):
                self._machine.apply(subscription, Input.RESTARTED)

    def _suits(self, device_id: str, kind: Kind) -> bool:
        edition = self._edition(device_id)
        return edition is not None and is_in_edition(kind, edition)

    def _edition(self, device_id: str) -> Edition | None:
        """What an operator pinned, else what the device said; None: nobody knows the device."""
        entry = self._presence.table.get(device_id)
        pinned = self._profiles.value(device_id, Facet.EDITION)
        return None if entry is None else from_header(pinned) if pinned else entry.edition

    def _is_automatic(self, key: SubscriptionKey) -> bool:
        return key.kind in self._automatic_kinds(key.device_id) and key.target_id == key.device_id

    def _automatic_kinds(self, device_id: str) -> tuple[Kind, ...]:
        return self._kinds_of_platforms if self._is_platform(device_id) else self._kinds_of_devices

    def _automatic(self, key: SubscriptionKey) -> WantedSubscription:
        return WantedSubscription(
            key=key,
            expires_s=self._settings.expires_s,
            interval_s=self._settings.position_interval_s,
            changed_time=self._wall(),
        )

    def _add(self, wanted: WantedSubscription) -> Subscription:
        known = self._devices.setdefault(wanted.key.device_id, {})
        subscription = known.get(wanted.key)
        if subscription is None:
            subscription = known[wanted.key] = Subscription(wanted, next(self._event_ids))
        subscription.wanted = wanted
        return subscription

    async def _remove(self, keys: list[SubscriptionKey]) -> None:
        for key in keys:
            await self._store.remove(key)

    def _of(self, device_id: str) -> Iterable[Subscription]:
        return tuple(self._devices.get(device_id, {}).values())

    async def _settle_down(self, subscription: Subscription) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.answer_timeout_s + TICK_S):
                await subscription.settled.wait()

    def _heard(self, subscription: Subscription) -> None:
        subscription.notifies += 1
        subscription.quiet_refreshes = 0
        subscription.last_notify_time = self._wall()
        if subscription.key.kind is Kind.CATALOG:
            self._mute.heard(subscription)
