"""G.711 at 8 kHz, the sound of this standard: A-law inside, mu-law where a device wants it.

Everything here works on whole frames through tables: one more listener costs a copy and no arithmetic.

Source: ITU-T G.711; RFC 3551 sections 4.5.14 and 6; GB/T 28181-2022 C.2.4.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 8_000
FRAME_S: Final = 0.02
FRAME_BYTES: Final = 160
"""20 ms: one byte is one sample."""
SILENCE: Final = bytes([0xD5]) * FRAME_BYTES
QUIETEST_DBFS: Final = -90.0

_FULL_SCALE: Final = 32_768.0


def _alaw_values() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    segment, step = code >> 4 & 7, code & 15
    magnitude = np.where(segment == 0, (step << 4) + 8, ((step << 4) + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _ulaw_values() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 15) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _nearest_codes(values: NDArray[np.int16]) -> NDArray[np.uint8]:
    """For each 16-bit sample, from -32768 on, the code whose value lies nearest."""
    order = np.argsort(values, kind="stable")
    ordered = values[order].astype(np.int32)
    edges = (ordered[:-1] + ordered[1:]) / 2
    return order[np.searchsorted(edges, np.arange(-32_768, 32_768))].astype(np.uint8)


_ALAW_VALUES: Final = _alaw_values()
_ULAW_VALUES: Final = _ulaw_values()
_ALAW_CODES: Final = _nearest_codes(_ALAW_VALUES)
_ULAW_CODES: Final = _nearest_codes(_ULAW_VALUES)
_ALAW_TO_ULAW: Final = bytes(_ULAW_CODES[_ALAW_VALUES.astype(np.int32) + 32_768])
_ULAW_TO_ALAW: Final = bytes(_ALAW_CODES[_ULAW_VALUES.astype(np.int32) + 32_768])


def decode_alaw(data: bytes) -> NDArray[np.int16]:
    """A-law bytes to 16-bit samples."""
    return _ALAW_VALUES[np.frombuffer(data, np.uint8)]


def encode_alaw(samples: NDArray[np.int16]) -> bytes:
    """16-bit samples to A-law bytes."""
    return _ALAW_CODES[samples.astype(np.int32) + 32_768].tobytes()


def alaw_to_ulaw(data: bytes) -> bytes:
    return data.translate(_ALAW_TO_ULAW)


def ulaw_to_alaw(data: bytes) -> bytes:
    return data.translate(_ULAW_TO_ALAW)


def level_dbfs(alaw: bytes) -> float:
    """How loud this is: effective value below full scale, at least ``QUIETEST_DBFS``."""
    if not alaw:
        return QUIETEST_DBFS
    effective = math.sqrt(float(np.mean(np.square(decode_alaw(alaw).astype(np.float64)))))
    return max(QUIETEST_DBFS, 20 * math.log10(max(effective, 1.0) / _FULL_SCALE))
