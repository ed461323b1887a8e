"""MobilePosition: where a mobile device is (移动设备位置).

The edition of 2016 sends one flat position, that of 2022 a list; either comes from devices of either
edition, by NOTIFY and by MESSAGE (Q47).

Source: GB/T 28181-2016 and -2022 annex A; gb28181.md 3.9 and 5.4. GB-C079.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from sipserver.gb import gb_time, manscdp
from sipserver.gb.errors import MalformedDocument, MalformedTime
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element, add_group, add_text, float_or_none

DEFAULT_INTERVAL_S: Final = 5
MAX_INTERVAL_S: Final = 86_400
PLAUSIBLE_YEARS: Final = range(1970, 3000)
"""A device whose clock says another year has no clock."""


@dataclass(frozen=True, slots=True)
class MobilePositionQuery:
    """The body of the SUBSCRIBE: how often to report, in seconds."""

    sn: str
    device_id: GbId
    interval_s: int = DEFAULT_INTERVAL_S

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        interval_s = manscdp.child_int(query, "Interval", DEFAULT_INTERVAL_S)
        return cls(
            manscdp.child_text(query, "SN"),
            manscdp.child_id(query),
            interval_s if 0 < interval_s <= MAX_INTERVAL_S else DEFAULT_INTERVAL_S,
        )

    def to_xml(self) -> Element:
        query = manscdp.new_document("Query", "MobilePosition", self.sn, self.device_id)
        add_text(query, "Interval", self.interval_s)
        return query


@dataclass(frozen=True, slots=True)
class Position:
    """One place at one time.

    WGS-84 degrees, km/h, degrees clockwise from north, metres above sea level and above ground. ``None``
    stands for what was not said; ``longitude`` and ``latitude`` are None together, without a fix (Q48).
    """

    device_id: GbId
    time: datetime | None = None
    longitude: float | None = None
    latitude: float | None = None
    speed_kmh: float | None = None
    direction_deg: float | None = None
    altitude_m: float | None = None
    height_m: float | None = None

    @property
    def has_fix(self) -> bool:
        return self.longitude is not None


@dataclass(frozen=True, slots=True)
class MobilePositionNotify:
    """One report. ``unusable`` counts items of the list without an id.

    ``device_id`` is empty when the flat form left it out: the sender is meant.
    """

    sn: str
    device_id: GbId
    positions: tuple[Position, ...] = ()
    is_list: bool = False
    unusable: int = 0

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        sn, time = manscdp.child_text(notify, "SN"), _time(notify, "Time")
        device_id = manscdp.child_id(notify) if manscdp.child_text(notify, "DeviceID") else GbId("")
        if manscdp.child(notify, "DeviceList") is None and not manscdp.list_items(notify):
            return cls(sn, device_id, (_position(notify, device_id, time),))
        elements = manscdp.list_items(notify)
        positions = [
            position for element in elements if (position := _item(element, device_id, time)) is not None
        ]
        return cls(sn, device_id, tuple(positions), True, len(elements) - len(positions))

    def to_xml(self) -> Element:
        notify = manscdp.new_document("Notify", "MobilePosition", self.sn, self.device_id)
        if not self.is_list:
            for position in self.positions[:1]:
                _write_time(notify, "Time", position.time)
                _write(notify, position)
            return notify
        _write_time(notify, "Time", max((each.time for each in self.positions if each.time), default=None))
        add_text(notify, "SumNum", len(self.positions))
        if self.positions:
            holder = add_group(notify, "DeviceList", Num=str(len(self.positions)))
            for position in self.positions:
                item = add_group(holder, "Item")
                add_text(item, "DeviceID", position.device_id)
                _write_time(item, "CaptureTime", position.time)
                _write(item, position)
        return notify


def fix(longitude_text: str, latitude_text: str) -> tuple[float | None, float | None]:
    """Both coordinates or neither: zeros, half a pair and numbers that are nowhere are no fix (Q48)."""
    longitude, latitude = float_or_none(longitude_text), float_or_none(latitude_text)
    if longitude is None or latitude is None or abs(longitude) > 180 or abs(latitude) > 90:
        return None, None
    return (None, None) if longitude == 0 and latitude == 0 else (longitude, latitude)


def time_or_none(text: str) -> datetime | None:
    """A moment that a clock may show, else None."""
    try:
        moment = gb_time.parse_time(text) if text else None
    except MalformedTime:
        return None
    return moment if moment is not None and moment.year in PLAUSIBLE_YEARS else None


def _item(element: Element, owner: GbId, time: datetime | None) -> Position | None:
    try:
        device_id = manscdp.child_id(element) if manscdp.child_text(element, "DeviceID") else owner
    except MalformedDocument:
        return None
    return _position(element, device_id, _time(element, "CaptureTime") or _time(element, "Time") or time)


def _position(element: Element, device_id: GbId, time: datetime | None) -> Position:
    longitude, latitude = fix(
        manscdp.child_text(element, "Longitude"), manscdp.child_text(element, "Latitude")
    )
    direction = float_or_none(manscdp.child_text(element, "Direction"))
    speed = float_or_none(manscdp.child_text(element, "Speed"))
    return Position(
        device_id=device_id,
        time=time,
        longitude=longitude,
        latitude=latitude,
        speed_kmh=speed if speed is not None and speed >= 0 else None,
        direction_deg=direction % 360 if direction is not None else None,
        altitude_m=float_or_none(manscdp.child_text(element, "Altitude")),
        height_m=float_or_none(manscdp.child_text(element, "Height")),
    )


def _time(element: Element, name: str) -> datetime | None:
    return time_or_none(manscdp.child_text(element, name))


def _write_time(parent: Element, name: str, time: datetime | None) -> None:
    if time is not None:
        add_text(parent, name, gb_time.format_datetime(time))


def _write(parent: Element, position: Position) -> None:
    """Longitude and Latitude are mandatory: without a fix both are 0, as devices send them."""
    add_text(parent, "Longitude", position.longitude or 0)
    add_text(parent, "Latitude", position.latitude or 0)
    for name, value in (
        ("Speed", position.speed_kmh),
        ("Direction", position.direction_deg),
        ("Altitude", position.altitude_m),
        ("Height", position.height_m),
    ):
        if value is not None:
            add_text(parent, name, value)
