"""Two network namespaces, and a line between them that delays, loses, translates addresses and can be cut.

The line is this process: it holds a TUN device of each namespace and passes packets from one to the other. So
it needs neither netem nor a packet filter in the kernel, only TUN, namespaces, and the right to make them.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import ipaddress
import itertools
import os
import random
import re
import selectors
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

TUN: Final = Path("/dev/net/tun")
TUNSETIFF: Final = 0x400454CA
IFF_TUN_NO_PI: Final = 0x0001 | 0x1000
MTU: Final = 1_500
QUEUE_PACKETS: Final = 20_000
INSIDE, OUTSIDE, TRANSLATED = "10.77.0.1", "10.77.1.1", "10.77.2.1"
_UDP, _TCP, _ICMP = 17, 6, 1
_ICMP_ERRORS: Final = frozenset({3, 11})
_PACKED_INSIDE: Final = ipaddress.ip_address(INSIDE).packed
_numbers = itertools.count(1)


def unavailable() -> str:
    """Why namespaces cannot be made here; empty: they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no ip command"
    if not TUN.exists():
        return f"there is no {TUN}"
    name = f"ts{os.getpid()}probe"
    try:
        run("ip", "netns", "add", name)
        run("ip", "netns", "del", name)
        os.close(_open_tun("tsprobe0"))
    except (OSError, subprocess.CalledProcessError) as error:
        return f"a namespace or a TUN device cannot be made: {error}"
    return ""


def run(*command: str) -> str:
    """Raises CalledProcessError."""
    return subprocess.run(command, check=True, capture_output=True, timeout=20).stdout.decode()


@dataclass(slots=True)
class Conditions:
    """What the line does to packets; may be changed at any time."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    """0 to 1, in each direction."""
    is_cut: bool = False


@dataclass(slots=True)
class Translation:
    """NAT of the inside's addresses: one outside port for each inside port, open to whom it has sent to."""

    ports: dict[tuple[int, int], int] = field(default_factory=dict)
    """(protocol, inside port) to outside port."""
    peers: set[tuple[int, int, bytes, int]] = field(default_factory=set)
    next_port: int = 40_000
    dropped: int = 0

    def forget(self) -> None:
        """The table is lost, as after a restart of the router: everything gets another port."""
        self.ports.clear()
        self.peers.clear()

    def outward(self, packet: bytearray) -> bool:
        """Rewrite the source; False drops it."""
        _rewrite(packet, 12, ipaddress.ip_address(TRANSLATED).packed)
        if not _has_ports(packet):
            return True
        head = (packet[0] & 15) * 4
        inner, peer_port = struct.unpack_from("!HH", packet, head)
        key = (packet[9], inner)
        if key not in self.ports:
            self.ports[key] = self.next_port
            self.next_port += 1
        self.peers.add((packet[9], self.ports[key], bytes(packet[16:20]), peer_port))
        _rewrite(packet, head, struct.pack("!H", self.ports[key]))
        return True

    def inward(self, packet: bytearray) -> bool:
        """Rewrite the destination; False drops what nobody inside has asked for."""
        if _has_ports(packet):
            head = (packet[0] & 15) * 4
            peer_port, outer = struct.unpack_from("!HH", packet, head)
            inner = next(
                (inside for (kind, inside), port in self.ports.items() if (kind, port) == (packet[9], outer)),
                None,
            )
            if inner is None or (packet[9], outer, bytes(packet[12:16]), peer_port) not in self.peers:
                self.dropped += 1
                return False
            _rewrite(packet, head + 2, struct.pack("!H", inner))
        _rewrite(packet, 16, ipaddress.ip_address(INSIDE).packed)
        if packet[9] == _ICMP:
            self._report_inward(packet)
        return True

    def _report_inward(self, packet: bytearray) -> None:
        """An ICMP error quotes the packet that it is about: as the one that sent it knows it."""
        icmp = (packet[0] & 15) * 4
        quoted = icmp + 8
        if packet[icmp] not in _ICMP_ERRORS or len(packet) < quoted + 28:
            return
        source = quoted + (packet[quoted] & 15) * 4
        outer = int.from_bytes(packet[source : source + 2])
        for (kind, inner), port in self.ports.items():
            if (kind, port) == (packet[quoted + 9], outer):
                for at, new in ((quoted + 12, _PACKED_INSIDE), (source, inner.to_bytes(2))):
                    old = bytes(packet[at : at + len(new)])
                    packet[at : at + len(new)] = new
                    _correct(packet, icmp + 2, old, new)
                return


class Line:
    """Passes packets between two TUN devices, in a thread of its own, until it is closed."""

    def __init__(self, inside: int, outside: int, *, translated: bool, seed: int = 1) -> None:
        self.conditions = Conditions()
        self.translation = Translation() if translated else None
        self.passed = 0
        self.lost = 0
        self._ends = (inside, outside)
        self._dice = random.Random(seed)
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._order = itertools.count()
        self._is_open = True
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_open = False
        self._thread.join(5.0)
        for end in self._ends:
            os.close(end)

    def _run(self) -> None:
        inside, outside = self._ends
        with selectors.DefaultSelector() as selector:
            selector.register(inside, selectors.EVENT_READ, outside)
            selector.register(outside, selectors.EVENT_READ, inside)
            while self._is_open:
                due = self._waiting[0][0] - time.monotonic() if self._waiting else 0.05
                for key, _ in selector.select(min(max(due, 0.0), 0.05)):
                    self._take(key.fd, key.data)
                self._deliver()

    def _take(self, source: int, target: int) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while True:
                packet = bytearray(os.read(source, 65_536))
                at = self._arrival(packet, target)
                if at is not None and len(self._waiting) < QUEUE_PACKETS:
                    heapq.heappush(self._waiting, (at, next(self._order), target, bytes(packet)))

    def _arrival(self, packet: bytearray, target: int) -> float | None:
        """When a packet comes out at the other end; None: never."""
        now, conditions = time.monotonic(), self.conditions
        if packet[0] >> 4 != 4:
            return None
        if conditions.is_cut or self._dice.random() < conditions.loss:
            self.lost += 1
            return None
        if self.translation is not None:
            is_outward = target == self._ends[1]
            translate = self.translation.outward if is_outward else self.translation.inward
            if not translate(packet):
                return None
        return now + conditions.delay_s + self._dice.random() * conditions.jitter_s

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, target, packet = heapq.heappop(self._waiting)
            if self.conditions.is_cut:
                self.lost += 1
                continue
            with contextlib.suppress(OSError):
                os.write(target, packet)
                self.passed += 1


@dataclass(frozen=True, slots=True)
class Place:
    """One namespace: who it is to the other, and where this process reaches it."""

    name: str
    address: str
    """On the line."""
    desk: str
    """For this process: HTTP is listened on here."""

    @property
    def runner(self) -> tuple[str, ...]:
        """What runs a command there."""
        return ("ip", "netns", "exec", self.name)


@contextlib.contextmanager
def two_places(*, translated: bool) -> Iterator[tuple[Place, Place, Line]]:
    """The inside, the outside, and the line between; everything is removed at the end."""
    _sweep()
    number = next(_numbers)
    names = [f"ts{os.getpid()}{side}{number}" for side in "io"]
    ends: list[int] = []
    desks: list[str] = []
    line: Line | None = None
    try:
        places: list[Place] = []
        for side, (name, address) in enumerate(zip(names, (INSIDE, OUTSIDE), strict=True)):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            device = f"tst{os.getpid() % 100_000}{side}{number}"[:15]
            ends.append(_open_tun(device))
            run("ip", "link", "set", device, "netns", name)
            run("ip", "-n", name, "addr", "add", f"{address}/32", "dev", device)
            run("ip", "-n", name, "link", "set", device, "mtu", str(MTU), "up")
            run("ip", "-n", name, "route", "add", "default", "dev", device)
            desks.append(f"tsv{os.getpid() % 100_000}{side}{number}"[:14])
            places.append(Place(name, address, _desk(name, desks[-1], 4 * number + 2 * side)))
        line = Line(ends[0], ends[1], translated=translated)
        yield places[0], places[1], line
    finally:
        if line is not None:
            line.close()
        else:
            for end in ends:
                os.close(end)
        gone = [("link", "del", f"{desk}n") for desk in desks] + [("netns", "del", name) for name in names]
        for words in gone:
            subprocess.run(("ip", *words), check=False, capture_output=True, timeout=20)


def _sweep() -> None:
    """Remove what a process that was killed left behind."""
    for name in re.findall(r"^ts[0-9]+[io][0-9]+", run("ip", "netns", "list"), re.MULTILINE):
        if not Path("/proc", re.split("[io]", name[2:])[0]).exists():
            subprocess.run(("ip", "netns", "del", name), check=False, capture_output=True, timeout=20)


def _desk(name: str, card: str, number: int) -> str:
    """A pair of virtual cards between this process's namespace and that one; its address there."""
    base = (os.getpid() * 16 + number) % 0x3FFF
    network = ipaddress.ip_network((int(ipaddress.ip_address("10.192.0.0")) + base * 4, 30))
    here, there = (str(each) for each in network.hosts())
    near, far = f"{card}n", f"{card}f"
    run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
    run("ip", "link", "set", far, "netns", name)
    run("ip", "addr", "add", f"{here}/30", "dev", near)
    run("ip", "link", "set", near, "up")
    run("ip", "-n", name, "addr", "add", f"{there}/30", "dev", far)
    run("ip", "-n", name, "link", "set", far, "up")
    return there


def _open_tun(name: str) -> int:
    made = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(made, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    except OSError:
        os.close(made)
        raise
    return made


def _has_ports(packet: bytearray) -> bool:
    """Of a later fragment only the addresses are there."""
    return packet[9] in (_UDP, _TCP) and not int.from_bytes(packet[6:8]) & 0x1FFF


def _rewrite(packet: bytearray, at: int, new: bytes) -> None:
    """Put other bytes at an even offset and correct the checksums that cover them (RFC 1624)."""
    old = bytes(packet[at : at + len(new)])
    packet[at : at + len(new)] = new
    head = (packet[0] & 15) * 4
    if at < head:
        _correct(packet, 10, old, new)
    if _has_ports(packet):
        place = head + (6 if packet[9] == _UDP else 16)
        if packet[9] == _TCP or packet[place : place + 2] != b"\0\0":
            _correct(packet, place, old, new)


def _correct(packet: bytearray, at: int, old: bytes, new: bytes) -> None:
    total = ~int.from_bytes(packet[at : at + 2]) & 0xFFFF
    for index in range(0, len(new), 2):
        total += (~int.from_bytes(old[index : index + 2]) & 0xFFFF) + int.from_bytes(new[index : index + 2])
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    packet[at : at + 2] = (~total & 0xFFFF).to_bytes(2)
