"""What a session description says of a payload type, in the words of the data plane. Pure.

The bytes win over the description (Q94): it only says where reading begins, and what bytes cannot say, such
as the configuration of AAC.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LABELS: Final[Mapping[str, str]] = {
    "PS": "unknown",
    "MP2P": "unknown",
    "MP2T": "unknown",
    "H264": "h264",
    "H265": "h265",
    "HEVC": "h265",
    "PCMA": "g711a",
    "PCMU": "g711u",
    "MPEG4-GENERIC": "aac",
    "AAC": "aac",
    "MP4A-LATM": "latm",
    "MPEG4": "mpeg4",
    "MP4V-ES": "mpeg4",
    "SVAC": "svac",
    "SVACA": "svac-audio",
    "G7221": "g722.1",
    "G722": "g722.1",
    "G723": "g723.1",
    "G729": "g729",
}
"""Encoding names (RFC 3551, RFC 3640, GB/T 28181-2022 annex C), upper case, to labels."""

_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){1,64}", re.IGNORECASE)
_BITS_MAX: Final = 32
_SETS: Final[Mapping[str, tuple[str, ...]]] = {
    "h264": ("sprop-parameter-sets",),
    "h265": ("sprop-vps", "sprop-sps", "sprop-pps"),
}
"""Parameters of ``a=fmtp`` that hold parameter sets. RFC 6184 section 8.1, RFC 7798 section 7.1."""
SETS_MAX: Final = 16
SET_BYTES_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class PayloadLabel:
    """One payload type: a label, and for AAC its configuration, lengths in bits and clock."""

    label: str
    config: bytes = b""
    bits: tuple[int, int, int] = (13, 3, 3)
    """``sizeLength``, ``indexLength``, ``indexDeltaLength`` of RFC 3640."""
    clock_rate: int = 0
    sets: tuple[bytes, ...] = ()
    """Parameter sets of H.264 or H.265, for a stream that brings none."""


def label_of(encoding: str, clock_rate: int = 0, fmtp: str = "") -> PayloadLabel:
    """Read ``a=rtpmap`` (its name and clock) and ``a=fmtp`` (its parameters) of one payload type.

    A name that is not known, or parameters that make no sense, say nothing: the bytes will tell.
    """
    label = LABELS.get(encoding.upper(), "unknown")
    values = _parameters(fmtp)
    if label != "aac":
        return PayloadLabel(label, clock_rate=clock_rate, sets=_sets(_SETS.get(label, ()), values))
    # Without lengths it is the mode AAC-hbr, which is the example of the standard.
    bits = (
        _bits(values.get("sizelength"), 13),
        _bits(values.get("indexlength"), 3),
        _bits(values.get("indexdeltalength"), 3),
    )
    config = values.get("config", "")
    is_config = _HEX.fullmatch(config) is not None
    return PayloadLabel(label, bytes.fromhex(config) if is_config else b"", bits, clock_rate)


def _parameters(fmtp: str) -> dict[str, str]:
    parts = (part.partition("=") for part in fmtp.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in parts}


def _sets(names: tuple[str, ...], values: Mapping[str, str]) -> tuple[bytes, ...]:
    """What cannot be read is left out; whether a set is one, the data plane finds."""
    found = []
    for text in [part for name in names for part in values.get(name, "").split(",")][:SETS_MAX]:
        try:
            found.append(base64.b64decode(text.strip(), validate=True))
        except (binascii.Error, ValueError):
            continue
    return tuple(each for each in found if 0 < len(each) <= SET_BYTES_MAX)


def _bits(text: str | None, default: int) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 2:
        return default
    return min(int(text), _BITS_MAX) or default
