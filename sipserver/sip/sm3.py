"""The SM3 hash in plain Python, for builds of OpenSSL that lack it. Source: GB/T 32905-2016."""

from __future__ import annotations

import struct
from typing import Final

_MASK: Final = 0xFFFFFFFF
_INITIAL: Final = (
    0x7380166F,
    0x4914B2B9,
    0x172442D7,
    0xDA8A0600,
    0xA96F30BC,
    0x163138AA,
    0xE38DEE4D,
    0xB0FB0E4E,
)


def _rotate(word: int, bits: int) -> int:
    bits %= 32
    return ((word << bits) | (word >> (32 - bits))) & _MASK


# Section 4.2: the constants, rotated as section 5.3.3 uses them.
_CONSTANTS: Final = tuple(_rotate(0x79CC4519 if j < 16 else 0x7A879D8A, j) for j in range(64))


def sm3(data: bytes) -> bytes:
    """The 32-byte digest of ``data``."""
    padded = data + b"\x80" + b"\0" * ((55 - len(data)) % 64) + struct.pack(">Q", 8 * len(data))
    state: tuple[int, ...] = _INITIAL
    for offset in range(0, len(padded), 64):
        state = _compress(state, padded[offset : offset + 64])
    return struct.pack(">8I", *state)


def _expand(block: bytes) -> list[int]:
    """Section 5.3.2."""
    words = list(struct.unpack(">16I", block))
    for j in range(16, 68):
        word = words[j - 16] ^ words[j - 9] ^ _rotate(words[j - 3], 15)
        word ^= _rotate(word, 15) ^ _rotate(word, 23)
        words.append(word ^ _rotate(words[j - 13], 7) ^ words[j - 6])
    return words


def _compress(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    """Section 5.3.3."""
    words = _expand(block)
    a, b, c, d, e, f, g, h = state
    for j in range(64):
        rotated = _rotate(a, 12)
        ss1 = _rotate((rotated + e + _CONSTANTS[j]) & _MASK, 7)
        ss2 = ss1 ^ rotated
        if j < 16:
            ff, gg = a ^ b ^ c, e ^ f ^ g
        else:
            ff, gg = (a & b) | (a & c) | (b & c), (e & f) | (~e & g)
        tt1 = (ff + d + ss2 + (words[j] ^ words[j + 4])) & _MASK
        tt2 = (gg + h + ss1 + words[j]) & _MASK
        d, c, b, a = c, _rotate(b, 9), a, tt1
        h, g, f = g, _rotate(f, 19), e
        e = tt2 ^ _rotate(tt2, 9) ^ _rotate(tt2, 17)
    return tuple(old ^ new for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True))
