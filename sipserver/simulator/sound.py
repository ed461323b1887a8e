"""The sound of a simulated camera: quiet beeps in G.711 A-law at 8 kHz."""

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 8_000
_BEEP_S: Final = 0.25
_AMPLITUDE: Final = 2_500


@lru_cache(maxsize=64)
def beeps(seconds: int, index: int) -> bytes:
    """``seconds`` of sound: one beep a second, its pitch by camera. Ends where it begins."""
    return encode_alaw(beeping(seconds, index))


def beeping(seconds: int, index: int) -> NDArray[np.int16]:
    """The same before it is encoded."""
    time_s = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    second = time_s % 1.0
    pitch = 400 + 40 * (index % 12)
    # A rounded beep has no click at its ends.
    shape = np.where(second < _BEEP_S, np.sin(np.pi * second / _BEEP_S), 0.0)
    tone = _AMPLITUDE * shape * np.sin(math.tau * pitch * second)
    return tone.astype(np.int16)


def encode_alaw(samples: NDArray[np.int16]) -> bytes:
    """16-bit samples to A-law bytes. Source: ITU-T G.711 table 1a."""
    magnitude = np.minimum(np.where(samples < 0, -(samples.astype(np.int32) + 1), samples), 32_767) >> 3
    segment = np.searchsorted(np.array([0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF]), magnitude)
    shift = np.maximum(segment, 1)
    code = segment << 4 | magnitude >> shift & 0x0F
    return bytes((code ^ np.where(samples < 0, 0x55, 0xD5)).astype(np.uint8))
