"""How one item of a catalogue is written for a superior; for answers and for notifications alike.

Source: gb28181.md 1.5, 3.6, 8.3; GB-C008, GB-C138.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cascade.model import TreeForm
from cascade.shown.channel_table import ItemState, Kept
from sipserver.gb.ids import GbId, is_region_code
from sipserver.gb.messages.catalog import CatalogItem

UNKNOWN: Final = "Unknown"
"""For mandatory elements that nobody filled in: some superiors refuse a body with an empty one."""
OFF: Final = "OFF"
ON: Final = "ON"
OWN: Final = "own"
GROUP: Final = "group"
"""Names of directories; regions and organisations are called by their code and their device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """How a superior is shown what it is shown."""

    superior_id: str
    own_id: str
    own_name: str = ""
    tree: TreeForm = TreeForm.FLAT
    with_own_item: bool = True
    region_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Override:
    """What an operator has one superior told in place of what the catalogue says; empty: as it is."""

    name: str = ""
    civil_code: str = ""
    address: str = ""

    def __bool__(self) -> bool:
        return bool(self.name or self.civil_code or self.address)


NO_OVERRIDE: Final = Override()


def salt_of(how: Presentation) -> int:
    """What all items of a superior have in common, as a figure."""
    return zlib.crc32(f"{how.own_id} {how.own_name} {how.tree}".encode())


def directory_place(name: str, entry: int) -> tuple[int, int, int | str]:
    """To sort directories by: parents before their children."""
    if name in (OWN, GROUP):
        return (0 if name == OWN else 2), 0, 0
    return (1, len(name), name) if is_region_code(name) else (3, 0, entry)


def own_item(how: Presentation) -> CatalogItem:
    """Our own system, which comes first (gb28181.md 1.7)."""
    return CatalogItem(
        GbId(how.own_id), how.own_name or how.own_id, UNKNOWN, UNKNOWN, UNKNOWN, how.own_id[:6],
        address=UNKNOWN, status=ON,
    )  # fmt: skip


def region_item(how: Presentation, code: str) -> CatalogItem:
    return CatalogItem(GbId(code), how.region_names.get(code, code), status=ON)


def group_item(how: Presentation, presented: str) -> CatalogItem:
    """The business group that all virtual organisations hang under."""
    return CatalogItem(
        GbId(presented), how.own_name or how.own_id, civil_code=how.own_id[:6], parent_ids=(how.own_id,),
        status=ON,
    )  # fmt: skip


def organisation_item(presented: str, device_id: str, group: str) -> CatalogItem:
    """The virtual organisation of a device."""
    return CatalogItem(GbId(presented), device_id, parent_ids=(group,), business_group_id=group, status=ON)


def gone_item(how: Presentation, presented: str) -> CatalogItem:
    """A camera that went away while a list that announced it is on its way."""
    return CatalogItem(
        GbId(presented), presented, UNKNOWN, UNKNOWN, UNKNOWN, how.own_id[:6], address=UNKNOWN, parental=0,
        parent_ids=(how.own_id,), status=OFF,
    )  # fmt: skip


def channel_item(
    how: Presentation,
    presented: str,
    kept: Kept,
    state: ItemState,
    *,
    organisation: str = "",
    group: str = "",
    override: Override = NO_OVERRIDE,
) -> CatalogItem:
    """As the standard wants it: no password, no address of the camera, nothing mandatory empty.

    Status has two words: a camera without a picture is ON there, and an event tells the rest.
    """
    return CatalogItem(
        GbId(presented),
        override.name or kept.name,
        kept.manufacturer or UNKNOWN,
        kept.model or UNKNOWN,
        kept.owner or UNKNOWN,
        override.civil_code or kept.region or how.own_id[:6],
        kept.block,
        override.address or kept.address or UNKNOWN,
        parental=0,
        parent_ids=(how.own_id, organisation) if organisation else (how.own_id,),
        register_way=kept.register_way,
        secrecy=kept.secrecy,
        status=OFF if state in (ItemState.OFF, ItemState.ABSENT) else ON,
        longitude=kept.longitude,
        latitude=kept.latitude,
        business_group_id=group,
        info=kept.info,
    )
