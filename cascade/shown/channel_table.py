"""All cameras of the catalogue, as far as superiors may hear of them, in columns: some 300 bytes each.

A hundred thousand objects with twenty fields each would fill the memory and hold up every collection of
garbage; so what an item is made of lies packed, and only what is decided by stands unpacked beside it.
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from catalog.codes import is_platform_id
from catalog.model import Channel, ChannelKey, ChannelKind

_PRESENT: Final = 1
_IS_OFF: Final = 2
_FAULT: Final = 4
_DEFECT: Final = 8
_VERSION: Final = 2
"""Of marshal: the last one in which equal values are equal bytes."""


class ItemState(IntEnum):
    """How an item stands; the names are the events that tell of it (gb28181.md 5.3)."""

    ABSENT = 0
    ON = 1
    OFF = 2
    VLOST = 3
    DEFECT = 4


BEST_FIRST: Final = (4, 0, 3, 1, 2)
"""By state: of several ways to one camera the one with the lowest figure is taken."""


class Kept(NamedTuple):
    """What an item of a catalogue is made of."""

    name: str
    manufacturer: str
    model: str
    owner: str
    region: str
    block: str
    address: str
    register_way: int | None
    secrecy: int | None
    longitude: float | None
    latitude: float | None
    info: Mapping[str, str]


class Place(NamedTuple):
    """What rules and trees look at; equal ones are one object."""

    device_id: str
    region: str
    business_group_id: str
    parent_ids: tuple[str, ...]


class ChannelTable:
    """Rows are numbers; a row belongs to one channel for ever, also when the channel has gone."""

    def __init__(self) -> None:
        self.path_rank: Callable[[str], int] = lambda _: 0
        """By device: of several ways to one camera, as good as each other, the lowest is taken."""
        self.channel_ids: Final[list[str]] = []
        self.places: Final[list[Place]] = []
        self.records: Final[list[bytes]] = []
        """Of ``Kept``, packed."""
        self._bits: Final = bytearray()
        self._device_numbers: Final[dict[str, int]] = {}
        self._platforms: Final[set[int]] = set()
        """Numbers of devices."""
        self._device_of: Final = array("I")
        self._rows: Final[list[dict[str, int]]] = []
        self._online: Final = bytearray()
        self._same: Final[dict[Place, Place]] = {}

    def __len__(self) -> int:
        return len(self.channel_ids)

    def put(self, channel: Channel) -> int | None:
        """Note how a channel is now; its row when that is news."""
        record = _packed(channel)
        place = Place(
            channel.device_id,
            channel.region_code or channel.civil_code,
            channel.business_group_id,
            channel.parent_ids,
        )
        bits = (
            (_PRESENT if channel.present and channel.kind is ChannelKind.CAMERA else 0)
            | (_IS_OFF if channel.status_online is False else 0)
            | (_FAULT if channel.fault else 0)
            | (_DEFECT if channel.defect else 0)
        )
        rows = self._rows[self._device_number(channel.device_id)]
        row = rows.get(channel.channel_id)
        if row is None:
            return self._append(channel.channel_id, rows, place, record, bits)
        if (self.records[row], self._bits[row]) == (record, bits) and self.places[row] == place:
            return None
        self.records[row], self._bits[row] = record, bits
        self.places[row] = self._same.setdefault(place, place)
        return row

    def drop(self, row: int) -> bool:
        """The channel has gone; False when that is no news."""
        was_there = bool(self._bits[row] & _PRESENT)
        self._bits[row] &= ~_PRESENT
        return was_there

    def set_online(self, device_id: str, is_online: bool) -> list[int]:
        """Note whether a device is there; the rows for which that is news."""
        number = self._device_number(device_id)
        if bool(self._online[number]) is is_online:
            return []
        self._online[number] = is_online
        return list(self._rows[number].values())

    def rows_of(self, device_id: str) -> Mapping[str, int]:
        """The rows of a device, by channel id."""
        number = self._device_numbers.get(device_id)
        return {} if number is None else self._rows[number]

    def row(self, key: ChannelKey) -> int | None:
        return self.rows_of(key.device_id).get(key.channel_id)

    def key(self, row: int) -> ChannelKey:
        return ChannelKey(self.places[row].device_id, self.channel_ids[row])

    def is_present(self, row: int) -> bool:
        return bool(self._bits[row] & _PRESENT)

    def state(self, row: int) -> ItemState:
        """How a superior sees it: off with its device, and when it has gone itself."""
        bits = self._bits[row]
        if not bits & _PRESENT or bits & _IS_OFF or not self._online[self._device_of[row]]:
            return ItemState.OFF
        if bits & _FAULT:
            return ItemState.DEFECT if bits & _DEFECT else ItemState.VLOST
        return ItemState.ON

    def preference(self, row: int) -> tuple[int, int]:
        """Of several ways to one camera the one with the lowest is taken."""
        return BEST_FIRST[self.state(row)], self.path_rank(self.places[row].device_id)

    def is_of_platform(self, row: int) -> bool:
        """Whether a platform below us brings it."""
        return self._device_of[row] in self._platforms

    def brought_back(self, row: int) -> Iterator[int]:
        """Rows of platforms that have the same channel id as this one of a device."""
        if self._platforms and not self.is_of_platform(row):
            for number in self._platforms:
                if (found := self._rows[number].get(self.channel_ids[row])) is not None:
                    yield found

    def kept(self, row: int) -> Kept:
        return Kept._make(marshal.loads(self.records[row]))  # noqa: S302 - written by this class alone

    def online_devices(self) -> Iterator[str]:
        return (device_id for device_id, number in self._device_numbers.items() if self._online[number])

    def _append(self, channel_id: str, rows: dict[str, int], place: Place, record: bytes, bits: int) -> int:
        row = rows[channel_id] = len(self.channel_ids)
        self.channel_ids.append(channel_id)
        self.places.append(self._same.setdefault(place, place))
        self.records.append(record)
        self._bits.append(bits)
        self._device_of.append(self._device_numbers[place.device_id])
        return row

    def _device_number(self, device_id: str) -> int:
        number = self._device_numbers.get(device_id)
        if number is None:
            number = self._device_numbers[device_id] = len(self._rows)
            self._rows.append({})
            self._online.append(False)
            if is_platform_id(device_id):
                self._platforms.add(number)
        return number


def _packed(channel: Channel) -> bytes:
    return marshal.dumps(
        (
            channel.shown_name,
            channel.manufacturer,
            channel.model,
            channel.owner,
            channel.region_code or channel.civil_code,
            channel.block,
            channel.address,
            channel.register_way,
            channel.secrecy,
            channel.longitude,
            channel.latitude,
            dict(channel.info),
        ),
        _VERSION,
    )
