"""Pictures to H.264 or H.265 access units, through the encoders that the PyAV wheel carries."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from media import nal
from media.nal import VideoCodec
from sipserver.simulator.errors import EncoderMissing
from sipserver.simulator.pictures import Plane

_ENCODERS: Final = {VideoCodec.H264: "libx264", VideoCodec.H265: "libx265"}


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One access unit in Annex B form."""

    annexb: bytes
    keyframe: bool


class PictureEncoder:
    """One encoder: no B-frames, no look-ahead, parameter sets before each key frame, one thread.

    Every picture that goes in comes out at once.
    """

    def __init__(
        self, codec: VideoCodec, width: int, height: int, fps: int, gop_pictures: int, bitrate_kbps: int
    ) -> None:
        self._codec = codec
        self._number = 0
        try:
            context = av.CodecContext.create(_ENCODERS[codec], "w")
        except (av.error.FFmpegError, ValueError) as error:
            raise EncoderMissing(f"this PyAV has no encoder {_ENCODERS[codec]}: {error}") from error
        assert isinstance(context, VideoCodecContext)  # noqa: S101 - both names are video encoders
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, fps)
        context.framerate = Fraction(fps)
        context.gop_size = gop_pictures
        context.bit_rate = bitrate_kbps * 1000
        context.thread_count = 1
        context.options = _options(codec, gop_pictures, bitrate_kbps)
        self._context = context

    def encode(self, picture: Plane, force_keyframe: bool = False) -> EncodedPicture:
        """Encode the next picture."""
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = self._number
        frame.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        self._number += 1
        annexb = b"".join(bytes(packet) for packet in self._context.encode(frame))
        return EncodedPicture(annexb, nal.is_keyframe(annexb, self._codec))


def _options(codec: VideoCodec, gop_pictures: int, bitrate_kbps: int) -> dict[str, str]:
    common = f"keyint={gop_pictures}:min-keyint={gop_pictures}:scenecut=0:bframes=0:repeat-headers=1:annexb=1"
    rate = f"vbv-maxrate={bitrate_kbps}:vbv-bufsize={bitrate_kbps}"
    if codec is VideoCodec.H264:
        return {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": f"{common}:{rate}:sliced-threads=0",
        }
    return {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "x265-params": f"{common}:{rate}:log-level=none:pools=none:frame-threads=1:wpp=0",
    }
