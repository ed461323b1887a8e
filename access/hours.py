"""Hours of the week in which something is allowed. Pure: the moment comes as an argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

EVERY_DAY: Final = (1, 2, 3, 4, 5, 6, 7)
DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """From one minute of the day to another, on some days of the week.

    Args:
        weekdays: 1 Monday to 7 Sunday; the day on which it begins.
        start_minute: 0 to 1439, itself included.
        end_minute: 1 to 1440, itself excluded; not after ``start_minute``: of the next day.

    Raises:
        ValueError: a value out of its range, or no day.
    """

    weekdays: tuple[int, ...] = EVERY_DAY
    start_minute: int = 0
    end_minute: int = DAY_MINUTES

    def __post_init__(self) -> None:
        if not self.weekdays or not set(self.weekdays) <= set(EVERY_DAY):
            raise ValueError(f"weekdays {self.weekdays}: allowed are some of 1 (Monday) to 7 (Sunday)")
        if not 0 <= self.start_minute < DAY_MINUTES or not 0 < self.end_minute <= DAY_MINUTES:
            raise ValueError(f"minutes {self.start_minute} to {self.end_minute} of a day that has 1440")

    def include(self, local: datetime) -> bool:
        """Whether a local time is within."""
        minute = local.hour * 60 + local.minute
        is_of_today = local.isoweekday() in self.weekdays
        if self.start_minute < self.end_minute:
            return is_of_today and self.start_minute <= minute < self.end_minute
        began_yesterday = (local - timedelta(days=1)).isoweekday() in self.weekdays
        return (is_of_today and minute >= self.start_minute) or (began_yesterday and minute < self.end_minute)


def within(hours: Iterable[Hours], local: datetime) -> bool:
    """Whether a local time is within any of them."""
    return any(each.include(local) for each in hours)
