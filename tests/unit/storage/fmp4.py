"""A tiny writer of fragmented MP4 in the form of our recorder, for the tests of its reader.

Written from ISO/IEC 14496-12 and independent of ``storage/boxes.py``.
"""

import struct
from dataclasses import dataclass

from storage.metadata import USER_TYPE


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def track(
    track_id: int, handler: bytes, timescale: int, entry: bytes, width: int = 0, height: int = 0
) -> bytes:
    tkhd = full(
        b"tkhd",
        0,
        3,
        struct.pack(">IIIII", 0, 0, track_id, 0, 0),
        bytes(8),
        struct.pack(">hhhH", 0, 0, 0x0100 if handler == b"soun" else 0, 0),
        MATRIX,
        struct.pack(">II", width << 16, height << 16),
    )
    mdhd = full(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, timescale, 0, 0x55C4, 0))
    hdlr = full(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, handler), b"\0")
    stbl = box(
        b"stbl",
        full(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        full(b"stts", 0, 0, bytes(4)),
        full(b"stsc", 0, 0, bytes(4)),
        full(b"stsz", 0, 0, bytes(8)),
        full(b"stco", 0, 0, bytes(4)),
    )
    header = full(b"vmhd", 0, 1, bytes(8)) if handler == b"vide" else full(b"smhd", 0, 0, bytes(4))
    dinf = box(b"dinf", full(b"dref", 0, 0, struct.pack(">I", 1), full(b"url ", 0, 1)))
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", header, dinf, stbl)))


def video_entry(kind: bytes = b"avc1", width: int = 640, height: int = 360) -> bytes:
    visual = struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 24, -1)
    return box(kind, visual)


def audio_entry(kind: bytes = b"fLaC") -> bytes:
    return box(kind, struct.pack(">6xH8xHHHHI", 1, 1, 16, 0, 0, 8000 << 16))


def head(metadata: bytes = b"", start_us: int = 1_700_000_000_000_000, *, audio: bool = True) -> bytes:
    """ftyp, uuid and moov."""
    user = box(b"uuid", USER_TYPE, struct.pack(">q", start_us), metadata) if metadata else b""
    tracks = [track(1, b"vide", 90_000, video_entry(), 640, 360)]
    extends = [full(b"mehd", 1, 0, bytes(8)), full(b"trex", 0, 0, struct.pack(">IIIII", 1, 1, 0, 0, 0))]
    if audio:
        tracks.append(track(2, b"soun", 8000, audio_entry()))
        extends.append(full(b"trex", 0, 0, struct.pack(">IIIII", 2, 1, 0, 0, 0)))
    mvhd = full(
        b"mvhd",
        0,
        0,
        struct.pack(">IIIIIH10x", 0, 0, 90_000, 0, 0x10000, 0x100),
        MATRIX,
        bytes(24),
        struct.pack(">I", 3),
    )
    ftyp = box(b"ftyp", b"iso5", struct.pack(">I", 512), b"iso5iso6mp41")
    return ftyp + user + box(b"moov", mvhd, *tracks, box(b"mvex", *extends))


@dataclass(frozen=True)
class Run:
    """Samples of one track in one fragment: (duration, bytes)."""

    track_id: int
    start: int
    samples: tuple[tuple[int, bytes], ...]


def fragment(sequence: int, *runs: Run) -> bytes:
    """moof and mdat."""

    def moof(offsets: list[int]) -> bytes:
        parts = [full(b"mfhd", 0, 0, struct.pack(">I", sequence))]
        for run, offset in zip(runs, offsets, strict=True):
            rows = b"".join(struct.pack(">II", duration, len(data)) for duration, data in run.samples)
            parts.append(
                box(
                    b"traf",
                    full(b"tfhd", 0, 0x020000, struct.pack(">I", run.track_id)),
                    full(b"tfdt", 1, 0, struct.pack(">Q", run.start)),
                    full(b"trun", 1, 0x301, struct.pack(">Ii", len(run.samples), offset), rows),
                )
            )
        return box(b"moof", *parts)

    at = len(moof([0] * len(runs))) + 8
    offsets = []
    for run in runs:
        offsets.append(at)
        at += sum(len(data) for _, data in run.samples)
    data = b"".join(data for run in runs for _, data in run.samples)
    return moof(offsets) + box(b"mdat", data)


def second(sequence: int, *, audio: bool = True, frames: int = 5) -> bytes:
    """One second of picture and sound."""
    begin = sequence - 1
    step = 90_000 // frames
    runs = [Run(1, begin * 90_000, tuple((step, bytes([number + 1]) * 40) for number in range(frames)))]
    if audio:
        runs.append(Run(2, begin * 8000, tuple((1600, b"\x7f" * 16) for _ in range(5))))
    return fragment(sequence, *runs)


def movie(seconds: int, metadata: bytes = b"", start_us: int = 1_700_000_000_000_000) -> bytes:
    return head(metadata, start_us) + b"".join(second(number + 1) for number in range(seconds))
