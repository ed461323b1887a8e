"""The camera's beeps in AAC with ADTS heads, for devices that send it where they announced G.711 (Q88).

Source: ISO/IEC 14496-3 section 1.A.3.2 (ADTS).
"""

from functools import lru_cache
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame

from sipserver.simulator.sound import SAMPLE_RATE, beeping

SAMPLES_OF_A_FRAME: Final = 1_024
_HEAD_BYTES: Final = 7
_LOW_COMPLEXITY: Final = 1  # AAC-LC, less one as ADTS writes it
_RATE_INDEX: Final = 11  # 8,000 Hz
_BITRATE: Final = 24_000
_FULL_SCALE: Final = 32_768


@lru_cache(maxsize=4)
def adts_frames(duration_s: int, index: int) -> tuple[bytes, ...]:
    """Frames of 1024 samples, each with its head. Blocks while it encodes for the first time."""
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate = SAMPLE_RATE
    encoder.layout = "mono"
    encoder.format = "fltp"
    encoder.bit_rate = _BITRATE
    samples = beeping(duration_s, index).astype(np.float32) / _FULL_SCALE
    packets = []
    for start in range(0, len(samples) - SAMPLES_OF_A_FRAME + 1, SAMPLES_OF_A_FRAME):
        frame = AudioFrame.from_ndarray(
            samples[None, start : start + SAMPLES_OF_A_FRAME], format="fltp", layout="mono"
        )
        frame.sample_rate = SAMPLE_RATE
        packets += encoder.encode(frame)
    return tuple(_head(len(bytes(packet))) + bytes(packet) for packet in packets)


def _head(size: int) -> bytes:
    """Syncword, MPEG-4, no CRC, one channel, a buffer that is never full."""
    length = size + _HEAD_BYTES
    bits = 0xFFF1 << 40 | _LOW_COMPLEXITY << 38 | _RATE_INDEX << 34 | 1 << 30 | length << 13 | 0x7FF << 2
    return bits.to_bytes(_HEAD_BYTES)
