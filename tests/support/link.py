"""A network of two ends that delays, drops, doubles and reorders, the same way for the same seed."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random

from sipserver.sip.endpoint import Endpoint, Flow, ReceivedPacket, Transport
from sipserver.sip.events import Event


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does to each packet. Delays that differ reorder by themselves."""

    drop: float = 0.0
    double: float = 0.0
    min_delay_s: float = 0.005
    max_delay_s: float = 0.005


FAIR = Weather()


class LossyLink:
    """One direction. Packets go in with a time and come out later, once, twice or never."""

    def __init__(self, seed: int, weather: Weather = FAIR) -> None:
        self._random = Random(seed)
        self._weather = weather
        self._queue: list[tuple[float, int, bytes]] = []
        self._order = count()
        self.sent = 0
        self.dropped = 0

    def send(self, data: bytes, now: float) -> None:
        weather = self._weather
        self.sent += 1
        copies = 2 if self._random.random() < weather.double else 1
        for _ in range(copies):
            if self._random.random() < weather.drop:
                self.dropped += 1
                continue
            delay = self._random.uniform(weather.min_delay_s, weather.max_delay_s)
            heapq.heappush(self._queue, (now + delay, next(self._order), data))

    def next_arrival(self) -> float | None:
        return self._queue[0][0] if self._queue else None

    def arrivals(self, now: float) -> list[bytes]:
        """What has arrived by ``now``, in order of arrival."""
        arrived = []
        while self._queue and self._queue[0][0] <= now:
            arrived.append(heapq.heappop(self._queue)[2])
        return arrived


class Peer:
    """One end: an endpoint, its address, and what its user does with events."""

    def __init__(self, name: str, address: tuple[str, int]) -> None:
        tokens = count(1)
        self.name = name
        self.address = address
        self.endpoint = Endpoint(lambda: f"{name}{next(tokens):015d}")
        self.events: list[Event] = []
        self.on_event: Callable[[Event, float], None] = lambda event, now: None


class Wire:
    """Two peers and a link each way, driven by virtual time."""

    def __init__(self, seed: int = 0, weather: Weather = FAIR, transport: Transport = Transport.UDP) -> None:
        self.a = Peer("a", ("192.0.2.1", 5060))
        self.b = Peer("b", ("198.51.100.2", 5062))
        self.transport = transport
        self._links = {"a": LossyLink(2 * seed, weather), "b": LossyLink(2 * seed + 1, weather)}
        self.now = 0.0

    def flow_of(self, peer: Peer) -> Flow:
        """The path by which ``peer`` reaches the other end."""
        other = self.b if peer is self.a else self.a
        return Flow(self.transport, peer.address, other.address)

    def settle(self) -> None:
        """Hand out events and write packets until neither is left."""
        for peer in (self.a, self.b):
            while True:
                events = peer.endpoint.events()
                for event in events:
                    peer.events.append(event)
                    peer.on_event(event, self.now)
                packets = peer.endpoint.packets_to_send()
                for packet in packets:
                    self._links[peer.name].send(packet.data, self.now)
                if not events and not packets:
                    break

    def run(self, until: float = 1000.0) -> None:
        """Let time pass until nothing is left to happen, or until an instant."""
        self.settle()
        while (instant := self._next_instant()) is not None and instant <= until:
            self.now = max(self.now, instant)
            for sender, receiver in ((self.a, self.b), (self.b, self.a)):
                for data in self._links[sender.name].arrivals(self.now):
                    receiver.endpoint.receive(ReceivedPacket(data, self.flow_of(receiver)), self.now)
                deadline = receiver.endpoint.next_timer()
                if deadline is not None and deadline <= self.now:
                    receiver.endpoint.handle_timer(self.now)
            self.settle()

    def _next_instant(self) -> float | None:
        instants = [link.next_arrival() for link in self._links.values()]
        instants += [peer.endpoint.next_timer() for peer in (self.a, self.b)]
        return min((instant for instant in instants if instant is not None), default=None)
