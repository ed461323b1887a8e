"""Which receive ports are free: even ones of a range, each resting after use. Pure: time comes as ``now``."""

from __future__ import annotations

from collections import deque
from typing import Final

from media.errors import LocalViolation, NoPortFree

COOL_DOWN_S: Final = 10.0
"""GB/T 28181 practice: a device that missed the BYE still sends to the old port."""


class PortPool:
    """Hands out even ports, the one that rested longest first.

    Args:
        low: first port, rounded up to even.
        high: last port that may be used, the odd RTCP port of a pair included.
        cool_down_s: rest after :meth:`release`.
    """

    def __init__(self, low: int, high: int, cool_down_s: float = COOL_DOWN_S) -> None:
        self._free: deque[int] = deque(range(low + low % 2, high, 2))
        self._resting: deque[tuple[float, int]] = deque()
        self._taken: set[int] = set()
        self._cool_down_s = cool_down_s
        self._size = len(self._free)

    def __len__(self) -> int:
        """Ports in the range, in whatever state."""
        return self._size

    @property
    def taken(self) -> int:
        return len(self._taken)

    def allocate(self, now: float) -> int:
        """A port for one session.

        Raises:
            NoPortFree: every port is taken or resting.
        """
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        if not self._free:
            raise NoPortFree(
                f"all {self._size} receive ports are in use: {len(self._taken)} taken,"
                f" {len(self._resting)} resting {self._cool_down_s:g} s after use"
            )
        port = self._free.popleft()
        self._taken.add(port)
        return port

    def release(self, port: int, now: float) -> None:
        """Give a port back; it rests before it is handed out again.

        Raises:
            LocalViolation: it is not taken.
        """
        if port not in self._taken:
            raise LocalViolation(f"port {port} is not taken")
        self._taken.remove(port)
        self._resting.append((now + self._cool_down_s, port))
