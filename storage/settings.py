"""The ``[storage]`` table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

Seconds = Annotated[float, Ge(0.05), Le(86_400)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """How recordings are written and kept.

    Days can be raised above what the rules ask, never lowered below them (R-15).
    """

    path: Path = Path("data/recordings")
    segment_s: Annotated[float, Ge(2), Le(3600)] = 60.0
    free_floor_bytes: Annotated[int, Ge(0)] = 2_000_000_000
    reconcile_s: Seconds = 3.0
    flush_s: Seconds = 1.0
    stall_s: Annotated[float, Ge(5), Le(3600)] = 90.0
    retry_min_s: Seconds = 1.0
    retry_max_s: Seconds = 60.0
    ordinary_days: Annotated[int, Ge(30), Le(36_500)] = 30
    key_days: Annotated[int, Ge(90), Le(36_500)] = 90
    key_months: Annotated[int, Ge(3), Le(1200)] = 3
    counter_terrorism_days: Annotated[int, Ge(90), Le(36_500)] = 90
    retention_run_s: Annotated[float, Ge(1), Le(86_400)] = 60.0
    retention_batch: Annotated[int, Ge(1), Le(10_000)] = 500
    clock_jump_s: Annotated[float, Ge(60), Le(31_536_000)] = 3600.0
    downtime_limit_s: Annotated[float, Ge(3600), Le(31_536_000)] = 604_800.0
    clock_settle_s: Annotated[float, Ge(0), Le(31_536_000)] = 86_400.0
