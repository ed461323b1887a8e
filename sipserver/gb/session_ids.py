"""SessionIDs of snapshots and upgrades, and the names of snapshot files.

Source: GB/T 28181-2022 A.2.3.2 (32 to 128 characters of ``[A-Za-z0-9-]``; file names of 41 characters).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from sipserver.gb.gb_time import BEIJING

SESSION_ID_MIN: Final = 32
SESSION_ID_MAX: Final = 128
FILE_ID_LENGTH: Final = 41
PICTURE: Final = "02"

_SESSION_ID: Final = re.compile(r"[A-Za-z0-9-]{32,128}")
_NOT_ALLOWED: Final = re.compile(r"[^A-Za-z0-9-]")
_FILE_ID: Final = re.compile(r"(\d{20})02(\d{14})(\d{3})(\d{2})")


def is_session_id(text: str) -> bool:
    """GB-C068."""
    return _SESSION_ID.fullmatch(text) is not None


def new_session_id(token: Callable[[], str]) -> str:
    """A SessionID of 32 characters from an endless source of random text."""
    text = ""
    while len(text) < SESSION_ID_MIN:
        text += _NOT_ALLOWED.sub("", token())
    return text[:SESSION_ID_MIN]


@dataclass(frozen=True, slots=True)
class SnapshotFileId:
    """The name of a picture: device, moment to the millisecond (local time) and number in the burst."""

    device_id: str
    taken_time: datetime
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for any other name; many devices have their own rule."""
        match = _FILE_ID.fullmatch(text)
        if match is None:
            return None
        device_id, second, millisecond, number = match.groups()
        try:
            local = datetime.strptime(second, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
        except ValueError:
            return None
        return cls(device_id, local.replace(microsecond=int(millisecond) * 1000), int(number))

    def __str__(self) -> str:
        local = self.taken_time.astimezone(BEIJING)
        moment = f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"
        return f"{self.device_id}{PICTURE}{moment}{self.number:02d}"
