"""Looks for ONVIF cameras in the networks of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import uuid
from collections.abc import Sequence
from typing import Final

from media.onvif.discovery import FoundCamera, matches, probe
from media.onvif.errors import MalformedOnvif

GROUP: Final = ("239.255.255.250", 3702)
REPEATS: Final = 2
"""Datagrams get lost; cameras answer each message id once."""
REPEAT_S: Final = 0.5
HOPS: Final = 1
"""The question stays in the network where it is asked."""

logger = logging.getLogger(__name__)


async def search(
    collect_s: float, answers_max: int, interfaces: Sequence[str] = (), group: tuple[str, int] = GROUP
) -> list[FoundCamera]:
    """Ask on every interface and collect answers for a while.

    Args:
        collect_s: how long.
        answers_max: answers beyond these are dropped.
        interfaces: our IPv4 addresses to ask from; empty: those that this machine has.
        group: address and port that are asked; another one in tests.

    Returns:
        Each camera once, in the order of its address. An interface that cannot be asked is passed over.
    """
    loop = asyncio.get_running_loop()
    addresses = list(interfaces) or await loop.run_in_executor(None, own_addresses)
    collected = _Collected(answers_max)
    opened: list[asyncio.DatagramTransport] = []
    try:
        for address in addresses:
            try:
                transport, _ = await loop.create_datagram_endpoint(lambda: collected, sock=_socket(address))
            except OSError as error:
                logger.info("no search for cameras from %s: %s", address, error)
            else:
                opened.append(transport)
        await _ask(opened, collected, group, collect_s)
    finally:
        for transport in opened:
            transport.close()
    return sorted(collected.found.values(), key=lambda camera: camera.addresses)


def own_addresses() -> list[str]:
    """The IPv4 addresses of this machine's interfaces, loopback last."""
    found: dict[str, None] = {}
    with contextlib.suppress(OSError):
        for answer in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET):
            found[str(answer[4][0])] = None
    # The address that leads outside; nothing is sent by connecting a datagram socket.
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probing:
        probing.connect(GROUP)
        found[probing.getsockname()[0]] = None
    for _, name in socket.if_nameindex():
        if (address := _address_of(name)) is not None:
            found[address] = None
    return sorted(found, key=lambda address: (address.startswith("127."), address))


def _address_of(interface: str) -> str | None:
    """The first IPv4 address of an interface (SIOCGIFADDR); None where the system does not tell."""
    try:
        import fcntl  # Linux alone

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            answer = fcntl.ioctl(asking.fileno(), 0x8915, interface.encode()[:15].ljust(40, b"\x00"))
    except (ImportError, OSError):
        return None
    return socket.inet_ntoa(answer[20:24])


def _socket(address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, HOPS)
        made.bind((address, 0))
    except OSError:
        made.close()
        raise
    return made


async def _ask(
    transports: Sequence[asyncio.DatagramTransport],
    collected: _Collected,
    group: tuple[str, int],
    collect_s: float,
) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + collect_s
    for _ in range(REPEATS):
        for transport in transports:
            message_id = f"uuid:{uuid.uuid4()}"
            collected.asked.add(message_id)
            transport.sendto(probe(message_id), group)
        await asyncio.sleep(min(REPEAT_S, collect_s / REPEATS))
    await asyncio.sleep(max(0.0, until - loop.time()))


class _Collected(asyncio.DatagramProtocol):
    """What was answered so far."""

    def __init__(self, answers_max: int) -> None:
        self.found: dict[str, FoundCamera] = {}
        self.asked: set[str] = set()
        self._room = answers_max * REPEATS * 4

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._room <= 0:
            return
        self._room -= 1
        try:
            cameras = matches(data, self.asked)
        except MalformedOnvif as error:
            logger.debug("%s:%d answered a search with nonsense: %s", *addr[:2], error)
            return
        for camera in cameras:
            self.found.setdefault(camera.endpoint, camera)

    def error_received(self, exc: Exception) -> None:
        logger.debug("a search for cameras: %s", exc)
