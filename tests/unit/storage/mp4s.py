"""Real recorded files in the form of our recorder: fragmented MP4, H.264, FLAC, a key frame each second."""

import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

FPS = 10


@cache
def recorded(seconds: int, width: int = 160, with_audio: bool = True) -> bytes:
    """The bytes of a file of so many seconds; the picture's brightness counts the seconds."""
    path = Path(tempfile.mkstemp(suffix=".mp4")[1])
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(path), "w", format="mp4", options=options) as out:
        video = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt, video.gop_size = width, 120, "yuv420p", FPS
        video.codec_context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "x264-params": "scenecut=0",
        }
        audio = out.add_stream("flac", rate=8000, layout="mono") if with_audio else None
        for number in range(seconds * FPS):
            image = np.full((120, width, 3), 20 * (number // FPS % 12), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
            if audio is not None:
                sound = av.AudioFrame.from_ndarray(
                    np.zeros((1, 8000 // FPS), np.int16), format="s16", layout="mono"
                )
                sound.sample_rate, sound.pts, sound.time_base = 8000, number * 800, Fraction(1, 8000)
                out.mux(audio.encode(sound))
        out.mux(video.encode())
        if audio is not None:
            out.mux(audio.encode())
    data = path.read_bytes()
    path.unlink()
    return data


def pictures_of(path: Path) -> list[float]:
    """The times of the pictures that can be decoded."""
    with av.open(str(path)) as container:
        return [float(frame.time or 0.0) for frame in container.decode(video=0)]


def packets_of(path: Path, kind: str) -> int:
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return sum(1 for packet in container.demux(streams) if packet.dts is not None) if streams else 0
