"""The settings of health: table ``[health]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How the metrics are rendered."""

    cameras_per_step: Annotated[int, Ge(1), Le(100_000)] = 500
    """Cameras rendered before SIP and the pages get their turn; more is cheaper and stalls longer."""
