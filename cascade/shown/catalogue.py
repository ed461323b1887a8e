"""The presented tree of one superior: kept true by what the stock reports, and its ids written down first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from typing import Final

from cascade.errors import NotPresented
from cascade.model import Superior, TreeForm
from cascade.shown.id_map import IdMap
from cascade.shown.items import Override, Presentation
from cascade.shown.presented import PresentedTree
from cascade.shown.shares import Rules
from cascade.shown.stock import ChannelStock
from cascade.store import SuperiorStore

SLICE: Final = 500
"""Channels looked at in one go."""
ASSIGNED_BY: Final = frozenset({"own_id", "id_prefix", "keeps_ids"})
"""Settings that decide which ids are assigned."""
PRESENTED: Final = frozenset({"own_id", "tree", "with_own_item", "shares", "id_prefix", "keeps_ids"})
"""Settings that change what is shown."""

logger = logging.getLogger(__name__)


class PresentedCatalogue:
    """What one superior is shown. It is built when somebody first asks, and brought up to date when asked.

    ``listeners`` hear at once that something has changed, and ``changed`` which entries, after ``settle``.
    """

    def __init__(self, superior: Superior, own_name: str, store: SuperiorStore, stock: ChannelStock) -> None:
        self.superior = superior
        self.listeners: Final[list[Callable[[], None]]] = []
        self.changed: Final[list[Callable[[Collection[int]], None]]] = []
        self._own_name = own_name
        self._store = store
        self._stock = stock
        self._tree: PresentedTree | None = None
        self._rows: set[int] = set()
        """Of the stock's table, to be looked at again."""
        self._all = False
        self._ids_stale = False
        self._lock = asyncio.Lock()
        stock.onlookers.add(self)

    def close(self) -> None:
        self._stock.onlookers.discard(self)

    # ---------------------------------------------------------------- what others report

    def stir(self) -> None:
        """Something has changed; what it is, ``settle`` finds out."""
        for listener in self.listeners:
            listener()

    def note(self, rows: Iterable[int]) -> None:
        """These rows of the table have changed."""
        if self._tree is not None and not self._all:
            self._rows.update(rows)

    def change(self, superior: Superior) -> None:
        """Show it as the changed settings say; ids that were assigned stay."""
        former, self.superior = self.superior, superior
        if any(getattr(superior, name) != getattr(former, name) for name in ASSIGNED_BY):
            self._ids_stale = True
        if any(getattr(superior, name) != getattr(former, name) for name in PRESENTED):
            self._all = True
            self.stir()

    # ---------------------------------------------------------------- what others ask

    async def tree(self) -> PresentedTree:
        """What it is shown now.

        Raises:
            SQLAlchemyError, OSError: the database is away.
        """
        async with self._lock:
            await self._stock.settle()
            tree = self._tree if self._tree is not None else await self._open_tree()
            await self._take(tree)
            return tree

    async def override(self, presented: str, override: Override) -> None:
        """Tell this superior something else about a camera than the catalogue says.

        Raises:
            NotPresented: the superior is not shown it.
        """
        tree = await self.tree()
        entry = tree.entry(presented)
        if entry is None or not tree.is_camera(entry):
            raise NotPresented(f"{presented} is no camera that superior {self.superior.superior_id} is shown")
        await self._store.save_override(self.superior.superior_id, presented, override)
        if override:
            tree.overrides[presented] = override
        else:
            tree.overrides.pop(presented, None)
        self.note([row for key in tree.paths(entry) if (row := self._stock.table.row(key)) is not None])
        self.stir()

    # ---------------------------------------------------------------- inside

    async def _open_tree(self) -> PresentedTree:
        superior = self.superior
        ids = await self._load_ids()
        tree = PresentedTree(self._stock.table, await self._how(), Rules(superior.shares), ids)
        tree.overrides.update(await self._store.load_overrides(superior.superior_id))
        self._all, self._ids_stale = True, False
        self._tree = tree
        return tree

    async def _take(self, tree: PresentedTree) -> None:
        """Look at what has changed; entries change only when their ids are written down."""
        if self._ids_stale:
            tree.ids = await self._load_ids()
            self._ids_stale = False
        rows: Collection[int] = self._rows
        is_all, self._all, self._rows = self._all, False, set()
        try:
            if is_all:
                tree.change(await self._how(), Rules(self.superior.shares))
                rows = range(len(self._stock.table))
            rows = self._in_order(rows, is_all=is_all)
            await self._assign(tree, rows)
        except BaseException:
            # Nothing counts that is not written down.
            self._ids_stale = True
            self._all |= is_all
            self._rows.update(() if is_all else rows)
            raise
        changed: set[int] = set()
        for slice_ in _slices(rows):
            changed |= tree.refresh(slice_)
            if len(slice_) == SLICE:
                await asyncio.sleep(0)
        if is_all and not rows:
            changed |= tree.refresh(())
        if changed:
            for listener in self.changed:
                listener(changed)

    def _in_order(self, rows: Collection[int], *, is_all: bool) -> list[int]:
        """Our own cameras first, then what platforms bring under the same ids (``PresentedTree.refresh``)."""
        table = self._stock.table
        wanted = rows if is_all else {*rows, *(each for row in rows for each in table.brought_back(row))}
        own = [row for row in wanted if not table.is_of_platform(row)]
        return own + [row for row in wanted if table.is_of_platform(row)]

    async def _assign(self, tree: PresentedTree, rows: Collection[int]) -> None:
        for slice_ in _slices(rows):
            tree.assign(slice_)
            if len(slice_) == SLICE:
                await asyncio.sleep(0)
        if new := tree.ids.take_new():
            # Before anybody hears of them: an id that was told never changes.
            await self._store.save_ids(self.superior.superior_id, new)

    async def _how(self) -> Presentation:
        superior = self.superior
        is_by_region = superior.tree is TreeForm.REGIONS
        names = await self._stock.region_names() if is_by_region else {}
        return Presentation(
            superior_id=superior.superior_id,
            own_id=superior.own_id,
            own_name=self._own_name,
            tree=superior.tree,
            with_own_item=superior.with_own_item,
            region_names=names,
        )

    async def _load_ids(self) -> IdMap:
        superior = self.superior
        return IdMap(
            superior.id_prefix or superior.own_id,
            await self._store.load_ids(superior.superior_id),
            reserved=(superior.own_id, superior.superior_id),
            keeps_own=superior.keeps_ids,
        )


def _slices(rows: Collection[int]) -> Iterable[list[int]]:
    ordered = list(rows)
    return (ordered[start : start + SLICE] for start in range(0, len(ordered), SLICE))
