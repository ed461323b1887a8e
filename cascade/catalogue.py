"""The presented tree of one superior, built when it is asked for and kept until something has changed."""

from __future__ import annotations

import asyncio
from typing import Final

from cascade.id_map import IdMap
from cascade.model import Superior
from cascade.ports import CascadeCatalog, Standing
from cascade.presented import Presentation, PresentedTree, present
from cascade.store import SuperiorStore
from catalog.model import ChannelKind

MAX_AGE_S: Final = 10.0
"""What nobody reports, such as an operator's names, is seen after so long."""
CAMERAS: Final = frozenset({ChannelKind.CAMERA})


class PresentedCatalogue:
    """What one superior is shown. ``stale`` makes the next question build it anew."""

    def __init__(
        self,
        superior: Superior,
        own_name: str,
        store: SuperiorStore,
        catalog: CascadeCatalog,
        standing: Standing,
    ) -> None:
        self.superior = superior
        self._own_name = own_name
        self._store = store
        self._catalog = catalog
        self._standing = standing
        self._ids: IdMap | None = None
        self._tree: PresentedTree | None = None
        self._built_at = 0.0
        self._lock = asyncio.Lock()

    def stale(self) -> None:
        """Something that is shown has changed."""
        self._tree = None

    def change(self, superior: Superior) -> None:
        """Show it as the changed settings say; ids that were assigned stay."""
        if (superior.id_prefix, superior.keeps_ids) != (self.superior.id_prefix, self.superior.keeps_ids):
            self._ids = None
        self.superior = superior
        self.stale()

    async def tree(self) -> PresentedTree:
        """What it is shown now."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            if self._tree is None or loop.time() - self._built_at > MAX_AGE_S:
                self._built_at = loop.time()
                self._tree = await self._build()
            return self._tree

    async def _build(self) -> PresentedTree:
        superior = self.superior
        ids = self._ids = self._ids or await self._load_ids()
        how = Presentation(
            superior_id=superior.superior_id,
            own_id=superior.own_id,
            own_name=self._own_name,
            tree=superior.tree,
            with_own_item=superior.with_own_item,
        )
        channels = await self._catalog.load_channels(kinds=CAMERAS)
        tree = present(how, channels, superior.shares, ids, self._standing.online_ids())
        if new := ids.take_new():
            # Before anybody hears of them: an id that was told never changes.
            try:
                await self._store.save_ids(superior.superior_id, new)
            except BaseException:
                self._ids = None  # read again: nothing counts that is not written down
                raise
        return tree

    async def _load_ids(self) -> IdMap:
        superior = self.superior
        return IdMap(
            superior.id_prefix or superior.own_id,
            await self._store.load_ids(superior.superior_id),
            reserved=(superior.own_id, superior.superior_id),
            keeps_own=superior.keeps_ids,
        )
