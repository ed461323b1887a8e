"""One device as presence knows it, and what makes or changes it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from sipserver.devices.presence_state import OfflineReason, State
from sipserver.gb.editions import ASSUMED_EDITION, Edition
from sipserver.sip.flow import Flow, Transport

NEVER: Final = float("inf")


class Registration(NamedTuple):
    """What an authenticated REGISTER says."""

    device_id: str
    flow: Flow
    expires_s: float
    call_id: str
    contact: str = ""
    user_agent: str = ""
    edition: Edition = ASSUMED_EDITION


class DeviceEntry:
    """One device. Owned by the table; others read it and must not keep it across an await.

    Times are seconds on the monotonic clock. ``remote`` survives our restart, ``flow`` of a stream does not.
    """

    __slots__ = (
        "call_id",
        "check_at",
        "contact",
        "device_id",
        "edition",
        "expires_at",
        "faulty",
        "flow",
        "interval_s",
        "is_dirty",
        "last_heard_at",
        "last_keepalive_at",
        "local",
        "moves",
        "offline_reason",
        "online_since",
        "registered_at",
        "remote",
        "saved_at",
        "state",
        "transport",
        "user_agent",
    )

    def __init__(self, device_id: str) -> None:
        self.device_id: Final = device_id
        self.state = State.UNKNOWN
        self.flow: Flow | None = None
        self.transport: Transport | None = None
        self.remote: tuple[str, int] | None = None
        self.local: tuple[str, int] | None = None
        self.contact = ""
        self.call_id = ""
        self.user_agent = ""
        self.edition = ASSUMED_EDITION
        self.registered_at: float | None = None
        self.expires_at = 0.0
        self.last_heard_at = 0.0
        self.last_keepalive_at: float | None = None
        self.online_since: float | None = None
        self.interval_s: float | None = None
        self.offline_reason: OfflineReason | None = None
        self.faulty: tuple[str, ...] = ()
        # When it changed its host in the last hour; few ever do, and an empty deque takes 600 bytes.
        self.moves: deque[float] | None = None
        self.saved_at = 0.0
        self.is_dirty = False
        self.check_at = NEVER

    @property
    def is_online(self) -> bool:
        return self.state.is_online


@dataclass(frozen=True, slots=True)
class LoadedDevice:
    """What the catalogue remembers of a device, its times already on the monotonic clock."""

    device_id: str
    was_online: bool = False
    transport: Transport | None = None
    remote: tuple[str, int] | None = None
    local: tuple[str, int] | None = None
    flow: Flow | None = None
    contact: str = ""
    user_agent: str = ""
    edition: Edition = ASSUMED_EDITION
    registered_at: float | None = None
    expires_at: float = 0.0
    last_heard_at: float = 0.0
    interval_s: float | None = None
