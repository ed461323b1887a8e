"""NOTIFY of devices: which subscription each belongs to, and which are not taken.

A notification is read by the router whichever way it came; here only its dialog is looked at.
"""

from __future__ import annotations

from typing import Final, Protocol

from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.ports import SipPort
from sipserver.devices.stats import DeviceStats
from sipserver.devices.subscriptions.kinds import KIND_OF, RULES, Kind
from sipserver.devices.subscriptions.subscription import Subscription
from sipserver.gb.errors import MalformedText
from sipserver.gb.manscdp import parse_document
from sipserver.gb.subscription import SubscriptionState
from sipserver.sip.dialog import Dialog
from sipserver.sip.errors import RemoteViolation, SipError
from sipserver.transport.driver import IncomingRequest

NO_SUCH_SUBSCRIPTION: Final = 481


class Subscribers(Protocol):
    """What is told about notifications."""

    def of_call(self, call_id: str, device_id: str) -> Subscription | None: ...
    def wants(self, device_id: str, kind: Kind) -> bool: ...
    def heard(self, device_id: str, kind: Kind) -> None: ...
    def notified(self, subscription: Subscription, state: SubscriptionState) -> None: ...
    def overtaken(self, subscription: Subscription, dialog: Dialog) -> None: ...
    def missed(self, subscription: Subscription) -> None: ...


class Notifies:
    """The handler of NOTIFY."""

    def __init__(self, transport: SipPort, subscribers: Subscribers, stats: DeviceStats) -> None:
        self._transport = transport
        self._subscribers = subscribers
        self._stats = stats

    def receive(self, entry: DeviceEntry, incoming: IncomingRequest) -> bool:
        """Note what the NOTIFY says about its subscription; True when it is answered and not to be read."""
        subscription = self._subscribers.of_call(incoming.request.call_id, entry.device_id)
        if subscription is None:
            return self._stray(entry, incoming)
        try:
            status = self._take(subscription, incoming)
        except RemoteViolation as error:
            status = error.status
        except SipError:
            return False
        if status == NO_SUCH_SUBSCRIPTION:
            # Our Call-ID with other tags: a device that does not keep its dialogs apart (Q44).
            return self._stray(entry, incoming)
        if status != 200:
            self._stats.notifies["out of order"] += 1
            self._transport.respond(incoming, status)
            self._subscribers.missed(subscription)
            return True
        return False

    def _take(self, subscription: Subscription, incoming: IncomingRequest) -> int:
        request = incoming.request
        if subscription.dialog is None:
            if subscription.request is None:
                return NO_SUCH_SUBSCRIPTION
            # It overtook the 200 (RFC 6665 section 4.4.1).
            self._subscribers.overtaken(subscription, Dialog.from_notify(subscription.request, request))
        else:
            subscription.dialog.receive(request)
        self._stats.notifies["in dialog"] += 1
        state = SubscriptionState.parse(request.headers.get("Subscription-State"))
        self._subscribers.notified(subscription, state)
        return 200

    def _stray(self, entry: DeviceEntry, incoming: IncomingRequest) -> bool:
        """Taken from a registered device when its kind is subscribed to, or too good to lose (GB-C095).

        481 tells a notifier that nobody here wants this any more (gb28181.md 5.1).
        """
        kind = _kind_of(incoming)
        if kind is None:
            return False
        if RULES[kind].needs_subscription and not self._subscribers.wants(entry.device_id, kind):
            self._stats.notifies["unwanted"] += 1
            self._transport.respond(incoming, NO_SUCH_SUBSCRIPTION)
            return True
        self._stats.notifies["out of dialog"] += 1
        self._subscribers.heard(entry.device_id, kind)
        return False


def _kind_of(incoming: IncomingRequest) -> Kind | None:
    """The body decides; what it cannot say is for the router to find out and to answer."""
    if not incoming.request.body:
        return None
    try:
        return KIND_OF.get(parse_document(incoming.request.body).cmd_type)
    except MalformedText:
        return None
