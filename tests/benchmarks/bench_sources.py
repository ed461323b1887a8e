"""CPU cost of pulled sources: milliseconds of one core for each second of one RTSP stream.

``python tests/benchmarks/bench_sources.py [--seconds 6] [--streams 1 8]``

Cameras of 4 Mbit/s (H.264, 25 pictures a second, with G.711A) are served over RTSP and TCP by another
process. Measured is the CPU time (getrusage, all threads) of the process that pulls them with PyAV, one
thread each, into sessions of the data plane, nobody reading. The floor is the same without the data plane:
PyAV hands out the packets, and they are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import platform
import resource
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import Final

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.session import MediaPlane
from media.settings import MediaSettings
from media.sources.address import SourceAddress
from media.sources.opening import RtspTransport
from media.sources.pull import Feed, Pull, PullRequest
from tests.support.moving_clip import Clip, Picture
from tests.support.rtsp_source import RtspSource

FPS: Final = 25
GOP: Final = 50
BITRATE: Final = 4_000_000
SETTLE_S: Final = 2.0


class Counting:
    """Takes frames and forgets them."""

    def __init__(self) -> None:
        self.pictures = 0

    def feed_video(self, codec: VideoCodec, annexb: bytes, pts_90k: int, dts_90k: int) -> None:
        self.pictures += 1

    def feed_audio(
        self, codec: AudioCodec, data: bytes, pts_90k: int, sample_rate: int, channels: int, asc: bytes = b""
    ) -> None:
        pass


def noisy_clip() -> Clip:
    """Two seconds of noise at the bitrate."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 640, 360, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, FPS), Fraction(FPS), GOP
    encoder.bit_rate, encoder.max_b_frames, encoder.thread_count = BITRATE, 0, 1
    rate = BITRATE // 1000
    encoder.options = {
        "preset": "ultrafast",
        "x264-params": f"nal-hrd=cbr:vbv-maxrate={rate}:vbv-bufsize={rate}:repeat-headers=1:annexb=1",
    }
    source = np.random.default_rng(1)
    packets = []
    for number in range(GOP):
        frame = VideoFrame.from_ndarray(source.integers(0, 255, (540, 640), dtype=np.uint8), format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    tick = 90_000 // FPS
    pictures = tuple(
        Picture(bytes(p), (p.pts or 0) * tick, (p.dts or 0) * tick, p.is_keyframe) for p in packets
    )
    return Clip("H264", pictures, GOP * tick)


def serve(count: int, told: Connection) -> None:
    """Cameras until the pipe is closed."""

    async def run() -> None:
        shown = noisy_clip()
        cameras = [RtspSource() for _ in range(count)]
        for camera in cameras:
            camera._clip = lambda: shown  # type: ignore[method-assign]
            await camera.__aenter__()
        told.send(([camera.url for camera in cameras], sum(len(p.annexb) for p in shown.pictures) * 8 / 2))
        await asyncio.to_thread(told.poll, None)
        for camera in cameras:
            await camera.__aexit__()

    asyncio.run(run())


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(urls: list[str], seconds: float, plane: MediaPlane | None) -> tuple[float, int]:
    """(CPU milliseconds for each stream-second, pictures) of pulling all addresses."""
    pulls = []
    for number, url in enumerate(urls):
        feed: Feed = Counting() if plane is None else await plane.open_fed(label=f"bench {number}")
        request = PullRequest(address=SourceAddress.parse(url), transport=RtspTransport.TCP)
        pulls.append(Pull(request, feed, str(number)))
    for pull in pulls:
        pull.start()
    await asyncio.gather(*(pull.opened for pull in pulls))
    await asyncio.sleep(SETTLE_S)
    before, pictures = cpu_s(), sum(pull.stats.pictures for pull in pulls)
    await asyncio.sleep(seconds)
    spent, pictures = cpu_s() - before, sum(pull.stats.pictures for pull in pulls) - pictures
    await asyncio.gather(*(pull.close(15.0) for pull in pulls))
    return spent * 1000 / seconds / len(urls), pictures


async def run(streams: list[int], seconds: float) -> None:
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" PyAV {av.__version__}"
    )
    for count in streams:
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("spawn").Process(target=serve, args=(count, theirs))
        child.start()
        urls, bitrate = await asyncio.to_thread(ours.recv)
        floor, _ = await measure(urls, seconds, None)
        plane = MediaPlane(MediaSettings(host="127.0.0.1", port=0, rtp_ports="24000-24998"))
        await plane.open()
        cost, pictures = await measure(urls, seconds, plane)
        await plane.close()
        ours.send("end")
        await asyncio.to_thread(child.join)
        fps = pictures / seconds / count
        print(
            f"{count:4} streams of {bitrate / 1e6:.1f} Mbit/s, {fps:.1f} pictures/s each: {cost:.2f} ms/s"
            f" (PyAV alone {floor:.2f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8])
    arguments = parser.parse_args()
    asyncio.run(run(arguments.streams, arguments.seconds))


if __name__ == "__main__":
    main()
