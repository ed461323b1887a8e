"""What there is to tell one subscriber, coalesced: however much happens, only the newest of each is kept.

A feed is asked for its next notice when the one before is settled, so nothing piles up behind a slow
superior. Source: gb28181.md 5.3, 5.4, 8.6; GB-C093, GB-C094, GB-C134.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Protocol

from cascade.model import InitialReport, Superior
from cascade.shown.channel_table import ItemState
from cascade.shown.presented import PresentedTree
from cascade.told.ledger import Told
from sipserver.gb.editions import Feature, allows
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.alarm import AlarmNotify, AlarmQuery
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.messages.catalog_notify import CatalogEvent, CatalogEventKind, CatalogNotify
from sipserver.gb.messages.mobile_position import MobilePositionNotify, MobilePositionQuery, Position
from sipserver.gb.messages.ptz_position import PtzPosition, PtzPositionNotify
from sipserver.sip.flow import Transport

ALARMS_MAX: Final = 1_000
"""That wait for one subscriber; the oldest is given up for a newer one."""
DATAGRAM_ITEMS: Final = 20
"""Whole items that fit into a datagram, however much each says."""
LOOKED_AT: Final = 1_000
"""Entries that may differ, looked at in one go."""
UNSURE: Final = 255
"""In place of an ``ItemState``: the superior may or may not have heard."""
FRESH: Final = 254
"""The superior is to be told all of it; what it knows already nobody asks."""
_STATUS_EVENTS: Final = {
    ItemState.ON: CatalogEventKind.ON,
    ItemState.OFF: CatalogEventKind.OFF,
    ItemState.VLOST: CatalogEventKind.VLOST,
    ItemState.DEFECT: CatalogEventKind.DEFECT,
}
_NOT_KNOWN: Final = frozenset({ItemState.ABSENT, UNSURE, FRESH})
_FAULTS: Final = frozenset({ItemState.VLOST, ItemState.DEFECT})
_FRESH: Final = bytes(FRESH if state else ItemState.ABSENT for state in range(256))
_TOLD_ON: Final = bytes(ItemState.ON if state else ItemState.ABSENT for state in range(256))


@dataclass(frozen=True, slots=True)
class Notice:
    """One document, and what it tells of the catalogue."""

    element: Element
    told: tuple[Told, ...] = ()


class Feed(Protocol):
    """One subscriber's news."""

    def due_at(self) -> float | None:
        """From when on there is something to tell; None: nothing."""

    def take(self, sn: str, superior: Superior, now: float) -> Notice | None:
        """The next notice; None when there was nothing to tell after all, so far."""

    def failed(self, notice: Notice) -> None:
        """Nobody knows whether it arrived."""


class CatalogFeed:
    """What differs between the tree and what the subscriber was told."""

    def __init__(self, tree: PresentedTree, scope: str, report: InitialReport) -> None:
        self.scope: Final = scope
        self._tree = tree
        self._sums = array("I", tree.sums)
        self._dirty: dict[int, None] = {}
        match report:
            case InitialReport.FULL:
                self._states = tree.states.translate(_FRESH)
            case InitialReport.NONE:
                self._states = bytearray(tree.states)
            case _:
                # A new subscriber takes everything to be on (gb28181.md 5.3).
                self._states = tree.states.translate(_TOLD_ON)
        differing = (entry for entry, state in enumerate(tree.states) if state != self._states[entry])
        self.changed(differing)

    def __len__(self) -> int:
        return len(self._dirty)

    def changed(self, entries: Iterable[int]) -> None:
        """These entries of the tree may differ from what was told."""
        is_in, scope = self._tree.is_in, self.scope
        self._dirty.update((entry, None) for entry in entries if is_in(entry, scope))

    def tell_again(self, entries: Iterable[int]) -> None:
        """As if nobody knew whether they arrived."""
        self._grow()
        for entry in entries:
            if self._tree.is_in(entry, self.scope):
                self._states[entry] = UNSURE
                self._dirty[entry] = None

    def due_at(self) -> float | None:
        return 0.0 if self._dirty else None

    def take(self, sn: str, superior: Superior, now: float) -> Notice | None:
        """Changes of status are short and go many at a time, whole items as the superior takes them."""
        self._grow()
        events: list[CatalogEvent] = []
        told: list[Told] = []
        whole = 0
        is_datagram = superior.transport is Transport.UDP
        most = min(superior.fragment_items, DATAGRAM_ITEMS) if is_datagram else superior.fragment_items
        for entry in list(islice(self._dirty, LOOKED_AT)):
            if whole >= most or len(events) >= superior.notify_items:
                break
            del self._dirty[entry]
            kinds = self._kinds(entry)
            if not kinds:
                continue
            state, total = self._tree.states[entry], self._tree.sums[entry]
            self._states[entry], self._sums[entry] = state, total
            told.append(Told(entry, state, total))
            whole += kinds[0] in (CatalogEventKind.ADD, CatalogEventKind.UPDATE)
            events.extend(self._event(kind, entry) for kind in kinds)
        if not events:
            return None
        notify = CatalogNotify(sn, GbId(self.scope), len(events), tuple(events))
        return Notice(notify.to_xml(superior.edition), tuple(told))

    def failed(self, notice: Notice) -> None:
        self.tell_again(each.entry for each in notice.told)

    def _kinds(self, entry: int) -> tuple[CatalogEventKind, ...]:
        """The events that lead from what was told to what is."""
        state, told = self._tree.states[entry], self._states[entry]
        if not state:
            return (CatalogEventKind.DEL,) if told else ()
        if told in _NOT_KNOWN or self._sums[entry] != self._tree.sums[entry]:
            is_new = told in (ItemState.ABSENT, FRESH)
            first = CatalogEventKind.ADD if is_new else CatalogEventKind.UPDATE
            # An item has no word for a fault.
            return (first, _STATUS_EVENTS[ItemState(state)]) if state in _FAULTS else (first,)
        return () if state == told else (_STATUS_EVENTS[ItemState(state)],)

    def _event(self, kind: CatalogEventKind, entry: int) -> CatalogEvent:
        if kind in (CatalogEventKind.ADD, CatalogEventKind.UPDATE):
            return CatalogEvent(kind, self._tree.item(entry))
        return CatalogEvent(kind, CatalogItem(GbId(self._tree.presented_ids[entry])))

    def _grow(self) -> None:
        missing = len(self._tree) - len(self._states)
        if missing > 0:
            self._states.extend(bytes(missing))
            self._sums.frombytes(bytes(missing * self._sums.itemsize))


class AlarmFeed:
    """Alarms that the subscriber's conditions let pass."""

    def __init__(self, query: AlarmQuery) -> None:
        self.query = query
        self.lost = 0
        """Given up for newer ones."""
        self._waiting: deque[AlarmNotify] = deque()
        self._last: AlarmNotify | None = None

    def add(self, alarm: AlarmNotify) -> bool:
        """Whether the subscriber wants it; its scope was looked at before."""
        if not self.query.matches(alarm):
            return False
        if len(self._waiting) >= ALARMS_MAX:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(alarm)
        return True

    def due_at(self) -> float | None:
        return 0.0 if self._waiting else None

    def take(self, sn: str, superior: Superior, now: float) -> Notice | None:
        if not self._waiting:
            return None
        alarm = self._last = self._waiting.popleft()
        return Notice(replace(alarm, sn=sn).to_xml(superior.edition))

    def failed(self, notice: Notice) -> None:
        """The same alarm again before the others."""
        if self._last is not None:
            self._waiting.appendleft(self._last)


class PositionFeed:
    """Where things are: the newest place of each, once in an interval."""

    def __init__(self, query: MobilePositionQuery) -> None:
        self.query = query
        self._newest: dict[int, Position] = {}
        self._round: dict[int, Position] = {}
        self._due = 0.0

    def add(self, entry: int, position: Position) -> None:
        self._newest[entry] = position

    def due_at(self) -> float | None:
        if self._round:
            return 0.0
        return self._due if self._newest else None

    def take(self, sn: str, superior: Superior, now: float) -> Notice | None:
        """A list for the edition of 2022, one at a time for those before."""
        if not self._round:
            self._round, self._newest = self._newest, {}
            self._due = now + self.query.interval_s
        if not self._round:
            return None
        is_list = allows(superior.edition, Feature.COMMANDS_OF_2022)
        entries = list(islice(self._round, superior.notify_items if is_list else 1))
        places = tuple(self._round.pop(entry) for entry in entries)
        device_id = self.query.device_id if is_list else places[0].device_id
        return Notice(MobilePositionNotify(sn, device_id, places, is_list).to_xml())

    def failed(self, notice: Notice) -> None:
        """There will be a newer place soon."""


class PtzFeed:
    """Where cameras look: the newest direction of each."""

    def __init__(self) -> None:
        self._newest: dict[str, PtzPosition] = {}
        self._last: tuple[str, PtzPosition] | None = None

    def add(self, presented: str, position: PtzPosition) -> None:
        self._newest[presented] = position

    def due_at(self) -> float | None:
        return 0.0 if self._newest else None

    def take(self, sn: str, superior: Superior, now: float) -> Notice | None:
        if not self._newest:
            return None
        presented = next(iter(self._newest))
        position = self._newest.pop(presented)
        self._last = presented, position
        return Notice(PtzPositionNotify(sn, GbId(presented), position).to_xml())

    def failed(self, notice: Notice) -> None:
        if self._last is not None:
            self._newest.setdefault(*self._last)
