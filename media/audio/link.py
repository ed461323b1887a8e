"""The way to one peer: what every link of sound does, whatever carries it."""

from __future__ import annotations

import asyncio
import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from media.audio.g711 import FRAME_BYTES, QUIETEST_DBFS, level_dbfs
from media.audio.packing import AudioFormat, AudioPacker, AudioUnpacker

HEARD_LEVEL_EVERY_PACKETS: Final = 5


@dataclass(slots=True)
class LinkStats:
    """One link since it was opened."""

    frames_sent: int = 0
    frames_dropped: int = 0
    packets_heard: int = 0
    packets_of_strangers: int = 0
    heard_level_dbfs: float = QUIETEST_DBFS
    connects_failed: int = 0


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """What was agreed with the peer.

    ``remote`` is where its description says that it listens, ``hosts`` the addresses it may send from:
    that of its description and that of its signalling.
    """

    audio_format: AudioFormat
    ssrc: int
    remote: tuple[str, int] | None
    hosts: frozenset[str] = field(default_factory=frozenset)


class AudioLink(ABC):
    """Sends frames to one peer and hands on what it says.

    Nothing here waits: what cannot be sent now is dropped and counted, for sound that comes late is noise.
    """

    def __init__(self, terms: LinkTerms, port: int) -> None:
        self.port: Final = port
        """Ours, for the description we send."""
        self.stats: Final = LinkStats()
        self.on_heard: Callable[[bytes], None] | None = None
        """Gets the peer's sound as A-law."""
        self.on_broken: Callable[[str], None] | None = None
        self.connected: Final = asyncio.Event()
        self.is_open = True
        self._terms = terms
        self._packer = AudioPacker(terms.audio_format, terms.ssrc)
        self._unpacker = AudioUnpacker(terms.audio_format)

    @property
    def peer(self) -> tuple[str, int] | None:
        """Where the sound goes to now."""
        return self._terms.remote

    @property
    def lost(self) -> int:
        """Packets of the peer that never came."""
        return self._unpacker.lost

    def change(self, terms: LinkTerms) -> None:
        """The peer answered: its terms replace those that were assumed."""
        self._terms = terms
        self._packer = AudioPacker(terms.audio_format, terms.ssrc)
        self._unpacker = AudioUnpacker(terms.audio_format)

    @abstractmethod
    async def connect(self, timeout_s: float) -> None:
        """Be ready to send.

        Raises:
            LinkFailed: no connection in time.
        """

    @abstractmethod
    def send_frame(self, alaw: bytes) -> None:
        """Send ``FRAME_BYTES`` of A-law, if the peer can take them now."""

    @abstractmethod
    def close(self) -> None:
        """Give the sockets back; harmless when repeated."""

    def _is_peer(self, host: str) -> bool:
        return not self._terms.hosts or same_host(host, self._terms.hosts)

    def _heard(self, packet: bytes) -> None:
        """Take in one packet of the peer."""
        sound = self._unpacker.unpack(packet)
        self.stats.packets_heard += 1
        if not sound:
            return
        if self.stats.packets_heard % HEARD_LEVEL_EVERY_PACKETS == 1:
            self.stats.heard_level_dbfs = level_dbfs(sound[:FRAME_BYTES])
        if self.on_heard is not None:
            self.on_heard(sound)

    def _broke(self, reason: str) -> None:
        if self.is_open and self.on_broken is not None:
            self.on_broken(reason)


def same_host(host: str, hosts: Iterable[str]) -> bool:
    """Whether an address is among some, IPv4 written as IPv6 included."""
    plain = _plain(host)
    return any(plain == _plain(each) for each in hosts)


def _plain(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
