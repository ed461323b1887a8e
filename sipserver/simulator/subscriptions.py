"""The notifier of a simulated device: accepts SUBSCRIBE, keeps the dialogs, sends NOTIFY in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.manscdp import Document, Element
from sipserver.simulator.features import DeviceParts
from sipserver.sip.dialog import Dialog
from sipserver.sip.errors import RemoteViolation, SipError
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.errors import TransportError

KINDS: Final = frozenset({"Catalog", "Alarm", "MobilePosition", "PTZPosition"})
SUBSCRIBERS_MAX: Final = 64
WAITING_MAX: Final = 10_000
DEFAULT_EXPIRES_S: Final = 600
# After these the notifier drops the subscription (RFC 6665 section 4.2.2).
_DROPPING: Final = frozenset({404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Subscriber:
    """One who asked to be told."""

    cmd_type: str
    query: Document
    dialog: Dialog
    event: str
    expires_at: float
    accepted_at: float
    work: asyncio.Task[None] | None = None
    """Reports from time to time, where the kind wants that."""


@dataclass(frozen=True, slots=True)
class _Notice:
    subscriber: Subscriber
    body: bytes
    state: str = field(default="")


Welcome = Callable[[Subscriber], None]
"""Says what is to be said at once, and may start the subscriber's ``work``."""


class Subscriptions:
    """Who is subscribed to what. The other features say what there is to tell."""

    def __init__(self, parts: DeviceParts) -> None:
        self._parts = parts
        self._clock = asyncio.get_running_loop().time
        self._subscribers: dict[str, Subscriber] = {}
        self._notices: asyncio.Queue[_Notice] = asyncio.Queue(WAITING_MAX)
        self._worker: asyncio.Task[None] | None = None
        self.welcomes: Final[dict[str, Welcome]] = {}
        """By CmdType."""
        self.refreshed = 0
        self.accepted = 0
        parts.request_handlers.setdefault("SUBSCRIBE", []).append(self._receive)

    async def open(self) -> None:
        self._worker = asyncio.create_task(self._send_notices(), name="notifications")

    async def close(self) -> None:
        """Subscribers are not told: the device is switched off."""
        works = [each.work for each in self._subscribers.values() if each.work is not None]
        tasks = [task for task in (*works, self._worker) if task is not None]
        self._subscribers.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def of(self, cmd_type: str) -> list[Subscriber]:
        """The subscribers of one kind; those whose time is over are forgotten."""
        now = self._clock()
        for call_id, subscriber in list(self._subscribers.items()):
            forget_s = self._parts.behaviour.subscription_forgotten_s
            if now >= subscriber.expires_at or (forget_s and now >= subscriber.accepted_at + forget_s):
                self._drop(call_id)
        return [each for each in self._subscribers.values() if each.cmd_type == cmd_type]

    def notify(self, cmd_type: str, element: Element) -> bool:
        """Tell every subscriber of a kind; False when there is none."""
        found = self.of(cmd_type)
        for subscriber in found:
            self.tell(subscriber, element)
        return bool(found)

    def tell(self, subscriber: Subscriber, element: Element | None, state: str = "") -> None:
        """Queue one NOTIFY; without a document it only says how the subscription stands."""
        if self._parts.behaviour.never_notifies:
            return
        body = b"" if element is None else manscdp.serialize_document(element, self._parts.settings.charset)
        if self._notices.full():
            logger.warning("%s has too many notifications to send", self._parts.settings.device_id)
            return
        self._notices.put_nowait(_Notice(subscriber, body, state))

    def terminate(self, cmd_type: str, reason: str = "deactivated") -> None:
        """End the subscriptions of a kind, and say so."""
        for subscriber in self.of(cmd_type):
            self.tell(subscriber, None, f"terminated;reason={reason}")
            self._drop(subscriber.dialog.call_id)

    def forget(self) -> None:
        """Lose all subscriptions without a word, as a restart does (Q45)."""
        for call_id in list(self._subscribers):
            self._drop(call_id)

    # ---------------------------------------------------------------- SUBSCRIBE

    def _receive(self, incoming: IncomingRequest) -> bool:
        request = incoming.request
        self.of("")
        known = self._subscribers.get(request.call_id)
        if known is not None:
            self._refresh(known, incoming)
        elif request.to.tag is not None:
            self._parts.signalling.transport.respond(incoming, 481)
        else:
            self._accept(incoming)
        return True

    def _accept(self, incoming: IncomingRequest) -> None:
        respond, request = self._parts.signalling.transport.respond, incoming.request
        event = request.headers.get("Event")
        if self._parts.behaviour.knows_presence_only and event.partition(";")[0].strip() != "presence":
            respond(incoming, 489)
            return
        try:
            query = manscdp.parse_document(request.body)
        except MalformedDocument:
            respond(incoming, 400)
            return
        if query.root != "Query" or query.cmd_type not in KINDS:
            respond(incoming, 489)
            return
        if len(self._subscribers) >= SUBSCRIBERS_MAX:
            respond(incoming, 503)
            return
        expires_s = _expires_s(request)
        response = respond(
            incoming,
            200,
            headers=[("Expires", str(expires_s)), ("Contact", self._parts.signalling.contact)],
        )
        now = self._clock()
        dialog = Dialog.from_request(request, response)
        subscriber = Subscriber(query.cmd_type, query, dialog, event, now + expires_s, now)
        self.accepted += 1
        if expires_s:
            self._subscribers[dialog.call_id] = subscriber
            self._welcome(subscriber)

    def _refresh(self, subscriber: Subscriber, incoming: IncomingRequest) -> None:
        respond, request = self._parts.signalling.transport.respond, incoming.request
        try:
            subscriber.dialog.receive(request)
        except RemoteViolation as error:
            respond(incoming, error.status)
            return
        expires_s = _expires_s(request)
        headers = [("Expires", str(expires_s)), ("Contact", self._parts.signalling.contact)]
        respond(incoming, 200, headers=headers)
        if expires_s == 0:
            self.tell(subscriber, None, "terminated;reason=timeout")
            self._drop(subscriber.dialog.call_id)
            return
        subscriber.expires_at = self._clock() + expires_s
        self.refreshed += 1

    def _welcome(self, subscriber: Subscriber) -> None:
        welcome = self.welcomes.get(subscriber.cmd_type)
        if welcome is None:
            self.tell(subscriber, None)
        else:
            welcome(subscriber)

    def _drop(self, call_id: str) -> None:
        subscriber = self._subscribers.pop(call_id, None)
        if subscriber is not None and subscriber.work is not None:
            subscriber.work.cancel()

    # ---------------------------------------------------------------- NOTIFY

    async def _send_notices(self) -> None:
        while True:
            notice = await self._notices.get()
            try:
                await self._send(notice)
            except (TransportError, SipError) as error:
                logger.info("%s: a notification was lost: %s", self._parts.settings.device_id, error)

    async def _send(self, notice: _Notice) -> None:
        subscriber = notice.subscriber
        left_s = max(int(subscriber.expires_at - self._clock()), 1)
        headers = [
            ("Contact", self._parts.signalling.contact),
            ("Event", subscriber.event),
            ("Subscription-State", notice.state or f"active;expires={left_s}"),
        ]
        content_type = manscdp.CONTENT_TYPE if notice.body else None
        request = subscriber.dialog.make_request("NOTIFY", headers, notice.body, content_type)
        if self._parts.behaviour.notifies_outside_dialog:
            request.headers.set("Call-ID", self._parts.signalling.transport.token())
        response = await self._parts.signalling.request(request)
        if response.status in _DROPPING:
            self._drop(subscriber.dialog.call_id)


def _expires_s(request: SipRequest) -> int:
    text = request.headers.get("Expires").strip(" \t")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else DEFAULT_EXPIRES_S
