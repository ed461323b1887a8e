"""Frames of sound as RTP packets and back: plain G.711, or G.711 in a program stream.

Since 2022 the sound of a broadcast is plain audio in RTP (C.2.4); the amendment of 2014 had it in a program
stream, and the device's offer says which it wants.

Source: RFC 3550 section 5.1, RFC 3551; GB/T 28181-2022 annex C; 7.1, 7.4 and 7.6 of the protocol notes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from media.audio.g711 import FRAME_BYTES, alaw_to_ulaw, ulaw_to_alaw
from media.ps import PsDemuxer
from media.ps_format import (
    AUDIO_STREAM_ID,
    MUX_RATE,
    STREAM_TYPES,
    SYSTEM_START,
    AudioCodec,
    MapEntry,
    pack_header,
    pes_packet,
    program_stream_map,
)
from media.rtp import MalformedRtp, RtpPacket, unwrap_sequence

MAP_EVERY_FRAMES: Final = 50
REORDER_PACKETS: Final = 4
MAX_PAYLOAD_BYTES: Final = 8_000
"""A second of G.711; more in one packet is no speech."""

_PS_STARTS: Final = (b"\x00\x00\x01\xba", b"\x00\x00\x01\xc0")
_PCMU_PAYLOAD_TYPE: Final = 0
_PCMA_PAYLOAD_TYPE: Final = 8


class AudioForm(StrEnum):
    PCMA = "PCMA"
    PCMU = "PCMU"
    PS = "PS"


# Ticks of the RTP clock in one frame: 8 kHz for G.711, 90 kHz for a program stream.
_STEPS: Final[Mapping[AudioForm, int]] = {
    AudioForm.PCMA: FRAME_BYTES,
    AudioForm.PCMU: FRAME_BYTES,
    AudioForm.PS: 1_800,
}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What goes into the packets, and the payload number that was agreed for it."""

    form: AudioForm = AudioForm.PCMA
    payload_type: int = _PCMA_PAYLOAD_TYPE


class AudioPacker:
    """Numbers and wraps the frames of one stream."""

    def __init__(self, audio_format: AudioFormat, ssrc: int, first_sequence: int = 0) -> None:
        self.packets = 0
        self.payload_bytes = 0
        self.timestamp = 0
        self.ssrc = ssrc
        self._format = audio_format
        self._step = _STEPS[audio_format.form]
        self._sequence = first_sequence

    def pack(self, alaw: bytes) -> bytes:
        """One frame of A-law as one RTP packet."""
        payload = self._payload(alaw)
        packet = RtpPacket(
            payload_type=self._format.payload_type,
            sequence=self._sequence,
            timestamp=self.timestamp,
            ssrc=self.ssrc,
            payload=payload,
            # Of G.711 the first packet after silence is marked (RFC 3551 4.1), of a pack its last.
            marker=self.packets == 0 or self._format.form is AudioForm.PS,
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + self._step) & 0xFFFFFFFF
        self.packets += 1
        self.payload_bytes += len(payload)
        return packet.serialize()

    def _payload(self, alaw: bytes) -> bytes:
        match self._format.form:
            case AudioForm.PCMA:
                return alaw
            case AudioForm.PCMU:
                return alaw_to_ulaw(alaw)
            case AudioForm.PS:
                head = pack_header(self.timestamp)
                if self.packets % MAP_EVERY_FRAMES == 0:
                    head += _AUDIO_HEADERS
                return head + pes_packet(AUDIO_STREAM_ID, alaw, self.timestamp)


class AudioUnpacker:
    """Packets of one peer to A-law, in order; what is late, doubled or no sound is counted and dropped."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self.packets = 0
        self.lost = 0
        self.late = 0
        self.malformed = 0
        self._format = audio_format
        self._demuxer = PsDemuxer()
        self._expected: int | None = None
        self._waiting: dict[int, RtpPacket] = {}

    def unpack(self, data: bytes) -> bytes:
        """The sound that can be played now; empty when this packet has to wait or holds none."""
        try:
            packet = RtpPacket.parse(data)
        except MalformedRtp:
            self.malformed += 1
            return b""
        if len(packet.payload) > MAX_PAYLOAD_BYTES:
            self.malformed += 1
            return b""
        self.packets += 1
        return b"".join(self._sound(each) for each in self._in_order(packet))

    def _in_order(self, packet: RtpPacket) -> list[RtpPacket]:
        if self._expected is None:
            self._expected = packet.sequence
        number = unwrap_sequence(self._expected, packet.sequence)
        if number < self._expected and self._expected - number > REORDER_PACKETS:
            # Numbers that jump back are a sender that began anew.
            self._waiting.clear()
            self._expected = number
        if number < self._expected or number in self._waiting:
            self.late += 1
            return []
        self._waiting[number] = packet
        if len(self._waiting) > REORDER_PACKETS:
            first = min(self._waiting)
            self.lost += first - self._expected
            self._expected = first
        ready = []
        while (following := self._waiting.pop(self._expected, None)) is not None:
            ready.append(following)
            self._expected += 1
        return ready

    def _sound(self, packet: RtpPacket) -> bytes:
        payload = packet.payload
        if payload.startswith(_PS_STARTS) or self._form_of(packet) is AudioForm.PS:
            units = self._demuxer.receive(payload, packet.timestamp)
            return b"".join(_alaw_of(unit.codec, unit.data) for unit in units if not unit.is_video)
        return ulaw_to_alaw(payload) if self._form_of(packet) is AudioForm.PCMU else payload

    def _form_of(self, packet: RtpPacket) -> AudioForm:
        """What the number says where the standard fixes it, else what was agreed."""
        if packet.payload_type == self._format.payload_type:
            return self._format.form
        return {_PCMU_PAYLOAD_TYPE: AudioForm.PCMU, _PCMA_PAYLOAD_TYPE: AudioForm.PCMA}.get(
            packet.payload_type, self._format.form
        )


def _alaw_of(codec: object, data: bytes) -> bytes:
    if codec is AudioCodec.G711U:
        return ulaw_to_alaw(data)
    return data if codec is AudioCodec.G711A else b""


def _audio_headers() -> bytes:
    """System header and map of a program stream that holds nothing but G.711 A-law."""
    body = (1 << 23 | MUX_RATE << 1 | 1).to_bytes(3)
    body += bytes([1 << 2, 0xE0, 0x7F, AUDIO_STREAM_ID]) + (0xC000 | 32).to_bytes(2)
    entry = MapEntry(STREAM_TYPES[AudioCodec.G711A], AUDIO_STREAM_ID)
    return SYSTEM_START + len(body).to_bytes(2) + body + program_stream_map([entry])


_AUDIO_HEADERS: Final = _audio_headers()
