"""Why a device cannot be used, in types that the API turns into problems with advice.

::

    DeviceError
    ├── UnknownDevice       nobody registered or entered this id
    ├── UnknownChannel      the device has no such channel
    ├── DeviceOffline       not registered at the moment, or lost during the request
    ├── NoAnswer            online, but silent to this request
    ├── Refused             answered with a failure; ``status`` is its code
    ├── BadAnswer           answered 200 with something that cannot be used
    ├── NoMedia             accepted the invite, but no packet arrived
    ├── WrongSsrc           packets arrive, none with an SSRC that can be taken for this stream
    ├── NoKeyframe          a stream arrives, but no picture can be started from it
    ├── NoCapacity          our own ports or stream numbers are used up
    └── InviteEnded         the invite ended (device, operator or shutdown) before a picture came
"""

from __future__ import annotations


class DeviceError(Exception):
    """Base of the room's errors; ``device_id`` and ``channel_id`` say about whom."""

    def __init__(self, message: str, *, device_id: str = "", channel_id: str = "") -> None:
        super().__init__(message)
        self.device_id = device_id
        self.channel_id = channel_id


class UnknownDevice(DeviceError):
    """Nobody registered or entered this id."""


class UnknownChannel(DeviceError):
    """The device has no such channel."""


class DeviceOffline(DeviceError):
    """The device is not registered, or was lost while it was asked."""


class NoAnswer(DeviceError):
    """The device is registered but did not answer this request."""


class Refused(DeviceError):
    """The device answered with a failure.

    ``status`` is the SIP status (486 busy, 488 media not possible, 404 no such channel ...), 0 when the
    device answered the request and then reported ``Result`` ERROR.
    """

    def __init__(self, message: str, *, status: int, device_id: str = "", channel_id: str = "") -> None:
        super().__init__(message, device_id=device_id, channel_id=channel_id)
        self.status = status


class BadAnswer(DeviceError):
    """The device answered 200 with a body that cannot be used."""


class NoMedia(DeviceError):
    """The device accepted the invite, and no packet arrived: address, port or firewall."""


class WrongSsrc(DeviceError):
    """Packets arrive, but not for this stream."""


class NoKeyframe(DeviceError):
    """A stream arrives, but nothing that a picture can be started from."""


class NoCapacity(DeviceError):
    """Ports or stream numbers of this platform are used up."""


class InviteEnded(DeviceError):
    """The invite ended before a picture came."""
