"""The wall clock as access stores it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

WallClock = Callable[[], datetime]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def wall_clock() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


def to_us(time: datetime) -> int:
    """Microseconds since 1970-01-01 UTC."""
    return (time - _EPOCH) // _MICROSECOND


def from_us(time_us: int) -> datetime:
    """The opposite of ``to_us``."""
    return _EPOCH + timedelta(microseconds=time_us)
