"""Reading ISO base media boxes: just what our own fragmented MP4 holds.

Source: ISO/IEC 14496-12. Pure: bytes in, values out; the file is read by ``storage/segment.py``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from storage.errors import SegmentUnreadable

SMALLEST_BOX: Final = 8
LARGE_HEADER: Final = 16

VIDEO_ENTRIES: Final = {b"avc1": "H264", b"avc3": "H264", b"hvc1": "H265", b"hev1": "H265"}
AUDIO_ENTRIES: Final = {b"fLaC": "FLAC", b"mp4a": "AAC", b"Opus": "OPUS"}

# Flags of tfhd and trun, ISO/IEC 14496-12 8.8.7 and 8.8.8.
TFHD_BASE_OFFSET: Final = 0x000001
TFHD_DESCRIPTION: Final = 0x000002
TFHD_DURATION: Final = 0x000008
TFHD_SIZE: Final = 0x000010
TRUN_DATA_OFFSET: Final = 0x000001
TRUN_FIRST_FLAGS: Final = 0x000004
TRUN_DURATION: Final = 0x000100
TRUN_SIZE: Final = 0x000200
TRUN_FLAGS: Final = 0x000400
TRUN_CTS: Final = 0x000800


class Box(NamedTuple):
    """One box: where it begins, where its payload begins, and where it ends."""

    kind: bytes
    start: int
    payload: int
    end: int


@dataclass(slots=True)
class Track:
    """What the moov says about one track."""

    track_id: int = 0
    timescale: int = 0
    is_video: bool = False
    codec: str = ""
    width: int | None = None
    height: int | None = None
    default_duration: int = 0
    default_size: int = 0


@dataclass(slots=True)
class Movie:
    """What the moov says."""

    timescale: int = 0
    mehd_at: int | None = None
    mehd_version: int = 0
    tracks: dict[int, Track] = field(default_factory=dict)
    user_boxes: list[bytes] = field(default_factory=list)


class TrackRun(NamedTuple):
    """What a moof says about one track: decode times in its timescale, and the bytes it needs."""

    track_id: int
    start: int
    duration: int
    data_end: int


class MovieFragment(NamedTuple):
    """A parsed moof."""

    sequence: int
    runs: tuple[TrackRun, ...]


def read_header(head: bytes, start: int, limit: int) -> Box | None:
    """The box whose first 16 bytes (or what is left of the file) are ``head``.

    Returns:
        None when no whole box is there: zeros of a file system that lost its data, garbage, or an
        end beyond ``limit``.
    """
    if len(head) < SMALLEST_BOX:
        return None
    size, kind = int.from_bytes(head[:4], "big"), head[4:8]
    payload = start + SMALLEST_BOX
    if size == 1:
        if len(head) < LARGE_HEADER:
            return None
        size, payload = int.from_bytes(head[8:16], "big"), start + LARGE_HEADER
    if size < payload - start or start + size > limit or not _is_name(kind):
        return None
    return Box(kind, start, payload, start + size)


def children(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes inside ``data[start:end]``, which must fill it exactly.

    Raises:
        SegmentUnreadable: they do not.
    """
    end = len(data) if end is None else end
    while start < end:
        box = read_header(data[start : start + LARGE_HEADER], start, end)
        if box is None:
            raise SegmentUnreadable("a box does not fit into the one around it", start)
        yield box
        start = box.end


def parse_moov(data: bytes, payload: int) -> Movie:
    """Read a whole moov box, header included; ``payload`` is where its children begin."""
    movie = Movie()
    for box in children(data, payload):
        if box.kind == b"mvhd":
            movie.timescale = _timescale(data, box)
        elif box.kind == b"trak":
            track = _parse_trak(data, box)
            movie.tracks[track.track_id] = track
        elif box.kind == b"mvex":
            _parse_mvex(data, box, movie)
        elif box.kind == b"uuid":
            movie.user_boxes.append(data[box.payload : box.end])
    return movie


def parse_moof(data: bytes, payload: int, tracks: dict[int, Track]) -> MovieFragment:
    """Read a whole moof box, header included.

    Data offsets are relative to the first byte of the moof (default-base-is-moof).
    """
    sequence, runs = 0, []
    for box in children(data, payload):
        if box.kind == b"mfhd":
            sequence = _u32(data, box.payload + 4)
        elif box.kind == b"traf":
            runs.append(_parse_traf(data, box, tracks))
    return MovieFragment(sequence, tuple(runs))


def _parse_trak(data: bytes, trak: Box) -> Track:
    track = Track()
    for box in children(data, trak.payload, trak.end):
        if box.kind == b"tkhd":
            track.track_id = _u32(data, box.payload + (20 if data[box.payload] == 1 else 12))
        elif box.kind == b"mdia":
            _parse_mdia(data, box, track)
    return track


def _parse_mdia(data: bytes, mdia: Box, track: Track) -> None:
    for box in children(data, mdia.payload, mdia.end):
        if box.kind == b"mdhd":
            track.timescale = _timescale(data, box)
        elif box.kind == b"hdlr":
            track.is_video = data[box.payload + 8 : box.payload + 12] == b"vide"
        elif box.kind == b"minf":
            for inner in children(data, box.payload, box.end):
                if inner.kind == b"stbl":
                    _parse_stbl(data, inner, track)


def _parse_stbl(data: bytes, stbl: Box, track: Track) -> None:
    for box in children(data, stbl.payload, stbl.end):
        if box.kind != b"stsd":
            continue
        for entry in children(data, box.payload + 8, box.end):
            if entry.kind in VIDEO_ENTRIES:
                track.codec = VIDEO_ENTRIES[entry.kind]
                track.width = int.from_bytes(data[entry.payload + 24 : entry.payload + 26], "big")
                track.height = int.from_bytes(data[entry.payload + 26 : entry.payload + 28], "big")
            elif entry.kind in AUDIO_ENTRIES:
                track.codec = AUDIO_ENTRIES[entry.kind]


def _parse_mvex(data: bytes, mvex: Box, movie: Movie) -> None:
    for box in children(data, mvex.payload, mvex.end):
        if box.kind == b"mehd":
            movie.mehd_at, movie.mehd_version = box.payload + 4, data[box.payload]
        elif box.kind == b"trex":
            track = movie.tracks.setdefault(
                _u32(data, box.payload + 4), Track(track_id=_u32(data, box.payload + 4))
            )
            track.default_duration = _u32(data, box.payload + 12)
            track.default_size = _u32(data, box.payload + 16)


def _parse_traf(data: bytes, traf: Box, tracks: dict[int, Track]) -> TrackRun:
    track_id, start, duration, data_end = 0, 0, 0, 0
    default_duration, default_size = 0, 0
    for box in children(data, traf.payload, traf.end):
        if box.kind == b"tfhd":
            track_id = _u32(data, box.payload + 4)
            track = tracks.get(track_id, Track())
            default_duration, default_size = _tfhd_defaults(data, box, track)
        elif box.kind == b"tfdt":
            wide = data[box.payload] == 1
            start = int.from_bytes(data[box.payload + 4 : box.payload + (12 if wide else 8)], "big")
        elif box.kind == b"trun":
            run_duration, run_end = _parse_trun(data, box, default_duration, default_size, data_end)
            duration, data_end = duration + run_duration, run_end
    return TrackRun(track_id, start, duration, data_end)


def _tfhd_defaults(data: bytes, tfhd: Box, track: Track) -> tuple[int, int]:
    flags, at = _u32(data, tfhd.payload) & 0xFFFFFF, tfhd.payload + 8
    duration, size = track.default_duration, track.default_size
    at += 8 if flags & TFHD_BASE_OFFSET else 0
    at += 4 if flags & TFHD_DESCRIPTION else 0
    if flags & TFHD_DURATION:
        duration, at = _u32(data, at), at + 4
    if flags & TFHD_SIZE:
        size = _u32(data, at)
    return duration, size


def _parse_trun(
    data: bytes, trun: Box, default_duration: int, default_size: int, at_data: int
) -> tuple[int, int]:
    flags, count, at = _u32(data, trun.payload) & 0xFFFFFF, _u32(data, trun.payload + 4), trun.payload + 8
    if flags & TRUN_DATA_OFFSET:
        at_data, at = int.from_bytes(data[at : at + 4], "big", signed=True), at + 4
    at += 4 if flags & TRUN_FIRST_FLAGS else 0
    width = 4 * bin(flags & (TRUN_DURATION | TRUN_SIZE | TRUN_FLAGS | TRUN_CTS)).count("1")
    if at + count * width > trun.end:
        raise SegmentUnreadable(f"trun promises {count} samples and has no room for them", trun.start)
    if not flags & TRUN_DURATION and not flags & TRUN_SIZE:
        return count * default_duration, at_data + count * default_size
    duration = 0
    for sample in range(at, at + count * width, width):
        field_at = sample
        if flags & TRUN_DURATION:
            duration, field_at = duration + _u32(data, field_at), field_at + 4
        else:
            duration += default_duration
        at_data += _u32(data, field_at) if flags & TRUN_SIZE else default_size
    return duration, at_data


def _timescale(data: bytes, box: Box) -> int:
    """The timescale of mvhd and mdhd, which begin alike."""
    return _u32(data, box.payload + (20 if data[box.payload] == 1 else 12))


def _u32(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise SegmentUnreadable("a box is shorter than its fields", at)
    return int.from_bytes(data[at : at + 4], "big")


def _is_name(kind: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)
