"""What health counts about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class HealthStats:
    """Counters since the start."""

    scrapes: int = 0
    scrape_bytes: int = 0
