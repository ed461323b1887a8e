"""Whether a device must be asked for recordings with ``Type``, or must not (Q37)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.remembered import Remembered
from sipserver.gb.record_collector import CollectedRecords

EVERY_TYPE: Final = "all"
ABSENT: Final = "absent"
# What a device answers to a query that it does not understand.
NOT_UNDERSTOOD: Final = frozenset({400, 415, 488, 500, 501})
TRY_AGAIN_AFTER_S: Final = 600.0
_LINES: Final = {EVERY_TYPE: "RecordInfo with Type=all", ABSENT: "RecordInfo without Type"}


class RecordType:
    """Learned from what the two ways to ask bring."""

    def __init__(self, profiles: Profiles, clock: Callable[[], float]) -> None:
        self._profiles = profiles
        self._clock = clock
        # Devices to which both ways brought nothing, and until when the second is not tried again.
        self._barren_until: Remembered[str, float] = Remembered()

    def usual(self, device_id: str) -> str:
        """How the device is asked."""
        return self._profiles.value(device_id, Facet.RECORD_TYPE) or EVERY_TYPE

    def other(self, device_id: str) -> str | None:
        """How it is asked once when that brought nothing; None: not otherwise.

        Where Type brought recordings before, there are none now. Without it that is not sure: what counts for
        a kind of devices may be wrong for one of them.
        """
        known = self._profiles.value(device_id, Facet.RECORD_TYPE)
        if known == EVERY_TYPE or self._profiles.is_pinned(device_id, Facet.RECORD_TYPE):
            return None
        if self._barren_until.get(device_id, 0.0) > self._clock():
            return None
        return EVERY_TYPE if known == ABSENT else ABSENT

    def note(self, device_id: str, way: str, collected: CollectedRecords, before: str = "") -> None:
        """What came; ``before``: what the other way had brought."""
        if collected.items and self._profiles.value(device_id, Facet.RECORD_TYPE) != way:
            evidence = f"{before}{_LINES[way]} brought {len(collected.items)} lines"
            self._profiles.learn(device_id, Facet.RECORD_TYPE, way, evidence)

    def brought_nothing(self, device_id: str) -> None:
        """Neither way did: its disk is empty, or the fault lies elsewhere."""
        self._barren_until[device_id] = self._clock() + TRY_AGAIN_AFTER_S

    def failed(self, way: str, what: str) -> str:
        """For ``before``."""
        return f"{_LINES[way]} {what}, "
