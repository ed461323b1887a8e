"""Settings of the SIP trace; sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """What is kept of the signalling, for whoever has to explain a fault."""

    ring_bytes: Annotated[int, Ge(0), Le(4 << 30)] = 32 << 20
    """Of all devices together, in memory; 0: no trace."""
    watch_bytes: Annotated[int, Ge(65_536), Le(256 << 20)] = 2 << 20
    """Of each watched device, in memory, besides."""
    to_disk: bool = False
    """Also write capture files."""
    directory: Path = Path("data/trace")
    file_bytes: Annotated[int, Ge(65_536), Le(4 << 30)] = 64 << 20
    files_max: Annotated[int, Ge(1), Le(1000)] = 8
