"""\"Why is there no picture?\": one call that asks a device step by step and says what it found."""

from __future__ import annotations

from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.diagnosis.findings import Diagnosis
from sipserver.devices.diagnosis.probe import Probe, ProbeParts
from sipserver.devices.errors import NoCapacity

PROBES_MAX: Final = 8


class Diagnoser:
    """At most one probe of a channel at a time, and few in all. A probe lives as long as its call."""

    def __init__(self, parts: ProbeParts) -> None:
        self._parts = parts
        self._running: set[tuple[str, str | None]] = set()

    async def device(self, device_id: str) -> Diagnosis:
        """Registration and the way there, without a stream.

        Raises:
            NoCapacity: it is being probed already, or too much is.
        """
        return await self._run(device_id, None)

    async def channel(self, key: ChannelKey) -> Diagnosis:
        """Everything up to the picture. A stream that somebody watches is looked at, not disturbed.

        Raises:
            NoCapacity: it is being probed already, or too much is.
        """
        return await self._run(key.device_id, key.channel_id)

    async def _run(self, device_id: str, channel_id: str | None) -> Diagnosis:
        probed = (device_id, channel_id)
        if probed in self._running or len(self._running) >= PROBES_MAX:
            raise NoCapacity(
                f"{len(self._running)} probes are running; at most {PROBES_MAX} may, one for each channel",
                device_id=device_id,
                channel_id=channel_id or "",
            )
        self._running.add(probed)
        try:
            return await Probe(device_id, channel_id, self._parts).run()
        finally:
            self._running.discard(probed)
