"""What can go wrong between us and other platforms."""

from __future__ import annotations

from sipserver.devices.errors import DeviceError


class CascadeError(Exception):
    """Base of this room's errors."""


class UnknownSuperior(CascadeError):
    """No superior has this id."""


class SuperiorExists(CascadeError):
    """The id is taken."""


class NotPresented(CascadeError):
    """The superior is not shown this."""


class SuperiorOffline(CascadeError):
    """We are not registered with it."""


class SuperiorSilent(CascadeError):
    """It did not answer in time, or cannot be reached."""


class SuperiorRefused(CascadeError):
    """It answered with a failure."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class SubordinateExists(CascadeError):
    """A platform below us with this id is on file."""


class UnknownSubordinate(CascadeError):
    """No platform below us has this id."""


class RingFound(DeviceError):
    """Every way to a camera leads back to where the INVITE for it came through."""
