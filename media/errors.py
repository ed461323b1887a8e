"""Errors of the media room.

```text
MediaError
├── LocalViolation         a call that makes no sense: a bug of ours
│   ├── UnknownRecorder
│   └── EngineError        the data plane refused or panicked
├── PlaneClosed            the room is not open
├── SessionClosed          the reception has ended; ``reason`` says why
├── PortUnavailable        this port is taken by somebody else
├── SsrcTaken              another session of the shared port has, or just had, this SSRC
├── NoPortFree             all receive ports are taken or cooling down
├── ListenFailed           the system refused the listener of the viewers
├── ConnectRefused         the device does not accept our connection (TCP active)
├── NoMedia                no packet of the device arrived
│   └── OnlyStrangers      something arrived, but not the device's RTP
├── WrongSsrc              only packets with another SSRC arrived, and they were refused
├── NoPackHeader           packets arrived, but no program stream
│   └── UnsupportedMedia   they carry something that is known and not carried
├── NoKeyframe             a stream arrived, but no picture to start with
├── SnapshotFailed         a key frame could not be made into a JPEG
├── CaptureRefused         a stream cannot be captured now
├── UnknownCapture         no capture, or no file of one, has this name
├── BadPass                a URL that is not signed by us, has expired, or was withdrawn
├── NotPlayable            the stream cannot be sent this way as it is
├── NoSlotFree             all places for this kind of viewer are taken
└── BadOffer               a browser's offer that cannot be answered
```
"""

import errno as errnos


class MediaError(Exception):
    """Anything that goes wrong between a device's packets and a viewer."""


class LocalViolation(MediaError):
    """Our own code asked for something impossible."""


class EngineError(LocalViolation):
    """The data plane refused a call, or its thread panicked."""

    def __init__(self, message: str, kind: str = "panic", errno: int = 0) -> None:
        super().__init__(message)
        self.kind = kind
        self.errno = errno


class UnknownRecorder(LocalViolation):
    """No recorder of this name is attached."""


class PlaneClosed(MediaError):
    """The media room is not open."""


class SessionClosed(MediaError):
    """The reception has ended."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the media session is closed: {reason}")
        self.reason = reason


class PortUnavailable(MediaError):
    """A port is taken by another program."""


class SsrcTaken(MediaError):
    """Another session of the shared port has this SSRC, or had it until a moment ago."""


class NoPortFree(MediaError):
    """All receive ports are taken or cooling down."""


class ListenFailed(MediaError, OSError):
    """The system refused the listener of the viewers."""

    def __init__(self, message: str, errno: int = errnos.EADDRINUSE) -> None:
        OSError.__init__(self, errno, message)


class ConnectRefused(MediaError):
    """We were to connect to the device, and it accepted no connection."""


class NoMedia(MediaError):
    """No packet of the device arrived."""


class OnlyStrangers(NoMedia):
    """Something arrived at the port, but not the RTP of the device."""


class WrongSsrc(MediaError):
    """Only packets with another SSRC than agreed arrived, and they were refused."""


class NoPackHeader(MediaError):
    """Packets arrived, but no program stream was in them."""


class UnsupportedMedia(NoPackHeader):
    """Packets arrived with a stream that this platform does not carry."""


class NoKeyframe(MediaError):
    """A stream arrived, but no key frame with its parameter sets."""


class CaptureRefused(MediaError):
    """A stream cannot be captured now: it receives no packets, or too many captures run."""


class UnknownCapture(MediaError):
    """No capture, or no file of one, has this name."""


class SnapshotFailed(MediaError):
    """A key frame could not be made into a picture."""


class BadPass(MediaError):
    """The URL of a viewer is not signed by us, has expired, or its right was withdrawn."""


class NotPlayable(MediaError):
    """The stream cannot be sent this way as it is."""


class NoSlotFree(MediaError):
    """All places for this kind of viewer, or all transcoding slots, are taken."""


class BadOffer(MediaError):
    """A browser's offer that cannot be answered."""
