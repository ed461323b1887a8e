"""Waiting for one of several things, and telling those who wait."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

Result = TypeVar("Result")


def refuse(waiting: asyncio.Future[Result] | None, error: Exception) -> None:
    """Tell those who wait for a result that there is none; nobody has to hear it."""
    if waiting is not None and not waiting.done():
        waiting.set_exception(error)
        waiting.exception()


async def any_of(*futures: asyncio.Future[Any], timeout_s: float | None = None) -> bool:
    """Wait until one of them is done; False when the time is over before."""
    done, _ = await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)
