"""Settings of alarms: the table ``[alarms]`` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Le


class AutoReset(StrEnum):
    """When a device alarm (method 2) is reset without an operator asking for it (Q50)."""

    NEVER = "never"
    ACKNOWLEDGED = "acknowledged"  # when an operator acknowledges the alarm
    AT_ONCE = "at_once"  # a few seconds after the alarm


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """What is done with alarms. Times in seconds unless the name says otherwise."""

    auto_arm: bool = False
    """Arm every device after it registers; a device can have its own rule."""
    auto_reset: AutoReset = AutoReset.ACKNOWLEDGED
    """When a device alarm is reset by itself; a device can have its own rule."""
    reset_delay_s: Annotated[float, Ge(0.1), Le(3600)] = 5.0
    """From a device alarm to its automatic reset; also the least time between two of them."""
    answer_notify: bool = False
    """Send Response Alarm to alarms that came by NOTIFY too; the standard asks for it after MESSAGE only."""
    duplicate_window_s: Annotated[float, Ge(0), Le(3600)] = 10.0
    """An alarm like one so short ago is counted with it; 0: each is an alarm of its own (Q49)."""
    duplicate_longest_s: Annotated[float, Ge(1), Le(86_400)] = 300.0
    """An alarm that is repeated without end becomes a new one after this."""
    storm_burst: Annotated[int, Ge(1), Le(100_000)] = 100
    """Different alarms that one device may raise at once; more are counted and left out."""
    storm_per_minute: Annotated[int, Ge(1), Le(100_000)] = 120
    """Different alarms a minute that one device may raise in the long run."""
    keep_days: Annotated[int, Ge(1), Le(36_500)] = 180
    """Alarms older than this are forgotten; their clips have times of their own."""
    keep_rows: Annotated[int, Ge(1000)] = 2_000_000
    """At most so many alarms are kept."""
    flush_s: Annotated[float, Ge(0.05), Le(60)] = 0.5
    """Period in which new alarms are written, all in one transaction."""
    linkage_workers: Annotated[int, Ge(1), Le(64)] = 8
    """Alarms whose linked actions are carried out at the same time."""
    linkage_waiting: Annotated[int, Ge(1), Le(100_000)] = 500
    """Alarms that may wait for their linked actions; those beyond are stored without."""
    linkage_timeout_s: Annotated[float, Ge(1), Le(300)] = 30.0
    """How long one linked action may take."""
