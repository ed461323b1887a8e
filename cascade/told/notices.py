"""Tells one superior what it subscribed to: one NOTIFY, and the next when it is answered.

Whoever has news wakes the one task that sends. What is told of the catalogue goes through the ledger.
Source: RFC 6665 section 4.2.2; gb28181.md 5.1, 5.3, 5.4, 8.6; GB-C093, GB-C094, GB-C134.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterable
from typing import Final

from cascade.errors import CascadeError, SuperiorRefused
from cascade.link import SuperiorLink
from cascade.model import InitialReport, Superior
from cascade.ports import Whereabouts
from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.presented import PresentedTree
from cascade.shown.stock import AWAY
from cascade.signalling import ANSWER_TIMEOUT_S
from cascade.stats import CascadeStats
from cascade.told.feeds import AlarmFeed, CatalogFeed, Feed, Notice, PositionFeed, PtzFeed
from cascade.told.ledger_book import LedgerBook
from cascade.told.news import News
from cascade.told.openings import Openings
from cascade.told.outlets import Outlet, Push
from cascade.told.subscriptions import Kind, Subscription, Subscriptions
from cascade.told.wishes import Wishes
from sipserver.devices.alarms.model import Alarm
from sipserver.devices.positions.model import PtzPositionReported, StoredPosition
from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.messages.alarm import AlarmQuery
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.errors import TransportError

SILENT_MAX: Final = 3
"""NOTIFYs without an answer in a row, after which a subscription is over."""
EAGER_S: Final = 0.2
"""After which the first change behind a quiet time is told; those that follow are gathered for longer."""
PAUSE_S: Final = 1.0
PAUSE_MAX_S: Final = 30.0
"""After silence, doubling."""
GOODBYE_S: Final = 2.0
DATABASE_PAUSE_S: Final = 1.0
DROPPING: Final = frozenset({404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})
"""Answers after which a notifier drops the subscription (RFC 6665 section 4.2.2)."""
_EVERY_ALARM: Final = AlarmQuery("0", GbId(""))

logger = logging.getLogger(__name__)


class Notices:
    """All that one superior is told without asking each time."""

    def __init__(
        self,
        link: SuperiorLink,
        catalogue: PresentedCatalogue,
        book: LedgerBook,
        transport: SipTransport,
        whereabouts: Whereabouts | None,
        wishes: Wishes | None = None,
        stats: CascadeStats | None = None,
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._book = book
        self._transport = transport
        self._clock = transport.clock
        self._stats = stats or CascadeStats()
        self.subscriptions: Final = Subscriptions(
            link,
            catalogue,
            transport,
            make_feed=Openings(link, whereabouts).feed,
            accepted=self._accepted,
            removed=self._removed,
            ending=self._end,
            stats=self._stats,
        )
        self._wishes = wishes
        self._news = News()
        self._pushed_alarms = Push(AlarmFeed(_EVERY_ALARM))
        self._pushed_items: Push | None = None
        self._stirred_at: float | None = None
        self._gathered_at = 0.0
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self.answer_s = ANSWER_TIMEOUT_S
        """How long the answer to a NOTIFY is waited for."""
        self.sent = 0
        self.unanswered = 0
        self.refused = 0
        catalogue.listeners.append(self._stirred)
        catalogue.changed.append(self._changed)
        link.listeners.append(lambda _: self._woken.set())

    # ---------------------------------------------------------------- life

    def open(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=f"notices to {self._link.superior.superior_id}"
            )

    async def close(self, reason: str = "deactivated") -> None:
        """End every subscription, and tell the superior within a moment."""
        await self.end_all("the platform stops", reason)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.subscriptions.close()

    async def end_all(self, why: str, reason: str) -> None:
        for subscription in self.subscriptions.running():
            self._end(subscription, why, reason)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await asyncio.gather(*self._goodbyes, return_exceptions=True)

    # ---------------------------------------------------------------- what others report

    def receive_subscribe(self, incoming: IncomingRequest) -> None:
        self.subscriptions.receive(incoming)

    def alarm(self, alarm: Alarm) -> None:
        if self._link.superior.pushes_alarms or self.subscriptions.of(Kind.ALARM):
            self._news.alarm(alarm)
            self._woken.set()

    def place(self, position: StoredPosition) -> None:
        if self.subscriptions.of(Kind.MOBILE_POSITION):
            self._news.place(position)
            self._woken.set()

    def direction(self, report: PtzPositionReported) -> None:
        if self.subscriptions.of(Kind.PTZ_POSITION):
            self._news.direction(report)
            self._woken.set()

    async def push_again(self, presented_ids: Collection[str] | None = None) -> int:
        """Tell entries again, whatever the superior said before; None: all with which something is wrong.

        In the superior's subscription to the catalogue; without one by MESSAGE. How many it will be.
        """
        ledger = await self._book.ledger()
        tree = await self._catalogue.tree()
        if presented_ids is None:
            entries = [entry for entry, _ in ledger.differences()]
        else:
            known = (tree.reserved(each) for each in presented_ids)
            entries = [entry for entry in known if entry is not None]
        feeds = [each.feed for each in self.subscriptions.of(Kind.CATALOG)]
        if not feeds:
            if self._pushed_items is None:
                self._pushed_items = Push(CatalogFeed(tree, tree.root, InitialReport.NONE))
            feeds = [self._pushed_items.feed]
        for feed in feeds:
            if isinstance(feed, CatalogFeed):
                feed.tell_again(entries)
        self._woken.set()
        return len(entries)

    # ---------------------------------------------------------------- inside: what wakes

    def _stirred(self) -> None:
        if self._stirred_at is None:
            self._stirred_at = self._clock()
            self._woken.set()

    def _changed(self, entries: Collection[int]) -> None:
        for subscription in self.subscriptions.of(Kind.CATALOG):
            if isinstance(subscription.feed, CatalogFeed):
                subscription.feed.changed(entries)
        self._woken.set()

    def _accepted(self, subscription: Subscription, tree: PresentedTree) -> None:
        self._woken.set()
        if self._wishes is not None and not subscription.is_poll:
            self._wishes.follow(subscription, tree)

    def _removed(self, subscription: Subscription) -> None:
        if self._wishes is not None:
            self._wishes.drop(subscription)

    def _outlets(self) -> Iterable[Outlet]:
        yield self._pushed_alarms
        if self._pushed_items is not None:
            yield self._pushed_items
        yield from self.subscriptions.running()

    # ---------------------------------------------------------------- inside: the one task

    async def _run(self) -> None:
        try:
            # The first picture that the superior asks for is not to wait until a large catalogue was read.
            await self._catalogue.tree()
        except Exception as error:
            logger.warning("what superior %s is shown is read later: %s", self._superior.superior_id, error)
        while True:
            await self._wait()
            try:
                await self._turn()
            except AWAY as error:
                logger.warning("superior %s is told later: %s", self._link.superior.superior_id, error)
                await asyncio.sleep(DATABASE_PAUSE_S)
            except Exception:
                logger.exception("notices to superior %s failed", self._link.superior.superior_id)
                await asyncio.sleep(DATABASE_PAUSE_S)

    async def _wait(self) -> None:
        due = self._next_due()
        if due is not None and due <= self._clock():
            await asyncio.sleep(0)
            return
        self._woken.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if due is None else due - self._clock()):
                await self._woken.wait()

    def _next_due(self) -> float | None:
        """When there is something to do; what waits for the link waits without a time."""
        times = [each.expires_at for each in self.subscriptions.running()]
        if self._stirred_at is not None and self.subscriptions.of(Kind.CATALOG):
            times.append(self._gather_at(self._stirred_at))
        if self._news:
            times.append(0.0)
        if self._link.is_online:
            for outlet in self._outlets():
                if (due := outlet.feed.due_at()) is not None:
                    times.append(max(due, outlet.not_before))
                elif isinstance(outlet, Subscription) and outlet.is_poll:
                    times.append(0.0)
        return min(times, default=None)

    async def _turn(self) -> None:
        now = self._clock()
        for subscription in self.subscriptions.running():
            if now >= subscription.expires_at:
                self._end(subscription, "its time is over", "timeout")
        await self._gather(now)
        if not self._link.is_online:
            return
        for outlet in list(self._outlets()):
            due = outlet.feed.due_at()
            if due is not None and max(due, outlet.not_before) <= now and not outlet.ended:
                await self._serve(outlet)
            elif due is None and isinstance(outlet, Subscription) and outlet.is_poll:
                self._end(outlet, "it asked once", "timeout")
        if self._pushed_items is not None and self._pushed_items.feed.due_at() is None:
            self._pushed_items = None

    def _gather_at(self, stirred_at: float) -> float:
        wait_s = self._superior.notify_wait_s
        return max(stirred_at + min(EAGER_S, wait_s), self._gathered_at + wait_s)

    async def _gather(self, now: float) -> None:
        """Find out what has changed, where somebody wants to know."""
        is_due = self._stirred_at is not None and now >= self._gather_at(self._stirred_at)
        if is_due and self.subscriptions.of(Kind.CATALOG):
            self._stirred_at, self._gathered_at = None, now
            try:
                await self._catalogue.tree()
            except BaseException:
                self._stirred_at = now
                raise
        if self._news:
            self._spread(await self._catalogue.tree())

    def _spread(self, tree: PresentedTree) -> None:
        """To those whose scope and conditions let it pass."""
        for entry, alarm in self._news.take_alarms(tree):
            feeds = self._feeds(Kind.ALARM, tree, entry)
            is_told = [feed.add(alarm) for feed in feeds if isinstance(feed, AlarmFeed)]
            pushed = self._pushed_alarms.feed
            if self._superior.pushes_alarms and not any(is_told) and isinstance(pushed, AlarmFeed):
                pushed.add(alarm)
        for entry, place in self._news.take_places(tree):
            for feed in self._feeds(Kind.MOBILE_POSITION, tree, entry):
                if isinstance(feed, PositionFeed):
                    feed.add(entry, place)
        for entry, direction in self._news.take_directions(tree):
            for feed in self._feeds(Kind.PTZ_POSITION, tree, entry):
                if isinstance(feed, PtzFeed):
                    feed.add(tree.presented_ids[entry], direction)

    def _feeds(self, kind: Kind, tree: PresentedTree, entry: int) -> list[Feed]:
        return [each.feed for each in self.subscriptions.of(kind) if tree.is_in(entry, each.scope)]

    # ---------------------------------------------------------------- inside: sending

    async def _serve(self, outlet: Outlet) -> None:
        """One notice, and what its answer means."""
        notice = outlet.feed.take(self._link.signalling.next_sn(), self._superior, self._clock())
        if notice is None:
            return
        ledger = await self._book.ledger() if notice.told else None
        if ledger is not None:
            ledger.sent(notice.told, self._book.now_s())
        outlet.notices += 1
        self.sent += 1
        try:
            status = await self._deliver(outlet, notice)
        except BaseException:
            outlet.feed.failed(notice)
            raise
        if status < 300:
            outlet.unanswered = 0
            self._stats.notices["taken"] += 1
            if ledger is not None:
                ledger.acknowledged(notice.told, self._book.now_s())
        elif status in DROPPING and isinstance(outlet, Subscription):
            self.refused += 1
            self._stats.notices["dropped"] += 1
            self.subscriptions.remove(outlet, f"a NOTIFY was answered with {status}")
        elif status >= 500 or status == 408:
            self._unheard(outlet, notice, status)
        else:
            self.refused += 1
            self._stats.notices["refused"] += 1
            if ledger is not None:
                ledger.refused(notice.told, status)
        self._book.kick()
        if self._superior.fragment_pause_s:
            await asyncio.sleep(self._superior.fragment_pause_s)

    async def _deliver(self, outlet: Outlet, notice: Notice) -> int:
        """The status of the answer; 408 stands for none."""
        try:
            if isinstance(outlet, Push):
                return (await self._link.send_document(notice.element)).status
            left_s = max(1, int(outlet.expires_at - self._clock()))
            body = manscdp.serialize_document(notice.element, self._superior.charset)
            return await self._notify(outlet, f"active;expires={left_s}", body, self.answer_s)
        except SuperiorRefused as error:
            return error.status
        except (TransportError, CascadeError) as error:
            logger.debug("superior %s: %s", self._superior.superior_id, error)
            return 408

    async def _notify(self, subscription: Subscription, state: str, body: bytes, timeout_s: float) -> int:
        request = subscription.dialog.make_request(
            "NOTIFY",
            [
                ("Contact", self._link.signalling.contact),
                ("Event", subscription.event),
                ("Subscription-State", state),
            ],
            body,
            manscdp.CONTENT_TYPE if body else None,
        )
        response = await self._transport.request(
            request, self._link.signalling.flow, timeout_s=timeout_s, abandon=True
        )
        subscription.dialog.receive_response(request, response)
        return response.status

    def _unheard(self, outlet: Outlet, notice: Notice, status: int) -> None:
        """Again after a pause; a superior that is there and answers no NOTIFY loses its subscription."""
        self.unanswered += 1
        self._stats.notices["unheard"] += 1
        outlet.feed.failed(notice)
        if not self._link.is_online:
            return
        outlet.unanswered += 1
        pause_s = min(PAUSE_MAX_S, PAUSE_S * 2 ** (outlet.unanswered - 1))
        outlet.not_before = self._clock() + pause_s
        if outlet.unanswered >= SILENT_MAX and isinstance(outlet, Subscription):
            self.subscriptions.remove(outlet, f"{outlet.unanswered} NOTIFYs were not heard ({status})")

    def _end(self, subscription: Subscription, why: str, reason: str) -> None:
        """Over for us at once; the superior is told once."""
        if subscription.ended:
            return
        self.subscriptions.remove(subscription, why)
        if self._link.is_online:
            task = asyncio.get_running_loop().create_task(self._say_goodbye(subscription, reason))
            self._goodbyes.add(task)
            task.add_done_callback(self._goodbyes.discard)

    async def _say_goodbye(self, subscription: Subscription, reason: str) -> None:
        try:
            await self._notify(subscription, f"terminated;reason={reason}", b"", GOODBYE_S)
        except TransportError as error:
            logger.debug("superior %s: %s", self._superior.superior_id, error)

    @property
    def _superior(self) -> Superior:
        return self._link.superior
