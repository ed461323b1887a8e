"""Which alarms are the same one again. Pure: times are passed in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_KEYS: Final = 20_000


class AlarmKind(NamedTuple):
    """Two alarms with the same of these are the same alarm again (Q49)."""

    device_id: str
    source_id: str
    method: int
    alarm_type: int | None
    type_text: str
    event_type: int | None


@dataclass(slots=True)
class _Seen:
    alarm_id: str
    first_at: float
    last_at: float


class Repeats:
    """Remembers the newest alarm of each kind, at most ``MAX_KEYS`` of them; the oldest is forgotten.

    The window slides: a device that repeats each second for an hour makes one alarm with a count, and a new
    one every ``longest_s``, so that it is not overlooked. MESSAGE and NOTIFY of one alarm are one alarm.
    """

    def __init__(self, window_s: float, longest_s: float, max_keys: int = MAX_KEYS) -> None:
        self._window_s = window_s
        self._longest_s = longest_s
        self._max_keys = max_keys
        self._seen: OrderedDict[AlarmKind, _Seen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def repeated(self, kind: AlarmKind, now: float) -> str | None:
        """The id of the alarm that this one repeats; None: it is a new one."""
        seen = self._seen.get(kind)
        if seen is None or now - seen.last_at >= self._window_s or now - seen.first_at >= self._longest_s:
            return None
        seen.last_at = now
        self._seen.move_to_end(kind)
        return seen.alarm_id

    def began(self, kind: AlarmKind, alarm_id: str, now: float) -> None:
        """A new alarm of this kind was taken."""
        self._seen[kind] = _Seen(alarm_id, now, now)
        self._seen.move_to_end(kind)
        if len(self._seen) > self._max_keys:
            self._seen.popitem(last=False)
