"""Keeps the ledger of one superior: read when it is first needed, written down behind those who tell."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Final

from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.stock import AWAY
from cascade.told.ledger import Ledger
from cascade.told.ledger_store import LedgerStore

WRITE_AFTER_S: Final = 5.0
"""Of a line that changes again and again only the last form is written."""
WRITE_ROWS: Final = 250
"""In one go: what the event loop can do without for their sake."""
CLOSE_S: Final = 3.0

logger = logging.getLogger(__name__)


class LedgerBook:
    """One superior's."""

    def __init__(
        self, catalogue: PresentedCatalogue, store: LedgerStore, wall: Callable[[], datetime]
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._wall = wall
        self._ledger: Ledger | None = None
        self._loading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def ledger(self) -> Ledger:
        """It, with what was written down before our restart.

        Raises:
            SQLAlchemyError, OSError: the database is away.
        """
        async with self._loading:
            if self._ledger is None:
                ledger = Ledger(await self._catalogue.tree())
                async for rows in self._store.load(self._superior_id):
                    ledger.load(rows)
                self._ledger = ledger
            return self._ledger

    def now_s(self) -> int:
        return int(self._wall().timestamp())

    def kick(self) -> None:
        """Something is to be written down, some time soon."""
        if self._ledger is not None and self._ledger.unsaved and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(
                self._write(), name=f"ledger of {self._superior_id}"
            )

    async def close(self) -> None:
        """Write what waits, as far as it goes within a moment."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(TimeoutError, *AWAY):
            async with asyncio.timeout(CLOSE_S):
                await self._flush()

    async def _write(self) -> None:
        while self._ledger is not None and self._ledger.unsaved:
            await asyncio.sleep(WRITE_AFTER_S)
            try:
                await self._flush()
            except AWAY as error:
                logger.warning("the ledger of %s is written later: %s", self._superior_id, error)

    async def _flush(self) -> None:
        """Write what waits now; what comes meanwhile waits for the next time."""
        ledger = self._ledger
        if ledger is None:
            return
        waiting, ledger.unsaved = ledger.unsaved, set()
        try:
            while waiting:
                entries = list(islice(waiting, WRITE_ROWS))
                await self._store.save(self._superior_id, [ledger.row(entry) for entry in entries])
                waiting.difference_update(entries)
        finally:
            ledger.unsaved |= waiting

    @property
    def _superior_id(self) -> str:
        return self._catalogue.superior.superior_id
