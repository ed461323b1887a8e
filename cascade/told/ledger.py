"""What one superior was told and what it said about it, beside what it is to know: in columns, 30 bytes each.

Intended is what the presented tree holds now. A difference is named by the first thing that is wrong with an
entry, so the list answers why a superior shows fewer cameras than it should (idea 11 of the field lessons).
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

from cascade.shown.channel_table import ItemState
from cascade.shown.presented import PresentedTree

ABSENT: Final = ItemState.ABSENT


class Told(NamedTuple):
    """That an entry was as it is said here."""

    entry: int
    state: int
    sum: int


class Listed(IntEnum):
    """What the superior said when it was asked for its own list."""

    UNKNOWN = 0  # it was not asked since
    SAME = 1
    OTHERWISE = 2  # with another name or status
    MISSING = 3


class Difference(StrEnum):
    """Why the superior may not know an entry as it is."""

    NEVER_SENT = "never_sent"
    REFUSED = "refused"
    NOT_SENT_SINCE = "not_sent_since"  # it has changed since it was told
    UNACKNOWLEDGED = "unacknowledged"  # told, and not answered
    NOT_LISTED = "not_listed"  # acknowledged, and missing in the superior's own list
    LISTED_OTHERWISE = "listed_otherwise"  # listed with another name or status
    NOT_REMOVED = "not_removed"  # shown no more, and the superior does not know


class LedgerRow(NamedTuple):
    """One line, as it is written down. Times are seconds since 1970 UTC; 0 is never."""

    presented_id: str
    sent_state: int
    sent_sum: int
    sent_s: int
    acknowledged_state: int
    acknowledged_sum: int
    acknowledged_s: int
    refused_status: int
    listed: int


class Ledger:
    """Lines are numbered as the entries of the tree."""

    def __init__(self, tree: PresentedTree) -> None:
        self._tree = tree
        self._sent_states = bytearray()
        self._sent_sums = array("I")
        self._sent_s = array("I")
        self._known_states = bytearray()
        self._known_sums = array("I")
        self._known_s = array("I")
        self._refused = array("H")
        self._listed = bytearray()
        self.unsaved: set[int] = set()
        """Lines that are to be written down."""

    def load(self, rows: Iterable[LedgerRow]) -> None:
        """Take over what was written down before our restart."""
        for row in rows:
            entry = self._tree.reserve(row.presented_id)
            self._grow()
            self._sent_states[entry], self._sent_sums[entry] = row.sent_state, row.sent_sum
            self._known_states[entry], self._known_sums[entry] = row.acknowledged_state, row.acknowledged_sum
            self._sent_s[entry], self._known_s[entry] = row.sent_s, row.acknowledged_s
            self._refused[entry], self._listed[entry] = row.refused_status, row.listed

    def row(self, entry: int) -> LedgerRow:
        self._grow()
        return LedgerRow(
            self._tree.presented_ids[entry],
            self._sent_states[entry],
            self._sent_sums[entry],
            self._sent_s[entry],
            self._known_states[entry],
            self._known_sums[entry],
            self._known_s[entry],
            self._refused[entry],
            self._listed[entry],
        )

    # ---------------------------------------------------------------- what happened

    def sent(self, told: Iterable[Told], now_s: int) -> None:
        self._grow()
        for entry, state, total in told:
            self._sent_states[entry], self._sent_sums[entry], self._sent_s[entry] = state, total, now_s
            self.unsaved.add(entry)

    def acknowledged(self, told: Iterable[Told], now_s: int) -> None:
        self._grow()
        for entry, state, total in told:
            self._known_states[entry], self._known_sums[entry], self._known_s[entry] = state, total, now_s
            self._refused[entry], self._listed[entry] = 0, Listed.UNKNOWN
            self.unsaved.add(entry)

    def refused(self, told: Iterable[Told], status: int) -> None:
        self._grow()
        for entry, _, _ in told:
            self._refused[entry] = status
            self.unsaved.add(entry)

    def listed_whole(self, entries: Collection[int], now_s: int) -> None:
        """A whole list was taken: what it did not hold, the superior knows to be gone."""
        self._grow()
        there = bytearray(len(self._sent_states))
        for entry in entries:
            there[entry] = 1
        for entry, state in enumerate(self._sent_states):
            if not there[entry] and (state or self._known_states[entry]):
                gone = (Told(entry, ABSENT, 0),)
                self.sent(gone, now_s)
                self.acknowledged(gone, now_s)

    def asked_back(self, found: Iterable[tuple[int, Listed]]) -> None:
        """The superior listed what it has; what is not in it is missing there."""
        self._grow()
        said = dict(found)
        for entry, state in enumerate(self._tree.states):
            verdict = said.get(entry, Listed.MISSING if state else Listed.UNKNOWN)
            if self._listed[entry] != verdict:
                self._listed[entry] = verdict
                self.unsaved.add(entry)

    # ---------------------------------------------------------------- what is wrong

    def difference(self, entry: int) -> Difference | None:
        """The first thing that is wrong with an entry."""
        self._grow()
        tree = self._tree
        state, total = tree.states[entry], tree.sums[entry]
        known = self._known_states[entry]
        if not state:
            still = known or self._sent_states[entry] or self._listed[entry] in (
                Listed.SAME, Listed.OTHERWISE,
            )  # fmt: skip
            return Difference.NOT_REMOVED if still else None
        if not self._sent_s[entry]:
            return Difference.NEVER_SENT
        if self._refused[entry]:
            return Difference.REFUSED
        if (self._sent_states[entry], self._sent_sums[entry]) != (state, total):
            return Difference.NOT_SENT_SINCE
        if (known, self._known_sums[entry]) != (state, total):
            return Difference.UNACKNOWLEDGED
        match self._listed[entry]:
            case Listed.MISSING:
                return Difference.NOT_LISTED
            case Listed.OTHERWISE:
                return Difference.LISTED_OTHERWISE
        return None

    def differences(self, start: int = 0) -> Iterator[tuple[int, Difference]]:
        """Entries with which something is wrong, from one number on."""
        for entry in range(start, len(self._tree)):
            if (difference := self.difference(entry)) is not None:
                yield entry, difference

    # ---------------------------------------------------------------- inside

    def _grow(self) -> None:
        missing = len(self._tree) - len(self._sent_states)
        if missing <= 0:
            return
        for states in (self._sent_states, self._known_states, self._listed):
            states.extend(bytes(missing))
        for figures in (self._sent_sums, self._sent_s, self._known_sums, self._known_s, self._refused):
            figures.frombytes(bytes(missing * figures.itemsize))
