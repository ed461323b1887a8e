"""When a device counts as online: one table, fed by four kinds of evidence.

Most complaints about platforms of this kind are "shown offline while streaming" or "everything offline
after a restart". So silence alone never ends a registration: it makes the device SUSPECT, it is asked,
and only an unanswered question makes it OFFLINE. What was online before our own restart is RESTORED: it
stays online until it had its full time to be heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Final


class State(Enum):
    """The presence of one device (在线状态): its name, and whether it counts as online.

    ``is_online`` is an attribute, because it is read for every message that arrives.
    """

    UNKNOWN = ("unknown", False)  # in the catalogue, never heard of in this run
    RESTORED = ("restored", True)  # online when we stopped, not heard again yet
    ONLINE = ("online", True)
    SUSPECT = ("suspect", True)  # missed its periods; still online, being asked
    OFFLINE = ("offline", False)

    def __init__(self, label: str, is_online: bool) -> None:
        self.label = label
        self.is_online = is_online


_ONLINE_STATES: Final = tuple(state for state in State if state.is_online)


class Input(Enum):
    """What can happen to it."""

    LOADED = "loaded"  # our start: the catalogue says it was online, and its registration still runs
    REGISTERED = "registered"  # an authenticated REGISTER, first or refresh
    HEARD = "heard"  # a keepalive, any other SIP message, an answer, or media
    PERIODS_MISSED = "periods missed"
    PROBE_FAILED = "probe failed"
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"
    FLOW_CLOSED = "flow closed"


class Action(Enum):
    """What the table does about it."""

    RESTORE = "restore"
    COME_ONLINE = "come online"
    REFRESH = "refresh"
    CONFIRM = "confirm"
    PROBE = "probe"
    GO_OFFLINE = "go offline"


class OfflineReason(StrEnum):
    """Why a device is offline, as operators read it."""

    UNREGISTERED = "unregistered"
    EXPIRED = "registration expired"
    SILENT = "no keepalive, and no answer when asked"
    CONNECTION_LOST = "connection lost"
    BLOCKED = "blocked"


_LOST: Final = {
    (state, lost): (Action.GO_OFFLINE, State.OFFLINE)
    for state in _ONLINE_STATES
    for lost in (Input.UNREGISTERED, Input.EXPIRED, Input.FLOW_CLOSED)
}

# A pair that is missing changes nothing. Above all (OFFLINE, HEARD): a sign of life of a device that is
# not registered is answered 403, so that it registers (gb28181.md 2.7), and does not bring it back.
PRESENCE: Final[Mapping[tuple[State, Input], tuple[Action, State]]] = {
    (State.UNKNOWN, Input.LOADED): (Action.RESTORE, State.RESTORED),
    (State.UNKNOWN, Input.REGISTERED): (Action.COME_ONLINE, State.ONLINE),
    (State.RESTORED, Input.REGISTERED): (Action.REFRESH, State.ONLINE),
    (State.RESTORED, Input.HEARD): (Action.CONFIRM, State.ONLINE),
    (State.RESTORED, Input.PERIODS_MISSED): (Action.PROBE, State.SUSPECT),
    (State.ONLINE, Input.REGISTERED): (Action.REFRESH, State.ONLINE),
    (State.ONLINE, Input.PERIODS_MISSED): (Action.PROBE, State.SUSPECT),
    (State.SUSPECT, Input.REGISTERED): (Action.REFRESH, State.ONLINE),
    (State.SUSPECT, Input.HEARD): (Action.CONFIRM, State.ONLINE),
    (State.SUSPECT, Input.PROBE_FAILED): (Action.GO_OFFLINE, State.OFFLINE),
    (State.OFFLINE, Input.REGISTERED): (Action.COME_ONLINE, State.ONLINE),
    **_LOST,
}

REASON_OF: Final[Mapping[Input, OfflineReason]] = {
    Input.UNREGISTERED: OfflineReason.UNREGISTERED,
    Input.EXPIRED: OfflineReason.EXPIRED,
    Input.PROBE_FAILED: OfflineReason.SILENT,
    Input.FLOW_CLOSED: OfflineReason.CONNECTION_LOST,
}
