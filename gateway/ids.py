"""20-digit ids for what has none of its own.

Source: GB/T 28181-2022 annex E: centre code (8), industry (2), type (3), network (1), serial (6).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from gateway.errors import TooManySources, UnsuitableSource

GATEWAY_TYPE: Final = "209"
"""Access gateway (接入网关)."""
CAMERA_TYPES: Final = ("132", "131")
"""Network camera, camera; ours get the first."""
FIRST_SERIAL: Final = 900_001
"""Devices number their own channels from 1: ours begin where they do not come."""
LAST_SERIAL: Final = 999_999

_ID: Final = re.compile(r"[0-9]{20}")


def gateway_id(platform_id: str) -> str:
    """The device that stands for all sources of a platform, by the platform's own id."""
    return f"{platform_id[:10]}{GATEWAY_TYPE}{platform_id[13:14]}{1:06d}"


def check_channel_id(text: str) -> str:
    """An id that an operator gave.

    Raises:
        UnsuitableSource: not 20 digits, or not of a camera.
    """
    if _ID.fullmatch(text) is None:
        raise UnsuitableSource(f"channel id {text[:64]!r} is not 20 digits")
    if text[10:13] not in CAMERA_TYPES:
        wanted = " or ".join(CAMERA_TYPES)
        raise UnsuitableSource(f"channel id {text} has type {text[10:13]}: digits 11 to 13 must be {wanted}")
    return text


def channel_prefix(gateway: str) -> str:
    """What the ids of its channels begin with."""
    return f"{gateway[:10]}{CAMERA_TYPES[0]}{gateway[13:14]}"


def next_channel_id(gateway: str, taken: Collection[str]) -> str:
    """The first free id in the gateway's own domain.

    Raises:
        TooManySources: all serials are taken.
    """
    head = channel_prefix(gateway)
    used = set(taken)
    for serial in range(FIRST_SERIAL, LAST_SERIAL + 1):
        if (candidate := f"{head}{serial:06d}") not in used:
            return candidate
    raise TooManySources(LAST_SERIAL - FIRST_SERIAL + 1)
