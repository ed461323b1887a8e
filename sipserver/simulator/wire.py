"""Pictures as they go on the wire: packs cut into RTP packets, all but the numbers ready.

A picture is packetised once. Sending it means copying it and writing the numbers of one stream into the
headers: sequence, timestamp and SSRC in each packet, SCR and PTS in the pack.

Source: RFC 3550 section 5.1, RFC 4571 section 2, GB/T 28181-2022 annexes C and D.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from media.nal import VideoCodec
from media.ps import AudioCodec, PsMuxer
from media.ps_format import encode_scr, encode_timestamp
from media.rtp import MAX_UDP_PAYLOAD, PS_PAYLOAD_TYPE, RTP_HEADER_BYTES
from sipserver.simulator.loops import EncodedLoop
from sipserver.simulator.odd_packs import PACK_FAULTS, PackFault

MAX_PICTURE_PACKETS: Final = 4_096

_SCR_AT: Final = 4
_SCR_BYTES: Final = 6
_PTS_BYTES: Final = 5
_PTS_IN_PES: Final = 9
_VIDEO_PES: Final = b"\x00\x00\x01\xe0"
_AUDIO_PES: Final = b"\x00\x00\x01\xc0"


class MediaTransport(StrEnum):
    UDP = "udp"
    TCP = "tcp"

    @property
    def prefix_bytes(self) -> int:
        """The length before each packet: RFC 4571."""
        return 2 if self is MediaTransport.TCP else 0

    @property
    def stride_bytes(self) -> int:
        """From one full packet of a picture to the next."""
        return self.prefix_bytes + RTP_HEADER_BYTES + MAX_UDP_PAYLOAD


@dataclass(frozen=True, slots=True)
class WirePicture:
    """One picture, ready but for its numbers.

    ``data`` is every packet one after the other (over TCP each behind its length). ``stamps`` are the places
    of the bytes of PTS fields, which may lie in two packets.
    """

    data: bytes
    packets: int
    keyframe: bool
    stamps: tuple[tuple[int, ...], ...]


class WirePacker:
    """Turns access units into wire pictures.

    Args:
        with_map: ``False`` leaves the program stream map out, as some devices do (Q90).
        fault: one of ``odd_packs.PACK_FAULTS``; empty: none.
    """

    def __init__(
        self,
        codec: VideoCodec,
        with_audio: bool,
        transport: MediaTransport,
        with_map: bool = True,
        fault: str = "",
    ) -> None:
        self._muxer = PsMuxer(codec, AudioCodec.G711A if with_audio else None, with_map=with_map)
        self._transport = transport
        self._change: PackFault | None = PACK_FAULTS[fault]() if fault else None

    def pack(self, annexb: bytes, keyframe: bool, audio: bytes = b"") -> WirePicture:
        """Packetise one access unit and the sound that begins with it."""
        pack = self._muxer.mux_video(annexb, 0, keyframe=keyframe, audio=audio)
        stamped = [_VIDEO_PES, _AUDIO_PES] if audio else [_VIDEO_PES]
        if self._change is not None:
            pack = self._change(pack)
            stamped = [start for start in stamped if start in pack]
        starts = range(0, len(pack), MAX_UDP_PAYLOAD)
        stamps = [pack.index(start) + _PTS_IN_PES for start in stamped]
        return WirePicture(
            data=b"".join(self._packet(pack, start, start == starts[-1]) for start in starts),
            packets=len(starts),
            keyframe=keyframe,
            stamps=tuple(tuple(self._place(at + step) for step in range(_PTS_BYTES)) for at in stamps),
        )

    def pack_loop(self, loop: EncodedLoop) -> list[WirePicture]:
        """Packetise a whole loop; costs about as much memory again as the loop."""
        return [
            self.pack(picture.annexb, picture.keyframe, sound)
            for picture, sound in zip(loop.pictures, loop.sound, strict=True)
        ]

    def _packet(self, pack: bytes, start: int, is_last: bool) -> bytes:
        chunk = pack[start : start + MAX_UDP_PAYLOAD]
        length = (RTP_HEADER_BYTES + len(chunk)).to_bytes(2) if self._transport.prefix_bytes else b""
        return length + bytes([0x80, is_last << 7 | PS_PAYLOAD_TYPE]) + bytes(10) + chunk

    def _place(self, offset: int) -> int:
        packet, inside = divmod(offset, MAX_UDP_PAYLOAD)
        return (
            packet * self._transport.stride_bytes + self._transport.prefix_bytes + RTP_HEADER_BYTES + inside
        )


class WireBuffer:
    """The one buffer in which pictures get their numbers before they are sent.

    The columns are views on the header fields of all packets at once, so that a picture of a hundred packets
    costs little more than one of three.
    """

    def __init__(self, transport: MediaTransport, packets: int = 256) -> None:
        self._transport = transport
        self._counting = np.arange(MAX_PICTURE_PACKETS, dtype=np.uint32)
        self._allocate(packets)

    def fill(
        self, picture: WirePicture, sequence: int, timestamp: int, ssrc: int, pts_90k: int
    ) -> memoryview:
        """The bytes of a picture with these numbers; valid until the next call.

        Args:
            sequence: of the first packet.
            timestamp: RTP, lower 32 bits are used.
        """
        if picture.packets > self._packets:
            self._allocate(picture.packets)
        data, count = self._data, picture.packets
        size = len(picture.data)
        data[:size] = picture.data
        self._sequences[:count] = self._counting[:count] + sequence & 0xFFFF
        self._timestamps[:count] = timestamp & 0xFFFFFFFF
        self._ssrcs[:count] = ssrc
        if not picture.stamps:  # bare pictures
            return self._view[:size]
        scr = self._transport.prefix_bytes + RTP_HEADER_BYTES + _SCR_AT
        data[scr : scr + _SCR_BYTES] = encode_scr(pts_90k)
        stamp = encode_timestamp(0b0010, pts_90k)
        for places in picture.stamps:
            for place, byte in zip(places, stamp, strict=True):
                data[place] = byte
        return self._view[:size]

    def _allocate(self, packets: int) -> None:
        if packets > MAX_PICTURE_PACKETS:
            raise ValueError(f"{packets} packets for one picture; {MAX_PICTURE_PACKETS} are enough for 5 MB")
        stride, prefix = self._transport.stride_bytes, self._transport.prefix_bytes
        self._packets = packets
        self._data = bytearray(packets * stride)
        self._view = memoryview(self._data)
        self._sequences = np.ndarray((packets,), ">u2", self._data, prefix + 2, (stride,))
        self._timestamps = np.ndarray((packets,), ">u4", self._data, prefix + 4, (stride,))
        self._ssrcs = np.ndarray((packets,), ">u4", self._data, prefix + 8, (stride,))


_packed: dict[tuple[int, MediaTransport, bool, str], tuple[EncodedLoop, Sequence[WirePicture]]] = {}


def packed_loop(
    loop: EncodedLoop, transport: MediaTransport, with_map: bool = True, fault: str = ""
) -> Sequence[WirePicture]:
    """A loop ready for a transport, packetised once for all cameras that send it."""
    key = (id(loop), transport, with_map, fault)
    if key not in _packed:  # the loop is kept with its pictures, so that its id stays its own
        packer = WirePacker(loop.settings.codec, loop.settings.with_audio, transport, with_map, fault)
        _packed[key] = (loop, packer.pack_loop(loop))
    return _packed[key][1]
