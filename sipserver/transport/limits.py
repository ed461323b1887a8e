"""How many connections there may be, in all and from one source."""

from __future__ import annotations

from typing import Final

from sipserver.transport.settings import SipTransportSettings


class ConnectionLimits:
    """Connections in all and per source address, shared by all listeners."""

    def __init__(self, settings: SipTransportSettings) -> None:
        self._total_max = settings.connections_max
        self._per_source_max = settings.connections_per_source_max
        self._per_source: dict[str, int] = {}
        self.total = 0

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


class ConnectionSlot:
    """One connection's place within the limits; released once, however often it is asked."""

    def __init__(self, limits: ConnectionLimits, source: str) -> None:
        self._limits: ConnectionLimits | None = limits
        self.source: Final = source

    def release(self) -> None:
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.give_back(self.source)
