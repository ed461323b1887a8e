"""What every part of a session knows: which one it is, and whether it lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from media.endings import Ended
from media.errors import SessionClosed
from media.settings import ReceiveOn
from media.transport import MediaTransport

if TYPE_CHECKING:
    from media.session import MediaPlane


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session was opened."""

    plane: MediaPlane
    session_id: str
    transport: MediaTransport
    port: int
    label: str
    receive_on: ReceiveOn = ReceiveOn.OWN_PORT


class SessionCore:
    """The base of each part of :class:`media.reception.MediaSession`."""

    def __init__(self, place: Place) -> None:
        self.session_id: Final = place.session_id
        self.transport: Final = place.transport
        self.port: Final = place.port
        self.receive_on: Final = place.receive_on
        self.label: Final = place.label
        self.close_reason: str | None = None
        self._plane = place.plane

    @property
    def is_closed(self) -> bool:
        return self.close_reason is not None

    def fields(self) -> dict[str, str]:
        """For logs."""
        return {"stream": self.session_id, "label": self.label}

    def _check_open(self) -> None:
        if self.close_reason is not None:
            raise SessionClosed(self.close_reason)

    def _note_end(self, what: Ended, reason: str, *, who: str, **totals: int) -> None:
        self._plane.endings.add(what, self.session_id, self.label, reason, who=who, **totals)
