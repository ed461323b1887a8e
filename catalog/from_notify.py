"""From the events of a catalogue notification to changes of ours."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final, Protocol

from catalog.from_gb import GbCatalogItem, channel_kind, rows_from_items
from catalog.model import CatalogRow
from catalog.notified import CatalogChange, ChangeKind


class GbCatalogEvent(Protocol):
    """What is read from ``sipserver.gb.messages.catalog_notify.CatalogEvent``."""

    @property
    def kind(self) -> str | None: ...
    @property
    def item(self) -> GbCatalogItem: ...
    @property
    def given(self) -> Collection[str]: ...


# The element, in lower case, to the columns that it decides. The children of Info are merged by themselves.
COLUMNS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name",),
    "manufacturer": ("manufacturer",),
    "model": ("model",),
    "owner": ("owner",),
    "civilcode": ("civil_code", "region_code"),
    "block": ("block",),
    "address": ("address",),
    "parental": ("parental",),
    "parentid": ("parent_ids",),
    "registerway": ("register_way",),
    "secrecy": ("secrecy",),
    "ipaddress": ("ip_address",),
    "port": ("port",),
    "status": ("status_online", "fault", "defect"),
    "longitude": ("longitude", "latitude"),
    "latitude": ("longitude", "latitude"),
    "businessgroupid": ("business_group_id",),
    "pointtype": ("camera_class",),
}


FULL: Final = frozenset({ChangeKind.ADD, ChangeKind.UPDATE})


def change_from_event(device_id: str, event: GbCatalogEvent) -> CatalogChange:
    """What an event of this device means for its catalogue."""
    kind = None if event.kind is None else ChangeKind(event.kind)
    if kind is not None and kind not in FULL:
        channel_id = str(event.item.device_id)
        return CatalogChange(kind, CatalogRow(channel_id=channel_id, name=channel_id))
    (row,) = rows_from_items(device_id, [event.item])
    # Whether an item stands alone cannot be seen in a notification: only its id says what it is.
    row = replace(row, kind=channel_kind(device_id, row.channel_id, has_children=False))
    columns = {column for name in event.given for column in COLUMNS_OF.get(name, ())}
    if row.status_online is None:
        columns -= {"fault", "defect"}
    return CatalogChange(kind, row, frozenset(columns))
