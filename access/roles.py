"""Roles and what each may do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from access.errors import NotAllowed


class Action(StrEnum):
    """Something a user may or may not do; also the verb in the audit log."""

    VIEW_CATALOG = "catalog.view"
    SYNC_CATALOG = "catalog.sync"
    VIEW_LIVE = "live.view"
    END_LIVE = "live.end"
    SNAPSHOT = "snapshot.take"
    VIEW_RECORDINGS = "recordings.view"
    RECORD = "recording.control"
    MANAGE_CHANNELS = "channels.manage"
    MANAGE_DEVICES = "devices.manage"
    CONTROL_PTZ = "ptz.control"
    CONTROL_DEVICE = "device.control"
    CONFIGURE_DEVICE = "device.configure"
    VIEW_DEVICE_RECORDS = "device-records.view"
    DOWNLOAD_DEVICE_RECORDS = "device-records.download"
    SPEAK = "audio.speak"
    VIEW_ALARMS = "alarms.view"
    HANDLE_ALARMS = "alarms.handle"
    VIEW_POSITIONS = "positions.view"
    MANAGE_SUBSCRIPTIONS = "subscriptions.manage"
    DIAGNOSE = "device.diagnose"
    VIEW_TRACE = "trace.view"
    MANAGE_PROFILES = "profiles.manage"
    VIEW_HEALTH = "health.view"
    MANAGE_USERS = "users.manage"
    VIEW_AUDIT = "audit.view"


class Role(StrEnum):
    """What a user is here for."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_VIEWER: Final = frozenset(
    {
        Action.VIEW_CATALOG,
        Action.VIEW_LIVE,
        Action.SNAPSHOT,
        Action.VIEW_RECORDINGS,
        Action.VIEW_DEVICE_RECORDS,
        Action.VIEW_ALARMS,
        Action.VIEW_POSITIONS,
        Action.VIEW_HEALTH,
    }
)
_OPERATOR: Final = _VIEWER | {
    Action.SYNC_CATALOG,
    Action.END_LIVE,
    Action.RECORD,
    Action.CONTROL_PTZ,
    Action.CONTROL_DEVICE,
    Action.DOWNLOAD_DEVICE_RECORDS,
    Action.SPEAK,
    Action.HANDLE_ALARMS,
    Action.DIAGNOSE,
}

ROLES: Final[Mapping[Role, frozenset[Action]]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: frozenset(Action),
}


def allowed(role: Role, action: Action) -> bool:
    """Whether the role includes the action."""
    return action in ROLES[role]


def demand(role: Role, action: Action) -> None:
    """Raise NotAllowed unless the role includes the action."""
    if not allowed(role, action):
        raise NotAllowed(f"role {role} may not do {action}")
