"""How far a device's clock is off, judged from everything that shows it. Pure.

Each piece of evidence has an error of its own: a DeviceStatus answer is as good as its round trip, an alarm
may have been sent late, a record that ends in the future only says "at least so much ahead". The best fresh
one counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final

FRESH: Final = timedelta(hours=24)
HOUR_S: Final = 3_600.0
ZONE_TOLERANCE_S: Final = 60.0
PLAUSIBLE_S: Final = 20 * 366 * 24 * HOUR_S
"""What lies further off is no clock at all: a sender that counts from its start."""


class ClockSource(StrEnum):
    """What showed the device's time."""

    STATUS = "status"  # DeviceTime of a DeviceStatus answer
    RTCP = "rtcp"  # NTP time of a sender report
    REGISTER = "register"  # Date of a REGISTER
    ALARM = "alarm"  # AlarmTime
    POSITION = "position"  # Time of a MobilePosition
    RECORDS = "records"  # a record that ends later than now


ERROR_S: Final = {
    ClockSource.STATUS: 1.0,
    ClockSource.RTCP: 0.5,
    ClockSource.REGISTER: 1.0,
    ClockSource.ALARM: 5.0,
    ClockSource.POSITION: 5.0,
    ClockSource.RECORDS: 60.0,
}


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One look: the device's clock minus ours, give or take ``error_s``."""

    offset_s: float
    error_s: float
    source: ClockSource
    measured_time: datetime

    @property
    def zone_hours(self) -> int:
        """Whole hours when the clock is right in another zone (-8: UTC taken for Beijing time), else 0."""
        hours = round(self.offset_s / HOUR_S)
        return hours if abs(self.offset_s - hours * HOUR_S) <= ZONE_TOLERANCE_S and abs(hours) <= 14 else 0


class Change(Enum):
    """What a sample changed."""

    DRIFTED = "drifted"
    CORRECTED = "corrected"


@dataclass(slots=True)
class DeviceClock:
    """The newest sample of each source, and whether the alarm is on."""

    drifting_since: datetime | None = None
    _samples: dict[ClockSource, ClockSample] = field(default_factory=dict)

    def best(self, now: datetime) -> ClockSample | None:
        """The fresh sample with the least error; of two alike the newer."""
        fresh = [sample for sample in self._samples.values() if now - sample.measured_time <= FRESH]
        return min(fresh, key=lambda sample: (sample.error_s, now - sample.measured_time), default=None)

    def restore(self, sample: ClockSample) -> None:
        """Take over what was known before our restart."""
        self._samples[sample.source] = sample

    def add(self, sample: ClockSample, alarm_s: float) -> Change | None:
        """Take a sample in; the alarm goes on beyond ``alarm_s`` and off below half of it.

        A sample that is worse than a fresh one which contradicts it decides nothing: an alarm message that
        waited for the network an hour is not a clock that is an hour slow.
        """
        if abs(sample.offset_s) > PLAUSIBLE_S:
            return None
        self._samples[sample.source] = sample
        best = self.best(sample.measured_time)
        if best is None:
            return None
        off_s = max(0.0, abs(best.offset_s) - best.error_s)
        if self.drifting_since is None and off_s > alarm_s:
            self.drifting_since = best.measured_time
            return Change.DRIFTED
        if self.drifting_since is not None and off_s < alarm_s / 2:
            self.drifting_since = None
            return Change.CORRECTED
        return None


def rtcp_sample(offset_s: float, now: datetime) -> ClockSample:
    """A sender report says UTC by the RFC; cameras put local time there: whole hours are taken out."""
    plain = ClockSample(offset_s, ERROR_S[ClockSource.RTCP], ClockSource.RTCP, now)
    return replace(plain, offset_s=offset_s - plain.zone_hours * HOUR_S)
