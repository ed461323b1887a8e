"""Writes that must not be lost and that nobody waits for: tried until the database takes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

RETRY_MIN_S: Final = 1.0
RETRY_MAX_S: Final = 30.0

logger = logging.getLogger(__name__)


async def until_written(write: Callable[[], Awaitable[None]], what: str) -> None:
    """Write, again and again while the database is away. The owner of the task ends it at a shutdown."""
    pause_s = RETRY_MIN_S
    while True:
        try:
            await write()
        except (SQLAlchemyError, OSError) as error:
            logger.warning("%s is not written yet, will try again: %s", what, error)
        else:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, RETRY_MAX_S)
