"""What one superior is shown, by number: which channels, under which ids, in which state.

An entry is one camera as the superior knows it, or a directory that cameras hang under. Entries are columns
of some hundred bytes together; their items are made when somebody wants to send them, by ``items.py`` alone.
Source: gb28181.md 1.5 to 1.7, 8.2, 8.3; GB-C129, GB-C135, GB-C138.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cascade.model import TreeForm
from cascade.shown.channel_table import ChannelTable, ItemState, Place
from cascade.shown.id_map import IdMap, OutOfIds, group_id, identity_of, organisation_id
from cascade.shown.items import (
    GROUP,
    NO_OVERRIDE,
    OWN,
    Override,
    Presentation,
    channel_item,
    directory_place,
    gone_item,
    group_item,
    organisation_item,
    own_item,
    region_item,
    salt_of,
)
from cascade.shown.presented_lists import Channels, Items
from cascade.shown.shares import Rules
from catalog.model import ChannelKey
from sipserver.gb.ids import REGION_LENGTHS, is_region_code
from sipserver.gb.messages.catalog import CatalogItem

NOT_SHOWN: Final = -1


@dataclass(frozen=True, slots=True)
class PresentedChannel:
    """One channel as a superior knows it, with the ways to it: the best comes first."""

    item: CatalogItem
    paths: tuple[ChannelKey, ...]
    places: tuple[Place, ...] = ()
    """Where each of them stands in our own catalogue, whatever the superior is told."""


class PresentedTree:
    """All of it, kept true by ``refresh``. Entries keep their numbers, also when they are shown no more."""

    def __init__(self, table: ChannelTable, how: Presentation, rules: Rules, ids: IdMap) -> None:
        self.how = how
        self.rules = rules
        self.ids = ids
        self.overrides: dict[str, Override] = {}
        """By presented id."""
        self.out_of_ids = 0
        """Channels that are not shown because no id is left for them."""
        self.presented_ids: Final[list[str]] = []
        self.states: Final = bytearray()
        """By entry, ``ItemState``."""
        self.sums: Final = array("I")
        """By entry: changes when its item says something else."""
        self._table = table
        self._ways: Final[list[tuple[int, ...] | None]] = []
        """By entry, rows of the table; None is a directory."""
        self._entries: Final[dict[str, int]] = {}
        self._entry_of: Final = array("i")
        self._hung: Final[dict[int, str]] = {}
        """Under which device's organisation an entry hangs, where the tree has them."""
        self._regions: Final[list[str]] = []
        """By entry."""
        self._directories: Final[dict[int, str]] = {}
        self._counts: Final[Counter[str]] = Counter()
        """How many cameras each directory has."""
        self._directories_stale = True
        self._salt = salt_of(how)
        self._channels = 0

    # ---------------------------------------------------------------- what others ask

    @property
    def root(self) -> str:
        return self.how.own_id

    @property
    def items(self) -> Items:
        """All that is shown now; parents stand before their children."""
        return Items(self, [*self.directories(), *self._shown_channels()])

    @property
    def channels(self) -> Channels:
        """The cameras by the ids that the superior knows."""
        return Channels(self)

    def below(self, item_id: str) -> Items:
        """What a query for an id is answered with (gb28181.md 1.7); nothing for what is not shown."""
        return Items(self, self.entries_below(item_id))

    def entries_below(self, item_id: str) -> Sequence[int]:
        if item_id == self.root:
            return self.items.entries
        entry = self.entry(item_id)
        if entry is not None and self._ways[entry] is not None:
            return (entry,)
        is_region = is_region_code(item_id)
        if entry is None and not is_region:
            return ()
        entries = [each for each in self.items.entries if self._directories.get(each) != OWN]
        if is_region:
            return [each for each in entries if self._regions[each].startswith(item_id)]
        name = "" if entry is None else self._directories[entry]
        if name == GROUP:
            return entries
        return [each for each in entries if each == entry or self._hung.get(each) == name]

    def channel(self, presented: str) -> PresentedChannel | None:
        """The camera that is shown under this id now."""
        entry = self.entry(presented)
        if entry is None or not self.is_camera(entry):
            return None
        return PresentedChannel(self.item(entry), self.paths(entry))

    def entry(self, presented: str) -> int | None:
        """The number of what is shown under this id now."""
        entry = self._entries.get(presented)
        return None if entry is None or not self.states[entry] else entry

    def reserved(self, presented: str) -> int | None:
        """The number of what was shown under this id once."""
        return self._entries.get(presented)

    def entry_of(self, key: ChannelKey) -> int | None:
        """As what a channel of ours is shown now."""
        row = self._table.row(key)
        if row is None or row >= len(self._entry_of) or self._entry_of[row] == NOT_SHOWN:
            return None
        return self._entry_of[row]

    def entry_of_device(self, device_id: str) -> int | None:
        """As what the only camera of a device is shown now; None when there are several, or none."""
        rows = self._table.rows_of(device_id)
        keys = [self._table.key(row) for row in rows.values()] if len(rows) == 1 else []
        return self.entry_of(keys[0]) if keys else None

    def is_camera(self, entry: int) -> bool:
        return self._ways[entry] is not None

    def is_in(self, entry: int, scope: str) -> bool:
        """Whether an entry, shown or not any more, is within what a subscription for an id covers."""
        if scope in (self.root, self.presented_ids[entry]):
            return True
        if is_region_code(scope):
            return self._regions[entry].startswith(scope)
        directory = self._entries.get(scope)
        name = None if directory is None else self._directories.get(directory)
        return name is not None and (name == GROUP or self._hung.get(entry) == name)

    def reserve(self, presented: str) -> int:
        """The number of an id that a superior was told once, shown or not."""
        return self._entry_for(presented, ())

    def paths(self, entry: int) -> tuple[ChannelKey, ...]:
        """The ways to a camera: the best comes first."""
        return tuple(self._table.key(row) for row in self._ways[entry] or ())

    def places(self, entry: int) -> tuple[Place, ...]:
        """Where these ways stand."""
        return tuple(self._table.places[row] for row in self._ways[entry] or ())

    def item(self, entry: int) -> CatalogItem:
        """The one builder of items."""
        presented, ways = self.presented_ids[entry], self._ways[entry]
        if ways is None:
            return self._directory(presented, self._directories[entry])
        if not ways:
            return gone_item(self.how, presented)
        hung = self._hung.get(entry)
        return channel_item(
            self.how,
            presented,
            self._table.kept(ways[0]),
            ItemState(self.states[entry]),
            organisation="" if hung is None else self._organisation(hung),
            group="" if hung is None else self._group(),
            override=self.overrides.get(presented, NO_OVERRIDE),
        )

    def directories(self) -> list[int]:
        """Own system, regions, group, organisations: in the order in which they are sent."""
        shown = (each for each in self._directories if self.states[each])
        return sorted(shown, key=lambda each: directory_place(self._directories[each], each))

    def __len__(self) -> int:  # those included that are shown no more
        return len(self.presented_ids)

    @property
    def camera_count(self) -> int:
        return self._channels

    # ---------------------------------------------------------------- keeping it true

    def change(self, how: Presentation, rules: Rules) -> None:
        """To be followed by ``refresh`` of all rows."""
        self.how, self.rules, self._salt = how, rules, salt_of(how)
        self._directories_stale = True

    def assign(self, rows: Iterable[int]) -> None:
        """Have an id for each channel that is to be shown; they are to be written down before ``refresh``."""
        table, is_grouped = self._table, self.how.tree is TreeForm.GROUPS
        for row in rows:
            if not self._wants(row):
                continue
            try:
                self.ids.presented(self._identity(row), table.channel_ids[row])
                if is_grouped:
                    self._group()
                    self._organisation(table.places[row].device_id)
            except OutOfIds:
                self.out_of_ids += 1

    def refresh(self, rows: Iterable[int]) -> set[int]:
        """Take over what the table says of these rows; the entries that have changed."""
        touched: set[int] = set()
        missing = len(self._table) - len(self._entry_of)
        self._entry_of.extend([NOT_SHOWN] * missing)
        for row in rows:
            wanted = self._wanted_entry(row)
            held = self._entry_of[row]
            if held != wanted and held != NOT_SHOWN:
                self._ways[held] = tuple(each for each in self._ways[held] or () if each != row)
                touched.add(held)
            if wanted != NOT_SHOWN:
                if held != wanted:
                    self._ways[wanted] = (*(self._ways[wanted] or ()), row)
                touched.add(wanted)
            self._entry_of[row] = wanted
        changed = {entry for entry in touched if self._renew(entry)}
        if self._directories_stale:
            self._directories_stale = False
            changed |= self._renew_directories()
        return changed

    # ---------------------------------------------------------------- inside

    def _wants(self, row: int) -> bool:
        """Never back to where it came from, nor what claims to be ourselves (gb28181.md 8.2)."""
        table, how = self._table, self.how
        if not table.is_present(row):
            return False
        place, channel_id = table.places[row], table.channel_ids[row]
        return (
            place.device_id != how.superior_id
            and channel_id not in (how.own_id, how.superior_id)
            and self.rules.shows(place, channel_id)
            and not self._comes_back(row, channel_id)
        )

    def _comes_back(self, row: int, channel_id: str) -> bool:
        """Whether a platform brings what the superior knows as a camera of our own, which is there (R-3).

        It is no further camera: in a ring of platforms one more would come back with every round. Nor is it
        another way to it: what the ring says of it is what we said ourselves, a while ago.
        """
        if not self._table.is_of_platform(row):
            return False
        own = self.ids.identity(channel_id)
        if own is None or "~" not in own:
            return False
        known = self._table.row(ChannelKey.parse(own))
        return known is not None and self._table.is_present(known)

    def _wanted_entry(self, row: int) -> int:
        if not self._wants(row):
            return NOT_SHOWN
        presented = self.ids.known(self._identity(row))
        return NOT_SHOWN if presented is None else self._entry_for(presented, ())

    def _entry_for(self, presented: str, ways: tuple[int, ...] | None) -> int:
        entry = self._entries.get(presented)
        if entry is None:
            entry = self._entries[presented] = len(self.presented_ids)
            self.presented_ids.append(presented)
            self.states.append(ItemState.ABSENT)
            self.sums.append(0)
            self._ways.append(ways)
            self._regions.append("")
        return entry

    def _renew(self, entry: int) -> bool:
        """Work out a camera's state anew; True when the superior is to hear of it."""
        table, ways = self._table, self._ways[entry] or ()
        if len(ways) > 1:
            ways = tuple(sorted(ways, key=table.preference))
            self._ways[entry] = ways
        former = self.states[entry], self.sums[entry]
        if former[0]:
            self._count(entry, -1)
        if not ways:
            self.states[entry] = ItemState.ABSENT
            self._channels -= former[0] != ItemState.ABSENT
            return former[0] != ItemState.ABSENT
        place = table.places[ways[0]]
        override = self.overrides.get(self.presented_ids[entry], NO_OVERRIDE)
        self._regions[entry] = override.civil_code or place.region or self.how.own_id[:6]
        if self.how.tree is TreeForm.GROUPS:
            self._hung[entry] = place.device_id
        else:
            self._hung.pop(entry, None)
        self.states[entry] = table.state(ways[0])
        self.sums[entry] = self._sum(entry, ways[0])
        self._count(entry, 1)
        self._channels += former[0] == ItemState.ABSENT
        return former != (self.states[entry], self.sums[entry])

    def _sum(self, entry: int, row: int) -> int:
        total = zlib.crc32(self._table.records[row], self._salt)
        if (hung := self._hung.get(entry)) is not None:
            total = zlib.crc32(hung.encode(), total)
        if (override := self.overrides.get(self.presented_ids[entry])) is not None:
            total = zlib.crc32(repr(override).encode(), total)
        return total

    def _count(self, entry: int, more: int) -> None:
        """Which directories have how many cameras; they come and go with the first and the last."""
        for name in self._directories_over(entry):
            count = self._counts[name] = self._counts[name] + more
            self._directories_stale |= count == (1 if more > 0 else 0)

    def _directories_over(self, entry: int) -> Iterator[str]:
        hung = self._hung.get(entry)
        if hung is not None:
            yield GROUP
            yield hung
        region = self._regions[entry]
        if is_region_code(region):
            yield from (region[:length] for length in REGION_LENGTHS if length <= len(region))

    def _renew_directories(self) -> set[int]:
        wanted = {self._presented_directory(name): name for name in self._wanted_directories()}
        changed: set[int] = set()
        for entry in [each for each in self._directories if self.states[each]]:
            if self.presented_ids[entry] not in wanted:
                self.states[entry] = ItemState.ABSENT
                changed.add(entry)
        for presented, name in wanted.items():
            entry = self._entry_for(presented, None)
            self._ways[entry] = None
            self._directories[entry] = name
            self._regions[entry] = name if is_region_code(name) else self.how.own_id[:6]
            total = zlib.crc32(self.how.region_names.get(name, "").encode(), self._salt)
            if not self.states[entry] or self.sums[entry] != total:
                self.states[entry], self.sums[entry] = ItemState.ON, total
                changed.add(entry)
        return changed

    def _wanted_directories(self) -> Iterator[str]:
        how = self.how
        populated = [name for name, count in self._counts.items() if count > 0]
        if how.with_own_item:
            yield OWN
        if how.tree is TreeForm.REGIONS:
            yield from (name for name in populated if is_region_code(name))
        elif how.tree is TreeForm.GROUPS:
            yield from (name for name in populated if not is_region_code(name))

    def _presented_directory(self, name: str) -> str:
        if name == OWN:
            return self.how.own_id
        if name == GROUP:
            return self._group()
        return name if is_region_code(name) else self._organisation(name)

    def _directory(self, presented: str, name: str) -> CatalogItem:
        if name == OWN:
            return own_item(self.how)
        if name == GROUP:
            return group_item(self.how, presented)
        if is_region_code(name):
            return region_item(self.how, name)
        return organisation_item(presented, name, self._group())

    def _shown_channels(self) -> Iterator[int]:
        states, ways = self.states, self._ways
        return (entry for entry in range(len(states)) if states[entry] and ways[entry] is not None)

    def _identity(self, row: int) -> str:
        return identity_of(self._table.places[row].device_id, self._table.channel_ids[row])

    def _group(self) -> str:
        return group_id(self.ids, self.how.own_id)

    def _organisation(self, device_id: str) -> str:
        return organisation_id(self.ids, device_id)
