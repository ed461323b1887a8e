"""Which of the storage room's events an operator must read in the log, and how urgent each is."""

import logging
from collections.abc import Mapping
from typing import Final

from storage.events import DiskFloorCleared, DiskFloorReached, RetentionPaused, RetentionResumed

# What is not named here is logged where it happens, with the ids that belong to it.
NOTICES: Final[Mapping[type, tuple[int, str]]] = {
    DiskFloorReached: (
        logging.ERROR,
        "the disk is full: {free_bytes} bytes free, the floor is {floor_bytes}; "
        "no new segment is begun until there is room",
    ),
    DiskFloorCleared: (
        logging.WARNING,
        "there is room on the disk again: {free_bytes} bytes free; recording goes on",
    ),
    RetentionPaused: (logging.ERROR, "nothing is deleted until the clock can be trusted: {reason}"),
    RetentionResumed: (
        logging.WARNING,
        "the clock is trusted again; deletion of what is past its time goes on",
    ),
}

_log = logging.getLogger(__name__)


def log_storage_event(event: object) -> None:
    """One line for what an operator has to know."""
    notice = NOTICES.get(type(event))
    if notice is not None:
        level, text = notice
        _log.log(level, text.format(**{name: getattr(event, name) for name in event.__slots__}))  # type: ignore[attr-defined]
