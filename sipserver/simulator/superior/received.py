"""What came of a picture: RTP put in order, counted, looked into, and written to a file when asked."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from media.ps import PsDemuxer
from media.rtp import VIDEO_CLOCK_RATE, MalformedRtp, RtpPacket, unwrap_sequence, unwrap_timestamp

HELD_PACKETS: Final = 64
"""How many packets a late one may be behind before it is given up."""
RTCP_TYPES: Final = range(200, 205)


@dataclass(slots=True)
class ReceivedPicture:
    """One stream; ``take`` gets each packet as it came. Times are monotonic seconds."""

    clock: Callable[[], float]
    file: BinaryIO | None = None
    packets: int = 0
    malformed: int = 0
    lost: int = 0
    reports: int = 0
    """RTCP packets."""
    size_bytes: int = 0
    ssrcs: set[int] = field(default_factory=set)
    payload_types: set[int] = field(default_factory=set)
    pictures: int = 0
    keyframes: int = 0
    codec: str = ""
    first_at: float | None = None
    last_at: float | None = None
    stream_ticks: int = 0
    """How far the stream's own clock went, in ticks of 90 kHz."""
    _held: list[tuple[int, int, RtpPacket]] = field(default_factory=list)
    _next: int | None = None
    _sequence: int | None = None
    _timestamp: int | None = None
    _demuxer: PsDemuxer = field(default_factory=PsDemuxer)

    def take(self, data: bytes) -> None:
        """One packet from the wire."""
        if len(data) > 1 and data[1] in RTCP_TYPES:
            self.reports += 1
            return
        try:
            packet = RtpPacket.parse(data)
        except MalformedRtp:
            self.malformed += 1
            return
        now = self.clock()
        self.first_at = now if self.first_at is None else self.first_at
        self.last_at = now
        self.packets += 1
        self.size_bytes += len(packet.payload)
        self.ssrcs.add(packet.ssrc)
        self.payload_types.add(packet.payload_type)
        number = unwrap_sequence(
            packet.sequence if self._sequence is None else self._sequence, packet.sequence
        )
        self._sequence = number if self._sequence is None else max(self._sequence, number)
        heapq.heappush(self._held, (number, self.packets, packet))
        self._release(HELD_PACKETS)

    def finish(self) -> None:
        """Nothing more comes: count what was held back."""
        self._release(0)
        for unit in self._demuxer.flush():
            self._count(unit.is_video, unit.keyframe, str(unit.codec))

    @property
    def stream_s(self) -> float:
        return self.stream_ticks / VIDEO_CLOCK_RATE

    @property
    def figures(self) -> dict[str, object]:
        """For reports."""
        return {
            "packets": self.packets,
            "lost": self.lost,
            "malformed": self.malformed,
            "bytes": self.size_bytes,
            "ssrcs": sorted(self.ssrcs),
            "payload_types": sorted(self.payload_types),
            "pictures": self.pictures,
            "keyframes": self.keyframes,
            "codec": self.codec,
            "stream_s": round(self.stream_s, 3),
        }

    def _release(self, keep: int) -> None:
        """Pass on what follows, and what has waited for a lost one for too long."""
        held = self._held
        while held and (len(held) > keep or self._next is None or held[0][0] <= self._next):
            number, _, packet = heapq.heappop(held)
            if self._next is not None:
                if number < self._next:
                    continue  # it came twice, or too late
                self.lost += number - self._next
            self._next = number + 1
            self._pass_on(packet)

    def _pass_on(self, packet: RtpPacket) -> None:
        ticks = packet.timestamp if self._timestamp is None else self._timestamp
        stamp = unwrap_timestamp(ticks, packet.timestamp)
        if self._timestamp is not None:
            self.stream_ticks += max(0, stamp - self._timestamp)
        self._timestamp = stamp
        if self.file is not None:
            self.file.write(packet.payload)
        for unit in self._demuxer.receive(packet.payload, packet.timestamp):
            self._count(unit.is_video, unit.keyframe, str(unit.codec))

    def _count(self, is_video: bool, is_keyframe: bool, codec: str) -> None:
        if is_video:
            self.pictures += 1
            self.keyframes += is_keyframe
            self.codec = codec
