"""What is presented as a list and as a mapping; each item is made when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, overload

from sipserver.gb.messages.catalog import CatalogItem

if TYPE_CHECKING:
    from cascade.shown.presented import PresentedChannel, PresentedTree


class Items(Sequence[CatalogItem]):
    """Items that are made when they are looked at."""

    def __init__(self, tree: PresentedTree, entries: Sequence[int]) -> None:
        self.entries: Final = entries
        self._tree = tree

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> CatalogItem: ...
    @overload
    def __getitem__(self, index: slice) -> list[CatalogItem]: ...
    def __getitem__(self, index: int | slice) -> CatalogItem | list[CatalogItem]:
        if isinstance(index, slice):
            return [self._tree.item(entry) for entry in self.entries[index]]
        return self._tree.item(self.entries[index])


class Channels(Mapping[str, "PresentedChannel"]):
    """Cameras that are made when they are looked at."""

    def __init__(self, tree: PresentedTree) -> None:
        self._tree = tree

    def __getitem__(self, presented: str) -> PresentedChannel:
        channel = self._tree.channel(presented)
        if channel is None:
            raise KeyError(presented)
        return channel

    def __iter__(self) -> Iterator[str]:
        tree = self._tree
        return (
            tree.presented_ids[entry]
            for entry in range(len(tree))
            if tree.states[entry] and tree.is_camera(entry)
        )

    def __len__(self) -> int:
        return self._tree.camera_count
