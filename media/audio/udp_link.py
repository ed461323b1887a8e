"""Sound over UDP: an even port for RTP, the next for reports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from media.audio import rtcp
from media.audio.g711 import FRAME_S
from media.audio.link import AudioLink, LinkTerms

REPORT_EVERY_FRAMES: Final = round(5.0 / FRAME_S)
PACKETS_PER_WAKE: Final = 32
MAX_PACKET_BYTES: Final = 9_000
OPENER: Final = b"\0\0\0\0"
"""Sent first, so that a firewall on our side lets the peer's packets in."""


class UdpLink(AudioLink):
    """One pair of ports and one peer.

    A peer behind NAT is found by its first packet: from then on the sound goes to where that came from.
    """

    def __init__(
        self,
        terms: LinkTerms,
        sockets: tuple[socket.socket, socket.socket],
        *,
        release: Callable[[int], None],
        wall: Callable[[], float],
    ) -> None:
        super().__init__(terms, sockets[0].getsockname()[1])
        self._rtp, self._rtcp = sockets
        self._release = release
        self._wall = wall
        self._learned: tuple[str, int] | None = None
        asyncio.get_running_loop().add_reader(self._rtp, self._readable)

    @property
    def peer(self) -> tuple[str, int] | None:
        return self._learned or self._terms.remote

    async def connect(self, timeout_s: float) -> None:
        if self.peer is not None:
            self._send(self._rtp, OPENER, self.peer)
        self.connected.set()

    def send_frame(self, alaw: bytes) -> None:
        peer = self.peer
        if not self.is_open or peer is None:
            self.stats.frames_dropped += 1
            return
        if self._send(self._rtp, self._packer.pack(alaw), peer):
            self.stats.frames_sent += 1
        else:
            self.stats.frames_dropped += 1
        if self._packer.packets % REPORT_EVERY_FRAMES == 0:
            self._report(peer)

    def close(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        asyncio.get_running_loop().remove_reader(self._rtp)
        self._rtp.close()
        self._rtcp.close()
        self._release(self.port)

    def _report(self, peer: tuple[str, int]) -> None:
        packer = self._packer
        report = rtcp.sender_report(
            packer.ssrc, self._wall(), packer.timestamp, packer.packets, packer.payload_bytes
        )
        self._send(self._rtcp, report, (peer[0], min(peer[1] + 1, 65_535)))

    def _send(self, sender: socket.socket, data: bytes, peer: tuple[str, int]) -> bool:
        try:
            sender.sendto(data, peer)
        except OSError:
            # Refused by the peer's kernel, no route just now, or a full buffer: the next may get through.
            return False
        return True

    def _readable(self) -> None:
        for _ in range(PACKETS_PER_WAKE):
            # ConnectionRefused is the echo of an earlier send to a port that was not open yet.
            with contextlib.suppress(ConnectionError):
                try:
                    data, source = self._rtp.recvfrom(MAX_PACKET_BYTES)
                except BlockingIOError:
                    return
                self._received(data, (source[0], source[1]))
            if not self.is_open:
                return

    def _received(self, data: bytes, source: tuple[str, int]) -> None:
        if not self._is_peer(source[0]):
            self.stats.packets_of_strangers += 1
            return
        self._learned = source
        if len(data) > len(OPENER):
            self._heard(data)
