"""Opening in order, closing in reverse, each with a deadline."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_log = logging.getLogger(__name__)

Verb = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the platform.

    Args:
        name: for the line that says what did not close.
        close_s: deadline of closing; the next part is closed whether or not this one was done in time.
    """

    name: str
    open: Verb | None = None
    close: Verb | None = None
    close_s: float = 5.0


class Steps:
    """What is open, in the order of opening."""

    def __init__(self) -> None:
        self._open: list[Step] = []

    async def take(self, step: Step) -> None:
        """Open one part; a part that fails to open is closed too, it may be half open."""
        self._open.append(step)
        if step.open is not None:
            await step.open()

    async def close(self) -> list[str]:
        """Close everything, last first.

        Returns:
            Names of the parts that failed to close or were too slow.
        """
        failed = []
        while self._open:
            step = self._open.pop()
            if step.close is not None and not await _close(step):
                failed.append(step.name)
        return failed


async def _close(step: Step) -> bool:
    assert step.close is not None  # noqa: S101 - asked by the caller
    try:
        async with asyncio.timeout(step.close_s):
            await step.close()
    except TimeoutError:
        _log.warning("%s was not closed within %g s; going on without it", step.name, step.close_s)
        return False
    except Exception:
        _log.exception("%s did not close cleanly", step.name)
        return False
    return True
