"""How long to wait for the next fragment of a device's catalogue: learned from how it sends."""

from __future__ import annotations

import math
from typing import Final

from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles

QUIET_MAX_S: Final = 120.0
PATIENCE: Final = 3.0
"""So many times the longest gap is waited; and so much longer after an answer that ended early."""
NOTABLE: Final = 0.5
"""A gap of this share of the wait is worth remembering."""


class CatalogPace:
    """One query: asked for the wait before it, told of the gaps while it runs, and of the end."""

    def __init__(self, profiles: Profiles, device_id: str, default_s: float, now: float) -> None:
        self._profiles = profiles
        self._device_id = device_id
        known = profiles.value(device_id, Facet.CATALOG_QUIET_S)
        self._is_first = known is None
        self.quiet_s: Final = default_s if known is None else min(max(float(known), default_s), QUIET_MAX_S)
        self._heard_at = now
        self._longest_s = 0.0

    def heard(self, now: float) -> None:
        """A fragment came."""
        self._longest_s = max(self._longest_s, now - self._heard_at)
        self._heard_at = now

    def ended(self, *, complete: bool, collected: int, announced: int) -> None:
        """Fall back one step when the wait was too short, and remember what a slow device needs."""
        if complete and self._longest_s > self.quiet_s * NOTABLE:
            self._raise_to(self._longest_s * PATIENCE, f"{self._longest_s:.1f} s between two fragments")
        elif not complete and self._is_first:
            seen = f"{collected} of {announced} items, then silence of {self.quiet_s:g} s"
            self._raise_to(self.quiet_s * PATIENCE, seen)

    def _raise_to(self, wanted_s: float, evidence: str) -> None:
        wait_s = min(math.ceil(wanted_s), QUIET_MAX_S)
        if wait_s > self.quiet_s:
            self._profiles.learn(self._device_id, Facet.CATALOG_QUIET_S, f"{wait_s:g}", evidence)
