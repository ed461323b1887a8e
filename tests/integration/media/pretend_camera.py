"""A small sender of RTP for tests of the media room: PyAV pictures in our own PS muxer, over real sockets."""

from __future__ import annotations

import functools
import math
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np

from media.nal import VideoCodec
from media.ps import PsMuxer
from media.ps_format import AudioCodec
from media.rtp import frame_for_tcp, rtp_packetize

FRAME_TICKS = 3_600
AUDIO_SAMPLES = 320
ENCODERS = {VideoCodec.H264: "libx264", VideoCodec.H265: "libx265"}
NAMES = {VideoCodec.H264: "H264", VideoCodec.H265: "H265"}


@dataclass(frozen=True)
class Picture:
    annexb: bytes
    keyframe: bool


@functools.cache
def encoded(
    codec: VideoCodec = VideoCodec.H264, width: int = 320, height: int = 240, gop: int = 25, count: int = 50
) -> tuple[Picture, ...]:
    """A moving pattern, 25 pictures a second, no B pictures, each key frame with its parameter sets."""
    encoder = av.CodecContext.create(ENCODERS[codec], "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = width, height, "yuv420p", 25
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    log = "log-level=none:" if codec is VideoCodec.H265 else ""
    name = "x265-params" if codec is VideoCodec.H265 else "x264-params"
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        name: f"{log}keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:repeat-headers=1",
    }
    packets = []
    for index in range(count):
        packets += encoder.encode(_pattern(index, width, height))
    packets += encoder.encode(None)
    return tuple(Picture(bytes(packet), packet.is_keyframe) for packet in packets)


def _pattern(index: int, width: int, height: int) -> av.VideoFrame:
    rows, columns = np.mgrid[0 : height * 3 // 2, 0:width]
    frame = av.VideoFrame.from_ndarray(
        ((rows + columns + 4 * index) % 256).astype(np.uint8), format="yuv420p"
    )
    frame.pts = index
    return frame


def tone(at: int, samples: int = AUDIO_SAMPLES) -> bytes:
    """A-law bytes of a quiet tone; exact coding does not matter, only that it is not silence."""
    return bytes(0xD5 ^ (int(8 * math.sin((at + index) / 4)) & 0x0F) for index in range(samples))


@dataclass
class PretendCamera:
    """Makes the packets of an endless stream, picture by picture."""

    ssrc: int = 0x0BEBC201
    codec: VideoCodec = VideoCodec.H264
    width: int = 320
    height: int = 240
    gop: int = 25
    audio: AudioCodec | None = None
    first_pts: int = 900_000
    sequence: int = 0
    index: int = 0
    max_payload: int = 1_400
    muxer: PsMuxer = field(init=False)

    def __post_init__(self) -> None:
        self.muxer = PsMuxer(self.codec, self.audio)

    def pictures(self) -> tuple[Picture, ...]:
        return encoded(self.codec, self.width, self.height, self.gop)

    def next_picture(self) -> list[bytes]:
        """The RTP packets of the next picture and its sound."""
        pictures = self.pictures()
        picture = pictures[self.index % len(pictures)]
        pts = self.first_pts + self.index * FRAME_TICKS
        sound = tone(self.index * AUDIO_SAMPLES) if self.audio else b""
        pack = self.muxer.mux_video(picture.annexb, pts, keyframe=picture.keyframe, audio=sound)
        packets = rtp_packetize(
            pack, sequence=self.sequence, timestamp=pts, ssrc=self.ssrc, max_payload=self.max_payload
        )
        self.sequence = (self.sequence + len(packets)) & 0xFFFF
        self.index += 1
        return [packet.serialize() for packet in packets]

    def packets(self, count: int) -> Iterator[bytes]:
        """The packets of the next ``count`` pictures."""
        for _ in range(count):
            yield from self.next_picture()

    def send_udp(self, sender: socket.socket, port: int, count: int) -> None:
        for packet in self.packets(count):
            sender.sendto(packet, ("127.0.0.1", port))

    def tcp_bytes(self, count: int) -> bytes:
        return b"".join(frame_for_tcp(packet) for packet in self.packets(count))
