"""Why a device cannot be used, in types that the API turns into problems with advice.

::

    DeviceError
    ├── UnknownDevice       nobody registered or entered this id
    │   └── NotAGbDevice    a source that this platform brings in itself: it has pictures, and no signalling
    ├── UnknownChannel      the device has no such channel
    ├── UnknownAlarm        there is no alarm with this id, or it is too old
    ├── UnknownAlarmRule    there is no such rule for linked actions
    ├── DeviceOffline       not registered at the moment, or lost during the request
    ├── NoAnswer            online, but silent to this request
    ├── Refused             answered with a failure; ``status`` is its code
    ├── NotInEdition        the device's edition does not have this; can be sent all the same
    ├── UnknownTransfer     no burst of stills, firmware or upgrade has this id, or it is over
    ├── TransfersBusy       too many uploads at once, or an upgrade of this device runs already
    ├── NotAPicture         what was uploaded is no JPEG, or only a part of one
    ├── KnownRefusal        the device refused the same before; what it refused is kept in its profile
    ├── BadAnswer           answered 200 with something that cannot be used
    ├── NoMedia             accepted the invite, but no packet arrived
    │   ├── SdpUnreachable  an address in the offer or the answer cannot be reached by the other side
    │   ├── TcpRefused      media over TCP was agreed, and no connection came about
    │   └── StrangeSource   something arrived, but not the RTP of the device
    ├── WrongSsrc           packets arrive, none with an SSRC that can be taken for this stream
    ├── NoPackHeader        packets arrive, but no program stream in them
    │   └── UnsupportedStream   they carry a stream of the vendor's own, or one that is not supported
    ├── NoKeyframe          a stream arrives, but no picture can be started from it
    │   ├── Encrypted       its pictures are scrambled: stream encryption is on at the device
    │   └── BandwidthShort  so much of it is lost on the way that no key frame arrives whole
    ├── NoSubstream         the sub-stream was asked for, and the main picture came or nothing was accepted
    ├── NoCapacity          our own ports or stream numbers are used up
    ├── ControlHeld         somebody else moves the camera, with the same or a higher priority
    ├── UnknownSubscription nobody asked for this subscription
    ├── TooManySubscriptions a device has as many as it may have
    ├── UnsuitableValue     a profile cannot have this value
    ├── UnknownPlayback     no playback of a device's recording has this id, or it has ended
    └── InviteEnded         the invite ended (device, operator or shutdown) before a picture came
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from catalog.model import ChannelKey
    from sipserver.devices.invite_evidence import InviteEvidence


class DeviceError(Exception):
    """Base of the room's errors; ``device_id`` and ``channel_id`` say about whom."""

    def __init__(self, message: str, *, device_id: str = "", channel_id: str = "") -> None:
        super().__init__(message)
        self.device_id = device_id
        self.channel_id = channel_id
        self.evidence: InviteEvidence | None = None
        """Of an invite that this error ended: what it showed of itself."""

    @classmethod
    def about(cls, key: ChannelKey, text: str) -> Self:
        """With the channel named in front, for the errors that take no more than a text."""
        return cls(f"{key}: {text}", device_id=key.device_id, channel_id=key.channel_id)


class UnknownDevice(DeviceError):
    """Nobody registered or entered this id."""


class NotAGbDevice(UnknownDevice):
    """A source that this platform brings in itself: it has pictures, and no signalling."""


class UnknownChannel(DeviceError):
    """The device has no such channel."""


class UnknownAlarm(DeviceError):
    """No alarm has this id, or it is forgotten already."""


class UnknownAlarmRule(DeviceError):
    """No rule for linked actions has this id."""


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


class NotInEdition(DeviceError):
    """The edition that the device stated in X-GB-Ver does not have this (GB-C039)."""


class UnknownTransfer(DeviceError):
    """No burst of stills, picture, firmware or upgrade has this id or address, or it is over."""


class TransfersBusy(DeviceError):
    """Too many uploads at once, or an upgrade of this device runs already."""


class NotAPicture(DeviceError):
    """What a device uploaded is no JPEG, or only a part of one."""


class KnownRefusal(DeviceError):
    """The device refused the same before, and its profile says so; it was not asked again."""


class BadAnswer(DeviceError):
    """The device answered 200 with a body that cannot be used."""


class NoMedia(DeviceError):
    """The device accepted the invite, and no packet arrived: address, port or firewall."""


class SdpUnreachable(NoMedia):
    """An address in the offer or the answer cannot be reached by the other side: private, or wrong."""


class TcpRefused(NoMedia):
    """Media over TCP was agreed, and no connection came about."""


class StrangeSource(NoMedia):
    """Something arrived at the port, but not the RTP of the device."""


class WrongSsrc(DeviceError):
    """Packets arrive, but not for this stream."""


class NoPackHeader(DeviceError):
    """Packets arrive, but no program stream in them."""


class UnsupportedStream(NoPackHeader):
    """The device sends a stream of its vendor's own, or a codec that is not supported."""


class NoKeyframe(DeviceError):
    """A stream arrives, but nothing that a picture can be started from."""


class Encrypted(NoKeyframe):
    """A stream arrives, and its pictures are scrambled."""


class BandwidthShort(NoKeyframe):
    """So much of the stream is lost on the way that no key frame arrives whole."""


class NoSubstream(DeviceError):
    """The sub-stream was asked for in the forms that remained, and there is none; the main stream is used."""


class UnsuitableValue(DeviceError):
    """A profile cannot have this value, or a document of profiles cannot be read."""


class NoCapacity(DeviceError):
    """Ports or stream numbers of this platform are used up."""


class UnknownPlayback(DeviceError):
    """No playback has this id, or it has ended."""


class InviteEnded(DeviceError):
    """The invite ended before a picture came."""


class ControlHeld(DeviceError):
    """Somebody of the same or a higher priority has the camera for ``remaining_s`` more."""

    def __init__(self, message: str, *, holder: str, priority: int, remaining_s: float) -> None:
        super().__init__(message)
        self.holder = holder
        self.priority = priority
        self.remaining_s = remaining_s


class UnknownSubscription(DeviceError):
    """Nobody asked for this subscription, or it was cancelled."""


class TooManySubscriptions(DeviceError):
    """The device has as many subscriptions as it may have."""
