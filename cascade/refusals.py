"""With which status a superior is refused: by us, or because the way down fails (gb28181.md 8.5)."""

from __future__ import annotations

from typing import Final

from access.rights import Decision, Reason
from cascade.errors import RingFound
from media.errors import NoPortFree
from sipserver.devices import errors
from sipserver.devices.audio.errors import AudioBusy, TooManySessions
from sipserver.gb.route_path import Path
from storage.errors import NoFootage, PlaybacksBusy

BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
REQUEST_TIMEOUT: Final = 408
UNAVAILABLE_NOW: Final = 480
NO_DIALOG: Final = 481
LOOP: Final = 482
BUSY: Final = 486
NOT_ACCEPTABLE: Final = 488
FAILED: Final = 500
NO_CAPACITY: Final = 503

PASSED_ON: Final = frozenset({404, 408, 480, 482, 486, 488, 503})
"""What a device may answer that its superior is told as it is."""

_OF_ERROR: Final[tuple[tuple[type[Exception], int], ...]] = (
    (AudioBusy, BUSY),
    (TooManySessions, NO_CAPACITY),
    (NoPortFree, NO_CAPACITY),
    (errors.NotAGbDevice, NOT_ACCEPTABLE),
    (RingFound, LOOP),
    (errors.UnknownDevice, NOT_FOUND),
    (errors.UnknownChannel, NOT_FOUND),
    (errors.DeviceOffline, UNAVAILABLE_NOW),
    (errors.NoCapacity, NO_CAPACITY),
    (errors.NoAnswer, REQUEST_TIMEOUT),
    (errors.NoMedia, UNAVAILABLE_NOW),
    (errors.BadAnswer, NOT_ACCEPTABLE),
    (errors.InviteEnded, UNAVAILABLE_NOW),
    (NoFootage, NOT_FOUND),
    (PlaybacksBusy, NO_CAPACITY),
    (errors.NotInEdition, NOT_ACCEPTABLE),
    (errors.ControlHeld, BUSY),
)


_NO_ROOM: Final = frozenset({Reason.STREAMS, Reason.BANDWIDTH})


def status_of_decision(decision: Decision) -> int:
    """The status for what a superior may not do: 486 asks it to end something first, 403 is final."""
    return BUSY if decision.reason in _NO_ROOM else FORBIDDEN


def status_of(error: Exception) -> int:
    """The status for a failure on our side or below."""
    if isinstance(error, errors.Refused):
        return error.status if error.status in PASSED_ON else UNAVAILABLE_NOW
    return next((status for kind, status in _OF_ERROR if isinstance(error, kind)), FAILED)


def route_of(error: Exception) -> Path:
    """The platforms below us that a failure came by, as far as they are known."""
    evidence = error.evidence if isinstance(error, errors.DeviceError) else None
    return evidence.route_path if evidence is not None else ()
