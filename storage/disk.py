"""Free space of the recording disk: below the floor nothing new is begun, and nothing is deleted early."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.errors import DiskFull
from storage.events import DiskFloorCleared, DiskFloorReached, EventSink, ignore

CLEARED_AT: Final = 1.05
"""Recording resumes when free space is five per cent above the floor, so that it does not flap."""


@dataclass(frozen=True, slots=True)
class DiskState:
    """One look at the disk."""

    free_bytes: int
    total_bytes: int
    is_full: bool


def disk_usage(root: Path) -> tuple[int, int]:
    """Free and total bytes of the file system under ``root``."""
    usage = shutil.disk_usage(root)
    return usage.free, usage.total


class DiskWatch:
    """Compares free space with the floor; owns the state "full"."""

    def __init__(
        self,
        root: Path,
        floor_bytes: int,
        on_event: EventSink = ignore,
        usage: Callable[[Path], tuple[int, int]] = disk_usage,
    ) -> None:
        self._root = root
        self._floor_bytes = floor_bytes
        self._on_event = on_event
        self._usage = usage
        self._state = DiskState(0, 0, False)

    @property
    def state(self) -> DiskState:
        """The last look."""
        return self._state

    @property
    def floor_bytes(self) -> int:
        return self._floor_bytes

    def look(self) -> DiskState:
        """Look now; tells when the floor was reached or cleared."""
        free, total = self._usage(self._root)
        was_full = self._state.is_full
        limit = self._floor_bytes * CLEARED_AT if was_full else self._floor_bytes
        self._state = DiskState(free, total, free < limit)
        if self._state.is_full and not was_full:
            self._on_event(DiskFloorReached(free, self._floor_bytes))
        elif was_full and not self._state.is_full:
            self._on_event(DiskFloorCleared(free))
        return self._state

    def require_room(self) -> None:
        """Look now.

        Raises:
            DiskFull: free space is below the floor.
        """
        state = self.look()
        if state.is_full:
            raise DiskFull(state.free_bytes, self._floor_bytes)
