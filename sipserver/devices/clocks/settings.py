"""Settings of the clocks of devices: the table ``[clocks]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """When a device's clock is looked at, and from where on it is wrong."""

    drift_alarm_s: Annotated[float, Ge(1), Le(86_400)] = 10.0
    """A clock that is further off than this is reported; it is right again below half of it."""
    ask_interval_s: Annotated[float, Ge(0), Le(604_800)] = 21_600.0
    """How often a device is asked for its time (DeviceStatus); 0: never, what it says still counts."""
    sample_interval_s: Annotated[float, Ge(1), Le(3_600)] = 60.0
    """How often the sender reports (RTCP) of open streams are read."""
    log_days: Annotated[int, Ge(1), Le(3_650)] = 400
    """How long the log of drifts and corrections is kept."""
