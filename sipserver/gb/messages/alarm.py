"""Alarm: a device reports one (报警事件通知), the answer to it, and the body of a subscription.

Source: GB/T 28181-2022 A.2.5.3, A.2.6.5 and A.2.4.7 (2016: A.2.5, A.2.6, A.2.4).
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Self

from sipserver.gb import gb_time, manscdp, quirks
from sipserver.gb.alarm_tables import ALL_METHODS, METHODS, PRIORITIES, format_methods, parse_methods
from sipserver.gb.editions import Edition
from sipserver.gb.errors import MalformedTime
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

MAX_TEXT: Final = 1024
MAX_EXTRA: Final = 16
"""Further texts of one alarm that are kept; the standard limits each to 1024 characters, not their number."""
MAX_NUMBER: Final = 2**31 - 1
PLAUSIBLE_YEARS: Final = range(1970, 3000)
"""A device whose clock says another year has no clock."""


@dataclass(frozen=True, slots=True)
class AlarmNotify:
    """One alarm. What a device left out, or wrote in a way that nobody can read, is 0, ``None`` or empty."""

    sn: str
    device_id: GbId
    priority: int = 0
    method: int = 0
    alarm_time: datetime | None = None
    description: str = ""
    longitude: float | None = None
    latitude: float | None = None
    alarm_type: int | None = None
    type_text: str = ""
    """What stood in AlarmType when it is no number."""
    event_type: int | None = None
    extra: tuple[str, ...] = ()
    """``ExtraInfo`` (2022), or ``Info`` without children (2016)."""

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        details = _details(notify)
        type_text = manscdp.child_text(details, "AlarmType") or manscdp.child_text(notify, "AlarmType")
        alarm_type = _number(type_text)
        parameters = manscdp.child(details, "AlarmTypeParam")
        longitude, latitude = _position(notify)
        return cls(
            sn=manscdp.child_text(notify, "SN"),
            device_id=manscdp.child_id(notify),
            priority=_one_of(manscdp.child_text(notify, "AlarmPriority"), PRIORITIES),
            method=_one_of(manscdp.child_text(notify, "AlarmMethod"), METHODS),
            alarm_time=_time_or_none(manscdp.child_text(notify, "AlarmTime")),
            description=manscdp.child_text(notify, "AlarmDescription")[:MAX_TEXT].strip(),
            longitude=longitude,
            latitude=latitude,
            alarm_type=alarm_type,
            type_text="" if alarm_type is not None else type_text[:MAX_TEXT].strip(),
            event_type=_number(
                manscdp.child_text(details if parameters is None else parameters, "EventType")
            ),
            extra=_extra(notify),
        )

    def to_xml(self, edition: Edition = Edition.V3_0) -> Element:
        """In the layout of an edition: further texts have another name since 2022."""
        notify = manscdp.new_document("Notify", "Alarm", self.sn, self.device_id)
        manscdp.add_text(notify, "AlarmPriority", self.priority)
        manscdp.add_text(notify, "AlarmMethod", self.method)
        if self.alarm_time is not None:
            manscdp.add_text(notify, "AlarmTime", gb_time.format_datetime(self.alarm_time))
        if self.description:
            manscdp.add_text(notify, "AlarmDescription", self.description)
        if self.longitude is not None and self.latitude is not None:
            manscdp.add_text(notify, "Longitude", self.longitude)
            manscdp.add_text(notify, "Latitude", self.latitude)
        if self.alarm_type is not None or self.type_text:
            info = manscdp.add_group(notify, "Info")
            manscdp.add_text(
                info, "AlarmType", self.type_text if self.alarm_type is None else self.alarm_type
            )
            if self.event_type is not None:
                parameters = manscdp.add_group(info, "AlarmTypeParam")
                manscdp.add_text(parameters, "EventType", self.event_type)
        extra = "ExtraInfo" if edition >= Edition.V3_0 else "Info"
        for text in self.extra:
            manscdp.add_text(notify, extra, text)
        return notify


@dataclass(frozen=True, slots=True)
class AlarmResponse:
    """The answer to an alarm that came by MESSAGE (报警通知应答)."""

    sn: str
    device_id: GbId
    ok: bool = True

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            ok=quirks.apply("result-case", manscdp.child_text(response, "Result", "OK")) != "ERROR",
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "Alarm", self.sn, self.device_id)
        manscdp.add_text(response, "Result", "OK" if self.ok else "ERROR")
        return response


@dataclass(frozen=True, slots=True)
class AlarmQuery:
    """What is asked for with SUBSCRIBE (报警查询, 报警订阅); 0, ``None`` and empty mean everything."""

    sn: str
    device_id: GbId
    start_priority: int = 0
    end_priority: int = 0
    methods: tuple[int, ...] = ()
    alarm_type: int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        return cls(
            sn=manscdp.child_text(query, "SN"),
            device_id=manscdp.child_id(query),
            start_priority=_one_of(manscdp.child_text(query, "StartAlarmPriority"), PRIORITIES),
            end_priority=_one_of(manscdp.child_text(query, "EndAlarmPriority"), PRIORITIES),
            methods=parse_methods(manscdp.child_text(query, "AlarmMethod")),
            alarm_type=_number(manscdp.child_text(query, "AlarmType")) or None,
            start_time=_time_or_none(manscdp.child_text(query, "StartAlarmTime")),
            end_time=_time_or_none(manscdp.child_text(query, "EndAlarmTime")),
        )

    def to_xml(self) -> Element:
        query = manscdp.new_document("Query", "Alarm", self.sn, self.device_id)
        manscdp.add_text(query, "StartAlarmPriority", self.start_priority)
        manscdp.add_text(query, "EndAlarmPriority", self.end_priority)
        manscdp.add_text(query, "AlarmMethod", format_methods(self.methods))
        if self.alarm_type is not None:
            manscdp.add_text(query, "AlarmType", self.alarm_type)
        for name, moment in (("StartAlarmTime", self.start_time), ("EndAlarmTime", self.end_time)):
            if moment is not None:
                manscdp.add_text(query, name, gb_time.format_datetime(moment))
        return query

    def matches(self, alarm: AlarmNotify) -> bool:
        """Whether a subscriber with these conditions wants the alarm; the device's scope is not looked at."""
        lowest = self.end_priority or max(PRIORITIES)
        if alarm.priority and not self.start_priority <= alarm.priority <= lowest:
            return False
        if self.methods and alarm.method not in self.methods:
            return False
        if self.alarm_type is not None and alarm.alarm_type != self.alarm_type:
            return False
        return _is_within(alarm.alarm_time, self.start_time, self.end_time)


def _details(notify: Element) -> Element:
    """The Info that has children; devices that know no such group write its fields beside the others."""
    return next((info for info in _infos(notify) if len(info)), notify)


def _extra(notify: Element) -> tuple[str, ...]:
    texts = ((info.text or "").strip() for info in _infos(notify) if not len(info))
    return tuple(islice((text[:MAX_TEXT].strip() for text in texts if text), MAX_EXTRA))


def _infos(notify: Element) -> Iterator[Element]:
    for candidate in notify:
        name = candidate.tag.rsplit("}", 1)[-1].lower() if isinstance(candidate.tag, str) else ""
        if name in ("info", "extrainfo"):
            yield candidate


def _position(notify: Element) -> tuple[float | None, float | None]:
    """Both or neither; 0/0 is a device without a fix (Q48)."""
    longitude = manscdp.float_or_none(manscdp.child_text(notify, "Longitude"))
    latitude = manscdp.float_or_none(manscdp.child_text(notify, "Latitude"))
    if longitude is None or latitude is None or (longitude == 0 and latitude == 0):
        return None, None
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        return None, None
    return longitude, latitude


def _one_of(text: str, table: Container[int]) -> int:
    """A number of the table, or 0: all in a query, unknown in an alarm."""
    number = manscdp.int_or_none(text)
    return number if number is not None and number in table else ALL_METHODS


def _number(text: str) -> int | None:
    number = manscdp.int_or_none(text)
    return number if number is not None and 0 <= number <= MAX_NUMBER else None


def _time_or_none(text: str) -> datetime | None:
    try:
        moment = gb_time.parse_time(text) if text else None
    except MalformedTime:
        return None
    return moment if moment is not None and moment.year in PLAUSIBLE_YEARS else None


def _is_within(moment: datetime | None, start: datetime | None, end: datetime | None) -> bool:
    if moment is None:
        return True
    return (start is None or moment >= start) and (end is None or moment <= end)
