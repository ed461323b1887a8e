"""One recorded file: what is whole in it, how long it is, and its repair after kill -9.

A segment is ``ftyp moov (moof mdat)*``. The writer appends whole fragments, so after a crash only
the tail can be half-written: a moof without its whole mdat, or a torn box. ``recover`` cuts that
tail and nothing else. No mdat is ever read; a moof is read alone, and its size is capped.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from storage.boxes import LARGE_HEADER, Box, Movie, MovieFragment, parse_moof, parse_moov, read_header
from storage.errors import SegmentUnreadable

MAX_MOOV_BYTES: Final = 1 << 20
MAX_MOOF_BYTES: Final = 4 << 20
MAX_USER_BOX_BYTES: Final = 1 << 16
MAX_FRAGMENTS: Final = 200_000
"""An hour of fragments of 20 ms; a file with more is not ours."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A whole moof with its mdat."""

    offset: int
    size_bytes: int
    sequence: int
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """What a scan found."""

    file_bytes: int
    whole_bytes: int
    fragments: tuple[Fragment, ...]
    duration_s: float
    video_codec: str = ""
    audio_codec: str = ""
    width: int | None = None
    height: int | None = None
    user_boxes: tuple[bytes, ...] = ()
    mehd_at: int | None = None
    mehd_version: int = 0
    movie_timescale: int = 0
    damaged: int = 0

    @property
    def is_whole(self) -> bool:
        """Nothing has to be cut."""
        return self.whole_bytes == self.file_bytes

    @property
    def has_pictures(self) -> bool:
        return bool(self.fragments)


def scan(path: Path) -> SegmentFile:
    """Read the structure of a file without changing it.

    Raises:
        SegmentUnreadable: it has no whole header (ftyp and moov), so nothing in it can be played.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _Scan(file).run()


def recover(path: Path) -> SegmentFile:
    """Cut a half-written tail off, note the true length in the header, and force it to disk.

    Returns:
        The file as it is afterwards. One without a whole fragment keeps its header.

    Raises:
        SegmentUnreadable: it has no whole header; the file is left as it is.
        OSError: it cannot be read or written.
    """
    found = scan(path)
    patch = _duration_patch(found)
    if found.is_whole and patch is None:
        return found
    with path.open("r+b") as file:
        if patch is not None:
            at, value = patch
            file.seek(at)
            if not int.from_bytes(file.read(len(value)), "big"):
                file.seek(at)
                file.write(value)
        if not found.is_whole:
            file.truncate(found.whole_bytes)
        file.flush()
        os.fsync(file.fileno())
    return scan(path)


class _Scan:
    """One pass over the top-level boxes of a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._file_bytes = os.fstat(file.fileno()).st_size
        self._movie: Movie | None = None
        self._movie_at = 0
        self._fragments: list[Fragment] = []
        self._user_boxes: list[bytes] = []
        self._moof: tuple[Box, MovieFragment | None] | None = None
        self._whole_bytes = 0
        self._damaged = 0

    def run(self) -> SegmentFile:
        at = 0
        while at < self._file_bytes and len(self._fragments) < MAX_FRAGMENTS:
            self._file.seek(at)
            box = read_header(self._file.read(LARGE_HEADER), at, self._file_bytes)
            if box is None or (at == 0 and box.kind != b"ftyp"):
                break
            self._box(box)
            at = box.end
        if self._movie is None:
            raise SegmentUnreadable("no whole moov: not a segment, or it was cut in its first instant", at)
        return self._result(self._movie)

    def _box(self, box: Box) -> None:
        if box.kind == b"moof":
            self._moof = (box, self._read_moof(box))
            return
        if box.kind == b"mdat" and self._moof is not None:
            moof, parsed = self._moof
            if not self._fragment(moof, parsed, box):
                # Not whole by content. It is kept only if something whole follows it.
                self._damaged += 1
                self._moof = None
                return
        elif box.kind == b"moov" and self._movie is None:
            self._movie, self._movie_at = self._read_moov(box), box.start
        elif box.kind == b"uuid" and box.end - box.payload <= MAX_USER_BOX_BYTES:
            self._user_boxes.append(self._read(box.payload, box.end))
        self._moof = None
        self._whole_bytes = box.end

    def _fragment(self, moof: Box, parsed: MovieFragment | None, mdat: Box) -> bool:
        """Note a fragment, unless its samples lie outside of its mdat."""
        if parsed is None or self._movie is None or not parsed.runs:
            return False
        if moof.end != mdat.start or any(run.data_end > mdat.end - moof.start for run in parsed.runs):
            return False
        spans = {True: list[tuple[float, float]](), False: list[tuple[float, float]]()}
        for run in parsed.runs:
            track = self._movie.tracks.get(run.track_id)
            if track is None or track.timescale == 0:
                return False
            start_s = run.start / track.timescale
            spans[track.is_video].append((start_s, start_s + run.duration / track.timescale))
        # Sound may reach a little beyond the pictures; the length of footage is that of its pictures.
        starts, ends = zip(*(spans[True] or spans[False]), strict=True)
        begin = min(starts)
        self._fragments.append(
            Fragment(moof.start, mdat.end - moof.start, parsed.sequence, begin, max(ends) - begin)
        )
        return True

    def _read_moov(self, box: Box) -> Movie:
        if box.end - box.start > MAX_MOOV_BYTES:
            raise SegmentUnreadable(f"moov of {box.end - box.start:,} bytes", box.start)
        try:
            return parse_moov(self._read(box.start, box.end), box.payload - box.start)
        except IndexError:
            raise SegmentUnreadable("moov ends inside a field", box.start) from None

    def _read_moof(self, box: Box) -> MovieFragment | None:
        if box.end - box.start > MAX_MOOF_BYTES or self._movie is None:
            return None
        with contextlib.suppress(SegmentUnreadable, IndexError):
            return parse_moof(self._read(box.start, box.end), box.payload - box.start, self._movie.tracks)
        return None

    def _read(self, start: int, end: int) -> bytes:
        self._file.seek(start)
        return self._file.read(end - start)

    def _result(self, movie: Movie) -> SegmentFile:
        first = min((fragment.start_s for fragment in self._fragments), default=0.0)
        last = max((fragment.start_s + fragment.duration_s for fragment in self._fragments), default=0.0)
        video = next((track for track in movie.tracks.values() if track.is_video), None)
        audio = next((track for track in movie.tracks.values() if not track.is_video), None)
        return SegmentFile(
            file_bytes=self._file_bytes,
            whole_bytes=self._whole_bytes,
            fragments=tuple(self._fragments),
            duration_s=last - first,
            video_codec=video.codec if video else "",
            audio_codec=audio.codec if audio else "",
            width=video.width if video else None,
            height=video.height if video else None,
            user_boxes=(*self._user_boxes, *movie.user_boxes),
            mehd_at=None if movie.mehd_at is None else self._movie_at + movie.mehd_at,
            mehd_version=movie.mehd_version,
            movie_timescale=movie.timescale,
            damaged=self._damaged,
        )


def _duration_patch(found: SegmentFile) -> tuple[int, bytes] | None:
    """Where the header wants the length and what to write there; None without such a place."""
    if found.mehd_at is None or not found.fragments or not found.movie_timescale:
        return None
    width = 8 if found.mehd_version == 1 else 4
    value = min(round(found.duration_s * found.movie_timescale), 2 ** (8 * width) - 1)
    return found.mehd_at, value.to_bytes(width, "big")
