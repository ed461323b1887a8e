"""Cuts a stretch of time out of recorded files into one file that plays by itself; nothing is re-encoded.

The cut begins with the last key frame at or before the wanted start. Blocks; to be called in a thread.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from storage.errors import NoFootage

NOTED_S: Final = 1.5
"""A clip that begins later or ends earlier than wanted by more than this says so."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A recorded file, as far as it is whole; ``run`` is the same for files that follow without a gap."""

    path: Path
    start_time: datetime
    end_time: datetime
    size_bytes: int
    run: str


@dataclass(frozen=True, slots=True)
class Cut:
    """What the new file holds."""

    start_time: datetime
    end_time: datetime
    size_bytes: int
    detail: str


def coverage_s(pieces: Sequence[Piece], start: datetime, end: datetime) -> float:
    """How many seconds of the stretch lie in the pieces."""
    return sum(
        max((min(piece.end_time, end) - max(piece.start_time, start)).total_seconds(), 0.0)
        for piece in pieces
    )


def cut(pieces: Sequence[Piece], start: datetime, end: datetime, target: Path) -> Cut:
    """Write the stretch to ``target``, whole or not at all.

    Raises:
        NoFootage: nothing of the stretch could be read.
        OSError: the disk refused.
    """
    wanted = sorted((piece for piece in pieces if piece.size_bytes), key=lambda piece: piece.start_time)
    partial = target.with_suffix(".part")
    try:
        writer = _Writer(partial, start, end)
        try:
            for piece in wanted:
                if piece.start_time < end and piece.end_time > start:
                    writer.add(piece)
        finally:
            writer.close()
        if writer.origin is None:
            raise NoFootage("no picture of that time is on the disk")
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(partial, target)
    except av.error.FFmpegError as error:
        raise NoFootage(f"the footage cannot be read: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    end_time = writer.origin + timedelta(seconds=writer.length_s)
    return Cut(writer.origin, end_time, target.stat().st_size, _detail(writer, start, end, end_time))


class WholePart:
    """The first bytes of a file that is still growing: what follows them may be half a fragment."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            return self._file.seek(self._size_bytes + offset)
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        left = max(self._size_bytes - self._file.tell(), 0)
        return self._file.read(left if size < 0 else min(size, left))


class _Writer:
    """Appends pieces to one file; ``origin`` is the instant of its first picture."""

    def __init__(self, path: Path, start: datetime, end: datetime) -> None:
        self._path = path
        self._start = start
        self._end = end
        self._out: OutputContainer | None = None
        self._streams: dict[str, Stream] = {}
        self._formats: dict[str, tuple[str, bytes]] = {}
        self._last_dts: dict[str, int] = {}
        self._run = ""
        self.origin: datetime | None = None
        self.length_s = 0.0
        self.left_out = 0
        self.broken = 0

    def add(self, piece: Piece) -> None:
        with piece.path.open("rb") as file:
            try:
                with av.open(WholePart(file, piece.size_bytes), "r", format="mp4") as container:
                    self._add(piece, container)
            except av.error.FFmpegError:
                self.broken += 1  # what was read before stays

    def close(self) -> None:
        if self._out is not None:
            self._out.close()

    def _add(self, piece: Piece, container: InputContainer) -> None:
        streams: dict[str, Stream] = {
            stream.type: stream for stream in container.streams if stream.type in ("video", "audio")
        }
        if "video" not in streams:
            return
        formats = {kind: _format(stream) for kind, stream in streams.items()}
        if self._out is not None and formats != self._formats:
            self.left_out += 1  # another codec or size cannot follow in the same track
            return
        shift_s: float | None = None
        for kind, packet, at_s in self._from_keyframe(piece, container, streams):
            if shift_s is None:
                shift_s = self._begin(piece, streams, formats, at_s)
            self._mux(kind, packet, at_s + shift_s)

    def _from_keyframe(
        self, piece: Piece, container: InputContainer, streams: dict[str, Stream]
    ) -> Iterator[tuple[str, av.Packet[Any], float]]:
        """Packets with their seconds within the piece: from the key frame before the start up to the end."""
        first_s: float | None = None
        begins = (self._start - piece.start_time).total_seconds() if self._out is None else float("-inf")
        ends = (self._end - piece.start_time).total_seconds()
        group: list[tuple[str, av.Packet[Any], float]] = []
        is_begun = False
        for packet in container.demux(list(streams.values())):
            kind, base = packet.stream.type, packet.stream.time_base
            if packet.dts is None or packet.pts is None or base is None:
                continue
            stamp_s = float(packet.dts * base)
            if first_s is None:
                if kind != "video":
                    continue  # the clock of a file is that of its first picture
                first_s = stamp_s
            at_s = stamp_s - first_s
            if kind == "video" and packet.is_keyframe and not is_begun:
                group.clear()
                is_begun = at_s >= begins
            if at_s >= ends:
                if kind == "video":
                    break
                continue
            group.append((kind, packet, at_s))
            if kind == "video" and at_s >= begins:
                is_begun = True
            if is_begun:
                yield from group
                group.clear()

    def _begin(
        self, piece: Piece, streams: dict[str, Stream], formats: dict[str, tuple[str, bytes]], at_s: float
    ) -> float:
        """Seconds to add to the times of this piece."""
        if self._out is None or self.origin is None:
            self._out = av.open(str(self._path), "w", format="mp4", options={"movflags": "faststart"})
            self._streams = {
                kind: self._out.add_stream_from_template(stream) for kind, stream in streams.items()
            }
            self._formats = formats
            self.origin = piece.start_time + timedelta(seconds=at_s)
            shift_s = -at_s
        else:
            by_clock = (piece.start_time - self.origin).total_seconds()
            shift_s = self.length_s - at_s if piece.run == self._run else max(by_clock, self.length_s - at_s)
        self._run = piece.run
        return shift_s

    def _mux(self, kind: str, packet: av.Packet[Any], at_s: float) -> None:
        stream, base = self._streams.get(kind), packet.stream.time_base
        if stream is None or self._out is None or packet.dts is None or packet.pts is None or base is None:
            return
        duration_s = float((packet.duration or 0) * base)
        delay = packet.pts - packet.dts
        dts = max(round(at_s / base), self._last_dts.get(kind, -1) + 1)
        self._last_dts[kind] = dts
        packet.dts, packet.pts = dts, dts + delay
        packet.stream = stream
        self._out.mux(packet)
        if kind == "video":
            self.length_s = max(self.length_s, at_s + duration_s)


def _format(stream: Stream) -> tuple[str, bytes]:
    return stream.codec_context.name, bytes(stream.codec_context.extradata or b"")


def _detail(writer: _Writer, start: datetime, end: datetime, end_time: datetime) -> str:
    found = []
    late_s = ((writer.origin or start) - start).total_seconds()
    if late_s > NOTED_S:
        found.append(f"begins {late_s:.0f} s late")
    early_s = (end - end_time).total_seconds()
    if early_s > NOTED_S:
        found.append(f"ends {early_s:.0f} s early")
    if writer.left_out:
        found.append("the camera changed its picture format: the part in the other format is left out")
    if writer.broken:
        found.append(f"{writer.broken} files cannot be read")
    return "; ".join(found)
