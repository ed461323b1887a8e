"""What can go wrong in the catalogue.

CatalogError
├── UnknownDevice       no device has this id
├── UnknownChannel      no channel has this id
├── AmbiguousChannel    several devices have a channel with this id: address it as device~channel
└── BadCursor           the caller's page cursor is not one that we gave out
"""

from collections.abc import Sequence


class CatalogError(Exception):
    """Any failure of the catalogue that a caller may have to explain."""


class UnknownDevice(CatalogError):
    """No device has this id."""

    def __init__(self, device_id: str) -> None:
        super().__init__(f"no device {device_id!r} in the catalogue")
        self.device_id = device_id


class UnknownChannel(CatalogError):
    """No channel has this id."""

    def __init__(self, text: str) -> None:
        super().__init__(f"no channel {text!r} in the catalogue")
        self.channel = text


class AmbiguousChannel(CatalogError):
    """Several devices have a channel with this id."""

    def __init__(self, channel_id: str, candidates: Sequence[str]) -> None:
        super().__init__(
            f"channel {channel_id!r} exists on {len(candidates)} devices: use one of {', '.join(candidates)}"
        )
        self.channel = channel_id
        self.candidates = tuple(candidates)


class BadCursor(CatalogError):
    """The caller's page cursor is not one that we gave out."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"cursor {cursor[:80]!r} was not given out by this server: ask without one")
