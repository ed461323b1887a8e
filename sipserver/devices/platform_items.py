"""What a platform below us may not list: ourselves, and what hangs under us there.

A platform that is our superior too, or a ring of platforms, lists our own system to us with our own cameras
below it. Those are not its cameras: they would go round, once more with each round.

Source: gb28181.md 8.2; GB-C135.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from sipserver.devices.stats import DeviceStats
from sipserver.gb.messages.catalog import CatalogItem


class PlatformItems:
    """Looks through the catalogues of platforms. ``own_ids`` are all names by which others know us."""

    def __init__(self, is_platform: Callable[[str], bool], own_id: str, stats: DeviceStats) -> None:
        self.is_platform: Final = is_platform
        self.own_ids: Callable[[], Collection[str]] = lambda: (own_id,)
        self._stats = stats

    @property
    def refused(self) -> int:
        """Items that were left out since our start."""
        return self._stats.platform_items_refused

    def admitted(self, device_id: str, items: Sequence[CatalogItem]) -> Sequence[CatalogItem]:
        """Those that are the platform's own."""
        if not self.is_platform(device_id):
            return items
        own = set(self.own_ids()) - {device_id}
        gone = _with_all_below({item.device_id for item in items if item.device_id in own}, items)
        if not gone:
            return items
        self._stats.platform_items_refused += len(gone)
        return [item for item in items if item.device_id not in gone]

    def is_admitted(self, device_id: str, item: CatalogItem) -> bool:
        """The same of a single notified item."""
        if not self.is_platform(device_id):
            return True
        own = set(self.own_ids()) - {device_id}
        is_ours = item.device_id in own or _hangs_under(item, own)
        self._stats.platform_items_refused += is_ours
        return not is_ours


def _with_all_below(gone: Iterable[str], items: Sequence[CatalogItem]) -> set[str]:
    """Each item is looked at once, however long the chains are that a hostile list makes."""
    found = set(gone)
    if not found:
        return found
    children: dict[str, list[str]] = {}
    left: dict[str, int] = {}
    for item in items:
        parents = set(item.parent_ids)
        left[item.device_id] = len(parents)
        for parent in parents:
            children.setdefault(parent, []).append(item.device_id)
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            left[child] -= 1
            if not left[child] and child not in found:
                found.add(child)
                waiting.append(child)
    return found


def _hangs_under(item: CatalogItem, gone: Collection[str]) -> bool:
    """Under these alone: what the platform has by another way as well is its own."""
    return bool(item.parent_ids) and all(parent in gone for parent in item.parent_ids)
