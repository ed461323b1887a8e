"""Streams that go wrong on purpose: pictures that cannot be shown, packets that do not arrive as they should.

What is wrong inside the pictures is done to the loop before it is packed; what is wrong with the packets is
done by a socket that spoils what is sent through it. ``faults.py`` says which device does what.
"""

import errno
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final, cast

from sipserver.simulator.aac import SAMPLES_OF_A_FRAME, adts_frames
from sipserver.simulator.encoder import EncodedPicture
from sipserver.simulator.loops import EncodedLoop, PictureSettings, cached_loop
from sipserver.simulator.sound import SAMPLE_RATE

_RTP_HEAD: Final = 12
_SCRAMBLING: Final = bytes(byte ^ 0xA5 for byte in range(256))
_PENDING_MAX: Final = 4 * 1024 * 1024
_GARBAGE_EVERY: Final = 100


def _without_keyframes(loop: EncodedLoop) -> EncodedLoop:
    """Every picture needs another that never comes."""
    other = next(picture for picture in loop.pictures if not picture.keyframe)
    pictures = [
        EncodedPicture(other.annexb, True) if picture.keyframe else picture for picture in loop.pictures
    ]
    return replace(loop, pictures=pictures)


def _scrambled(loop: EncodedLoop) -> EncodedLoop:
    """Headers of the program stream in the clear, pictures not, as with a vendor's stream encryption."""
    pictures = [
        EncodedPicture(picture.annexb.translate(_SCRAMBLING), picture.keyframe) for picture in loop.pictures
    ]
    return replace(loop, pictures=pictures)


def _silent(loop: EncodedLoop) -> EncodedLoop:
    """Sound is announced in the stream map, and none comes."""
    return replace(loop, sound=[b""] * len(loop.sound))


def _one_keyframe(loop: EncodedLoop) -> EncodedLoop:
    """A group of pictures as long as the loop: begins with a picture that needs the one before it."""
    first, *rest = loop.pictures
    turned = [EncodedPicture(picture.annexb, False) for picture in rest if not picture.keyframe]
    return replace(loop, pictures=[*turned, first], sound=loop.sound[: len(turned) + 1])


def _with_aac(loop: EncodedLoop) -> EncodedLoop:
    """Sound in AAC with ADTS heads; the stream map still says G.711."""
    frames = adts_frames(loop.settings.loop_s, loop.settings.index)
    at = [number * SAMPLES_OF_A_FRAME * loop.settings.fps // SAMPLE_RATE for number in range(len(frames))]
    sound = [
        b"".join(frame for frame, due in zip(frames, at, strict=True) if due == number)
        for number in range(len(loop.sound))
    ]
    return replace(loop, sound=sound)


PICTURE_FAULTS: Final[Mapping[str, Callable[[EncodedLoop], EncodedLoop]]] = {
    "aac": _with_aac,
    "no-keyframe": _without_keyframes,
    "encrypted": _scrambled,
    "silent": _silent,
    "late-keyframe": _one_keyframe,
}


@lru_cache(maxsize=16)
def spoilt_loop(settings: PictureSettings, name: str) -> EncodedLoop:
    """The loop of these settings with one of the faults. Blocks while it is encoded for the first time."""
    return PICTURE_FAULTS[name](cached_loop(settings))


# Each turns one RTP packet into those that leave instead.


def _no_rtp(packet: bytes, _: random.Random) -> list[bytes]:
    return [b"\x00" + packet[1:]]


def _no_pack(packet: bytes, _: random.Random) -> list[bytes]:
    return [packet[:_RTP_HEAD] + b"\xaa" * (len(packet) - _RTP_HEAD)]


def _lossy(packet: bytes, dice: random.Random) -> list[bytes]:
    return [] if dice.random() < 0.3 else [packet]


def _doubled(packet: bytes, _: random.Random) -> list[bytes]:
    return [packet, packet]


def _with_marker(packet: bytes, _: random.Random) -> list[bytes]:
    return [packet[:1] + bytes([packet[1] | 0x80]) + packet[2:]]


def _without_time(packet: bytes, _: random.Random) -> list[bytes]:
    return [packet[:4] + bytes(4) + packet[8:]]


def _without_marker(packet: bytes, _: random.Random) -> list[bytes]:
    return [packet[:1] + bytes([packet[1] & 0x7F]) + packet[2:]]


class _Swapped:
    """Each second packet comes before the one that it follows."""

    def __init__(self) -> None:
        self._held = b""

    def __call__(self, packet: bytes, _: random.Random) -> list[bytes]:
        held, self._held = self._held, b"" if self._held else packet
        return [packet, held] if held else []


def _as_it_is(packet: bytes, _: random.Random) -> list[bytes]:
    return [packet]


PACKET_FAULTS: Final[Mapping[str, Callable[[bytes, random.Random], list[bytes]]]] = {
    "no-rtp": _no_rtp,
    "no-pack": _no_pack,
    "lossy": _lossy,
    "doubled": _doubled,
    "marker": _with_marker,
    "no-marker": _without_marker,
    "no-timestamp": _without_time,
}
# Those that look at more than one packet; each stream has its own.
FAULTS_WITH_MEMORY: Final[Mapping[str, Callable[[], Callable[[bytes, random.Random], list[bytes]]]]] = {
    "swapped": _Swapped,
}


class SpoiltSocket:
    """Stands in for a connected socket; takes everything and passes on what is left of it.

    Over TCP packets are found by their length prefix, and may be written in the way of RTSP (Q96), behind a
    head of ``prefix_bytes`` (Q97), with garbage between them (Q98).
    """

    def __init__(
        self,
        inner: socket.socket,
        fault: str,
        *,
        interleaved: bool = False,
        prefix_bytes: int = 0,
        garbage: bool = False,
    ) -> None:
        self._inner = inner
        remembering = FAULTS_WITH_MEMORY.get(fault)
        self._spoil = PACKET_FAULTS.get(fault, _as_it_is) if remembering is None else remembering()
        self._garbage = garbage
        self._packets = 0
        self._dice = random.Random(1)  # the same losses in every run
        self._is_stream = inner.type == socket.SOCK_STREAM
        self._interleaved = interleaved
        self._taken = bytearray()
        self._pending = bytearray(prefix_bytes)

    def as_socket(self) -> socket.socket:
        """For a sender, which uses only the methods below."""
        return cast(socket.socket, self)

    def setblocking(self, flag: bool) -> None:
        self._inner.setblocking(flag)

    def getsockname(self) -> tuple[str, int]:
        host, port = self._inner.getsockname()[:2]
        return host, port

    def close(self) -> None:
        self._inner.close()

    def sendmsg(self, *_: object) -> int:
        """Segmentation by the kernel would hide single packets."""
        raise OSError(errno.EOPNOTSUPP, "packets are sent one by one")

    def send(self, data: bytes | memoryview) -> int:
        if not self._is_stream:
            for packet in self._spoil(bytes(data), self._dice):
                self._inner.send(packet)
            return len(data)
        self._taken += data
        while len(self._taken) >= 2 and len(self._taken) >= 2 + int.from_bytes(self._taken[:2]):
            end = 2 + int.from_bytes(self._taken[:2])
            for packet in self._spoil(bytes(self._taken[2:end]), self._dice):
                self._pending += self._prefix(len(packet)) + packet
                self._packets += 1
                if self._garbage and not self._packets % _GARBAGE_EVERY:
                    self._pending += self._dice.randbytes(300)
            del self._taken[:end]
        self._write()
        return len(data)

    def _prefix(self, length: int) -> bytes:
        return (b"$\x00" if self._interleaved else b"") + length.to_bytes(2)

    def _write(self) -> None:
        try:
            sent = self._inner.send(self._pending)
        except BlockingIOError:
            sent = 0
        del self._pending[:sent]
        if len(self._pending) > _PENDING_MAX:
            raise OSError(errno.ETIMEDOUT, "the receiver does not keep up")
