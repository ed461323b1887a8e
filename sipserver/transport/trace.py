"""What went over the wire lately: every packet in both directions, in a ring of bounded size.

The tap stands in the path of every packet, so it does next to nothing there: it keeps the bytes object that
is there anyway, and the time. Reading, masking and drawing happen when somebody looks. Keepalives and the
answers to them are left out, or they would push out everything else; a device that is watched has a ring of
its own, in which they stay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from time import time
from typing import Final, NamedTuple

from sipserver.sip.flow import Flow, OutgoingPacket, ReceivedPacket

PACKET_OVERHEAD_BYTES: Final = 160
"""Of one packet in the ring beside its bytes: the tuple, the time and the head of the bytes object."""
WATCHES_MAX: Final = 16
WATCHED_REMOTES_MAX: Final = 64
USER_MAX_BYTES: Final = 64
_CALL_ID: Final = b"\r\nCall-ID: "  # as this platform writes it


class TracedPacket(NamedTuple):
    """One packet as it was on the wire, secrets included: whoever shows it masks it."""

    time_s: float
    """Seconds since 1970."""
    is_sent: bool
    flow: Flow
    data: bytes


class PacketRing:
    """The newest packets, up to a number of bytes."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._held_bytes = 0
        self._packets: deque[TracedPacket] = deque()

    def __len__(self) -> int:
        return len(self._packets)

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    def add(self, packet: TracedPacket) -> None:
        packets = self._packets
        packets.append(packet)
        held = self._held_bytes + len(packet[3]) + PACKET_OVERHEAD_BYTES
        while held > self._size_bytes:
            held -= len(packets.popleft()[3]) + PACKET_OVERHEAD_BYTES
        self._held_bytes = held

    def packets(self) -> list[TracedPacket]:
        """A copy, oldest first."""
        return list(self._packets)


class _Watch(NamedTuple):
    """One device that is looked at closely."""

    device_id: str
    ring: PacketRing
    remotes: set[tuple[str, int]]


class SipTrace:
    """The rings of one transport.

    Args:
        size_bytes: of the ring of all; 0 keeps nothing, and the transport need not have a trace at all.
        watch_bytes: of the ring of each watched device.
    """

    def __init__(self, size_bytes: int, watch_bytes: int, *, wall: Callable[[], float] = time) -> None:
        self.ring: Final = PacketRing(size_bytes)
        self.sinks: Final[list[Callable[[TracedPacket], None]]] = []
        """Called with every packet that is kept, on the event loop; the writer of files."""
        self._watch_bytes = watch_bytes
        self._wall = wall
        self._watches: dict[bytes, _Watch] = {}
        self._watched_at: dict[tuple[str, int], list[PacketRing]] = {}
        # Keepalives of the burst that is being handled, by the identity of their flow: their answers go out
        # before the next burst is read.
        self._quiet: dict[int, bytes] = {}

    # ---------------------------------------------------------------- the path of every packet

    def received(self, packets: Iterable[ReceivedPacket]) -> None:
        """A burst came in; called before it is handled."""
        now = self._wall()
        quiet = self._quiet
        if quiet:
            quiet.clear()
        for data, flow in packets:
            if data.startswith(b"MESSAGE ") and b"Keepalive" in data:
                key = id(flow)
                # The text that is compared with the Call-ID of an answer; of several, all of them.
                quiet[key] = quiet[key] + data if key in quiet else data
                if self._watches:
                    self._watch(TracedPacket(now, False, flow, data))
            else:
                self._keep(TracedPacket(now, False, flow, data))

    def sent(self, packets: Iterable[OutgoingPacket]) -> None:
        """Packets are handed to their sockets."""
        now = self._wall()
        quiet = self._quiet
        for data, flow in packets:
            if id(flow) in quiet and _answers(data, quiet[id(flow)]):
                if self._watches:
                    self._watch(TracedPacket(now, True, flow, data))
            else:
                self._keep(TracedPacket(now, True, flow, data))

    def _keep(self, packet: TracedPacket) -> None:
        self.ring.add(packet)
        if self._watches:
            self._watch(packet)
        for sink in self.sinks:
            sink(packet)

    def _watch(self, packet: TracedPacket) -> None:
        """By the address of the peer; which addresses are a device's, its own requests show."""
        remote = packet.flow.remote
        if not packet.is_sent and remote not in self._watched_at:
            self._recognise(packet)
        for ring in self._watched_at.get(remote, ()):
            ring.add(packet)

    def _recognise(self, packet: TracedPacket) -> None:
        data = packet.data
        start = data.find(b"sip:", data.find(b"\r\nFrom:")) + 4
        watch = self._watches.get(data[start : data.find(b"@", start, start + USER_MAX_BYTES)])
        if watch is not None and len(watch.remotes) < WATCHED_REMOTES_MAX:
            watch.remotes.add(packet.flow.remote)
            self._watched_at.setdefault(packet.flow.remote, []).append(watch.ring)

    # ---------------------------------------------------------------- watching closely

    @property
    def watched(self) -> Mapping[str, PacketRing]:
        """Watched devices with what is held of each."""
        return {watch.device_id: watch.ring for watch in self._watches.values()}

    def watch(self, device_id: str, remote: tuple[str, int] | None) -> bool:
        """Keep everything of a device from now on; False when too many are watched already."""
        key = device_id.encode()
        if key in self._watches:
            return True
        if len(self._watches) >= WATCHES_MAX:
            return False
        watch = self._watches[key] = _Watch(device_id, PacketRing(self._watch_bytes), set())
        if remote is not None:
            watch.remotes.add(remote)
            self._watched_at.setdefault(remote, []).append(watch.ring)
        return True

    def unwatch(self, device_id: str) -> None:
        watch = self._watches.pop(device_id.encode(), None)
        if watch is None:
            return
        for remote in watch.remotes:
            rings = [ring for ring in self._watched_at[remote] if ring is not watch.ring]
            if rings:
                self._watched_at[remote] = rings
            else:
                del self._watched_at[remote]


def marks_of(device_id: str) -> tuple[bytes, ...]:
    """What a packet about a device holds somewhere: its id as the user of an address, or as an element."""
    text = device_id.encode("utf-8", "replace")
    return b":" + text + b"@", b">" + text + b"<"


def _answers(data: bytes, asked: bytes) -> bool:
    """Whether this is the 200 to one of the keepalives: the Call-ID decides."""
    if not data.startswith(b"SIP/2.0 200 "):
        return False
    start = data.find(_CALL_ID)
    if start < 0:
        return False
    start += len(_CALL_ID)
    return data[start : data.find(b"\r\n", start)] in asked
