"""A moving picture as a device sends it: H.264 and G.711A in a program stream, over RTP and TCP."""

import asyncio
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import av
import numpy as np

from media.nal import VideoCodec
from media.ps import PsMuxer
from media.ps_format import AudioCodec
from media.rtp import frame_for_tcp, rtp_packetize

FPS = 10
GOP = 10
LOOP = 12 * GOP
SSRC = 1234
WIDTH, HEIGHT = 320, 240
TICKS = 90_000 // FPS
SILENCE = b"\xd5" * (8000 // FPS)


@cache
def pictures(count: int) -> tuple[tuple[bytes, bool], ...]:
    """Access units with start codes, and whether each is a key frame."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.gop_size = GOP
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0:annexb=1"}
    made = []
    for number in range(count):
        image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        left = (number * 7) % (WIDTH - 40)
        image[80:120, left : left + 40] = 220
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = number
        made += [(bytes(packet), bool(packet.is_keyframe)) for packet in encoder.encode(frame)]
    return tuple(made)


class Sender:
    """A device's TCP connection to a receive port."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._muxer = PsMuxer(VideoCodec.H264, AudioCodec.G711A)
        self._picture = 0
        self._sequence = 0

    @classmethod
    async def connect(cls, port: int) -> "Sender":
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(writer)

    async def send(self, seconds: int) -> None:
        """The next seconds of stream, as fast as they are taken."""
        for packet in self._packets(seconds * FPS):
            self._writer.write(packet)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    def _packets(self, count: int) -> Iterator[bytes]:
        """Framed RTP packets of the next pictures."""
        loop = pictures(LOOP)
        for number in range(self._picture, self._picture + count):
            annexb, is_key = loop[number % len(loop)]
            pack = self._muxer.mux_video(annexb, number * TICKS, keyframe=is_key, audio=SILENCE)
            for packet in rtp_packetize(pack, sequence=self._sequence, timestamp=number * TICKS, ssrc=SSRC):
                self._sequence = (self._sequence + 1) & 0xFFFF
                yield frame_for_tcp(packet.serialize())
        self._picture += count
