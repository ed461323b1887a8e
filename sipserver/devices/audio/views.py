"""What others see of a session: values that do not change any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from catalog.model import ChannelKey
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.errors import DeviceError


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """One loudspeaker."""

    key: ChannelKey
    state: str
    way: str
    """``broadcast`` or ``talk``; empty while unknown."""
    transport: str
    form: str
    """PCMA, PCMU or PS."""
    call_id: str
    error: DeviceError | None
    """Why it cannot be spoken to."""
    lost_reason: str
    frames_sent: int
    frames_dropped: int
    packets_heard: int
    heard_level_dbfs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One act of speaking."""

    session_id: str
    holder: str
    mode: AudioMode
    source: str
    """Name of the clip, or ``microphone``."""
    is_clip: bool
    state: str
    end_reason: str
    started_time: datetime
    spoken_s: float
    level_dbfs: float
    has_browser: bool
    targets: tuple[TargetView, ...]
