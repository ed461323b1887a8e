"""What the simulator counts."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class SenderStats:
    """One stream."""

    pictures: int = 0
    packets: int = 0
    bytes: int = 0
    pictures_dropped: int = 0
    datagrams_refused: int = 0
    errors: int = 0


@dataclass(slots=True)
class DeviceStats:
    """One simulated device."""

    registrations: int = 0
    registrations_refused: int = 0
    redirects_followed: int = 0
    keepalives_sent: int = 0
    keepalives_unanswered: int = 0
    queries_answered: int = 0
    invites: int = 0
    invites_refused: int = 0
    keyframes_requested: int = 0
    media_connects_failed: int = 0
    requests: dict[str, int] = field(default_factory=dict)
