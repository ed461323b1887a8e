"""A short clip with sound, encoded once: what the sources of tests send over and over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

FPS = 25
SIZE = (160, 120)


@dataclass(frozen=True, slots=True)
class Picture:
    """One access unit, Annex B with its parameter sets; times in ticks of 90 kHz from the clip's start."""

    annexb: bytes
    pts_90k: int
    dts_90k: int
    is_keyframe: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """``codec`` is ``H264`` or ``H265``; pictures in decoding order."""

    codec: str
    pictures: tuple[Picture, ...]
    duration_90k: int

    @property
    def parameter_sets(self) -> list[bytes]:
        return [unit for unit in units_of(self.pictures[0].annexb) if self.is_set(unit)]

    def is_set(self, unit: bytes) -> bool:
        return unit[0] & 0x1F in (7, 8) if self.codec == "H264" else unit[0] >> 1 & 0x3F in (32, 33, 34)


def units_of(annexb: bytes) -> list[bytes]:
    """NAL units without start codes; no unit of ours ends in zeros."""
    return [unit.rstrip(b"\x00") for unit in annexb.split(b"\x00\x00\x01") if unit.strip(b"\x00")]


@cache
def clip(codec: str = "H264", b_pictures: int = 0, seconds: float = 2.0, gop: int = 25) -> Clip:
    """Encode it: a bar that walks."""
    encoder = av.CodecContext.create("libx264" if codec == "H264" else "libx265", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = SIZE
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, FPS), Fraction(FPS)
    encoder.gop_size, encoder.max_b_frames, encoder.thread_count = gop, b_pictures, 1
    common = (
        f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_pictures}:b-adapt=0:repeat-headers=1:annexb=1"
    )
    name = "x264-params" if codec == "H264" else "x265-params"
    quiet = "" if codec == "H264" else ":log-level=none:pools=none:frame-threads=1:wpp=0:open-gop=0"
    encoder.options = {"preset": "ultrafast", name: common + quiet}
    count = round(seconds * FPS)
    packets = []
    for number in range(count):
        frame = VideoFrame.from_ndarray(_drawn(number), format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    tick = 90_000 // FPS
    pictures = tuple(
        Picture(bytes(each), (each.pts or 0) * tick, (each.dts or 0) * tick, each.is_keyframe)
        for each in packets
    )
    return Clip(codec, pictures, count * tick)


def _drawn(number: int) -> np.ndarray:
    width, height = SIZE
    picture = np.full((height * 3 // 2, width), 90, dtype=np.uint8)
    picture[height:] = 128
    picture[:height, number * 3 % width : number * 3 % width + 12] = 220
    return picture


@cache
def tone(codec: str, seconds: float = 2.0) -> tuple[bytes, tuple[bytes, ...], int, int]:
    """(AudioSpecificConfig, pieces, samples of each piece, sample rate) of a tone; ``PCMA`` or ``AAC``."""
    if codec == "PCMA":
        silent_wave = bytes((0xD5 + 8 * round(math.sin(i / 4))) & 0xFF for i in range(160))
        return b"", tuple([silent_wave] * round(seconds * 50)), 160, 8000
    rate = 16_000
    encoder = av.CodecContext.create("aac", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = rate, "mono", "fltp"
    encoder.time_base = Fraction(1, rate)
    pieces = []
    for number in range(round(seconds * rate / 1024)):
        wave = np.sin(np.arange(number * 1024, number * 1024 + 1024) / 10).astype(np.float32)[None, :]
        frame = AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, number * 1024
        pieces += [bytes(packet) for packet in encoder.encode(frame)]
    return bytes(encoder.extradata or b""), tuple(pieces), 1024, rate
