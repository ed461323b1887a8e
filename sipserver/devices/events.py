"""What happens to devices, for whoever wants to know: catalogue sync, invites, health, logs."""

from __future__ import annotations

from typing import Final, NamedTuple, get_args

from sipserver.devices.errors import DeviceError
from sipserver.devices.presence_state import OfflineReason


class DeviceCameOnline(NamedTuple):
    """A registration began."""

    device_id: str


class DeviceRefreshed(NamedTuple):
    """A registration was renewed, with the same Call-ID and from the same source."""

    device_id: str


class DeviceRestarted(NamedTuple):
    """A registration was renewed with another Call-ID or from another source: the device began anew."""

    device_id: str


class DeviceConfirmed(NamedTuple):
    """A device that was restored or suspected was heard again."""

    device_id: str


class DeviceWentOffline(NamedTuple):
    """The registration is over; its sessions and subscriptions end."""

    device_id: str
    reason: OfflineReason


class ProbeWanted(NamedTuple):
    """The device missed its periods: ask it."""

    device_id: str


class DeviceMoved(NamedTuple):
    """The device is reached at another address now."""

    device_id: str
    before: str
    after: str


class DeviceFlapping(NamedTuple):
    """The device changed its address too often in an hour: probably two devices with one id."""

    device_id: str
    changes: int


class DeviceRemoved(NamedTuple):
    """An operator removed the device; this room has forgotten it."""

    device_id: str


class OwnIdUsed(NamedTuple):
    """A device registers with the id of this platform, an unchanged factory setting."""

    host: str


class StreamStarted(NamedTuple):
    """The live picture of a channel came."""

    device_id: str
    channel_id: str


class StreamFailed(NamedTuple):
    """The live picture of a channel was asked for and did not come, or it came and stopped."""

    device_id: str
    channel_id: str
    error: DeviceError


class RegistrationRefused(NamedTuple):
    """A REGISTER with a wrong password; announced within the limits of such failures."""

    device_id: str
    host: str


class DeviceSaidTime(NamedTuple):
    """The device wrote a Date into its REGISTER; as it stands there."""

    device_id: str
    said: str


class DeviceClockDrifted(NamedTuple):
    """The device's clock is further off than allowed."""

    device_id: str
    offset_s: float


class DeviceClockCorrected(NamedTuple):
    """It is right again."""

    device_id: str
    offset_s: float


DeviceEvent = (
    DeviceCameOnline
    | DeviceRefreshed
    | DeviceRestarted
    | DeviceConfirmed
    | DeviceWentOffline
    | ProbeWanted
    | DeviceMoved
    | DeviceFlapping
    | DeviceRemoved
    | OwnIdUsed
    | StreamStarted
    | StreamFailed
    | RegistrationRefused
    | DeviceSaidTime
    | DeviceClockDrifted
    | DeviceClockCorrected
)
EVERY_EVENT: Final[tuple[type[DeviceEvent], ...]] = get_args(DeviceEvent)
