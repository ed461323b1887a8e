"""Sends one stream: pictures from a source, numbers of its own, over UDP or TCP.

Works without SIP and without asyncio: whoever drives it calls ``tick(now)`` and comes back at the time it
returns. A benchmark can drive hundreds from one plain loop.
"""

import errno
import socket
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Protocol

from media.rtp import VIDEO_CLOCK_RATE
from sipserver.simulator.loops import EncodedLoop
from sipserver.simulator.stats import SenderStats
from sipserver.simulator.wire import MediaTransport, WireBuffer, WirePicture, packed_loop

# Generic segmentation: one system call carries up to 64 datagrams of equal size. Linux, <linux/udp.h>.
_SOL_UDP: Final = 17
_UDP_SEGMENT: Final = 103
# 44 x 1412 bytes stay below the 64 kB of one send. A larger picture goes out in several bursts, spread
# over this part of the frame interval.
_BURST_PACKETS: Final = 44
_SPREAD: Final = 0.8
_WOULD_BLOCK: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ECONNREFUSED})
_CANNOT_SEGMENT: Final = frozenset({errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP})
SEND_BUFFER_BYTES: Final = 1024 * 1024


class PictureSource(Protocol):
    """Where pictures come from: a loop, or an encoder that runs now."""

    @property
    def fps(self) -> int: ...

    def next_picture(self) -> WirePicture | None:
        """The next one, or ``None`` when none is ready."""

    def restart_at_keyframe(self) -> None:
        """Make the next picture a key frame."""


class LoopSource:
    """Plays a pre-encoded loop, from a key frame on."""

    def __init__(
        self, loop: EncodedLoop, transport: MediaTransport, with_map: bool = True, pack_fault: str = ""
    ) -> None:
        self._fps = loop.settings.fps
        self._pictures: Sequence[WirePicture] = packed_loop(loop, transport, with_map, pack_fault)
        self._keyframes = [index for index, picture in enumerate(self._pictures) if picture.keyframe]
        self._next = 0

    @property
    def fps(self) -> int:
        return self._fps

    def next_picture(self) -> WirePicture:
        picture = self._pictures[self._next]
        self._next = (self._next + 1) % len(self._pictures)
        return picture

    def restart_at_keyframe(self) -> None:
        self._next = next((index for index in self._keyframes if index >= self._next), self._keyframes[0])


class RtpSender:
    """One stream on its way to one destination.

    Args:
        source: a loop, or any other source of pictures in the shape of the transport.
        ssrc: as in the y= line, as a number.
        destination: host and port of the receiver.
        transport: over TCP the sender is the one that connects, unless ``connected`` is given.
        connected: an open socket to use instead of making one.
    """

    def __init__(
        self,
        source: PictureSource | EncodedLoop,
        ssrc: int,
        destination: tuple[str, int],
        transport: MediaTransport = MediaTransport.UDP,
        *,
        connected: socket.socket | None = None,
        first_timestamp: int = 0,
        first_sequence: int = 0,
    ) -> None:
        self.source: PictureSource = (
            LoopSource(source, transport) if isinstance(source, EncodedLoop) else source
        )
        self.ssrc = ssrc
        self.transport = transport
        self.stats = SenderStats()
        self.on_broken: Callable[[], None] | None = None
        self._socket = connected or _open_socket(destination, transport)
        self._socket.setblocking(False)
        self._buffer = _shared_buffer(transport)
        self._sequence = first_sequence
        self._timestamp = first_timestamp
        self._picture_ticks = VIDEO_CLOCK_RATE / self.source.fps
        self._interval = 1.0 / self.source.fps
        self._pictures = 0
        self._due: float | None = None
        self._backlog: list[bytes] = []
        self._waits_for_keyframe = False
        self._segments = _has_segmentation()
        self.is_open = True

    @property
    def local_address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()[:2]
        return host, port

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._socket.close()

    def restart_at_keyframe(self) -> None:
        """Answer to a key frame request (强制关键帧)."""
        self.source.restart_at_keyframe()

    def tick(self, now: float) -> float:
        """Send what is due and return when to call again.

        Args:
            now: monotonic seconds; the first call begins the stream.
        """
        if self._backlog:
            self._send_backlog()
            if self._backlog and self.transport is MediaTransport.UDP and self._due is not None:
                return min(now + self._pause, self._due + self._interval)
        if self._due is None:
            self._due = now
        if now < self._due:
            return self._due
        picture = self.source.next_picture()
        if picture is None:
            return now + self._interval / 8  # a live encoder is late
        self._send_picture(picture)
        self._due += self._interval
        if self._due < now - 1.0:
            self._due = now + self._interval  # the process was stopped; no burst to make up for it
        return min(now + self._pause, self._due) if self._backlog else self._due

    def send_next(self) -> None:
        """Send the next picture at once, whole: for drivers with their own pace."""
        picture = self.source.next_picture()
        if picture is not None:
            self._send_picture(picture)
            while self._backlog and self.transport is MediaTransport.UDP:
                self._send_backlog()

    @property
    def _pause(self) -> float:
        return self._interval * _SPREAD / (len(self._backlog) + 1)

    def _send_picture(self, picture: WirePicture) -> None:
        pts = self._timestamp + round(self._pictures * self._picture_ticks)
        self._pictures += 1
        if self._backlog and self.transport is MediaTransport.TCP:
            # The receiver does not keep up: whole pictures are left out, up to a key frame.
            self.stats.pictures_dropped += 1
            self._waits_for_keyframe = True
            return
        if self._waits_for_keyframe and not picture.keyframe:
            self.stats.pictures_dropped += 1
            return
        self._waits_for_keyframe = False
        data = self._buffer.fill(picture, self._sequence, pts, self.ssrc, pts)
        self._sequence = self._sequence + picture.packets & 0xFFFF
        self.stats.pictures += 1
        self.stats.packets += picture.packets
        self.stats.bytes += len(data)
        if self.transport is MediaTransport.TCP:
            self._send_stream(data)
        else:
            self._send_datagrams(data)

    def _send_datagrams(self, data: memoryview) -> None:
        burst = _BURST_PACKETS * self.transport.stride_bytes
        self._send_burst(data[:burst])
        # The rest follows in bursts over the frame interval; it is copied, the buffer belongs to all.
        self._backlog += [bytes(data[at : at + burst]) for at in range(burst, len(data), burst)]

    def _send_backlog(self) -> None:
        if self.transport is MediaTransport.UDP:
            self._send_burst(memoryview(self._backlog.pop(0)))
        else:
            pending = self._backlog.pop(0)
            self._send_stream(memoryview(pending))

    def _send_burst(self, data: memoryview) -> None:
        stride = self.transport.stride_bytes
        if self._segments and len(data) > stride and self._send_segmented(data, stride):
            return
        for at in range(0, len(data), stride):
            self._send_or_count(data[at : at + stride])

    def _send_segmented(self, data: memoryview, stride: int) -> bool:
        """One system call for many datagrams; ``False`` when the route cannot do it."""
        try:
            self._socket.sendmsg([data], [(_SOL_UDP, _UDP_SEGMENT, struct.pack("=H", stride))])
        except OSError as error:
            if error.errno in _CANNOT_SEGMENT:
                self._segments = False
                return False
            self._failed(error)
        return True

    def _send_stream(self, data: memoryview) -> None:
        sent = self._send_or_count(data)
        if sent < len(data) and self.is_open:
            self._backlog = [bytes(data[sent:])]

    def _send_or_count(self, data: memoryview) -> int:
        try:
            return self._socket.send(data)
        except OSError as error:
            self._failed(error)
            return 0

    def _failed(self, error: OSError) -> None:
        if error.errno not in _WOULD_BLOCK:
            self.stats.errors += 1
            self._break()
        elif self.transport is MediaTransport.UDP:
            self.stats.datagrams_refused += 1

    def _break(self) -> None:
        """The connection is gone: the peer closed it, or the network did."""
        self.close()
        if self.on_broken is not None:
            self.on_broken()


def _open_socket(destination: tuple[str, int], transport: MediaTransport) -> socket.socket:
    family = socket.AF_INET6 if ":" in destination[0] else socket.AF_INET
    kind = socket.SOCK_STREAM if transport is MediaTransport.TCP else socket.SOCK_DGRAM
    opened = socket.socket(family, kind)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        opened.connect(destination)
    except OSError:
        opened.close()
        raise
    return opened


@lru_cache(maxsize=2)
def _shared_buffer(transport: MediaTransport) -> WireBuffer:
    """One buffer for all senders of a process: they run on one thread, one after the other."""
    return WireBuffer(transport)


@lru_cache(maxsize=1)
def _has_segmentation() -> bool:
    """Whether this kernel cuts a large send into datagrams by itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(_SOL_UDP, _UDP_SEGMENT, 1_400)
        except OSError:
            return False
    return True
