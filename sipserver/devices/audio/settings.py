"""Settings of speaking to devices: the table ``[audio]`` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le, Predicate

from media.settings import is_port_range


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """Ports, waits and bounds."""

    host: str = "0.0.0.0"  # noqa: S104
    """Address that sound is sent from and received on."""
    rtp_ports: Annotated[str, Predicate(is_port_range)] = "35002-36000"
    """Range of local ports; one loudspeaker takes two over UDP. It must not overlap ``media.rtp_ports``."""
    port_cool_down_s: Annotated[float, Ge(0), Le(600)] = 10.0
    invite_wait_s: Annotated[float, Ge(0.1), Le(60)] = 8.0
    """From a broadcast notice to the device's INVITE."""
    connect_timeout_s: Annotated[float, Ge(0.1), Le(60)] = 8.0
    """For the ACK and, over TCP, for the connection of the sound."""
    browser_wait_s: Annotated[float, Ge(1), Le(600)] = 30.0
    """A session with a microphone ends when no browser connects for so long."""
    session_max_s: Annotated[float, Ge(1), Le(86_400)] = 3_600.0
    """Longest session with a microphone, so that none is forgotten open."""
    sessions_max: Annotated[int, Ge(1), Le(10_000)] = 64
    targets_max: Annotated[int, Ge(1), Le(10_000)] = 256
    """Loudspeakers in one session."""
    opening_at_once: Annotated[int, Ge(1), Le(1000)] = 32
    """Devices that are called at the same time, over all sessions."""
    clip_max_s: Annotated[float, Ge(1), Le(7_200)] = 600.0
    """Longest clip; it takes 8 kB of the database a second."""
    clips_max: Annotated[int, Ge(1), Le(100_000)] = 200
    schedules_max: Annotated[int, Ge(1), Le(100_000)] = 500
    late_start_s: Annotated[float, Ge(0), Le(86_400)] = 60.0
    """A scheduled announcement that is later than this, because the platform was down, is left out."""
