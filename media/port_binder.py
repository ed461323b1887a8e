"""Ports of the range, bound: those that another program holds are passed over, and rest."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from media.errors import PortUnavailable
from media.ports import PortPool
from media.stats import PlaneTotals

logger = logging.getLogger(__name__)

PORT_ATTEMPTS: Final = 50
"""Ports of other programs that are passed over before giving up."""


class PortBinder:
    """The ports of this process."""

    def __init__(self, pool: PortPool, totals: PlaneTotals) -> None:
        self._pool = pool
        self._totals = totals

    @property
    def taken(self) -> int:
        return self._pool.taken

    def bind(self, bind: Callable[[int], int]) -> int:
        """Give ``bind`` ports until it takes one.

        Raises:
            NoPortFree: every port of the range is taken or resting.
            PortUnavailable: too many in a row are held by other programs.
        """
        for _ in range(PORT_ATTEMPTS):
            port = self._pool.allocate(time.monotonic())
            try:
                return bind(port)
            except PortUnavailable as error:
                # It rests like a used one and is tried again later.
                self.release(port)
                self._totals.ports_refused += 1
                logger.warning("port %d is held by another program: %s", port, error)
            except BaseException:
                self.release(port)
                raise
        raise PortUnavailable(f"{PORT_ATTEMPTS} ports in a row are held by other programs")

    def release(self, port: int) -> None:
        """It is free again; it rests before somebody else gets it."""
        self._pool.release(port, time.monotonic())
