"""The SIP trace of devices: which packets are whose, shown as a ladder, as text and as a capture."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sipserver.devices.errors import NoCapacity
from sipserver.devices.presence import Presence
from sipserver.devices.tracing.ladder import LadderStep, TracedSession, as_text, ladder, sessions
from sipserver.devices.tracing.settings import TraceSettings
from sipserver.gb.masking import masked
from sipserver.sip.flow import Flow
from sipserver.transport.addresses import is_wildcard
from sipserver.transport.driver import SipTransport
from sipserver.transport.pcap import PcapWriter, file_head
from sipserver.transport.trace import WATCHES_MAX, SipTrace, TracedBurst, TracedPacket, marks_of, packets_of
from sipserver.transport.trace_files import TraceFiles

STEPS_MAX: Final = 5000
_CALL_ID_LINE: Final = rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*%b[ \t]*\r?$"


@dataclass(frozen=True, slots=True)
class TraceState:
    """How full the memory of the trace is."""

    packets: int
    held_bytes: int
    ring_bytes: int
    watched: tuple[str, ...]
    is_on_disk: bool
    lost_on_disk: int


class Trace:
    """Reads the rings of the transport. Selecting and drawing run in a thread: a ring has 50,000 packets."""

    def __init__(self, settings: TraceSettings, transport: SipTransport, presence: Presence) -> None:
        self._settings = settings
        self._transport = transport
        self._presence = presence
        self._rings = SipTrace(settings.ring_bytes, settings.watch_bytes)
        self._files: TraceFiles | None = None
        if settings.to_disk:
            self._files = TraceFiles(settings.directory, settings.file_bytes, settings.files_max)

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        if self._settings.ring_bytes:
            self._transport.trace = self._rings
        if self._files is not None:
            self._transport.trace = self._rings
            self._rings.sinks.append(self._files.take)
            self._files.open()

    async def close(self) -> None:
        self._transport.trace = None
        if self._files is not None:
            self._rings.sinks.clear()
            await self._files.close()

    def device_removed(self, device_id: str) -> None:
        """What it said lapses with the ring."""
        self.unwatch(device_id)

    # ---------------------------------------------------------------- watching

    def state(self) -> TraceState:
        return TraceState(
            packets=len(self._rings.ring),
            held_bytes=self._rings.ring.held_bytes,
            ring_bytes=self._settings.ring_bytes,
            watched=tuple(self._rings.watched),
            is_on_disk=self._files is not None,
            lost_on_disk=self._files.lost_packets if self._files is not None else 0,
        )

    def is_watched(self, device_id: str) -> bool:
        return device_id in self._rings.watched

    def watch(self, device_id: str) -> None:
        """Keep everything of this device, keepalives too, in a ring of its own.

        Raises:
            NoCapacity: as many devices as may be are watched already.
        """
        entry = self._presence.table.get(device_id)
        if not self._rings.watch(device_id, entry.remote if entry is not None else None):
            raise NoCapacity(f"{WATCHES_MAX} devices are watched already", device_id=device_id)
        self._transport.trace = self._rings

    def unwatch(self, device_id: str) -> None:
        self._rings.unwatch(device_id)

    # ---------------------------------------------------------------- looking

    async def steps(
        self, *, device_id: str | None = None, call_id: str | None = None, limit: int = STEPS_MAX
    ) -> list[LadderStep]:
        """The newest steps of a device, of a session, or of both; oldest first, secrets masked."""
        packets = await self._select(device_id, call_id, limit)
        return await asyncio.to_thread(ladder, packets)

    async def sessions(self, device_id: str) -> list[TracedSession]:
        """The Call-IDs that are held of a device."""
        return sessions(await self.steps(device_id=device_id))

    async def text(self, *, device_id: str | None = None, call_id: str | None = None) -> str:
        """The ladder and the messages, for a ticket."""
        steps = await self.steps(device_id=device_id, call_id=call_id)
        what = " and ".join(
            filter(None, (device_id and f"device {device_id}", call_id and f"Call-ID {call_id}"))
        )
        return await asyncio.to_thread(as_text, f"SIP trace of {what}", steps, with_messages=True)

    async def pcap(self, *, device_id: str | None = None, call_id: str | None = None) -> bytes:
        """The same as a capture file."""
        packets = await self._select(device_id, call_id, STEPS_MAX)
        return await asyncio.to_thread(self._capture, packets)

    # ---------------------------------------------------------------- inside

    async def _select(self, device_id: str | None, call_id: str | None, limit: int) -> list[TracedPacket]:
        bursts = self._bursts(device_id)
        entry = self._presence.table.get(device_id) if device_id is not None else None
        remote = entry.remote if entry is not None else None

        def select() -> list[TracedPacket]:
            return _selected(packets_of(bursts), device_id, remote, call_id, limit)

        return await asyncio.to_thread(select)

    def _bursts(self, device_id: str | None) -> list[TracedBurst]:
        """Of a watched device what happened before the watch, too."""
        everything = self._rings.ring.bursts()
        ring = self._rings.watched.get(device_id) if device_id is not None else None
        if ring is None:
            return everything
        own = ring.bursts()
        if not own:
            return everything
        return [burst for burst in everything if burst.time_s < own[0].time_s] + own

    def _capture(self, packets: list[TracedPacket]) -> bytes:
        shown = (
            packet._replace(data=masked(packet.data), flow=self._named(packet.flow)) for packet in packets
        )
        return file_head() + b"".join(PcapWriter().records(shown))

    def _named(self, flow: Flow) -> Flow:
        """A socket that listens on every address is shown with the one that the peer knows."""
        if not is_wildcard(flow.local[0]):
            return flow
        return flow._replace(local=self._transport.advertised(flow))


def _selected(
    packets: list[TracedPacket],
    device_id: str | None,
    remote: tuple[str, int] | None,
    call_id: str | None,
    limit: int,
) -> list[TracedPacket]:
    if device_id is not None:
        packets = _of_device(packets, device_id, remote)
    if call_id is not None:
        line = re.compile(_CALL_ID_LINE % re.escape(call_id.encode("utf-8", "replace")))
        packets = [packet for packet in packets if line.search(packet.data)]
    return packets[-limit:]


def _of_device(
    packets: Iterable[TracedPacket], device_id: str, remote: tuple[str, int] | None
) -> list[TracedPacket]:
    """What names the device, and what went to and from the addresses that it spoke from.

    The INVITE of a channel does not name its device.
    """
    marks = marks_of(device_id)
    packets = list(packets)
    named = [any(mark in packet.data for mark in marks) for packet in packets]
    remotes = {
        packet.flow.remote
        for packet, is_named in zip(packets, named, strict=True)
        if is_named and not packet.is_sent
    }
    if remote is not None:
        remotes.add(remote)
    return [
        packet
        for packet, is_named in zip(packets, named, strict=True)
        if is_named or packet.flow.remote in remotes
    ]
