"""Whether the wall clock may be trusted with deleting (pure: both clocks are passed in).

A clock that jumps ahead would make everything old at once. So when the wall clock gains more
than ``jump_s`` on the monotonic clock, or stands more than ``downtime_limit_s`` after the last
run of a former process, deleting pauses. It resumes when the clock is back where it should be,
when an operator says that it is right, or when it has kept steady for ``settle_s``: a site whose
clock was really wrong before must not fill its disk for ever.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class _Anchor:
    wall: datetime
    monotonic: float

    def gained_s(self, wall: datetime, monotonic: float) -> float:
        """Seconds by which the wall clock ran ahead of the monotonic clock since the anchor."""
        return (wall - self.wall).total_seconds() - (monotonic - self.monotonic)


class ClockGuard:
    """States: trusting (one anchor), or paused (where the clock should be, where it jumped to)."""

    def __init__(
        self,
        *,
        jump_s: float,
        downtime_limit_s: float,
        settle_s: float,
        last_run: datetime | None = None,
        was_paused: bool = False,
    ) -> None:
        self._jump_s = jump_s
        self._downtime_limit_s = downtime_limit_s
        self._settle_s = settle_s
        self._last_run = last_run
        self._was_paused = was_paused
        self._trusted: _Anchor | None = None
        self._jumped: _Anchor | None = None
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why deleting pauses; empty while the clock is trusted."""
        return self._reason

    def acknowledge(self, wall: datetime, monotonic: float) -> None:
        """An operator says that the clock is right."""
        self._trust(wall, monotonic)

    def check(self, wall: datetime, monotonic: float) -> bool:
        """Whether the clock is trusted now."""
        if self._trusted is None:
            return self._first(wall, monotonic)
        gained_s = self._trusted.gained_s(wall, monotonic)
        if self._jumped is None:
            if gained_s <= self._jump_s:
                return True
            return self._pause(wall, monotonic, f"the clock jumped {gained_s:,.0f} s ahead")
        if gained_s <= self._jump_s:
            return self._trust(wall, monotonic)
        if abs(self._jumped.gained_s(wall, monotonic)) > self._jump_s:
            return self._pause(wall, monotonic, f"the clock jumped again, {gained_s:,.0f} s ahead by now")
        if monotonic - self._jumped.monotonic >= self._settle_s:
            return self._trust(wall, monotonic)
        return False

    def _first(self, wall: datetime, monotonic: float) -> bool:
        if self._last_run is None:
            return self._trust(wall, monotonic)
        away_s = (wall - self._last_run).total_seconds()
        self._trusted = _Anchor(self._last_run, monotonic)
        if self._was_paused and away_s > self._jump_s:
            return self._pause(wall, monotonic, "the clock had jumped ahead before the restart")
        if away_s > self._downtime_limit_s:
            return self._pause(wall, monotonic, f"the clock stands {away_s:,.0f} s after the last run")
        return self._trust(wall, monotonic)

    def _pause(self, wall: datetime, monotonic: float, reason: str) -> bool:
        self._jumped = _Anchor(wall, monotonic)
        self._reason = reason
        return False

    def _trust(self, wall: datetime, monotonic: float) -> bool:
        self._trusted, self._jumped, self._reason = _Anchor(wall, monotonic), None, ""
        return True
