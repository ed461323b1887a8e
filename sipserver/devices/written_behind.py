"""Rows by key that are written behind: memory is right at once, the database a moment later.

For what must outlive the process and must not delay what is going on. A database that is away delays the
writing and nothing else; what changed meanwhile is written once, in its newest form.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from typing import Final, Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from sipserver.devices.tasks import TaskOwner

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")

LINGER_S: Final = 1.0
"""How long a removal may wait: what begins again at once needs no writing at all."""
RETRY_MIN_S: Final = 0.5
RETRY_MAX_S: Final = 5.0
CLOSE_S: Final = 3.0

logger = logging.getLogger(__name__)


class WrittenBehind(Generic[Key, Row]):
    """One task writes, many changes in one transaction.

    Args:
        name: for the log.
        write: stores the new form of each row, or removes it where there is None; all or nothing.
        limit: rows held at once; one more is left out, with a line in the log.
    """

    def __init__(
        self, name: str, write: Callable[[Mapping[Key, Row | None]], Awaitable[None]], limit: int
    ) -> None:
        self._name = name
        self._write = write
        self._limit = limit
        self._kept: dict[Key, Row] = {}
        self._changed: dict[Key, Row | None] = {}
        self._writing: Mapping[Key, Row | None] = {}
        self._stored: set[Key] = set()
        self._wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._settled = asyncio.Condition()
        self._closing = asyncio.Event()
        self._tasks = TaskOwner(name)
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def open(self, rows: Mapping[Key, Row]) -> None:
        """Begin with what the table holds."""
        self._kept |= rows
        self._stored |= rows.keys()
        self._task = self._tasks.spawn(self._run(), "writer")

    async def close(self) -> None:
        """Write what is left, for as long as a shutdown may take."""
        self._closing.set()
        self._wanted.set()
        self._hurry.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSE_S)
        await self._tasks.close()
        if self._changed:
            logger.warning("%s: %d changes could not be written", self._name, len(self._changed))

    def put(self, key: Key, row: Row) -> None:
        """Keep a row; it is written at once, and nobody waits for it."""
        if key not in self._kept and len(self._kept) >= self._limit:
            logger.warning("%s: %d rows are kept already, %s is left out", self._name, self._limit, key)
            return
        self._kept[key] = row
        self._changed[key] = row
        self._wanted.set()
        self._hurry.set()

    def drop(self, keys: Iterable[Key]) -> None:
        """Forget rows; one that was never written costs nothing."""
        for key in keys:
            self._kept.pop(key, None)
            if key in self._stored or key in self._writing:
                self._changed[key] = None
                self._wanted.set()
            else:
                self._changed.pop(key, None)

    async def written(self, key: Key, within_s: float) -> bool:
        """Wait until the row stands in the table; False when the database does not come to it in time."""
        try:
            async with asyncio.timeout(within_s), self._settled:
                await self._settled.wait_for(lambda: key not in self._changed and key not in self._writing)
        except TimeoutError:
            return False
        return True

    # ---------------------------------------------------------------- inside

    async def _run(self) -> None:
        pause_s = RETRY_MIN_S
        while self._changed or not self._closing.is_set():
            await self._wanted.wait()
            self._wanted.clear()
            await _wait(self._hurry, LINGER_S)
            self._hurry.clear()
            if await self._write_changes():
                pause_s = RETRY_MIN_S
                continue
            self._wanted.set()
            self._hurry.set()
            if self._closing.is_set():
                await asyncio.sleep(RETRY_MIN_S)
            else:
                await _wait(self._closing, pause_s)
            pause_s = min(pause_s * 2, RETRY_MAX_S)

    async def _write_changes(self) -> bool:
        """Write what changed; False when it has to be tried again."""
        if not self._changed:
            return True
        changes, self._changed = self._changed, {}
        self._writing = changes
        try:
            await self._write(changes)
        except (SQLAlchemyError, OSError) as error:
            self._changed = {**changes, **self._changed}
            logger.warning("%s: %d changes wait for the database: %s", self._name, len(self._changed), error)
            return False
        except asyncio.CancelledError:
            self._changed = {**changes, **self._changed}
            raise
        finally:
            self._writing = {}
        for key, row in changes.items():
            (self._stored.discard if row is None else self._stored.add)(key)
        async with self._settled:
            self._settled.notify_all()
        return True


async def _wait(event: asyncio.Event, for_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(for_s):
            await event.wait()
