"""The presence of every device, in memory, without clock or I/O: times come in, facts come out.

The keepalive path is one dictionary look-up and a few assignments. No device has a timer: one heap
holds for each online device the moment to look again, and looking finds what was heard meanwhile.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Final

from sipserver.devices.device_entry import NEVER, DeviceEntry, LoadedDevice, Registration
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceConfirmed,
    DeviceEvent,
    DeviceFlapping,
    DeviceMoved,
    DeviceRefreshed,
    DeviceRestarted,
    DeviceWentOffline,
    ProbeWanted,
)
from sipserver.devices.presence_state import PRESENCE, REASON_OF, Action, Input, State
from sipserver.sip.flow import Flow

SHORTEST_SPACING_S: Final = 5.0  # closer keepalives are doubles, not a period
MISSED_SPACING: Final = 1.75  # above so many periods one was probably lost on the way
HOUR_S: Final = 3600.0
SAVE_INTERVAL_S: Final = 30.0
_ONLINE: Final = State.ONLINE
_SUSPECT: Final = State.SUSPECT


@dataclass(frozen=True, slots=True)
class PresenceLimits:
    """How long silence may last; seconds."""

    keepalive_interval_s: float = 60.0
    keepalive_interval_max_s: float = 600.0
    keepalive_count: int = 3
    moves_per_hour_max: int = 10

    def silence_s(self, learned_interval_s: float | None) -> float:
        """Silence allowed: ``count`` periods of learned length, never less than of the configured one."""
        interval = max(learned_interval_s or 0.0, self.keepalive_interval_s)
        return self.keepalive_count * min(
            interval, max(self.keepalive_interval_max_s, self.keepalive_interval_s)
        )


class PresenceTable:
    """Every device by id, and by where it is reached."""

    def __init__(self, limits: PresenceLimits) -> None:
        self._limits = limits
        self._shortest_silence_s = limits.silence_s(None)
        self._entries: dict[str, DeviceEntry] = {}
        self._at_remote: dict[tuple[str, int], set[str]] = {}
        self._checks: list[tuple[float, str]] = []
        self._dirty: list[DeviceEntry] = []
        self._events: list[DeviceEvent] = []

    # ---------------------------------------------------------------- questions

    def __iter__(self) -> Iterator[DeviceEntry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, device_id: str) -> DeviceEntry | None:
        return self._entries.get(device_id)

    def at_remote(self, remote: tuple[str, int]) -> DeviceEntry | None:
        """The device at a source address, when it is the only one there."""
        ids = self._at_remote.get(remote)
        if ids is None or len(ids) != 1:
            return None
        return self._entries.get(next(iter(ids)))

    def events(self) -> list[DeviceEvent]:
        """Facts since the last call."""
        events = self._events
        if events:
            self._events = []
        return events

    @property
    def has_events(self) -> bool:
        return bool(self._events)

    def take_dirty(self, now: float) -> list[DeviceEntry]:
        """Entries to be saved; each is taken once."""
        dirty, self._dirty = self._dirty, []
        for entry in dirty:
            entry.is_dirty = False
            entry.saved_at = now
        return dirty

    def put_back(self, entries: Iterable[DeviceEntry]) -> None:
        """Entries whose saving failed."""
        for entry in entries:
            self._mark(entry)

    # ---------------------------------------------------------------- what happens

    def load(self, loaded: LoadedDevice, now: float) -> None:
        """Take over a device from the catalogue at our start.

        One that was online, and whose registration still runs, stays online for its full silence time
        from now on, however long we were down.
        """
        entry = self._entries.setdefault(loaded.device_id, DeviceEntry(loaded.device_id))
        if entry.state is not State.UNKNOWN:
            return
        entry.transport, entry.remote, entry.local = loaded.transport, loaded.remote, loaded.local
        entry.contact, entry.user_agent, entry.edition = loaded.contact, loaded.user_agent, loaded.edition
        entry.registered_at, entry.expires_at = loaded.registered_at, loaded.expires_at
        entry.last_heard_at, entry.interval_s = loaded.last_heard_at, loaded.interval_s
        if not loaded.was_online:
            return
        entry.flow = loaded.flow
        if loaded.expires_at <= now:
            # Its state went stale while we were down.
            self._mark(entry)
            return
        self._feed(entry, Input.LOADED, now)

    def forget(self, device_id: str) -> None:
        """A device that an operator removed."""
        entry = self._entries.pop(device_id, None)
        if entry is not None:
            self._move_index(entry, None)
            if entry.is_dirty:
                self._dirty.remove(entry)

    def registered(self, registration: Registration, now: float) -> DeviceEntry:
        device_id, flow, expires_s, call_id, contact, user_agent, edition = registration
        entry = self._entries.get(device_id)
        if entry is None:
            entry = self._entries[device_id] = DeviceEntry(device_id)
        # After our own restart the Call-ID is not known; that alone does not make the device restarted.
        is_restarted = entry.remote != flow.remote or entry.call_id not in ("", call_id)
        if entry.flow is not flow or not entry.is_online:
            self._reach(entry, flow, now)
        entry.call_id = call_id
        entry.contact = contact
        entry.user_agent = user_agent
        entry.edition = edition
        entry.registered_at = now
        entry.expires_at = now + expires_s
        entry.last_heard_at = now
        if entry.state is _ONLINE:
            # (ONLINE, REGISTERED) of the table, which thousands of devices take each minute.
            self._schedule(entry)
            self._mark(entry)
        elif self._feed(entry, Input.REGISTERED, now) is not Action.REFRESH:
            return entry
        self._events.append(DeviceRestarted(device_id) if is_restarted else DeviceRefreshed(device_id))
        return entry

    def keepalive(self, entry: DeviceEntry, flow: Flow, now: float) -> None:
        """A sign of life from where the device may be; the path that thousands of cameras take."""
        previous = entry.last_keepalive_at
        if previous is None:
            entry.last_keepalive_at = now
        else:
            spacing = now - previous
            if spacing >= SHORTEST_SPACING_S:
                entry.last_keepalive_at = now
                self._learn(entry, spacing)
        if entry.flow is not flow and entry.flow != flow:
            self._reach(entry, flow, now)
            self._mark(entry)
        self.heard(entry, now)

    def heard(self, entry: DeviceEntry, now: float) -> None:
        """Any evidence of life: SIP of any kind, an answer, media."""
        entry.last_heard_at = now
        if entry.state is not State.ONLINE:
            self._feed(entry, Input.HEARD, now)
        if now - entry.saved_at > SAVE_INTERVAL_S:
            self._mark(entry)

    def unregistered(self, device_id: str, now: float) -> None:
        self._lose(device_id, Input.UNREGISTERED, now)

    def probe_failed(self, device_id: str, now: float) -> None:
        self._lose(device_id, Input.PROBE_FAILED, now)

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A connection is gone, and with it every device that was reached over it."""
        for device_id in list(self._at_remote.get(flow.remote, ())):
            entry = self._entries[device_id]
            if entry.flow == flow:
                self._lose(device_id, Input.FLOW_CLOSED, now)

    def next_timer(self) -> float | None:
        return self._checks[0][0] if self._checks else None

    def handle_timer(self, now: float, limit: int | None = None) -> bool:
        """Look at the devices whose moment has come, at ``limit`` of them; True when more are due."""
        checks = self._checks
        looks = inf if limit is None else limit
        while checks and checks[0][0] <= now:
            if looks <= 0:
                return True
            looks -= 1
            due, device_id = heapq.heappop(checks)
            entry = self._entries.get(device_id)
            if entry is None or entry.check_at != due:
                continue
            entry.check_at = NEVER
            if not entry.is_online:
                continue
            if entry.expires_at <= now:
                self._feed(entry, Input.EXPIRED, now)
            elif entry.state is not State.SUSPECT and self._silent_at(entry) <= now:
                self._feed(entry, Input.PERIODS_MISSED, now)
            self._schedule(entry)
        return False

    # ---------------------------------------------------------------- inside

    def _lose(self, device_id: str, what: Input, now: float) -> None:
        entry = self._entries.get(device_id)
        if entry is not None:
            self._feed(entry, what, now)

    def _feed(self, entry: DeviceEntry, what: Input, now: float) -> Action | None:
        step = PRESENCE.get((entry.state, what))
        if step is None:
            return None
        action, entry.state = step
        match action:
            case Action.RESTORE:
                entry.online_since = entry.last_heard_at = now
                self._move_index(entry, entry.remote)
                self._schedule(entry)
            case Action.COME_ONLINE:
                entry.online_since = now
                entry.offline_reason = None
                entry.last_keepalive_at = None
                self._events.append(DeviceCameOnline(entry.device_id))
                self._schedule(entry)
            case Action.REFRESH:
                self._schedule(entry)
            case Action.CONFIRM:
                self._events.append(DeviceConfirmed(entry.device_id))
                self._schedule(entry)
            case Action.PROBE:
                self._events.append(ProbeWanted(entry.device_id))
            case Action.GO_OFFLINE:
                entry.offline_reason = REASON_OF[what]
                entry.online_since = None
                entry.flow = None
                self._move_index(entry, None)
                self._events.append(DeviceWentOffline(entry.device_id, entry.offline_reason))
        self._mark(entry)
        return action

    def _reach(self, entry: DeviceEntry, flow: Flow, now: float) -> None:
        before = entry.remote
        was_reached = entry.is_online
        entry.flow = flow
        entry.transport, entry.remote, entry.local = flow.transport, flow.remote, flow.local
        if was_reached and before == flow.remote:
            return
        self._move_index(entry, flow.remote, before)
        if not was_reached or before is None:
            return
        self._events.append(DeviceMoved(entry.device_id, _text(before), _text(flow.remote)))
        if before[0] == flow.remote[0]:
            return  # a new port of the same host is NAT, not a second device
        moves = entry.moves = entry.moves or deque()
        moves.append(now)
        while moves[0] < now - HOUR_S:
            moves.popleft()
        if len(moves) > self._limits.moves_per_hour_max:
            self._events.append(DeviceFlapping(entry.device_id, len(moves)))
            entry.moves = None

    def _move_index(
        self, entry: DeviceEntry, to: tuple[str, int] | None, before: tuple[str, int] | None = None
    ) -> None:
        for remote in {before, entry.remote} - {None, to}:
            if remote is None:
                continue
            ids = self._at_remote.get(remote)
            if ids is not None:
                ids.discard(entry.device_id)
                if not ids:
                    del self._at_remote[remote]
        if to is not None:
            self._at_remote.setdefault(to, set()).add(entry.device_id)

    def _learn(self, entry: DeviceEntry, spacing: float) -> None:
        """Follow the observed period: quickly when it shrinks or grows a little, slowly past a gap."""
        known = entry.interval_s
        if known is None:
            entry.interval_s = min(spacing, self._limits.keepalive_interval_max_s)
            return
        gain = 0.1 if spacing > MISSED_SPACING * known else 0.25
        learned = known + gain * (spacing - known)
        entry.interval_s = min(learned, self._limits.keepalive_interval_max_s)

    def _silent_at(self, entry: DeviceEntry) -> float:
        return entry.last_heard_at + self._limits.silence_s(entry.interval_s)

    def _schedule(self, entry: DeviceEntry) -> None:
        """See that the heap looks at the device in time; too early is looked at again."""
        due = entry.expires_at
        if due >= entry.check_at <= entry.last_heard_at + self._shortest_silence_s or not entry.is_online:
            return  # it is looked at before either can be over
        if entry.state is not _SUSPECT:
            due = min(due, self._silent_at(entry))
        if due < entry.check_at:
            entry.check_at = due
            heapq.heappush(self._checks, (due, entry.device_id))

    def _mark(self, entry: DeviceEntry) -> None:
        if not entry.is_dirty:
            entry.is_dirty = True
            self._dirty.append(entry)


def _text(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"
