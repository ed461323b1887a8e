"""Pictures and sound coded by FFmpeg's encoders: frames as a program or another protocol gives them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from media.nal import VideoCodec
from media.ps_format import AudioCodec

CLOCK = 90_000
FRAME_90K = 3_600
GOP = 25


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One access unit in decoding order, Annex B, times at 90 kHz."""

    codec: VideoCodec
    annexb: bytes
    pts_90k: int
    dts_90k: int
    is_key: bool


@dataclass(frozen=True, slots=True)
class EncodedSound:
    """One coded piece of sound."""

    codec: AudioCodec
    data: bytes
    pts_90k: int
    sample_rate: int
    channels: int
    asc: bytes


_ENCODERS = {VideoCodec.H264: "libx264", VideoCodec.H265: "libx265"}
_SOUNDS = {
    AudioCodec.G711A: ("pcm_alaw", "s16", 8_000, 320),
    AudioCodec.G711U: ("pcm_mulaw", "s16", 8_000, 320),
    AudioCodec.AAC: ("aac", "fltp", 16_000, 1_024),
}


def pictures(
    codec: VideoCodec, count: int, *, size: tuple[int, int] = (320, 240), b_frames: int = 2
) -> Iterator[EncodedPicture]:
    """``count`` pictures at 25 per second, a key frame each second, with B pictures between."""
    context = av.CodecContext.create(_ENCODERS[codec], "w")
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.framerate = Fraction(25)
    context.time_base = Fraction(1, CLOCK)
    context.options = {"preset": "ultrafast", "bf": str(b_frames)} | (
        {
            "g": str(GOP),
            "x264-params": f"scenecut=0:keyint={GOP}:min-keyint={GOP}:open-gop=0:bframes={b_frames}",
        }
        if codec is VideoCodec.H264
        else {
            "x265-params": f"log-level=none:keyint={GOP}:min-keyint={GOP}:open-gop=0:scenecut=0"
            f":bframes={b_frames}:repeat-headers=1:pools=1:frame-threads=1"
        }
    )
    packets: list[av.Packet] = []
    for index in range(count):
        shade = np.full((size[1] * 3 // 2, size[0]), (index * 5) % 200 + 20, np.uint8)
        shade[: size[1] // 2, : (index * 8) % size[0] + 1] = 235
        frame = av.VideoFrame.from_ndarray(shade, format="yuv420p")
        frame.pts, frame.time_base = index * FRAME_90K, context.time_base
        packets += context.encode(frame)
    packets += context.encode(None)
    for packet in packets:
        assert packet.pts is not None
        assert packet.dts is not None
        yield EncodedPicture(codec, bytes(packet), packet.pts, packet.dts, packet.is_keyframe)


def sounds(codec: AudioCodec, seconds: float) -> Iterator[EncodedSound]:
    """A tone, coded."""
    name, layout, rate, samples = _SOUNDS[codec]
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.format, context.layout = rate, layout, "mono"
    context.time_base = Fraction(1, rate)
    if codec is AudioCodec.AAC:
        context.options = {"flags": "+global_header"}
    context.open()
    packets: list[av.Packet] = []
    for start in range(0, int(seconds * rate), samples):
        wave = np.sin(2 * math.pi * 440 * np.arange(start, start + samples) / rate) * 0.3
        kind = (wave * 32_000).astype(np.int16) if layout == "s16" else wave.astype(np.float32)
        frame = av.AudioFrame.from_ndarray(kind.reshape(1, -1), format=layout, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, context.time_base
        packets += context.encode(frame)
    packets += context.encode(None)
    asc = bytes(context.extradata or b"") if codec is AudioCodec.AAC else b""
    for packet in packets:
        assert packet.pts is not None
        yield EncodedSound(codec, bytes(packet), packet.pts * CLOCK // rate, rate, 1, asc)
