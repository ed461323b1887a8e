"""Settings of positions: the table ``[positions]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class PositionSettings:
    """How much of where devices were is kept."""

    keep_days: Annotated[float, Ge(0.01), Le(3650)] = 30.0
    store_interval_s: Annotated[float, Ge(0), Le(86_400)] = 1.0
    """Shortest time between two stored positions of one object; the newest is always known."""
    objects_per_device_max: Annotated[int, Ge(1)] = 1000
    objects_max: Annotated[int, Ge(1)] = 100_000
    video_upload_hold_s: Annotated[float, Ge(0), Le(86_400)] = 0.0
    """How long the picture is fetched that a device offers (VideoUploadNotify); 0: not at all."""
