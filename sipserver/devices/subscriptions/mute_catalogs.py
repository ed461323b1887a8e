"""Catalogue subscriptions that never notify, or are refused: the catalogue is asked for instead (Q46)."""

from __future__ import annotations

from collections.abc import Callable

from sipserver.devices.presence import Presence
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.subscriptions.agenda import Agenda
from sipserver.devices.subscriptions.catalog_queries import CatalogQueries
from sipserver.devices.subscriptions.settings import SubscriptionSettings
from sipserver.devices.subscriptions.subscription import Subscription


class MuteCatalogs:
    """Finds them, and asks their devices from time to time until the first notification."""

    def __init__(
        self,
        settings: SubscriptionSettings,
        presence: Presence,
        profiles: Profiles,
        queries: CatalogQueries,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._presence = presence
        self._profiles = profiles
        self._queries = queries
        self._clock = clock
        self._due: Agenda[Subscription] = Agenda()

    def heard(self, subscription: Subscription) -> None:
        """A notification came after all."""
        if subscription.is_mute or subscription.notifies == 1:
            subscription.is_mute = False
            self._profiles.learn(
                subscription.key.device_id, Facet.CATALOG_NOTIFY, "yes", "a catalogue notification came"
            )

    def watch(self, subscription: Subscription, *, is_refused: bool) -> None:
        """Called whenever the device answered."""
        if subscription.is_mute or subscription.notifies or not subscription.wanted.is_wanted:
            return
        device_id, since = subscription.key.device_id, subscription.active_since
        waited_s = 0.0 if since is None else self._clock() - since
        is_silent = subscription.refreshes > 0 and waited_s >= self._settings.never_notified_s
        if is_silent:
            evidence = f"subscription accepted, no NOTIFY within {waited_s:.0f} s"
            self._profiles.learn(device_id, Facet.CATALOG_NOTIFY, "never", evidence)
        if is_refused or is_silent or self._profiles.value(device_id, Facet.CATALOG_NOTIFY) == "never":
            subscription.is_mute = True
            self._due.put(self._clock() + self._settings.catalog_query_s, subscription)

    def sweep(self) -> None:
        now = self._clock()
        while (due := self._due.pop_due(now)) is not None:
            _, subscription = due
            if subscription.is_mute and subscription.wanted.is_wanted:
                if self._presence.is_online(subscription.key.device_id):
                    self._queries.ask(subscription.key.device_id, "it notifies no changes")
                self._due.put(now + self._settings.catalog_query_s, subscription)
