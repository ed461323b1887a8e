"""What ended lately in this room, and why: for whoever asks afterwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

KEPT: Final = 500
"""Of each kind: viewers that come and go leave the ends of streams alone."""


class Ended(StrEnum):
    """What has ended."""

    SESSION = "session"
    VIEWER = "viewer"
    SENDER = "sender"
    PUSH = "push"
    PUBLISHER = "publisher"
    RECORDER = "recorder"
    CAPTURE = "capture"


@dataclass(frozen=True, slots=True)
class Ending:
    """One end."""

    what: Ended
    time: datetime
    session_id: str
    label: str
    """Of the session: which stream."""
    who: str
    """A viewer's user and way, a receiver's address, an id; empty for the session itself."""
    reason: str
    totals: Mapping[str, int]
    """What it has moved: packets, bytes, pictures left out."""


class Endings:
    """The newest ends of each kind."""

    def __init__(self) -> None:
        self._rows: Final = {what: deque[Ending](maxlen=KEPT) for what in Ended}

    def add(
        self, what: Ended, session_id: str, label: str, reason: str, *, who: str = "", **totals: int
    ) -> None:
        now = datetime.now(UTC)
        self._rows[what].append(Ending(what, now, session_id, label, who, reason, totals))

    def rows(self, what: Ended | None = None, label: str = "") -> list[Ending]:
        """The newest first; of one kind, and of streams whose label begins so."""
        chosen = self._rows.values() if what is None else (self._rows[what],)
        found = [row for rows in chosen for row in rows if row.label.startswith(label)]
        return sorted(found, key=lambda row: row.time, reverse=True)
