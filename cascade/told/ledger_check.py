"""Asks a superior what it lists of ours, and holds that against what it was told (idea 11).

Many superiors answer no such query: then the ledger says what was acknowledged, and no more.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from cascade.errors import SuperiorSilent
from cascade.link import SuperiorLink
from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.presented import PresentedTree
from cascade.told.ledger import Listed
from cascade.told.ledger_book import LedgerBook
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.catalog import CatalogItem, CatalogQuery, CatalogResponse

QUIET_S: Final = 15.0
"""After the last fragment: the rest will not come."""
TOTAL_S: Final = 1_800.0
STRANGERS_MAX: Final = 1_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stranger:
    """Something that the superior lists below us and that it is not shown."""

    presented_id: str
    name: str


@dataclass(slots=True)
class OwnList:
    """What the superior lists, as it comes in; each item is compared at once and then forgotten."""

    sn: str
    found: dict[int, Listed] = field(default_factory=dict)
    strangers: dict[str, Stranger] = field(default_factory=dict)
    stranger_count: int = 0
    sum_num: int | None = None
    fragments: int = 0

    def take(self, tree: PresentedTree, response: CatalogResponse) -> None:
        self.fragments += 1
        self.sum_num = max(self.sum_num or 0, response.sum_num)
        for item in response.items:
            entry = tree.entry(item.device_id)
            if entry is not None:
                self.found[entry] = Listed.SAME if _is_same(tree.item(entry), item) else Listed.OTHERWISE
            elif item.device_id not in self.strangers and len(self.strangers) < STRANGERS_MAX:
                self.strangers[item.device_id] = Stranger(str(item.device_id), item.name)
                self.stranger_count += 1

    @property
    def is_whole(self) -> bool:
        return self.sum_num is not None and len(self.found) + self.stranger_count >= self.sum_num


class LedgerCheck:
    """One query at a time."""

    def __init__(self, link: SuperiorLink, catalogue: PresentedCatalogue, book: LedgerBook) -> None:
        self._link = link
        self._catalogue = catalogue
        self._book = book
        self._running: OwnList | None = None
        self._tree: PresentedTree | None = None
        self._came = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self.quiet_s = QUIET_S
        self.strangers: tuple[Stranger, ...] = ()
        """What the superior listed last and is not shown; the first thousand."""

    async def ask(self) -> OwnList:
        """Have the superior list what it has of ours.

        Raises:
            SuperiorOffline, SuperiorSilent, SuperiorRefused: it does not answer such a query.
        """
        async with self._one_at_a_time:
            tree, ledger = await self._catalogue.tree(), await self._book.ledger()
            running = OwnList(self._link.signalling.next_sn())
            self._tree, self._running = tree, running
            try:
                await self._link.send_document(CatalogQuery(running.sn, GbId(tree.root)).to_xml())
                await self._collect(running)
            finally:
                self._running = None
            ledger.asked_back(running.found.items())
            self._book.kick()
            self.strangers = tuple(running.strangers.values())
            return running

    def receive(self, document: Document) -> bool:
        """Take a fragment of its answer; False when it is none."""
        running, tree = self._running, self._tree
        if document.cmd_type != "Catalog" or running is None or tree is None or document.sn != running.sn:
            return False
        try:
            running.take(tree, CatalogResponse.from_xml(document.element))
        except MalformedText as error:
            logger.info("superior %s lists what cannot be read: %s", self._link.superior.superior_id, error)
        self._came.set()
        return True

    async def _collect(self, running: OwnList) -> None:
        async with asyncio.timeout(TOTAL_S):
            while not running.is_whole:
                self._came.clear()
                try:
                    async with asyncio.timeout(self.quiet_s):
                        await self._came.wait()
                except TimeoutError:
                    break
        if not running.fragments:
            raise SuperiorSilent(
                f"superior {self._link.superior.superior_id} took the query and sent no list "
                f"within {self.quiet_s:g} s"
            )


def _is_same(ours: CatalogItem, theirs: CatalogItem) -> bool:
    """By name and status; superiors keep and print the rest as they like."""
    return ours.name == theirs.name and (theirs.status is None or ours.status in (None, theirs.status))
