"""When a scheduled announcement is due. Pure: the moment comes as an argument.

Times of day are Beijing time, the clock of the standard; it knows no summer time, so none is lost or doubled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from sipserver.gb.gb_time import BEIJING

EVERY_DAY: Final = (1, 2, 3, 4, 5, 6, 7)
TIMES_MAX: Final = 48
HORIZON_DAYS: Final = 366


@dataclass(frozen=True, slots=True)
class Timetable:
    """Times of day on some days of the week, between two dates; both dates the same is once.

    Args:
        times: in Beijing time, ascending.
        weekdays: 1 Monday to 7 Sunday.
    """

    times: tuple[time, ...]
    weekdays: tuple[int, ...] = EVERY_DAY
    first_date: date | None = None
    last_date: date | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.times) <= TIMES_MAX:
            raise ValueError(f"{len(self.times)} times of day: allowed are 1 to {TIMES_MAX}")
        if not self.weekdays or not set(self.weekdays) <= set(EVERY_DAY):
            raise ValueError(f"weekdays {self.weekdays}: allowed are some of 1 (Monday) to 7 (Sunday)")
        if self.first_date and self.last_date and self.last_date < self.first_date:
            raise ValueError(f"last_date {self.last_date} is before first_date {self.first_date}")
        if any(each.tzinfo is not None for each in self.times):
            raise ValueError("times of day carry no zone: they are Beijing time")

    def next_after(self, moment: datetime) -> datetime | None:
        """The first moment after this one; None when there is none within a year of its first day."""
        local = moment.astimezone(BEIJING)
        day = max(local.date(), self.first_date or date.min)
        for _ in range(HORIZON_DAYS):
            if self.last_date is not None and day > self.last_date:
                return None
            if day.isoweekday() in self.weekdays:
                for each in sorted(self.times):
                    due = datetime.combine(day, each, BEIJING)
                    if due > local:
                        return due
            day += timedelta(days=1)
        return None
