"""What both halves of an endpoint share: the way out, the way up, the timers, the counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sipserver.sip.events import Event
from sipserver.sip.flow import OutgoingPacket
from sipserver.sip.settings import EndpointSettings
from sipserver.sip.stats import EndpointStats
from sipserver.sip.timers import TimerQueue


@dataclass(slots=True)
class Outbox:
    """Filled by the transactions, drained by the endpoint's user."""

    # Returns a fresh unguessable token of at least 64 bits, made of RFC 3261 token characters.
    token: Callable[[], str]
    settings: EndpointSettings
    stats: EndpointStats = field(default_factory=EndpointStats)
    timers: TimerQueue = field(default_factory=TimerQueue)
    packets: list[OutgoingPacket] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
