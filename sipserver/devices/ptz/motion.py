"""What is wanted of a camera head as a whole, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sipserver.gb.ptz import FOCUS_IRIS_STOP, STOP, FocusIris, Move


@dataclass(frozen=True, slots=True)
class Motion:
    """Direction, zoom, focus and iris at once; they travel in two frames."""

    move: Move = STOP
    focus_iris: FocusIris = FOCUS_IRIS_STOP

    @property
    def is_motion(self) -> bool:
        return self.move.is_motion or self.focus_iris.is_motion


STILL: Final = Motion()


class StopReason(StrEnum):
    """Why a movement ended."""

    RELEASED = "released"  # the holder said so
    DEAD_MAN = "dead_man"  # the holder was silent, or the time it named was over
    HOLDER_GONE = "holder_gone"  # page, socket, token or superior went away
    TAKEN_OVER = "taken_over"  # someone of higher priority took the camera
    REPLACED = "replaced"  # another command needs the head
    FAILED = "failed"  # the device did not take the movement
    OFFLINE = "offline"  # the device went away
    SHUTDOWN = "shutdown"
