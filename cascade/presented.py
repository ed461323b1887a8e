"""What one superior is shown: the items of its catalogue, in the order in which they are sent.

One builder for answers and notifications. Source: gb28181.md 1.5 to 1.7, 8.2, 8.3; GB-C129, GB-C135, GB-C138.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cascade.id_map import IdMap
from cascade.model import TreeForm
from cascade.shares import Share, is_shown
from catalog.model import Channel, ChannelKey, ChannelKind
from sipserver.gb.ids import REGION_LENGTHS, SYSTEM_TYPE, GbId, ItemKind, is_region_code
from sipserver.gb.messages.catalog import CatalogItem

UNKNOWN: Final = "Unknown"
"""For mandatory elements that nobody filled in: some superiors refuse a body with an empty one."""


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
class PresentedChannel:
    """One channel as a superior knows it, with the ways to it: the best comes first."""

    item: CatalogItem
    paths: tuple[ChannelKey, ...]


@dataclass(frozen=True, slots=True)
class PresentedTree:
    """All of it. Parents stand before their children."""

    root: str
    items: tuple[CatalogItem, ...] = ()
    channels: Mapping[str, PresentedChannel] = field(default_factory=dict)

    def below(self, item_id: str) -> tuple[CatalogItem, ...]:
        """What a query for an id is answered with (gb28181.md 1.7); nothing for what is not shown."""
        if item_id == self.root:
            return self.items
        if is_region_code(item_id):
            return tuple(item for item in self.items if _region_of(item).startswith(item_id))
        wanted = {item_id}
        for item in self.items:
            if wanted.intersection((*item.parent_ids, item.business_group_id)):
                wanted.add(item.device_id)
        return tuple(item for item in self.items if item.device_id in wanted)


def present(
    how: Presentation,
    channels: Iterable[Channel],
    shares: Sequence[Share],
    ids: IdMap,
    online: Collection[str],
) -> PresentedTree:
    """Build what a superior is shown.

    Args:
        channels: all that are in the catalogue.
        ids: gets an entry for each channel that is shown for the first time.
        online: ids of the devices that are online.
    """
    found: dict[str, list[Channel]] = {}
    for channel in channels:
        if channel.kind is ChannelKind.CAMERA and _may_go_up(channel, how) and is_shown(channel, shares):
            found.setdefault(identity_of(channel), []).append(channel)
    shown: dict[str, PresentedChannel] = {}
    for identity, ways in found.items():
        ways.sort(key=lambda way: not _is_on(way, online))
        item = _channel_item(
            ways[0], ids.presented(identity, ways[0].channel_id), how, _is_on(ways[0], online)
        )
        shown[item.device_id] = PresentedChannel(item, tuple(way.key for way in ways))
    groups = list(_directories(how, shown, ids))
    if how.tree is TreeForm.GROUPS:
        shown = {each: _hung(entry, how, ids) for each, entry in shown.items()}
    items = (*_own_item(how), *groups, *(entry.item for entry in shown.values()))
    return PresentedTree(how.own_id, items, shown)


def identity_of(channel: Channel) -> str:
    """What is one camera for superiors: through several subordinate platforms it is still one (annex H).

    Recorders number their channels as they like, so the same id on two of them is two cameras (lesson 13).
    """
    is_of_platform = GbId(channel.device_id).type_code == SYSTEM_TYPE
    return channel.channel_id if is_of_platform else str(channel.key)


# -------------------------------------------------------------------- inside


def _may_go_up(channel: Channel, how: Presentation) -> bool:
    """Never back to where it came from, nor what claims to be ourselves (gb28181.md 8.2)."""
    return channel.device_id != how.superior_id and channel.channel_id not in (how.own_id, how.superior_id)


def _is_on(channel: Channel, online: Collection[str]) -> bool:
    return channel.device_id in online and channel.present and channel.status_online is not False


def _own_item(how: Presentation) -> Iterator[CatalogItem]:
    if how.with_own_item:
        yield CatalogItem(
            GbId(how.own_id), how.own_name or how.own_id, UNKNOWN, UNKNOWN, UNKNOWN, how.own_id[:6],
            address=UNKNOWN, status="ON",
        )  # fmt: skip


def _channel_item(channel: Channel, presented: str, how: Presentation, is_on: bool) -> CatalogItem:
    """As the standard wants it: no password, no address of the camera, nothing mandatory empty."""
    return CatalogItem(
        GbId(presented),
        channel.shown_name,
        channel.manufacturer or UNKNOWN,
        channel.model or UNKNOWN,
        channel.owner or UNKNOWN,
        channel.region_code or channel.civil_code or how.own_id[:6],
        channel.block,
        channel.address or UNKNOWN,
        parental=0,
        parent_ids=(how.own_id,),
        register_way=channel.register_way,
        secrecy=channel.secrecy,
        status="ON" if is_on else "OFF",
        longitude=channel.longitude,
        latitude=channel.latitude,
        info=channel.info,
    )


def _directories(
    how: Presentation, shown: Mapping[str, PresentedChannel], ids: IdMap
) -> Iterator[CatalogItem]:
    if how.tree is TreeForm.REGIONS:
        codes = {entry.item.civil_code for entry in shown.values() if is_region_code(entry.item.civil_code)}
        needed = {code[:length] for code in codes for length in REGION_LENGTHS if length <= len(code)}
        for code in sorted(needed, key=lambda each: (len(each), each)):
            yield CatalogItem(GbId(code), how.region_names.get(code, code))
    elif how.tree is TreeForm.GROUPS and shown:
        group = _group_id(how, ids)
        yield CatalogItem(
            GbId(group), how.own_name or how.own_id, civil_code=how.own_id[:6], parent_ids=(how.own_id,)
        )
        for device in dict.fromkeys(entry.paths[0].device_id for entry in shown.values()):
            yield CatalogItem(
                GbId(_organisation_id(device, ids)), device, parent_ids=(group,), business_group_id=group
            )


def _hung(entry: PresentedChannel, how: Presentation, ids: IdMap) -> PresentedChannel:
    organisation = _organisation_id(entry.paths[0].device_id, ids)
    item = replace(
        entry.item,
        parent_ids=(how.own_id, organisation),
        business_group_id=_group_id(how, ids),
    )
    return PresentedChannel(item, entry.paths)


def _group_id(how: Presentation, ids: IdMap) -> str:
    return ids.presented(f"group {how.own_id}", f"{how.own_id[:10]}2150{1:06d}")


def _organisation_id(device_id: str, ids: IdMap) -> str:
    return ids.presented(f"organisation {device_id}", f"{device_id[:10]}2160{device_id[14:20]:0>6}")


def _region_of(item: CatalogItem) -> str:
    return str(item.device_id) if item.kind is ItemKind.REGION else item.civil_code
