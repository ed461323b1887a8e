"""Sound into RTP packets and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.g711 import FRAME_BYTES, alaw_to_ulaw
from media.audio.packing import (
    MAX_PAYLOAD_BYTES,
    REORDER_PACKETS,
    AudioForm,
    AudioFormat,
    AudioPacker,
    AudioUnpacker,
)
from media.rtp import RtpPacket

FRAMES = [bytes([number]) * FRAME_BYTES for number in range(20)]
FORMATS = [
    AudioFormat(AudioForm.PCMA, 8),
    AudioFormat(AudioForm.PCMU, 0),
    AudioFormat(AudioForm.PS, 96),
]


def packed(audio_format: AudioFormat, frames: list[bytes] = FRAMES) -> list[bytes]:
    packer = AudioPacker(audio_format, ssrc=200_000_003, first_sequence=65_530)
    return [packer.pack(frame) for frame in frames]


def test_g711_packet_byte_for_byte() -> None:
    """7.1: PT 8, 160 bytes, step 160; the first of a stream is marked (RFC 3551 4.1). GB-C115."""
    first, second = packed(FORMATS[0], FRAMES[:2])
    assert first[:12].hex(" ") == "80 88 ff fa 00 00 00 00 0b eb c2 03"
    assert second[:12].hex(" ") == "80 08 ff fb 00 00 00 a0 0b eb c2 03"
    assert second[12:] == FRAMES[1]


def test_mu_law_is_translated() -> None:
    assert packed(FORMATS[1], FRAMES[1:2])[0][12:] == alaw_to_ulaw(FRAMES[1])


def test_sound_in_a_program_stream_byte_for_byte() -> None:
    """7.4 and 7.6: pack, system header and map with type 0x90 first, then pack and PES alone."""
    first, second = (RtpPacket.parse(data) for data in packed(FORMATS[2], FRAMES[:2]))
    assert (first.payload_type, second.timestamp) == (96, 1_800)
    assert first.payload.startswith(bytes.fromhex("000001ba 44 00 04 00 04 01 00 7f ff f8"))
    assert bytes.fromhex("000001bb 0009 803fff 04 e0 7f c0 c0 20") in first.payload
    assert bytes.fromhex("000001bc 000e e0ff 0000 0004 90c00000") in first.payload
    assert b"\x00\x00\x01\xbc" not in second.payload
    assert second.payload.endswith(bytes.fromhex("000001c0 00a8 8480 05 21 00 01 0e 11") + FRAMES[1])


@pytest.mark.parametrize("audio_format", FORMATS)
def test_what_is_packed_is_unpacked(audio_format: AudioFormat) -> None:
    unpacker = AudioUnpacker(audio_format)
    frames = [bytes([0xD5]) * FRAME_BYTES] * 5
    heard = b"".join(unpacker.unpack(data) for data in packed(audio_format, frames))
    # The demuxer gives a unit when the next one begins.
    assert b"".join(frames).startswith(heard)
    assert len(heard) >= 4 * FRAME_BYTES


@given(st.permutations(range(REORDER_PACKETS)), st.integers(0, 15))
def test_near_packets_may_change_places(order: list[int], start: int) -> None:
    packets = packed(FORMATS[0])
    window = packets[start : start + REORDER_PACKETS]
    shuffled = packets[:start] + [window[each] for each in order if each < len(window)]
    shuffled += packets[start + REORDER_PACKETS :]
    unpacker = AudioUnpacker(FORMATS[0])
    heard = b"".join(unpacker.unpack(data) for data in shuffled)
    if start:
        assert heard == b"".join(FRAMES)
        assert unpacker.lost == 0


def test_doubled_packet_is_heard_once() -> None:
    packets = packed(FORMATS[0])
    unpacker = AudioUnpacker(FORMATS[0])
    heard = b"".join(unpacker.unpack(data) for packet in packets for data in (packet, packet))
    assert heard == b"".join(FRAMES)
    assert unpacker.late == len(packets)


def test_lost_packet_is_given_up_after_a_few() -> None:
    packets = packed(FORMATS[0])
    del packets[3]
    unpacker = AudioUnpacker(FORMATS[0])
    heard = b"".join(unpacker.unpack(data) for data in packets)
    assert heard == b"".join(FRAMES[:3] + FRAMES[4:])
    assert unpacker.lost == 1


def test_sender_that_begins_anew_is_heard_again() -> None:
    unpacker = AudioUnpacker(FORMATS[0])
    for data in packed(FORMATS[0]):
        unpacker.unpack(data)
    again = AudioPacker(FORMATS[0], ssrc=1, first_sequence=60_000)
    assert b"".join(unpacker.unpack(again.pack(frame)) for frame in FRAMES) == b"".join(FRAMES)


def test_static_payload_number_outweighs_what_was_agreed() -> None:
    """A device that answers PCMA and sends mu-law under its own number."""
    unpacker = AudioUnpacker(FORMATS[0])
    mu_law = packed(FORMATS[1], [bytes([0xD5]) * FRAME_BYTES])[0]
    assert set(unpacker.unpack(mu_law)) <= {0xD5, 0x55}


@pytest.mark.parametrize("size", [MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 1])
def test_a_packet_has_a_limit(size: int) -> None:
    unpacker = AudioUnpacker(FORMATS[0])
    data = RtpPacket(payload_type=8, sequence=1, timestamp=0, ssrc=1, payload=bytes(size)).serialize()
    assert len(unpacker.unpack(data)) == (size if size <= MAX_PAYLOAD_BYTES else 0)
    assert unpacker.malformed == (size > MAX_PAYLOAD_BYTES)
