"""What every invite needs, handed over in one piece."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from catalog.model import ChannelKey
from sipserver.devices.media_paths import MediaPaths
from sipserver.devices.ports import MediaPort, SipPort
from sipserver.devices.presence import Presence
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.signalling import Signalling
from sipserver.devices.ssrc_behaviour import SsrcBehaviour
from sipserver.devices.stale_dialogs import StaleDialogs
from sipserver.devices.stats import DeviceStats
from sipserver.devices.substreams import Substreams
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.ssrc import SsrcPool

if TYPE_CHECKING:
    from sipserver.devices.invite import Invite


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteContext:
    """The other parts of the room, and the three things that only the table of invites can do."""

    settings: DeviceSettings
    signalling: Signalling
    transport: SipPort
    media: MediaPort
    presence: Presence
    dialogs: StaleDialogs
    ssrcs: SsrcPool
    stats: DeviceStats
    tasks: TaskOwner
    clock: Callable[[], float]
    wall: Callable[[], datetime]
    forget: Callable[[Invite], None]
    profiles: Profiles
    paths: MediaPaths
    ssrc_behaviour: SsrcBehaviour
    substreams: Substreams
    ask_keyframe: Callable[[ChannelKey], Coroutine[None, None, None]]
    is_platform: Callable[[str], bool]
    """Whether a device is a whole platform, which may pass an INVITE on."""
