"""Between the API's words about cameras and those of the devices' room."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query

from access.roles import Role
from catalog.model import ChannelKey, ChannelKind
from console.api.channels import known_channel
from console.api.problems import NOT_A_CAMERA, ApiProblem
from console.api.ptz_models import Area, CommandResult, HomePosition, Movement, PtzLock, PtzStatus
from console.auth import Caller
from sipserver.devices.commands.commands import Outcome
from sipserver.devices.ptz.lock import Holder
from sipserver.devices.ptz.motion import Motion
from sipserver.gb.messages import device_control as gb
from sipserver.gb.ptz import SPEED_MAX, ZOOM_SPEED_MAX, FocusIris, Move

# Least time for which anything is held, however soon the log-in ends.
_HOLD_MIN_S: Final = 0.2

DespiteEdition = Annotated[
    bool,
    Query(
        description="Send it although the edition that the device stated, or was pinned, does not have it."
    ),
]


async def camera_key(caller: Caller, channel_id: str) -> ChannelKey:
    """The camera that a caller's text means. Raises UnknownChannel, AmbiguousChannel, ApiProblem."""
    channel = await known_channel(caller, channel_id)
    if channel.kind is not ChannelKind.CAMERA:
        raise ApiProblem(NOT_A_CAMERA, f"{channel.key} is a {channel.kind.value}")
    return channel.key


def holder_of(caller: Caller) -> Holder:
    """Who moves a camera for this log-in."""
    settings = caller.context.devices.ptz.settings
    is_admin = caller.identity.role is Role.ADMIN
    priority = settings.admin_priority if is_admin else settings.operator_priority
    return Holder(caller.identity.session_id, caller.username, priority)


def hold_s_of(caller: Caller, wanted_s: float) -> float:
    """Nothing is held for longer than the log-in lasts."""
    left_s = (caller.identity.expires_time - datetime.now(UTC)).total_seconds()
    return max(min(wanted_s, left_s), _HOLD_MIN_S)


def motion_of(movement: Movement) -> Motion:
    return Motion(
        Move(
            _speed(movement.pan, SPEED_MAX),
            _speed(movement.tilt, SPEED_MAX),
            _speed(movement.zoom, ZOOM_SPEED_MAX),
        ),
        FocusIris(_speed(movement.focus, SPEED_MAX), _speed(movement.iris, SPEED_MAX)),
    )


def ptz_status(caller: Caller, key: ChannelKey) -> PtzStatus:
    state = caller.context.devices.ptz.state(key)
    lock = None
    if state.lock is not None:
        lock = PtzLock(
            holder=state.lock.holder.name,
            priority=state.lock.holder.priority,
            expires_at=datetime.now(UTC) + timedelta(seconds=state.remaining_s),
            is_mine=state.lock.holder.holder_id == caller.identity.session_id,
        )
    move, focus_iris = state.motion.move, state.motion.focus_iris
    return PtzStatus(
        lock=lock,
        movement=Movement(
            pan=round(move.pan / SPEED_MAX, 3),
            tilt=round(move.tilt / SPEED_MAX, 3),
            zoom=round(move.zoom / ZOOM_SPEED_MAX, 3),
            focus=round(focus_iris.focus / SPEED_MAX, 3),
            iris=round(focus_iris.iris / SPEED_MAX, 3),
        ),
        is_moving=state.motion.is_motion,
        is_stop_owed=state.is_stop_owed,
    )


def area_of(area: Area) -> gb.PictureArea:
    return gb.PictureArea(
        area.window_width, area.window_height, area.middle_x, area.middle_y, area.width, area.height
    )


def home_view(home: gb.HomePosition | None) -> HomePosition | None:
    """As the device said it; numbers beyond what can be set are left out."""
    if home is None:
        return None
    reset_time_s, preset = home.reset_time_s, home.preset_index
    return HomePosition(
        enabled=home.is_enabled,
        reset_time_s=reset_time_s if reset_time_s is not None and 0 <= reset_time_s <= 86_400 else None,
        preset=preset if preset is not None and 0 <= preset <= 255 else None,
    )


def result_view(outcome: Outcome) -> CommandResult:
    return CommandResult(outcome=outcome.value)


def _speed(part: float, full: int) -> int:
    """Never 0 when something shall move: devices do not agree on what that means (4.2 of the notes)."""
    steps = max(round(abs(part) * full), 1) if part else 0
    return steps if part > 0 else -steps
