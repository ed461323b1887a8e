"""What went over the wire lately: every packet in both directions, in a ring of bounded size.

The tap stands in the path of every packet, so it does next to nothing there: of each burst it keeps the
bytes objects that are there anyway, and one time. Reading, masking and drawing happen when somebody looks.
Keepalives and the answers to them are left out, or they would push out everything else; a device that is
watched has a ring of its own, in which they stay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import time
from typing import Final, NamedTuple

from sipserver.sip.flow import Flow, OutgoingPacket, ReceivedPacket

PACKET_OVERHEAD_BYTES: Final = 160
"""Of one packet in memory beside its bytes, at most."""
BURST_OVERHEAD_BYTES: Final = 160
"""Of one burst in the ring beside its packets."""
WATCHES_MAX: Final = 16
WATCHED_REMOTES_MAX: Final = 64
USER_MAX_BYTES: Final = 64
KEEPALIVE_TAIL_BYTES: Final = 1024
"""So far from the end of a MESSAGE the word is looked for that makes it a keepalive."""
_CALL_ID: Final = b"\r\nCall-ID: "  # as this platform writes it
_OK: Final = b"SIP/2.0 200 "
_MESSAGE: Final = b"MESSAGE "
_KEEPALIVE: Final = b"Keepalive"
_new: Final = tuple.__new__  # makes a named tuple in a fraction of the time of its class


class TracedPacket(NamedTuple):
    """One packet as it was on the wire, secrets included: whoever shows it masks it."""

    time_s: float
    """Seconds since 1970."""
    is_sent: bool
    flow: Flow
    data: bytes


class TracedBurst(NamedTuple):
    """Packets of one direction that came, or went, together; two columns of the same length."""

    time_s: float
    is_sent: bool
    data: tuple[bytes, ...]
    flows: tuple[Flow, ...]
    size_bytes: int


class PacketRing:
    """The newest bursts, up to a number of bytes."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._held_bytes = 0
        self._bursts: deque[TracedBurst] = deque()

    def __len__(self) -> int:
        """How many packets there are."""
        return sum(len(burst.data) for burst in self._bursts)

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    def add(self, time_s: float, is_sent: bool, packets: Sequence[ReceivedPacket | OutgoingPacket]) -> None:
        """Take a burst; not empty."""
        data, flows = zip(*packets, strict=True)
        size = sum(map(len, data)) + len(data) * PACKET_OVERHEAD_BYTES + BURST_OVERHEAD_BYTES
        self._bursts.append(_new(TracedBurst, (time_s, is_sent, data, flows, size)))
        self._held_bytes += size
        while self._held_bytes > self._size_bytes:
            self._held_bytes -= self._bursts.popleft().size_bytes

    def bursts(self) -> list[TracedBurst]:
        """A copy, oldest first."""
        return list(self._bursts)

    def packets(self) -> list[TracedPacket]:
        """A copy, oldest first."""
        return packets_of(self.bursts())


def packets_of(bursts: Iterable[TracedBurst]) -> list[TracedPacket]:
    """Every packet by itself; of a full ring that takes some ten milliseconds."""
    return [
        TracedPacket(time_s, is_sent, flow, data)
        for time_s, is_sent, datas, flows, _ in bursts
        for data, flow in zip(datas, flows, strict=True)
    ]


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
        # Of the burst that is being handled: the flows on which only keepalives came, by identity, and the
        # keepalives that came along with something else.
        self._quiet: set[int] = set()
        self._mixed: list[ReceivedPacket] = []

    # ---------------------------------------------------------------- the path of every packet

    def received(self, packets: Sequence[ReceivedPacket]) -> None:
        """A burst came in; called before it is handled."""
        self.handled()
        quiet = self._quiet
        kept: list[ReceivedPacket] = []
        for packet in packets:
            data = packet[0]
            # From the end, where it is: the bodies of keepalives are short.
            if data.startswith(_MESSAGE) and data.rfind(_KEEPALIVE, -KEEPALIVE_TAIL_BYTES) >= 0:
                quiet.add(id(packet[1]))
            else:
                kept.append(packet)
        if kept:
            if quiet:
                self._part(packets, kept)
            self._keep(False, kept)
        if self._watches:
            self._watch(False, packets)

    def sent(self, packets: Sequence[OutgoingPacket]) -> None:
        """Packets are handed to their sockets."""
        quiet = self._quiet
        kept = packets
        if quiet:
            # Where nothing but keepalives came, every 200 that goes out now answers one.
            kept = []
            for packet in packets:
                if id(packet[1]) not in quiet or not packet[0].startswith(_OK):
                    kept.append(packet)
        if self._mixed:
            kept = [packet for packet in kept if not self._answers_mixed(packet)]
        if kept:
            self._keep(True, kept)
        if self._watches:
            self._watch(True, packets)

    def handled(self) -> None:
        """The burst is handled: what is sent from now on answers something else."""
        if self._quiet:
            self._quiet.clear()
        if self._mixed:
            self._mixed = []

    def _part(self, packets: Sequence[ReceivedPacket], kept: Sequence[ReceivedPacket]) -> None:
        """Tell the flows on which only keepalives came from those on which something else came, too."""
        loud = {id(packet.flow) for packet in kept}
        self._quiet -= loud
        others = {id(packet) for packet in kept}
        self._mixed = [packet for packet in packets if id(packet.flow) in loud and id(packet) not in others]

    def _answers_mixed(self, packet: OutgoingPacket) -> bool:
        """Whether this is the 200 to one of the keepalives among other requests: the Call-ID decides."""
        data, flow = packet
        if not data.startswith(_OK):
            return False
        start = data.find(_CALL_ID) + len(_CALL_ID)
        if start < len(_CALL_ID):
            return False
        call_id = data[start : data.find(b"\r\n", start)]
        return any(asked.flow is flow and call_id in asked.data for asked in self._mixed)

    def _keep(self, is_sent: bool, packets: Sequence[ReceivedPacket] | Sequence[OutgoingPacket]) -> None:
        now = self._wall()
        self.ring.add(now, is_sent, packets)
        for sink in self.sinks:
            for data, flow in packets:
                sink(TracedPacket(now, is_sent, flow, data))

    def _watch(self, is_sent: bool, packets: Sequence[ReceivedPacket] | Sequence[OutgoingPacket]) -> None:
        """By the address of the peer; which addresses are a device's, its own requests show."""
        now = self._wall()
        for packet in packets:
            remote = packet.flow.remote
            if not is_sent and remote not in self._watched_at:
                self._recognise(packet.data, remote)
            for ring in self._watched_at.get(remote, ()):
                ring.add(now, is_sent, (packet,))

    def _recognise(self, data: bytes, remote: tuple[str, int]) -> None:
        start = data.find(b"sip:", data.find(b"\r\nFrom:")) + 4
        watch = self._watches.get(data[start : data.find(b"@", start, start + USER_MAX_BYTES)])
        if watch is not None and len(watch.remotes) < WATCHED_REMOTES_MAX:
            watch.remotes.add(remote)
            self._watched_at.setdefault(remote, []).append(watch.ring)

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
