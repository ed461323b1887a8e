"""Settings of moving cameras: the table ``[ptz]`` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class PtzSettings:
    """Who may move for how long, and how hard we try to stop."""

    dead_man_s: Annotated[float, Ge(0.2), Le(30)] = 2.0
    """A movement stops when its joystick was silent for so long."""
    move_max_s: Annotated[float, Ge(0.2), Le(300)] = 30.0
    """Longest movement of one request, and of a superior that never says stop."""
    lock_s: Annotated[float, Ge(1), Le(600)] = 10.0
    """How long a camera stays with whoever moved it last, after that."""
    lock_max_s: Annotated[float, Ge(1), Le(86_400)] = 3600.0
    """Longest time for which a camera can be locked on purpose."""
    operator_priority: Annotated[int, Ge(0), Le(100)] = 50
    admin_priority: Annotated[int, Ge(0), Le(100)] = 80
    answer_timeout_s: Annotated[float, Ge(0.1), Le(30)] = 3.0
    """How long a device may take to answer a movement or a stop."""
    stop_attempts: Annotated[int, Ge(1), Le(20)] = 5
    """How often stop is sent to a device that is online and does not answer it."""
    stop_owed_s: Annotated[float, Ge(0), Le(86_400)] = 600.0
    """How long a stop that could not be delivered waits for its device to come back."""
    control_priority: Annotated[int, Ge(0), Le(10)] = 0
    """ControlPriority in commands to devices of 2011; 0: left out."""
