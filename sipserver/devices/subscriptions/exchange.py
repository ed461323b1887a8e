"""The SUBSCRIBE requests of one subscription, first, refresh and last, and what their answers mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sipserver.devices.errors import DeviceOffline, NoAnswer, NoCapacity, UnknownDevice
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.signalling import USER_AGENT, Signalling
from sipserver.devices.subscriptions.kinds import RULES
from sipserver.devices.subscriptions.subscription import Subscription
from sipserver.gb import manscdp
from sipserver.gb.charset import GB2312
from sipserver.gb.ids import GbId
from sipserver.gb.subscription import Action, Input, granted_s
from sipserver.sip.dialog import Dialog
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse

BAD_EVENT: Final = 489
INTERVAL_TOO_BRIEF: Final = 423
# To a request in the dialog: the device has no such subscription (any more). RFC 6665 section 4.1.2.2.
GONE_STATUSES: Final = frozenset({404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})
MAX_MIN_EXPIRES_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request, in the words of the state machine."""

    input: Input
    error: str = ""
    granted_s: int = 0
    dialog: Dialog | None = None
    retry_after_s: float = 0.0


class Exchange:
    """Sends; changes of a subscription only what belongs to the request: its Event, its shortest Expires."""

    def __init__(
        self,
        signalling: Signalling,
        profiles: Profiles,
        timeout_s: float,
        announce: Callable[[Subscription, SipRequest], None],
    ) -> None:
        self._signalling = signalling
        self._profiles = profiles
        self._timeout_s = timeout_s
        self._announce = announce
        """Called before a SUBSCRIBE goes out: a NOTIFY may overtake its answer."""

    async def perform(self, subscription: Subscription, action: Action) -> Outcome:
        """Do what the table says; every failure of the device is an outcome."""
        device_id = subscription.key.device_id
        try:
            entry = self._signalling.entry_of(device_id)
            assert entry.flow is not None  # noqa: S101 - entry_of has looked
            if action is Action.SUBSCRIBE:
                return await self._subscribe(subscription, entry.flow)
            return await self._within(subscription, entry.flow, is_last=action is Action.CANCEL)
        except (DeviceOffline, UnknownDevice) as error:
            return Outcome(Input.UNREACHABLE, str(error))
        except (NoAnswer, NoCapacity) as error:
            return Outcome(Input.GONE, str(error))

    async def _subscribe(self, subscription: Subscription, flow: Flow) -> Outcome:
        """A new dialog (GB-C089). 489 and 423 say what to ask instead; each is obeyed while that helps."""
        forms = RULES[subscription.key.kind].events
        for _ in range(len(forms) + 1):
            request = self._first(subscription, flow)
            self._announce(subscription, request)
            response = await self._signalling.send(
                subscription.key.device_id, request, flow, timeout_s=self._timeout_s
            )
            if response.status == BAD_EVENT and subscription.event_form + 1 < len(forms):
                subscription.event_form += 1
            elif response.status == INTERVAL_TOO_BRIEF and _is_longer(response, subscription):
                subscription.min_expires_s = _min_expires_s(response)
            else:
                break
        if response.status == BAD_EVENT:
            subscription.event_form = 0
        return _outcome(subscription, request, response, is_within=False)

    async def _within(self, subscription: Subscription, flow: Flow, *, is_last: bool) -> Outcome:
        """Refresh and cancel stay in the dialog (GB-C090)."""
        dialog = subscription.dialog
        if dialog is None:
            return Outcome(Input.GONE, "the device never opened a dialog")
        expires_s = 0 if is_last else subscription.expires_s
        contact = subscription.request.headers.get("Contact") if subscription.request is not None else ""
        request = dialog.make_request(
            "SUBSCRIBE",
            (
                *((("Contact", contact),) if contact else ()),
                ("User-Agent", USER_AGENT),
                ("Event", _event(subscription)),
                ("Expires", str(expires_s)),
            ),
            self._body(subscription),
            manscdp.CONTENT_TYPE,
        )
        response = await self._signalling.send(
            subscription.key.device_id, request, flow, timeout_s=self._timeout_s
        )
        dialog.receive_response(request, response)
        return _outcome(subscription, request, response, is_within=True)

    def _first(self, subscription: Subscription, flow: Flow) -> SipRequest:
        request = self._signalling.request("SUBSCRIBE", subscription.key.target_id, flow)
        request.headers.set("Event", _event(subscription))
        request.headers.set("Expires", str(subscription.expires_s))
        request.headers.set("Content-Type", manscdp.CONTENT_TYPE)
        request.body = self._body(subscription)
        return request

    def _body(self, subscription: Subscription) -> bytes:
        key = subscription.key
        element = RULES[key.kind].body(self._signalling.next_sn(), GbId(key.target_id), subscription.wanted)
        charset = self._profiles.value(key.device_id, Facet.CHARSET) or GB2312
        return manscdp.serialize_document(element, charset)


def _event(subscription: Subscription) -> str:
    form = RULES[subscription.key.kind].events[subscription.event_form]
    return form.format(id=subscription.event_id)


def _outcome(
    subscription: Subscription, request: SipRequest, response: SipResponse, *, is_within: bool
) -> Outcome:
    """A body in a 2xx, such as a Response with Result, means nothing beyond the 2xx (gb28181.md 5.1)."""
    status = response.status
    if 200 <= status < 300:
        granted = granted_s(response.headers.get("Expires"), subscription.expires_s)
        if request.headers.get("Expires") != "0" and granted == 0:
            return Outcome(Input.REFUSED, f"the device answered {status} and grants 0 s")
        dialog = subscription.dialog or Dialog.from_answer(request, response)
        return Outcome(Input.ACCEPTED, granted_s=granted, dialog=dialog)
    text = f"the device answered {status} {response.reason} to SUBSCRIBE"
    if is_within and status in GONE_STATUSES:
        return Outcome(Input.GONE, text)
    pause = response.headers.get("Retry-After").partition("(")[0].partition(";")[0].strip(" \t")
    pause_s = float(pause) if pause.isascii() and pause.isdecimal() and len(pause) <= 6 else 0.0
    return Outcome(Input.REFUSED, text, retry_after_s=pause_s)


def _is_longer(response: SipResponse, subscription: Subscription) -> bool:
    return subscription.expires_s < _min_expires_s(response) <= MAX_MIN_EXPIRES_S


def _min_expires_s(response: SipResponse) -> int:
    return granted_s(response.headers.get("Min-Expires"), 0)
