"""What was learned about the devices that are connected, and what an operator pinned by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sipserver.devices.profiles.facets import Facet


@dataclass(frozen=True, slots=True)
class Learned:
    """One value with what showed it."""

    value: str
    evidence: str
    """What was sent and what came back, in one line; no secrets."""
    learned_time: datetime
    is_pinned: bool = False


class Profiles:
    """Facets by device. A facet that was never learned has no value: the caller's safe default counts."""

    def __init__(self, *, wall: Callable[[], datetime]) -> None:
        self._wall = wall
        self._known: dict[str, dict[Facet, Learned]] = {}

    def value(self, device_id: str, facet: Facet) -> str | None:
        """The value to act on, or None: use the safe default."""
        learned = self._known.get(device_id, {}).get(facet)
        return None if learned is None else learned.value

    def learn(self, device_id: str, facet: Facet, value: str, evidence: str) -> None:
        """Remember what a device showed. A pinned value stays."""
        known = self._known.setdefault(device_id, {})
        before = known.get(facet)
        if before is None or not (before.is_pinned or before.value == value):
            known[facet] = Learned(value, evidence, self._wall())
