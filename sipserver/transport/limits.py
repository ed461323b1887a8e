"""How many connections there may be, in all and from one source, and what they may leave unfinished."""

from __future__ import annotations

from typing import Final

from sipserver.transport.settings import SipTransportSettings

# What a connection may always hold of a message that is not whole: a head and an ordinary body.
FAIR_SHARE_BYTES: Final = 64 * 1024


class ConnectionLimits:
    """Connections in all and per source address, and bytes of half messages; shared by all listeners."""

    def __init__(self, settings: SipTransportSettings) -> None:
        self._total_max = settings.connections_max
        self._per_source_max = settings.connections_per_source_max
        self._half_messages_max = settings.half_messages_max_bytes
        self._per_source: dict[str, int] = {}
        self.total = 0
        self.half_message_bytes = 0

    def take(self, source: str) -> ConnectionSlot | None:
        """A place for one more connection, or None when either limit is reached."""
        held = self._per_source.get(source, 0)
        if self.total >= self._total_max or held >= self._per_source_max:
            return None
        self.total += 1
        self._per_source[source] = held + 1
        return ConnectionSlot(self, source)

    def give_back(self, source: str) -> None:
        self.total -= 1
        held = self._per_source.pop(source) - 1
        if held:
            self._per_source[source] = held

    def hold(self, change_bytes: int) -> bool:
        """Count bytes of half messages; False when there are too many of them."""
        self.half_message_bytes += change_bytes
        return self.half_message_bytes <= self._half_messages_max


class ConnectionSlot:
    """One connection's place within the limits; released once, however often it is asked."""

    def __init__(self, limits: ConnectionLimits, source: str) -> None:
        self._limits: ConnectionLimits | None = limits
        self._held_bytes = 0
        self.source: Final = source

    def hold(self, size_bytes: int) -> bool:
        """Say what this connection holds of a message that is not whole; False when that is too much now."""
        limits, change = self._limits, size_bytes - self._held_bytes
        if limits is None or not change:
            return True
        self._held_bytes = size_bytes
        return limits.hold(change) or change < 0 or size_bytes <= FAIR_SHARE_BYTES

    def release(self) -> None:
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.hold(-self._held_bytes)
            limits.give_back(self.source)
