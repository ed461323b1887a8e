"""What one superior has subscribed to: dialogs, how long they hold, and how they end (订阅).

```text
SUBSCRIBE ──▶ readable, presented, room ──▶ 200 ──▶ NOTIFYs ──▶ Expires 0, time-out, nobody answers
```

Source: RFC 6665 section 4.2; gb28181.md 5.1, 5.2, 8.6; GB-C089, GB-C090.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from cascade.link import SuperiorLink
from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.presented import PresentedTree
from cascade.shown.stock import AWAY
from cascade.stats import CascadeStats
from cascade.told.feeds import AlarmFeed, Feed, PositionFeed
from sipserver.devices.limiter import TokenBuckets
from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.alarm import AlarmQuery
from sipserver.gb.messages.catalog import CatalogQuery
from sipserver.gb.messages.mobile_position import MobilePositionQuery
from sipserver.gb.messages.ptz_position import PtzPositionQuery
from sipserver.gb.messages.subscription_answer import SubscriptionAnswer
from sipserver.sip.dialog import Dialog
from sipserver.sip.errors import RemoteViolation
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.driver import IncomingRequest, SipTransport

DEFAULT_EXPIRES_S: Final = 600
MAX_EXPIRES_S: Final = 86_400
"""What is asked for beyond a day is granted for a day."""
MAX_SUBSCRIPTIONS: Final = 1_000
"""Of one superior: some subscribe to the position of each vehicle."""
MAX_CATALOGS: Final = 8
"""Of those, to the catalogue: each remembers what it was told of every entry."""
MAX_ACCEPTING: Final = 32
BURST: Final = 1_000
PER_SECOND: Final = 50.0
RETRY_AFTER_S: Final = 10
POLL_S: Final = 60.0
"""How long a superior that asks once (Expires 0) is told what there is."""

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """What may be subscribed to; the text is CmdType."""

    CATALOG = "Catalog"
    ALARM = "Alarm"
    MOBILE_POSITION = "MobilePosition"
    PTZ_POSITION = "PTZPosition"


Query: TypeAlias = CatalogQuery | AlarmQuery | MobilePositionQuery | PtzPositionQuery
MakeFeed: TypeAlias = Callable[[Kind, Query, PresentedTree], Feed]

_QUERIES: Final[Mapping[Kind, Callable[[Element], Query]]] = {
    Kind.CATALOG: CatalogQuery.from_xml,
    Kind.ALARM: AlarmQuery.from_xml,
    Kind.MOBILE_POSITION: MobilePositionQuery.from_xml,
    Kind.PTZ_POSITION: PtzPositionQuery.from_xml,
}


@dataclass(eq=False, slots=True)
class Subscription:
    """One of them, from SUBSCRIBE to its end."""

    kind: Kind
    scope: str
    """What it is about: ourselves, a division, a directory or one camera."""
    feed: Feed
    dialog: Dialog
    event: str
    """The Event header, which each NOTIFY repeats."""
    accepted_at: float
    expires_at: float
    is_poll: bool = False
    """It ends when it was told what there is."""
    unanswered: int = 0
    """NOTIFYs in a row."""
    not_before: float = 0.0
    """After silence the next NOTIFY waits."""
    notices: int = 0
    ended: str = ""
    """Why; empty while it runs."""


class Subscriptions:
    """All of one superior.

    Args:
        accepted: hears of each that began or was refreshed, with what is presented.
        removed: hears of each that is over.
        ending: is to end one, with the reason for us and the one for the superior (RFC 6665 section 4.1.3).
    """

    def __init__(
        self,
        link: SuperiorLink,
        catalogue: PresentedCatalogue,
        transport: SipTransport,
        *,
        make_feed: MakeFeed,
        accepted: Callable[[Subscription, PresentedTree], None],
        removed: Callable[[Subscription], None],
        ending: Callable[[Subscription, str, str], None],
        stats: CascadeStats,
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._transport = transport
        self._make_feed = make_feed
        self._accepted = accepted
        self._removed = removed
        self._ending = ending
        self._stats = stats
        self._all: dict[tuple[str, str], Subscription] = {}
        """By Call-ID and our tag."""
        self._accepting: set[asyncio.Task[None]] = set()
        self._floods = TokenBuckets(BURST, PER_SECOND)
        self.refused = 0

    # ---------------------------------------------------------------- what others see and do

    def running(self) -> list[Subscription]:
        return list(self._all.values())

    def of(self, kind: Kind) -> list[Subscription]:
        return [each for each in self._all.values() if each.kind is kind]

    def remove(self, subscription: Subscription, why: str) -> None:
        """Forget it; harmless when repeated."""
        if subscription.ended:
            return
        subscription.ended = why
        self._removed(subscription)
        self._all.pop((subscription.dialog.call_id, subscription.dialog.id.local_tag), None)
        logger.info(
            "superior %s is told no more of %s below %s: %s",
            self._link.superior.superior_id,
            subscription.kind,
            subscription.scope,
            why,
        )

    async def close(self) -> None:
        tasks = list(self._accepting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---------------------------------------------------------------- SUBSCRIBE

    def receive(self, incoming: IncomingRequest) -> None:
        """Answer a SUBSCRIBE, now or when the catalogue was looked at."""
        request = incoming.request
        known = self._all.get((request.call_id, request.to.tag or ""))
        if known is not None:
            self._refresh(known, incoming)
        elif request.to.tag:
            # After our own restart, too: the superior subscribes anew.
            self._refuse(incoming, 481, "no such subscription")
        elif not self._floods.take(request.from_.uri.user, self._transport.clock()):
            self._refuse(incoming, 503, "too many SUBSCRIBEs")
        elif len(self._accepting) >= MAX_ACCEPTING:
            self._refuse(incoming, 503, "too many SUBSCRIBEs at once")
        else:
            self._begin(self._accept(incoming))

    # ---------------------------------------------------------------- inside

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)

    async def _accept(self, incoming: IncomingRequest) -> None:
        try:
            document = manscdp.parse_document(incoming.request.body)
            kind = next((each for each in Kind if each == document.cmd_type), None)
            if document.root != "Query" or kind is None:
                self._refuse(incoming, 489, f"{document.root} {document.cmd_type[:40]}")
                return
            query = _QUERIES[kind](document.element)
        except MalformedText as error:
            self._refuse(incoming, 400, str(error))
            return
        try:
            tree = await self._catalogue.tree()
        except AWAY as error:
            self._refuse(incoming, 503, f"the database is away: {error}")
            return
        if not _is_shown(tree, query.device_id):
            self._refuse(incoming, 404, f"{query.device_id} is not presented", document)
        elif len(self._all) >= MAX_SUBSCRIPTIONS:
            self._refuse(incoming, 503, f"there are {len(self._all)} subscriptions already", document)
        else:
            if kind is Kind.CATALOG and len(catalogs := self.of(kind)) >= MAX_CATALOGS:
                # Forgotten by a superior that was restarted, more likely than not.
                self._ending(catalogs[0], "a newer subscription", "deactivated")
            self._accepted(self._take(incoming, document, kind, self._make_feed(kind, query, tree)), tree)

    def _take(self, incoming: IncomingRequest, document: Document, kind: Kind, feed: Feed) -> Subscription:
        request, now = incoming.request, self._transport.clock()
        expires_s = _expires_s(request)
        response = self._agree(incoming, expires_s, document)
        subscription = Subscription(
            kind,
            document.device_id,
            feed,
            Dialog.from_request(request, response),
            request.headers.get("Event") or kind.value,
            now,
            now + (expires_s or POLL_S),
            is_poll=expires_s == 0,
        )
        self._all[request.call_id, subscription.dialog.id.local_tag] = subscription
        logger.info(
            "superior %s is told of %s below %s for %d s",
            self._link.superior.superior_id,
            kind,
            document.device_id,
            expires_s,
        )
        return subscription

    def _refresh(self, subscription: Subscription, incoming: IncomingRequest) -> None:
        """In the dialog: on, or over with Expires 0. A body may bring other conditions."""
        request = incoming.request
        try:
            subscription.dialog.receive(request)
            document = self._read_again(subscription, request)
        except RemoteViolation as error:
            self._refuse(incoming, error.status, str(error))
            return
        except MalformedText as error:
            self._refuse(incoming, 400, str(error))
            return
        expires_s = _expires_s(request)
        self._agree(incoming, expires_s, document)
        if expires_s:
            subscription.expires_at = self._transport.clock() + expires_s
            subscription.unanswered, subscription.not_before = 0, 0.0
            if len(self._accepting) < MAX_ACCEPTING:  # the next refresh does as well
                self._begin(self._tell_refreshed(subscription))
        else:
            self._ending(subscription, "the superior cancelled it", "timeout")

    async def _tell_refreshed(self, subscription: Subscription) -> None:
        with contextlib.suppress(*AWAY):
            tree = await self._catalogue.tree()
            if not subscription.ended:
                self._accepted(subscription, tree)

    def _read_again(self, subscription: Subscription, request: SipRequest) -> Document | None:
        """The body of a refresh, where there is one.

        Raises:
            MalformedText: it cannot be read, or is about something else.
        """
        if not request.body:
            return None
        document = manscdp.parse_document(request.body)
        if (document.cmd_type, document.device_id) != (subscription.kind, subscription.scope):
            raise MalformedText("a dialog is about one thing: subscribe to another in its own")
        query = _QUERIES[subscription.kind](document.element)
        match subscription.feed, query:
            case AlarmFeed() as alarms, AlarmQuery():
                alarms.query = query
            case PositionFeed() as positions, MobilePositionQuery():
                positions.query = query
        return document

    def _agree(self, incoming: IncomingRequest, expires_s: int, document: Document | None) -> SipResponse:
        self._stats.subscribes += 1
        body = b"" if document is None else self._answer(document, ok=True)
        return self._transport.respond(
            incoming,
            200,
            headers=[("Expires", str(expires_s)), ("Contact", self._link.signalling.contact)],
            body=body,
            content_type=manscdp.CONTENT_TYPE if body else None,
            to_tag=self._transport.token(),
        )

    def _refuse(
        self, incoming: IncomingRequest, status: int, why: str, document: Document | None = None
    ) -> None:
        self.refused += 1
        self._stats.subscribes_refused[str(status)] += 1
        logger.info(
            "SUBSCRIBE of superior %s is refused with %d: %s", self._link.superior.superior_id, status, why
        )
        headers = [("Retry-After", str(RETRY_AFTER_S))] if status == 503 else []
        body = b"" if document is None else self._answer(document, ok=False)
        self._transport.respond(
            incoming, status, headers=headers, body=body, content_type=manscdp.CONTENT_TYPE if body else None
        )

    def _answer(self, document: Document, *, ok: bool) -> bytes:
        answer = SubscriptionAnswer(document.cmd_type, document.sn, GbId(document.device_id), ok)
        return manscdp.serialize_document(answer.to_xml(), self._link.superior.charset)


def _is_shown(tree: PresentedTree, scope: str) -> bool:
    return scope == tree.root or bool(tree.entries_below(scope))


def _expires_s(request: SipRequest) -> int:
    """What is asked for, as far as it is granted."""
    text = request.headers.get("Expires").strip(" \t")
    if not (text.isascii() and text.isdecimal()):
        return DEFAULT_EXPIRES_S
    return min(int(text) if len(text) <= 9 else MAX_EXPIRES_S, MAX_EXPIRES_S)
