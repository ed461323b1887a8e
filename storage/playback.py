"""The file behind a recording, for the API: asked for by id only, never by a path."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from storage.errors import SegmentGone, SegmentNotFound
from storage.files import segment_file
from storage.model import ON_DISK, Segment, SegmentState

SEGMENT_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


class SegmentLookup(Protocol):
    """Finds a segment by its id; ``SegmentIndex`` is one."""

    async def get_segment(self, segment_id: str) -> Segment | None: ...


@dataclass(frozen=True, slots=True)
class PlayableSegment:
    """A file that can be sent.

    ``size_bytes`` is what to send: of a segment that is still being written, the whole fragments
    known so far.
    """

    segment: Segment
    file: Path
    size_bytes: int


class Playback:
    """Opens recordings for reading."""

    def __init__(self, root: Path, index: SegmentLookup) -> None:
        self._root = root
        self._index = index

    async def open_segment(self, segment_id: str) -> PlayableSegment:
        """The file of a segment.

        Raises:
            SegmentNotFound: nobody recorded it.
            SegmentGone: it was deleted, or its file is missing.
        """
        if not SEGMENT_ID.fullmatch(segment_id):
            raise SegmentNotFound(segment_id)
        segment = await self._index.get_segment(segment_id)
        if segment is None:
            raise SegmentNotFound(segment_id)
        if segment.state not in ON_DISK:
            raise SegmentGone(segment_id, segment.state.value)
        return self._playable(segment)

    def _playable(self, segment: Segment) -> PlayableSegment:
        file = segment_file(self._root, segment.path)
        try:
            on_disk = file.stat().st_size
        except FileNotFoundError:
            raise SegmentGone(segment.segment_id, SegmentState.MISSING.value) from None
        if segment.state is SegmentState.OPEN:
            return PlayableSegment(segment, file, min(on_disk, segment.size_bytes))
        return PlayableSegment(segment, file, on_disk)
