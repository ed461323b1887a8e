"""CruiseTrackListQuery and CruiseTrackQuery: which cruises a channel has, and their points (巡航轨迹, 2022).

Source: GB/T 28181-2022 A.2.4.11, A.2.4.12, A.2.6.15 and A.2.6.16; table 3.7 of the protocol notes.
"""

from dataclasses import dataclass
from typing import Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element


@dataclass(frozen=True, slots=True)
class CruiseTrackListQuery:
    """Ask a channel for its cruises."""

    sn: str
    device_id: GbId

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query))

    def to_xml(self) -> Element:
        return manscdp.new_document("Query", "CruiseTrackListQuery", self.sn, self.device_id)


@dataclass(frozen=True, slots=True)
class CruiseTrack:
    """One cruise; numbers begin at 0."""

    number: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class CruiseTrackListResponse:
    """The cruises of a channel. GB-C076."""

    sn: str
    device_id: GbId
    tracks: tuple[CruiseTrack, ...] = ()
    ok: bool = True

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        tracks = []
        for item in manscdp.list_items(response, "CruiseTrackList", "CruiseTrack"):
            number = manscdp.int_or_none(manscdp.child_text(item, "Number"))
            if number is not None:
                tracks.append(CruiseTrack(number, manscdp.child_text(item, "Name")))
        return cls(
            manscdp.child_text(response, "SN"), manscdp.child_id(response), tuple(tracks), _ok(response)
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "CruiseTrackListQuery", self.sn, self.device_id)
        _add_result(response, self.ok)
        manscdp.add_text(response, "SumNum", len(self.tracks))
        if self.tracks:
            group = manscdp.add_group(response, "CruiseTrackList", Num=str(len(self.tracks)))
            for track in self.tracks:
                item = manscdp.add_group(group, "CruiseTrack")
                manscdp.add_text(item, "Number", track.number)
                if track.name:
                    manscdp.add_text(item, "Name", track.name)
        return response


@dataclass(frozen=True, slots=True)
class CruiseTrackQuery:
    """Ask a channel for one of its cruises."""

    sn: str
    device_id: GbId
    number: int

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        number = manscdp.child_int(query, "Number")
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query), number)

    def to_xml(self) -> Element:
        query = manscdp.new_document("Query", "CruiseTrackQuery", self.sn, self.device_id)
        manscdp.add_text(query, "Number", self.number)
        return query


@dataclass(frozen=True, slots=True)
class CruisePoint:
    """A stop of a cruise: where, how long in seconds, and the speed (1 to 15) of the way there."""

    preset_index: int
    stay_s: int | None = None
    speed: int | None = None


@dataclass(frozen=True, slots=True)
class CruiseTrackResponse:
    """One cruise with its points in order. GB-C076.

    Args:
        number: None when the device did not say which.
    """

    sn: str
    device_id: GbId
    number: int | None = None
    name: str = ""
    points: tuple[CruisePoint, ...] = ()
    ok: bool = True

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        points = []
        for item in manscdp.list_items(response, "CruisePointList", "CruisePoint"):
            index, stay_s, speed = (
                manscdp.int_or_none(manscdp.child_text(item, name)) for name in _POINT_ELEMENTS
            )
            if index is not None:
                points.append(CruisePoint(index, stay_s, speed))
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            number=manscdp.int_or_none(manscdp.child_text(response, "Number")),
            name=manscdp.child_text(response, "Name"),
            points=tuple(points),
            ok=_ok(response),
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "CruiseTrackQuery", self.sn, self.device_id)
        _add_result(response, self.ok)
        if self.number is not None:
            manscdp.add_text(response, "Number", self.number)
        if self.name:
            manscdp.add_text(response, "Name", self.name)
        manscdp.add_text(response, "SumNum", len(self.points))
        if self.points:
            group = manscdp.add_group(response, "CruisePointList", Num=str(len(self.points)))
            for point in self.points:
                item = manscdp.add_group(group, "CruisePoint")
                values = (point.preset_index, point.stay_s, point.speed)
                for name, value in zip(_POINT_ELEMENTS, values, strict=True):
                    if value is not None:
                        manscdp.add_text(item, name, value)
        return response


_POINT_ELEMENTS = ("PresetIndex", "StayTime", "Speed")


def _ok(response: Element) -> bool:
    return quirks.apply("result-case", manscdp.child_text(response, "Result", "OK")) != "ERROR"


def _add_result(response: Element, ok: bool) -> None:
    if not ok:
        manscdp.add_text(response, "Result", "ERROR")
