"""A superior asks for the catalogue: fragments one after the other, each noted in the ledger.

However many cameras there are, only one fragment is in memory, and the superior sets the pace.
Source: gb28181.md 1.7, 3.2, 8.3; GB-C060, GB-C062, GB-C129, GB-C130.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from cascade.asked.fragments import send_in_turn
from cascade.errors import SuperiorRefused
from cascade.link import SuperiorLink
from cascade.rights.trail import Asker
from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.channel_table import ItemState
from cascade.shown.presented import PresentedTree
from cascade.stats import CascadeStats
from cascade.told.ledger import Ledger, Told
from cascade.told.ledger_book import LedgerBook
from sipserver.gb.manscdp import Element, serialize_document
from sipserver.gb.messages.catalog import CatalogQuery, CatalogResponse
from sipserver.sip.flow import Transport

REFUSED_MAX: Final = 10
"""Fragments refused in a row, after which the superior is taken to want none of them."""
FITS_ALWAYS: Final = 20
"""So many items fit into a datagram, however much each says."""
DATAGRAM_BYTES: Final = 60_000
"""Of a body over UDP: with the head of the message it has to stay below 65,507."""
STALE_S: Final = 10.0
"""A query that waited so long is left to a newer one for the same id."""


class CatalogueAnswers:
    """One catalogue at a time; the others wait."""

    def __init__(
        self, link: SuperiorLink, catalogue: PresentedCatalogue, book: LedgerBook, stats: CascadeStats
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._book = book
        self._stats = stats
        self._one_at_a_time = asyncio.Lock()
        self._newest: dict[str, str] = {}
        """The SN of the newest query for each id that waits."""
        self.superseded = 0

    def ask(self, query: Element, _: Asker) -> Coroutine[Any, Any, None]:
        """Raises MalformedText."""
        return self._answer(CatalogQuery.from_xml(query))

    async def _answer(self, query: CatalogQuery) -> None:
        clock = asyncio.get_running_loop().time
        came_at = clock()
        self._newest[query.device_id] = query.sn
        async with self._one_at_a_time:
            is_newest = self._newest.get(query.device_id) == query.sn
            if not is_newest and clock() - came_at > STALE_S:
                self.superseded += 1
                return
            if is_newest:
                del self._newest[query.device_id]
            tree, ledger = await self._catalogue.tree(), await self._book.ledger()
            entries = tree.entries_below(query.device_id)
            is_whole = await self._send(query, tree, ledger, entries)
            if is_whole and query.device_id == tree.root:
                ledger.listed_whole(entries, self._book.now_s())
            self._book.kick()

    async def _send(
        self, query: CatalogQuery, tree: PresentedTree, ledger: Ledger, entries: Sequence[int]
    ) -> bool:
        """Serially, the next fragment after the answer to the one before; False when some were refused.

        Raises:
            SuperiorOffline, SuperiorSilent, SuperiorRefused: the rest was not sent.
        """
        is_whole, refused, start = True, 0, 0
        while start < max(len(entries), 1):
            part, chosen = self._part(query, tree, entries, start)
            start += max(len(chosen), 1)
            told = tuple(_told(tree, entry) for entry in chosen)
            ledger.sent(told, self._book.now_s())
            try:
                await send_in_turn(self._link, (part,))
            except SuperiorRefused as error:
                # One item that a superior does not like is no reason to keep the others from it.
                is_whole, refused = False, refused + 1
                self._stats.catalogue_fragments_refused += 1
                ledger.refused(told, error.status)
                if refused >= REFUSED_MAX:
                    raise
            else:
                refused = 0
                self._stats.catalogue_items += len(told)
                ledger.acknowledged(told, self._book.now_s())
            finally:
                self._book.kick()
        return is_whole

    def _part(
        self, query: CatalogQuery, tree: PresentedTree, entries: Sequence[int], start: int
    ) -> tuple[Element, Sequence[int]]:
        """The next fragment; as many items as the superior takes, and as a datagram holds."""
        superior = self._link.superior
        size = superior.fragment_items
        while True:
            chosen = entries[start : start + size]
            items = tuple(tree.item(entry) for entry in chosen)
            part = CatalogResponse(query.sn, query.device_id, len(entries), items).to_xml(superior.edition)
            is_datagram = superior.transport is Transport.UDP and len(chosen) > FITS_ALWAYS
            if not is_datagram or len(serialize_document(part, superior.charset)) <= DATAGRAM_BYTES:
                return part, chosen
            size = len(chosen) // 2


def _told(tree: PresentedTree, entry: int) -> Told:
    """What went away while its list is on its way is sent as off: the number of items was announced."""
    return Told(entry, tree.states[entry] or ItemState.OFF, tree.sums[entry])
