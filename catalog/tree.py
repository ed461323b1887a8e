"""Trees from the flat list of a device's items (gb28181.md 1.6; GB-C004, GB-C005).

The physical tree hangs devices under devices and systems. The business tree hangs organisations
under groups and the same devices under organisations. Both hold each of their items exactly once
per place, whatever the device says: an unknown parent means the registering device, and a cycle is
cut at the item that would close it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from catalog.model import ChannelKind

ORGANISATIONS: Final = frozenset({ChannelKind.BUSINESS_GROUP, ChannelKind.VIRTUAL_ORGANISATION})
NOT_PHYSICAL: Final = ORGANISATIONS | {ChannelKind.REGION}


class TreeItem(Protocol):
    """What a tree is made of: the ids of an item and of what it says that it hangs under."""

    @property
    def channel_id(self) -> str: ...
    @property
    def kind(self) -> ChannelKind: ...
    @property
    def parent_ids(self) -> Sequence[str]: ...
    @property
    def business_group_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Tree:
    """Ids under a root, which is the registering device. ``children`` keeps the device's own order."""

    root: str
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def children_of(self, item_id: str) -> tuple[str, ...]:
        return self.children.get(item_id, ())

    def walk(self) -> Iterator[tuple[int, str]]:
        """Depth and id of every item below the root, parents before children."""
        waiting = [(1, child) for child in reversed(self.children_of(self.root))]
        while waiting:
            depth, item_id = waiting.pop()
            yield depth, item_id
            waiting += [(depth + 1, child) for child in reversed(self.children_of(item_id))]

    def has_children(self, item_id: str) -> bool:
        """The derived form of Parental, which devices fill in at random."""
        return bool(self.children_of(item_id))


def physical_tree(device_id: str, items: Sequence[TreeItem]) -> Tree:
    """Devices and systems below the registering device."""
    physical = {
        item.channel_id: item
        for item in items
        if item.kind not in NOT_PHYSICAL and item.channel_id != device_id
    }

    def parent_of(item: TreeItem) -> str:
        known = (parent for parent in item.parent_ids if parent in physical and parent != item.channel_id)
        return next(known, device_id)

    return _grow(device_id, physical.values(), parent_of)


def business_tree(device_id: str, items: Sequence[TreeItem]) -> Tree:
    """Groups and organisations below the registering device, with the devices that they hold.

    A device stands under each of its organisations, and nowhere here when it has none.
    """
    # The registering device may list itself: it is the root, and hangs under nothing of its own.
    items = [item for item in items if item.channel_id != device_id]
    organisations = {item.channel_id: item for item in items if item.kind in ORGANISATIONS}
    tree = _grow(device_id, organisations.values(), lambda item: _owner(item, organisations, device_id))
    children = {parent: list(below) for parent, below in tree.children.items()}
    for item in {item.channel_id: item for item in items if item.kind not in NOT_PHYSICAL}.values():
        for parent in dict.fromkeys((*item.parent_ids, item.business_group_id)):
            if parent in organisations and not _stands_deeper(item, parent, organisations):
                children.setdefault(parent, []).append(item.channel_id)
    return Tree(device_id, {parent: tuple(below) for parent, below in children.items()})


def _owner(item: TreeItem, organisations: Mapping[str, TreeItem], device_id: str) -> str:
    """An organisation of ParentID, else the group, by any of three ways (GB-C010)."""
    if item.kind is ChannelKind.BUSINESS_GROUP:
        return device_id  # groups do not nest
    candidates = [*item.parent_ids, item.business_group_id]
    known = [each for each in candidates if each in organisations and each != item.channel_id]
    nested = [each for each in known if organisations[each].kind is ChannelKind.VIRTUAL_ORGANISATION]
    return next(iter(nested or known), device_id)


def _stands_deeper(item: TreeItem, group: str, organisations: Mapping[str, TreeItem]) -> bool:
    """Whether ``group`` is the business group of an item that names an organisation in it as well."""
    if organisations[group].kind is not ChannelKind.BUSINESS_GROUP:
        return False
    return any(
        parent in organisations and organisations[parent].kind is ChannelKind.VIRTUAL_ORGANISATION
        for parent in item.parent_ids
    )


def _grow(root: str, items: Iterable[TreeItem], parent_of: Callable[[TreeItem], str]) -> Tree:
    """Hang each item under its parent; the one that would close a cycle goes to the root.

    An item has no parent before its turn, so it is the top of its own piece: a parent whose top is
    the item itself would close a cycle. Tops are found with path compression, since a hostile
    catalogue may be one chain of ten thousand.
    """
    top: dict[str, str] = {}
    children: dict[str, list[str]] = {}
    for item in items:
        item_id = item.channel_id
        parent = parent_of(item)
        if parent != root and _top(top, parent) == item_id:
            parent = root
        top[item_id] = parent
        children.setdefault(parent, []).append(item_id)
    return Tree(root, {parent: tuple(below) for parent, below in children.items()})


def _top(top: dict[str, str], item_id: str) -> str:
    path = []
    while item_id in top:
        path.append(item_id)
        item_id = top[item_id]
    for each in path:
        top[each] = item_id
    return item_id
