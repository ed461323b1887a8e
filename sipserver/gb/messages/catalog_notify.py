"""Catalog notifications: what changed below a device or platform (目录变更通知).

Source: GB/T 28181-2016 and -2022 annexes A, N and P; gb28181.md 5.3. GB-C091.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from sipserver.gb import manscdp
from sipserver.gb.editions import Edition
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element, add_group, add_text
from sipserver.gb.messages.catalog import CatalogItem


class CatalogEventKind(StrEnum):
    """What happened to an item; the text is what Event carries."""

    ON = "ON"  # 上线
    OFF = "OFF"  # 离线
    VLOST = "VLOST"  # 视频丢失
    DEFECT = "DEFECT"  # 故障
    ADD = "ADD"
    DEL = "DEL"
    UPDATE = "UPDATE"


FULL_ITEMS: Final = frozenset({CatalogEventKind.ADD, CatalogEventKind.UPDATE})
"""The events that carry a whole item; the others name it only."""

_NAMED: Final = frozenset({"deviceid"})
# As written by devices, in any case, beside the words of the standard.
_SYNONYMS: Final[Mapping[str, CatalogEventKind]] = {
    "ONLINE": CatalogEventKind.ON,
    "OFFLINE": CatalogEventKind.OFF,
    "DELETE": CatalogEventKind.DEL,
    "MODIFY": CatalogEventKind.UPDATE,
}


@dataclass(frozen=True, slots=True)
class CatalogEvent:
    """One item of a notification.

    ``kind`` is None when the peer left Event out: UPDATE for an item that is known, else ADD. ``given``
    has the names of the elements that were present, in lower case: the others keep their value.
    """

    kind: CatalogEventKind | None
    item: CatalogItem
    given: frozenset[str] = frozenset()

    @property
    def channel_id(self) -> GbId:
        return self.item.device_id


@dataclass(frozen=True, slots=True)
class CatalogNotify:
    """One notification. ``unusable`` counts items without an id, or with an Event that means nothing."""

    sn: str
    device_id: GbId
    sum_num: int
    events: tuple[CatalogEvent, ...] = ()
    unusable: int = 0

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        """Read a notification under either root: devices of 2011 write Response (Q43)."""
        found = list(read_events(notify))
        events = tuple(event for event in found if event is not None)
        return cls(
            sn=manscdp.child_text(notify, "SN"),
            device_id=manscdp.child_id(notify),
            sum_num=manscdp.child_int(notify, "SumNum", len(found)),
            events=events,
            unusable=len(found) - len(events),
        )

    def to_xml(self, edition: Edition = Edition.V2_0, root: str = "Notify") -> Element:
        notify = manscdp.new_document(root, "Catalog", self.sn, self.device_id)
        add_text(notify, "SumNum", self.sum_num)
        if self.events:
            holder = add_group(notify, "DeviceList", Num=str(len(self.events)))
            holder.extend([_item(event, edition) for event in self.events])
        return notify


def read_events(notify: Element) -> Iterator[CatalogEvent | None]:
    """One item after the other, for lists that are too long to be read at once; None is an unusable one."""
    common = manscdp.child_text(notify, "Event")
    return (_event_or_none(element, common) for element in manscdp.list_items(notify))


def carries_events(element: Element) -> bool:
    """Whether a Catalog document tells of changes: an answer to a query has no Event."""
    items = manscdp.list_items(element)
    return bool(manscdp.child_text(element, "Event")) or any(
        manscdp.child_text(item, "Event") for item in items[:1]
    )


def _event_or_none(element: Element, common: str) -> CatalogEvent | None:
    word = (manscdp.child_text(element, "Event") or common).strip().upper()
    kind = _SYNONYMS.get(word) or (CatalogEventKind(word) if word in set(CatalogEventKind) else None)
    if word and kind is None:
        return None
    try:
        if kind is not None and kind not in FULL_ITEMS:  # nothing else counts, and there may be thousands
            return CatalogEvent(kind, CatalogItem(manscdp.child_id(element)), _NAMED)
        item = CatalogItem.from_xml(element)
    except MalformedDocument:
        return None
    unknown = {name: value for name, value in item.unknown.items() if name.lower() != "event"}
    return CatalogEvent(kind, replace(item, unknown=unknown), _given(element))


def _given(element: Element) -> frozenset[str]:
    info = manscdp.child(element, "Info")
    nested = frozenset() if info is None else frozenset(manscdp.leaves(info))
    return (frozenset(manscdp.leaves(element)) | nested) - {"event"}


def _item(event: CatalogEvent, edition: Edition) -> Element:
    kind = event.kind
    if kind is None or kind in FULL_ITEMS:
        item = event.item.to_xml(edition)
    else:
        item = manscdp.new_item()
        add_text(item, "DeviceID", event.item.device_id)
    if kind is not None:
        item.insert(1, add_text(item, "Event", kind.value))
    return item
