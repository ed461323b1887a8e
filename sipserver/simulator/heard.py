"""What a simulated loudspeaker heard: the packets as they came, and the tone that is in them.

It has a table of its own for A-law and tells nothing of who sent: a test compares what it heard with what was
meant to be said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.ps import PsDemuxer
from media.rtp import MalformedRtp, RtpPacket
from sipserver.simulator.sound import SAMPLE_RATE

KEPT_BYTES: Final = 30 * SAMPLE_RATE
_ULAW_PAYLOAD_TYPE: Final = 0
_PACK_START: Final = b"\x00\x00\x01\xba"
_QUIET: Final = 64


@dataclass(slots=True)
class HeardSound:
    """One call: figures, and the last half minute of its sound."""

    packets: int = 0
    malformed: int = 0
    reports: int = 0
    """RTCP packets."""
    ssrcs: set[int] = field(default_factory=set)
    payload_types: set[int] = field(default_factory=set)
    gaps: int = 0
    """Sequence numbers that did not follow."""
    timestamp_steps: set[int] = field(default_factory=set)
    sound: bytearray = field(default_factory=bytearray)
    """G.711, in the law that came."""
    is_ulaw: bool = False
    _demuxer: PsDemuxer = field(default_factory=PsDemuxer)
    _last: RtpPacket | None = None

    def take(self, data: bytes) -> None:
        """One packet from the wire."""
        try:
            packet = RtpPacket.parse(data)
        except MalformedRtp:
            self.malformed += 1
            return
        self.packets += 1
        self.ssrcs.add(packet.ssrc)
        self.payload_types.add(packet.payload_type)
        if self._last is not None:
            self.gaps += packet.sequence != (self._last.sequence + 1) & 0xFFFF
            self.timestamp_steps.add((packet.timestamp - self._last.timestamp) & 0xFFFFFFFF)
        self._last = packet
        self.is_ulaw = packet.payload_type == _ULAW_PAYLOAD_TYPE
        self.sound += self._sound_in(packet)
        del self.sound[:-KEPT_BYTES]

    @property
    def samples(self) -> NDArray[np.int16]:
        return decode_g711(bytes(self.sound), is_ulaw=self.is_ulaw)

    @property
    def loud_samples(self) -> NDArray[np.int16]:
        """From the first sample that is no silence to the last."""
        samples = self.samples
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
        return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]

    @property
    def tone_hz(self) -> float:
        """The strongest frequency of what was said; 0 when nothing was."""
        return strongest_hz(self.loud_samples)

    def _sound_in(self, packet: RtpPacket) -> bytes:
        if not packet.payload.startswith(_PACK_START):
            return packet.payload
        units = self._demuxer.receive(packet.payload, packet.timestamp)
        return b"".join(unit.data for unit in units if not unit.is_video)


def strongest_hz(samples: NDArray[np.int16]) -> float:
    """The peak of the spectrum; 0 for less than a tenth of a second."""
    if len(samples) < SAMPLE_RATE // 10:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    spectrum[:2] = 0.0
    return float(np.argmax(spectrum)) * SAMPLE_RATE / len(samples)


def decode_g711(data: bytes, *, is_ulaw: bool = False) -> NDArray[np.int16]:
    """G.711 to samples, by the formulas of the standard. Source: ITU-T G.711 tables 1a and 2a."""
    codes = np.frombuffer(data, np.uint8).astype(np.int32)
    codes = ~codes & 0xFF if is_ulaw else codes ^ 0x55
    segment, step = codes >> 4 & 7, codes & 15
    if is_ulaw:
        size = (2 * step + 33 << segment + 2) - 132
        return np.where(codes & 0x80, -size, size).astype(np.int16)
    size = np.where(segment > 0, (2 * step + 33 << np.maximum(segment - 1, 0)) * 8, (2 * step + 1) * 8)
    return np.where(codes & 0x80, size, -size).astype(np.int16)


def tone(hz: float, seconds: float, amplitude: int = 8_000) -> NDArray[np.int16]:
    """A pure tone."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)
