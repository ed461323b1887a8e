"""From the failure of a stream or a disk to the cause of a gap."""

from collections.abc import Mapping
from typing import Final

from storage.model import GapCause

ENOSPC: Final = 28

CAUSES: Final[Mapping[str, GapCause]] = {
    "DeviceOffline": GapCause.DEVICE_OFFLINE,
    "NoAnswer": GapCause.NO_ANSWER,
    "Refused": GapCause.REFUSED,
    "NoMedia": GapCause.NO_MEDIA,
    "NoPackHeader": GapCause.NO_MEDIA,
    "WrongSsrc": GapCause.WRONG_SSRC,
    "NoKeyframe": GapCause.NO_KEYFRAME,
    "UnknownChannel": GapCause.UNKNOWN_CHANNEL,
    "UnknownDevice": GapCause.UNKNOWN_CHANNEL,
    "BadAnswer": GapCause.REFUSED,
    "NoCapacity": GapCause.NO_CAPACITY,
    "InviteEnded": GapCause.STREAM_LOST,
    "SessionClosed": GapCause.STREAM_LOST,
    "FlowClosed": GapCause.NO_ANSWER,
    "SourceUnreachable": GapCause.DEVICE_OFFLINE,
    "SourceRefused": GapCause.DEVICE_OFFLINE,
    "SourceTimedOut": GapCause.NO_ANSWER,
    "SourceUnauthorised": GapCause.REFUSED,
    "SourceForbidden": GapCause.REFUSED,
    "SourceNotFound": GapCause.REFUSED,
    "SourceRejected": GapCause.REFUSED,
    "SourceProtocol": GapCause.NO_MEDIA,
    "NoVideo": GapCause.NO_MEDIA,
    "CodecNotCarried": GapCause.NO_MEDIA,
    "NoPicture": GapCause.NO_KEYFRAME,
    "SourceEnded": GapCause.STREAM_LOST,
    "SourceFailed": GapCause.NO_ANSWER,
    "NotPublishing": GapCause.DEVICE_OFFLINE,
    "SourceDisabled": GapCause.REFUSED,
    "UnknownSource": GapCause.UNKNOWN_CHANNEL,
    "GatewayClosed": GapCause.STREAM_LOST,
}
"""Names of the error classes that a stream source raises. Names, because the rooms that own them
(devices, gateway, media) stand beside or above: whoever they are, their trees say the same things."""


def cause_of(error: BaseException) -> GapCause:
    """Why the stream could not be had, from the class of the error or one of its bases."""
    for each in type(error).__mro__:
        if each.__name__ in CAUSES:
            return CAUSES[each.__name__]
    return GapCause.ERROR


def cause_of_errno(errno: int) -> GapCause:
    return GapCause.DISK_FULL if errno == ENOSPC else GapCause.DISK_ERROR
