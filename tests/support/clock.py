"""A clock that the test holds: time passes only when it says so."""

from __future__ import annotations


class VirtualClock:
    """Seconds that never go back. Callable, so it can stand in for ``time.monotonic``."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        """Let time pass; returns the new time."""
        if seconds < 0:
            raise ValueError(f"time does not go back by {-seconds} s")
        self.now += seconds
        return self.now

    def advance_to(self, instant: float) -> float:
        """Go to an instant; one that is past already changes nothing."""
        self.now = max(self.now, instant)
        return self.now
