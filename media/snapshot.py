"""The newest key frame as a JPEG: decoded by PyAV in a few threads, with a deadline."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import av
from av.video.codeccontext import VideoCodecContext

from media.errors import NoKeyframe, SnapshotFailed
from media.settings import MediaSettings
from media.stats import PlaneTotals

if TYPE_CHECKING:
    from media.session import MediaSession

CODECS: Final = {"H264": "h264", "H265": "hevc"}
MIN_WIDTH: Final = 16


async def jpeg(session: MediaSession, max_width: int | None = None) -> bytes:
    """The newest key frame of a session as a JPEG.

    Args:
        max_width: a wider picture is scaled down; its aspect stays.

    Raises:
        NoKeyframe: none has come yet.
        SnapshotFailed: it cannot be decoded, or not in time.
        SessionClosed: the session has ended.
    """
    return await session.jpeg(max_width)


class SnapshotDesk:
    """Limits how many key frames are decoded at a time."""

    def __init__(self, settings: MediaSettings, totals: PlaneTotals) -> None:
        self._timeout_s = settings.snapshot_timeout_s
        self._parallel = settings.snapshots_parallel
        self._totals = totals
        self._threads: ThreadPoolExecutor | None = None

    async def jpeg(self, keyframe: tuple[str, bytes] | None, max_width: int | None) -> bytes:
        """See :func:`jpeg`. The deadline includes the wait for a free thread."""
        if keyframe is None:
            raise NoKeyframe("no key frame has come yet")
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._parallel, thread_name_prefix="snapshot")
        work = asyncio.get_running_loop().run_in_executor(self._threads, encode_jpeg, *keyframe, max_width)
        try:
            picture = await asyncio.wait_for(work, self._timeout_s)
        except TimeoutError:
            self._totals.snapshot_failures += 1
            raise SnapshotFailed(
                f"no picture within {self._timeout_s:g} s: too many snapshots at once"
            ) from None
        except SnapshotFailed:
            self._totals.snapshot_failures += 1
            raise
        self._totals.snapshots += 1
        return picture

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def encode_jpeg(codec: str, annexb: bytes, max_width: int | None = None) -> bytes:
    """Decode one key frame and encode it again. Blocks for 10 to 40 ms.

    Raises:
        SnapshotFailed: the bytes hold no picture that FFmpeg can decode.
    """
    try:
        frame = _decode(codec, annexb)
        width, height = frame.width, frame.height
        if max_width is not None and width > max_width:
            height = max(2, round(height * max(max_width, MIN_WIDTH) / width / 2) * 2)
            width = max(max_width, MIN_WIDTH) // 2 * 2
        picture = frame.reformat(width=width, height=height, format="yuvj420p")
        return _encode(picture)
    except av.error.FFmpegError as error:
        raise SnapshotFailed(
            f"the {codec} key frame of {len(annexb)} bytes cannot be decoded: {error}"
        ) from error


def _decode(codec: str, annexb: bytes) -> av.VideoFrame:
    decoder = av.CodecContext.create(CODECS[codec], "r")
    if not isinstance(decoder, VideoCodecContext):  # never: both are video
        raise SnapshotFailed(f"{codec} is no video codec")
    decoder.thread_count = 1
    frames = decoder.decode(av.Packet(annexb))
    frames += decoder.decode(None)
    if not frames:
        raise SnapshotFailed(f"the {codec} key frame of {len(annexb)} bytes gave no picture")
    return frames[0]


def _encode(picture: av.VideoFrame) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuvj420p"
        picture.pts = 0
        for packet in (*stream.encode(picture), *stream.encode()):
            container.mux(packet)
    return out.getvalue()
