"""RecordInfo: which recordings a device or platform holds (文件目录检索).

Source: GB/T 28181-2022 A.2.4.6 and A.2.6.7; 3.8 of the protocol notes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedDocument, MalformedId, MalformedTime
from sipserver.gb.gb_time import format_datetime, parse_time
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element, add_group, add_text, int_or_none

RECORD_TYPES: Final = ("all", "time", "alarm", "manual")
MAX_TEXT: Final = 1024


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Ask for the recordings of a channel between two instants.

    ``record_type`` is one of ``RECORD_TYPES``, or empty to leave Type out. ``indistinct`` asks a platform for
    centre and front-end storage together; None leaves IndistinctQuery out, which means 0.
    """

    sn: str
    device_id: GbId
    start: datetime
    end: datetime
    record_type: str = "all"  # Q37: some recorders answer nothing without a Type. GB-C073
    secrecy: int = 0
    file_path: str = ""
    address: str = ""
    recorder_id: str = ""
    indistinct: bool | None = None
    stream_number: int | None = None
    alarm_method: str = ""
    alarm_type: str = ""

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        indistinct = int_or_none(manscdp.child_text(query, "IndistinctQuery"))
        return cls(
            sn=manscdp.child_text(query, "SN"),
            device_id=manscdp.child_id(query),
            start=_needed_time(query, "StartTime"),
            end=_needed_time(query, "EndTime"),
            record_type=manscdp.child_text(query, "Type").lower(),
            secrecy=int_or_none(manscdp.child_text(query, "Secrecy")) or 0,
            file_path=manscdp.child_text(query, "FilePath"),
            address=manscdp.child_text(query, "Address"),
            recorder_id=manscdp.child_text(query, "RecorderID"),
            indistinct=None if indistinct is None else indistinct == 1,
            stream_number=int_or_none(manscdp.child_text(query, "StreamNumber")),
            alarm_method=manscdp.child_text(query, "AlarmMethod"),
            alarm_type=manscdp.child_text(query, "AlarmType"),
        )

    def to_xml(self) -> Element:
        query = manscdp.new_document("Query", "RecordInfo", self.sn, self.device_id)
        add_text(query, "StartTime", format_datetime(self.start))
        add_text(query, "EndTime", format_datetime(self.end))
        _add_present(query, ("FilePath", self.file_path), ("Address", self.address))
        add_text(query, "Secrecy", self.secrecy)
        _add_present(query, ("Type", self.record_type), ("RecorderID", self.recorder_id))
        if self.indistinct is not None:
            add_text(query, "IndistinctQuery", int(self.indistinct))
        if self.stream_number is not None:
            add_text(query, "StreamNumber", self.stream_number)
        _add_present(query, ("AlarmMethod", self.alarm_method), ("AlarmType", self.alarm_type))
        return query


@dataclass(frozen=True, slots=True)
class RecordItem:
    """One recording (录像文件). ``location`` is who stores it, when the query asked several storages."""

    device_id: str
    start: datetime
    end: datetime
    name: str = ""
    file_path: str = ""
    address: str = ""
    secrecy: int = 0
    record_type: str = ""
    recorder_id: str = ""
    size_bytes: int | None = None
    location: str = ""
    stream_number: int | None = None

    @property
    def key(self) -> tuple[str, datetime, datetime, str, str]:
        """What makes two lines the same recording."""
        return self.device_id, self.start, self.end, self.file_path, self.location

    @classmethod
    def from_xml(cls, item: Element) -> Self:
        """Read one line.

        Raises:
            MalformedDocument: without an id or without usable times: nothing of it could be played.
        """
        start, end = _needed_time(item, "StartTime"), _needed_time(item, "EndTime")
        if end < start:
            raise MalformedDocument(f"a recording that ends {end} before it begins {start}")
        size = int_or_none(manscdp.child_text(item, "FileSize"))
        return cls(
            device_id=str(manscdp.child_id(item)),
            start=start,
            end=end,
            name=manscdp.child_text(item, "Name")[:MAX_TEXT],
            file_path=manscdp.child_text(item, "FilePath")[:MAX_TEXT],
            address=manscdp.child_text(item, "Address")[:MAX_TEXT],
            secrecy=int_or_none(manscdp.child_text(item, "Secrecy")) or 0,
            record_type=manscdp.child_text(item, "Type").lower()[:32],
            recorder_id=manscdp.child_text(item, "RecorderID")[:64],
            size_bytes=size if size is not None and size >= 0 else None,
            location=_id_text(manscdp.child_text(item, "RecordLocation")),
            stream_number=int_or_none(manscdp.child_text(item, "StreamNumber")),
        )

    def to_xml(self) -> Element:
        item = manscdp.new_item()
        add_text(item, "DeviceID", self.device_id)
        add_text(item, "Name", self.name)
        _add_present(item, ("FilePath", self.file_path), ("Address", self.address))
        add_text(item, "StartTime", format_datetime(self.start))
        add_text(item, "EndTime", format_datetime(self.end))
        add_text(item, "Secrecy", self.secrecy)
        _add_present(item, ("Type", self.record_type), ("RecorderID", self.recorder_id))
        if self.size_bytes is not None:
            add_text(item, "FileSize", self.size_bytes)
        _add_present(item, ("RecordLocation", self.location))
        if self.stream_number is not None:
            add_text(item, "StreamNumber", self.stream_number)
        return item


@dataclass(frozen=True, slots=True)
class RecordResponse:
    """One fragment of an answer. ``unusable`` counts lines without id or times."""

    sn: str
    device_id: GbId
    sum_num: int
    items: tuple[RecordItem, ...] = ()
    name: str = ""
    unusable: int = 0

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        elements = manscdp.list_items(response, "RecordList")
        items = [item for element in elements if (item := _item_or_none(element)) is not None]
        sum_num = int_or_none(manscdp.child_text(response, "SumNum"))
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            sum_num=len(elements) if sum_num is None or sum_num < 0 else sum_num,
            items=tuple(items),
            name=manscdp.child_text(response, "Name"),
            unusable=len(elements) - len(items),
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "RecordInfo", self.sn, self.device_id)
        add_text(response, "Name", self.name)
        add_text(response, "SumNum", self.sum_num)
        if self.items:  # GB-C060: an empty result has no list at all
            holder = add_group(response, "RecordList", Num=str(len(self.items)))
            holder.extend([item.to_xml() for item in self.items])
        return response


def record_fragments(
    sn: str, device_id: GbId, items: Sequence[RecordItem], size: int, name: str = ""
) -> list[RecordResponse]:
    """Cut an answer into fragments of ``size`` lines; a single empty one when there are none."""
    if not 1 <= size <= manscdp.MAX_ITEMS:
        raise ValueError(f"a fragment holds 1 to {manscdp.MAX_ITEMS} items, not {size}")
    return [
        RecordResponse(sn, device_id, len(items), tuple(items[start : start + size]), name)
        for start in range(0, max(len(items), 1), size)
    ]


def _item_or_none(element: Element) -> RecordItem | None:
    try:
        return RecordItem.from_xml(element)
    except MalformedDocument:
        return None


def _needed_time(element: Element, name: str) -> datetime:
    try:
        return parse_time(manscdp.child_text(element, name))
    except MalformedTime as error:
        raise MalformedDocument(f"{name}: {error}") from None


def _id_text(text: str) -> str:
    try:
        return str(GbId.parse(text, relaxed=True)) if text else ""
    except MalformedId:
        return ""


def _add_present(parent: Element, *pairs: tuple[str, str]) -> None:
    for name, text in pairs:
        if text:
            add_text(parent, name, text)
