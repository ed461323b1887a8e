"""How long footage is kept (R-15): the calendar alone, no clock and no database."""

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from catalog.model import RetentionClass

BEIJING: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Beijing time; without daylight saving since 1991."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The numbers behind the classes."""

    ordinary_days: int = 30
    key_days: int = 90
    key_months: int = 3
    counter_terrorism_days: int = 90
    temporary_days: int = 7


DEFAULT_RULES: Final = RetentionRules()


def keep_until(
    end_time: datetime, retention_class: RetentionClass, rules: RetentionRules = DEFAULT_RULES
) -> datetime:
    """The instant before which footage that ended at ``end_time`` is not deleted.

    Ordinary and counter-terrorism footage: so many times 24 hours. Key footage: the later of so
    many times 24 hours and so many calendar months in Beijing time (``add_months``).

    Returns:
        An aware instant in UTC.
    """
    return _RULE_OF_CLASS[retention_class](end_time, rules).astimezone(UTC)


def add_months(instant: datetime, months: int) -> datetime:
    """The same day of the month and the same time of day, ``months`` later, in Beijing time.

    A month that lacks that day (31 January and three months) counts in full: the result is the end
    of its last day, 24:00, which is the first instant of the month after it. So the rule never
    gives less than the calendar does (compare article 202 of the Civil Code: without a
    corresponding day, the last day of the month ends the period), and later footage never expires
    before earlier footage.
    """
    local = instant.astimezone(BEIJING)
    year, month0 = divmod(local.year * 12 + local.month - 1 + months, 12)
    if local.day <= calendar.monthrange(year, month0 + 1)[1]:
        return local.replace(year=year, month=month0 + 1)
    year, month0 = divmod(year * 12 + month0 + 1, 12)
    return datetime(year, month0 + 1, 1, tzinfo=BEIJING)


def _ordinary(end_time: datetime, rules: RetentionRules) -> datetime:
    return end_time + timedelta(days=rules.ordinary_days)


def _key(end_time: datetime, rules: RetentionRules) -> datetime:
    return max(end_time + timedelta(days=rules.key_days), add_months(end_time, rules.key_months))


def _counter_terrorism(end_time: datetime, rules: RetentionRules) -> datetime:
    return end_time + timedelta(days=rules.counter_terrorism_days)


def _temporary(end_time: datetime, rules: RetentionRules) -> datetime:
    return end_time + timedelta(days=rules.temporary_days)


_RULE_OF_CLASS: Final[Mapping[RetentionClass, Callable[[datetime, RetentionRules], datetime]]] = {
    RetentionClass.ORDINARY: _ordinary,
    RetentionClass.KEY: _key,
    RetentionClass.COUNTER_TERRORISM: _counter_terrorism,
    RetentionClass.TEMPORARY: _temporary,
}
