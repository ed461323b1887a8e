"""How a loudspeaker is reached: which of the two ways is tried, and which comes after. Pure.

Broadcast is the standard's way and every edition has it. ``s=Talk`` was taken out in 2022 and is what some
vendors have alone (Q66). What worked is remembered per device; an unknown one is tried in one step.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sipserver.devices.errors import BadAnswer, DeviceError, NoAnswer, NoMedia, Refused
from sipserver.gb.editions import GATES, Edition, Feature, Support

BUSY_STATUSES: Final = frozenset({486, 600, 603})


class AudioMode(StrEnum):
    """What the caller asks for."""

    AUTO = "auto"
    BROADCAST = "broadcast"
    TALK = "talk"


_LEARNED: Final[Mapping[str, AudioMode]] = {
    AudioMode.BROADCAST.value: AudioMode.BROADCAST,
    AudioMode.TALK.value: AudioMode.TALK,
}


def ways(asked: AudioMode, learned: str | None, edition: Edition) -> tuple[AudioMode, ...]:
    """What is tried, in order.

    Args:
        asked: a caller who names a way gets that way alone, whatever the edition says: a gate with override.
        learned: the value of the facet AUDIO.
    """
    if asked is not AudioMode.AUTO:
        return (asked,)
    if (known := _LEARNED.get(learned or "")) is not None:
        return (known,)
    if GATES[Feature.TALK, edition] is Support.NO:
        return (AudioMode.BROADCAST,)
    return (AudioMode.BROADCAST, AudioMode.TALK)


def tries_next_way(error: DeviceError) -> bool:
    """Whether another way may do better: not when the device is busy, offline or unknown."""
    if isinstance(error, Refused):
        return error.status not in BUSY_STATUSES
    return isinstance(error, (NoAnswer, BadAnswer, NoMedia))


def transports(learned: str | None, registered_over_stream: bool) -> tuple[bool, ...]:
    """Whether a talk is offered over TCP, and then the other when the device does not take that."""
    first = learned == "tcp" if learned in ("tcp", "udp") else registered_over_stream
    return (first, not first)
