"""Pauses inside a recording: the stream stood still for a while, and went on in the same file. Pure.

The file is right all the same; the ledger says that nothing was there to be recorded.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from media.facts import SegmentGrown

LONGEST_PIECE: Final = timedelta(seconds=2)
"""Of what is written at once (``media.recorder_fragment_s``)."""
LEAST: Final = timedelta(seconds=3)
"""Shorter pauses are those of a slow picture rate, or of a busy disk."""

Hole = tuple[datetime, datetime]


class Holes:
    """Follows one run of a recorder."""

    def __init__(self) -> None:
        self._end_time: datetime | None = None
        self._segment_id = ""
        self._duration_s = 0.0

    def opened(self, segment_id: str, start_time: datetime) -> Hole | None:
        """A file was begun."""
        before, self._end_time = self._end_time, start_time
        self._segment_id, self._duration_s = segment_id, 0.0
        return (before, start_time) if before is not None and start_time - before >= LEAST else None

    def grown(self, fact: SegmentGrown) -> Hole | None:
        """A piece was written. The wall clock of a pause passes; the camera's may, or may not."""
        before, self._end_time = self._end_time, fact.end_time
        is_same = fact.segment_id == self._segment_id
        piece = timedelta(seconds=fact.duration_s - self._duration_s if is_same else fact.duration_s)
        self._segment_id, self._duration_s = fact.segment_id, fact.duration_s
        if before is None:
            return None
        passed = fact.end_time - before
        if passed - piece >= LEAST:  # the camera's clock stood, or began anew: the piece came after it
            return before, fact.end_time - piece
        if piece - LONGEST_PIECE >= LEAST:  # it ran on: the last picture before it was shown all the time
            return before + LONGEST_PIECE, fact.end_time
        return None
