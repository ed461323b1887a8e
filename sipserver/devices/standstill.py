"""What is done about a stream that stands still, by the reason that the data plane gives.

The data plane says why (``media.facts.StallReason``) and does nothing; the owner of the invite decides. Only
where the data plane says nothing does the reconcile loop go by the silence of the packets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from catalog.model import ChannelKey
from media.facts import Stall, StallReason
from sipserver.devices.errors import (
    DeviceError,
    NoKeyframe,
    NoMedia,
    NoPackHeader,
    StrangeSource,
    UnsupportedStream,
)

KEYFRAME_EVERY_S: Final = 4.0
KEYFRAME_REQUESTS_MAX: Final = 3
"""For one standstill; a device that has not obeyed by then does not."""
REPAIRS_MAX: Final = 3
REPAIRS_WITHIN_S: Final = 300.0
"""A stream that stands still more often than that is ended, and whoever needs it asks anew."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What one reason calls for."""

    error: type[DeviceError]
    says: str
    at_once: bool = False
    """The device is asked anew as soon as this is known, not when the patience is over."""
    is_hopeless: bool = False
    """Asking anew would bring the same: the stream is ended."""
    wants_keyframe: bool = False
    is_borne: bool = False
    """The stream goes on: a camera behind a recorder that was unplugged, for one."""


REMEDIES: Final[Mapping[StallReason, Remedy]] = {
    StallReason.NO_PACKETS: Remedy(NoMedia, "nothing arrives any more"),
    StallReason.CONNECTION_LOST: Remedy(NoMedia, "the media connection has ended", at_once=True),
    StallReason.SOURCE_CHANGED: Remedy(
        StrangeSource, "packets come from another source alone, and are refused"
    ),
    StallReason.NOT_CARRIED: Remedy(
        UnsupportedStream, "what comes is of a kind that is not supported", is_hopeless=True
    ),
    StallReason.NO_KEYFRAME: Remedy(
        NoKeyframe, "pictures come, and no key frame to start with", wants_keyframe=True
    ),
    StallReason.ONLY_SOUND: Remedy(NoKeyframe, "only sound comes", is_borne=True, wants_keyframe=True),
    StallReason.TIMESTAMPS_FROZEN: Remedy(NoKeyframe, "packets come whose time stands still"),
    StallReason.NO_PICTURES: Remedy(NoPackHeader, "packets come, and no pictures are in them"),
}


class Standstill:
    """Of one invite; it moves again and again, or never stands.

    Args:
        patience_s: of a standstill that is not dealt with at once; None: whoever watches it decides.
        ask_keyframe: asks the device, and never fails.
        on_due: told the error, and whether asking the device anew may help.
    """

    def __init__(
        self,
        key: ChannelKey,
        patience_s: float | None,
        *,
        clock: Callable[[], float],
        ask_keyframe: Callable[[], None],
        on_due: Callable[[DeviceError, bool], None],
    ) -> None:
        self._key = key
        self._patience_s = patience_s
        self._clock = clock
        self._ask_keyframe = ask_keyframe
        self._on_due = on_due
        self.reason: StallReason | None = None
        """None while the stream moves."""
        self.moved: Final = asyncio.Event()
        """Set when it moves again."""
        self._since = 0.0
        self._requests = 0
        self._asked_at: float | None = None
        self._next: asyncio.TimerHandle | None = None
        self._repairs: list[float] = []

    @property
    def lasted_s(self) -> float:
        return 0.0 if self.reason is None else self._clock() - self._since

    @property
    def words(self) -> str:
        """What stands in errors and in the answer to "why no picture"; empty while the stream moves."""
        if self.reason is None:
            return ""
        return f"{REMEDIES[self.reason].says} ({self.reason.value}, for {self.lasted_s:.0f} s)"

    def take(self, stall: Stall | None, *, is_reconnecting: bool = False) -> None:
        """The data plane says that the stream stands, why else than before, or that it moves."""
        if stall is None:
            self.clear()
            return
        if self.reason is None:
            self.moved.clear()
            self._requests = 0
        self.reason, self._since = stall.reason, self._clock() - stall.lasted_s
        if self._patience_s is None:
            return
        remedy = REMEDIES[stall.reason]
        if remedy.wants_keyframe and self._next is None:
            self._want_keyframe()
        if remedy.at_once and not is_reconnecting:
            self._due(remedy)

    def look(self) -> None:
        """Its patience may be over; called every few seconds."""
        if self.reason is None or self._patience_s is None:
            return
        remedy = REMEDIES[self.reason]
        if not remedy.is_borne and self.lasted_s > self._patience_s:
            self._due(remedy)

    def clear(self) -> None:
        """It moves, or is over."""
        self.reason = None
        self.moved.set()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def repaired(self) -> None:
        """The device is asked anew."""
        self._repairs.append(self._clock())

    def _due(self, remedy: Remedy) -> None:
        recent = [at for at in self._repairs if self._clock() - at < REPAIRS_WITHIN_S]
        self._repairs = recent
        may_help = not remedy.is_hopeless and len(recent) < REPAIRS_MAX
        self._on_due(remedy.error.about(self._key, self.words), may_help)

    def _want_keyframe(self) -> None:
        """Ask, and again after a while; streams that stand often are not asked more often than that."""
        self._next = None
        if self.reason is None or not REMEDIES[self.reason].wants_keyframe:
            return
        if self._requests >= KEYFRAME_REQUESTS_MAX:
            return
        now = self._clock()
        wait_s = 0.0 if self._asked_at is None else self._asked_at + KEYFRAME_EVERY_S - now
        if wait_s <= 0:
            self._asked_at = now
            self._requests += 1
            self._ask_keyframe()
            wait_s = KEYFRAME_EVERY_S
        self._next = asyncio.get_running_loop().call_later(wait_s, self._want_keyframe)
