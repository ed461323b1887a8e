"""What the media room misses, in the words of this room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from media import errors as media
from sipserver.devices.errors import DeviceError, InviteEnded, NoCapacity, NoKeyframe, NoMedia, WrongSsrc

# Looked up from top to bottom; subclasses are covered by their parents.
VERDICTS: Final[Mapping[type[media.MediaError], type[DeviceError]]] = {
    media.NoMedia: NoMedia,
    media.WrongSsrc: WrongSsrc,
    media.NoPackHeader: NoKeyframe,
    media.NoKeyframe: NoKeyframe,
    media.NoPortFree: NoCapacity,
    media.PortUnavailable: NoCapacity,
}


def error_type(error: media.MediaError) -> type[DeviceError]:
    """The error of this room for an error of the media room."""
    for theirs, ours in VERDICTS.items():
        if isinstance(error, theirs):
            return ours
    return InviteEnded
