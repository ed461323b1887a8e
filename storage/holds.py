"""Read claims on segments: what is being played is not deleted, however old it is."""

from collections import Counter
from collections.abc import Iterable


class SegmentHolds:
    """Counts who reads which segment. Retention asks before it deletes; a later run finds what was kept."""

    def __init__(self) -> None:
        self._readers: Counter[str] = Counter()

    def hold(self, segment_ids: Iterable[str]) -> "SegmentHold":
        """Keep these until released."""
        return SegmentHold(self._readers, frozenset(segment_ids))

    def is_held(self, segment_id: str) -> bool:
        return segment_id in self._readers

    def __len__(self) -> int:
        """Segments that are held."""
        return len(self._readers)


class SegmentHold:
    """One claim. Releasing it twice is no error."""

    def __init__(self, readers: Counter[str], segment_ids: frozenset[str]) -> None:
        self._readers = readers
        self._held = segment_ids
        readers.update(segment_ids)

    def release(self) -> None:
        held, self._held = self._held, frozenset()
        for segment_id in held:
            self._readers[segment_id] -= 1
            if self._readers[segment_id] <= 0:
                del self._readers[segment_id]
