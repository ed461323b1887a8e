"""Alarms, places and directions of our cameras, as one superior knows those cameras.

What happens is kept until the catalogue was looked at: nothing is told of a camera that is not presented.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from cascade.shown.presented import PresentedTree
from catalog.model import ChannelKey
from sipserver.devices.alarms.model import Alarm
from sipserver.devices.positions.model import PtzPositionReported, StoredPosition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.alarm import AlarmNotify
from sipserver.gb.messages.mobile_position import Position
from sipserver.gb.messages.ptz_position import PtzPosition

ALARMS_MAX: Final = 1_000
OBJECTS_MAX: Final = 20_000
LOWEST_PRIORITY: Final = 4
OTHER_METHOD: Final = 7


class News:
    """What came since it was last taken; of places and directions the newest of each."""

    def __init__(self) -> None:
        self._alarms: deque[Alarm] = deque()
        self._places: dict[ChannelKey, StoredPosition] = {}
        self._directions: dict[ChannelKey, PtzPosition] = {}
        self.lost = 0
        """Given up because too much waited."""

    def __bool__(self) -> bool:
        return bool(self._alarms or self._places or self._directions)

    def alarm(self, alarm: Alarm) -> None:
        if len(self._alarms) >= ALARMS_MAX:
            self._alarms.popleft()
            self.lost += 1
        self._alarms.append(alarm)

    def place(self, position: StoredPosition) -> None:
        if position.key not in self._places and len(self._places) >= OBJECTS_MAX:
            self.lost += 1
        else:
            self._places[position.key] = position

    def direction(self, report: PtzPositionReported) -> None:
        key = ChannelKey(report.device_id, report.channel_id)
        if key not in self._directions and len(self._directions) >= OBJECTS_MAX:
            self.lost += 1
        else:
            self._directions[key] = report.position

    def take_alarms(self, tree: PresentedTree) -> Iterator[tuple[int, AlarmNotify]]:
        """Alarms of cameras that are presented, by their entries."""
        while self._alarms:
            alarm = self._alarms.popleft()
            entry = entry_of_alarm(tree, alarm)
            if entry is not None:
                yield entry, alarm_notify(alarm, tree.presented_ids[entry])

    def take_places(self, tree: PresentedTree) -> Iterator[tuple[int, Position]]:
        places, self._places = self._places, {}
        for key, stored in places.items():
            if (entry := entry_of_object(tree, key)) is not None:
                yield entry, position_of(stored, tree.presented_ids[entry])

    def take_directions(self, tree: PresentedTree) -> Iterator[tuple[int, PtzPosition]]:
        directions, self._directions = self._directions, {}
        for key, position in directions.items():
            if (entry := entry_of_object(tree, key)) is not None:
                yield entry, position


def entry_of_object(tree: PresentedTree, key: ChannelKey) -> int | None:
    """A device that reports for itself means its camera, where it has only one."""
    entry = tree.entry_of(key)
    if entry is None and key.device_id == key.channel_id:
        return tree.entry_of_device(key.device_id)
    return entry


def entry_of_alarm(tree: PresentedTree, alarm: Alarm) -> int | None:
    """The camera that an alarm belongs to: as it was linked, else as the report says."""
    found = None if alarm.channel is None else tree.entry_of(alarm.channel)
    return entry_of_object(tree, ChannelKey(alarm.device_id, alarm.source_id)) if found is None else found


def alarm_notify(alarm: Alarm, presented: str) -> AlarmNotify:
    """Priority and method are mandatory: what the device left out is the least, and other."""
    return AlarmNotify(
        sn="0",
        device_id=GbId(presented),
        priority=alarm.priority or LOWEST_PRIORITY,
        method=alarm.method or OTHER_METHOD,
        alarm_time=alarm.alarm_time,
        description=alarm.description,
        longitude=alarm.longitude,
        latitude=alarm.latitude,
        alarm_type=alarm.alarm_type,
        type_text=alarm.type_text,
        event_type=alarm.event_type,
        extra=tuple(alarm.extra.split("\n")) if alarm.extra else (),
    )


def position_of(stored: StoredPosition, presented: str) -> Position:
    return Position(
        GbId(presented),
        stored.time,
        stored.longitude,
        stored.latitude,
        stored.speed_kmh,
        stored.direction_deg,
        stored.altitude_m,
        stored.height_m,
    )
