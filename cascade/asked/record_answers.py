"""Answers to RecordInfo queries: always one, in time, and written down when something is missing from it.

Source: gb28181.md 3.8, 8.6; GB-C060, GB-C133.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from access.audit import Outcome
from cascade.asked.answers import Answer
from cascade.asked.fragments import send_in_turn
from cascade.asked.records import ListedRecords, RecordsDesk
from cascade.link import SuperiorLink
from cascade.ports import HistoryRooms
from cascade.rights.permits import Permits
from cascade.rights.trail import Asker
from cascade.shown.catalogue import PresentedCatalogue
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.record_info import RecordQuery, record_fragments

logger = logging.getLogger(__name__)


class RecordAnswers:
    """Answers one superior."""

    def __init__(
        self,
        link: SuperiorLink,
        catalogue: PresentedCatalogue,
        permits: Permits,
        rooms: HistoryRooms | None,
        wall: Callable[[], datetime],
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._permits = permits
        self._desk = None if rooms is None else RecordsDesk(rooms, lambda: link.superior, wall)

    def ask(self, element: Element, asker: Asker) -> Answer:
        """The answer to a query. Raises MalformedText."""
        return self.answer(RecordQuery.from_xml(element), asker)

    async def answer(self, query: RecordQuery, asker: Asker) -> None:
        """Of a channel that is not shown, or of nothing at all, the answer is an empty list.

        Raises:
            SuperiorOffline, SuperiorSilent, SuperiorRefused
        """
        entry = (await self._catalogue.tree()).channels.get(query.device_id)
        found = ListedRecords((), "the channel is not presented", is_refused=True)
        if entry is not None and self._desk is not None:
            found = await self._desk.find(query, entry)
        if found.why:
            logger.info("recordings for superior %s: %s", self._link.superior.superior_id, found.why)
            self._permits.note(
                "superior.records",
                str(query.device_id) if entry is None else str(entry.paths[0]),
                asker,
                outcome=_outcome(found),
                detail={"lines": len(found.items), "reason": found.why},
            )
        size = self._link.superior.fragment_items
        name = entry.item.name if entry is not None else ""
        parts = record_fragments(query.sn, query.device_id, found.items, size, name)
        await send_in_turn(self._link, (part.to_xml() for part in parts))


def _outcome(found: ListedRecords) -> Outcome:
    """Refusals that repeat are counted in one entry, whatever a superior asks for."""
    if found.is_refused:
        return Outcome.REFUSED
    return Outcome.DONE if found.items else Outcome.FAILED
