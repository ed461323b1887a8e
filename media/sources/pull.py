"""One connection to a source, in a thread of its own.

FFmpeg's reads block. A thread for each source is enough: reading lets go of the interpreter, opening has a
time-out as a whole and every read of the network one of its own, so a source that goes silent ends with an
error and not with a hanging thread. A thread that is told to end is not waited for longer than its owner
likes: it feeds nothing from then on, and is gone when its read returns. A process for each source would end
at once, and cost some 60 MB each.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Protocol

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from media.errors import MediaError
from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.sources.address import SourceAddress
from media.sources.annexb import VideoForm
from media.sources.errors import CodecNotCarried, NoVideo, SourceEnded, SourceFailed, SourceTimedOut
from media.sources.opening import RtspTransport, failure_of, options_of
from media.sources.stamps import PictureTimes

logger = logging.getLogger(__name__)

VIDEO_CODECS: Final = {"h264": VideoCodec.H264, "hevc": VideoCodec.H265}
AUDIO_CODECS: Final = {
    "pcm_alaw": AudioCodec.G711A,
    "pcm_mulaw": AudioCodec.G711U,
    "aac": AudioCodec.AAC,
}
"""FFmpeg's names of what is carried."""
TICKS: Final = 90_000


class Feed(Protocol):
    """Where frames go; called in the thread of the pull. ``media.session.MediaSession`` is one."""

    def feed_video(self, codec: VideoCodec, annexb: bytes, pts_90k: int, dts_90k: int) -> None:
        """One picture in decoding order."""

    def feed_audio(
        self,
        codec: AudioCodec,
        data: bytes,
        pts_90k: int,
        sample_rate: int,
        channels: int,
        asc: bytes = b"",
    ) -> None:
        """A piece of sound; ``asc`` is the AudioSpecificConfig of AAC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What is pulled, and with how much patience."""

    address: SourceAddress
    transport: RtspTransport = RtspTransport.AUTO
    open_timeout_s: float = 10.0
    read_timeout_s: float = 10.0
    analyze_s: float = 1.0


@dataclass(frozen=True, slots=True)
class PulledStream:
    """What a source offers, as it describes it."""

    video_codec: VideoCodec
    audio_codec: AudioCodec | None
    left_out: tuple[str, ...] = ()
    """Codecs of streams that are not carried."""


@dataclass(slots=True)
class PullStats:
    """Counted in the thread, read anywhere."""

    pictures: int = 0
    keyframes: int = 0
    audio_frames: int = 0
    bytes: int = 0
    without_time: int = 0
    """Pieces of sound without a time stamp, dropped."""
    began_at: float = field(default_factory=time.monotonic)
    last_packet_at: float | None = None


class Pull:
    """Made on the event loop; ``start`` begins the thread.

    ``opened`` gets what the source offers, or the error; ``ended`` gets the reason of the end, None when we
    asked for it. Both are set on the event loop, ``ended`` when the thread has nothing more to say.
    """

    def __init__(self, request: PullRequest, feed: Feed, name: str) -> None:
        loop = asyncio.get_running_loop()
        self.request: Final = request
        self.stats: Final = PullStats()
        self.opened: Final[asyncio.Future[PulledStream]] = loop.create_future()
        self.ended: Final[asyncio.Future[SourceFailed | None]] = loop.create_future()
        self._loop = loop
        self._feed = feed
        self._stopping = threading.Event()
        # Its end must not hold up ours: a read may take as long as its time-out.
        self._thread = threading.Thread(target=self._run, name=f"pull {name}"[:15], daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing is fed from now on; the thread ends with its read. Returns at once."""
        self._stopping.set()

    async def close(self, patience_s: float) -> bool:
        """Stop, and wait for the thread; False when it still sits in a read, where it ends by itself."""
        self.stop()
        done, _ = await asyncio.wait([self.ended], timeout=patience_s)
        return bool(done)

    # -- the thread

    def _run(self) -> None:
        try:
            failure = self._pull()
        except BaseException as error:  # it must be told, whatever it was
            logger.exception("the thread of a source failed")
            failure = SourceFailed(
                f"source {self.request.address.shown}: {type(error).__name__} in our own code"
            )
        self._tell(self._finish, None if self._stopping.is_set() else failure)

    def _pull(self) -> SourceFailed:
        request = self.request
        limit_s, since = min(request.open_timeout_s, request.read_timeout_s), time.monotonic()
        try:
            with self._open() as container:
                limit_s = request.read_timeout_s
                self._read(container)
        except (MediaError, av.error.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, SourceFailed):
                return error
            if isinstance(error, MediaError):  # the session that is fed has ended: nobody wants it
                return SourceEnded(f"source {request.address.shown}: {error}")
            last = self.stats.last_packet_at or since
            return failure_of(error, request.address, limit_s=limit_s, waited_s=time.monotonic() - last)
        return SourceEnded(f"source {request.address.shown} ended the stream")

    def _open(self) -> InputContainer:
        request = self.request
        options = options_of(request.address, request.transport, request.read_timeout_s, request.analyze_s)
        return av.open(
            request.address.full,
            "r",
            format="rtsp" if request.address.is_rtsp else "flv",
            options=options,
            # FFmpeg's RTSP has a time-out of its own. PyAV's would take the interpreter's lock for every
            # packet of the network, which is a quarter of the whole cost; RTMP has no other.
            timeout=(request.open_timeout_s, None if request.address.is_rtsp else request.read_timeout_s),
        )

    def _read(self, container: InputContainer) -> None:
        video, audio, offered = chosen(container, self.request.address)
        self._tell(self._set_opened, offered)
        pictures = _Pictures(video, self._feed, self.stats)
        sound = _Sound(audio, self._feed, self.stats) if audio is not None else None
        streams: list[Any] = [video] if audio is None else [video, audio]
        for packet in container.demux(streams):
            if self._stopping.is_set():
                return
            if packet.size == 0:  # the mark of the end
                continue
            self._note(packet.size)
            if packet.stream_index == video.index:
                pictures.take(packet)
            elif sound is not None:
                sound.take(packet)

    def _note(self, size: int) -> None:
        """Count a packet. After a time-out FFmpeg first hands out the picture that it still held."""
        now, previous = time.monotonic(), self.stats.last_packet_at
        limit_s = self.request.read_timeout_s
        if previous is not None and now - previous >= limit_s:
            raise SourceTimedOut(f"source {self.request.address.shown}: nothing came within {limit_s:g} s")
        self.stats.bytes += size
        self.stats.last_packet_at = now

    # -- back on the event loop

    def _tell(self, callback: Callable[[Any], None], value: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, value)
        except RuntimeError:
            logger.debug("a source ended after the event loop")

    def _set_opened(self, offered: PulledStream) -> None:
        if not self.opened.done():
            self.opened.set_result(offered)

    def _finish(self, failure: SourceFailed | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(failure or SourceEnded("stopped"))
            self.opened.exception()  # whoever waits hears it; nobody has to
        if not self.ended.done():
            self.ended.set_result(failure)


def chosen(
    container: InputContainer, address: SourceAddress
) -> tuple[VideoStream, AudioStream | None, PulledStream]:
    """The streams that are carried: the first picture and the first sound of a known codec.

    Raises:
        NoVideo, CodecNotCarried
    """
    videos, audios = container.streams.video, container.streams.audio
    if not videos:
        raise NoVideo(f"source {address.shown} offers no picture, {len(audios)} streams of sound")
    video = next((each for each in videos if each.codec_context.name in VIDEO_CODECS), None)
    if video is None:
        names = ", ".join(each.codec_context.name for each in videos)
        raise CodecNotCarried(f"source {address.shown} sends {names}; H.264 and H.265 are carried")
    audio = next((each for each in audios if each.codec_context.name in AUDIO_CODECS), None)
    left_out = tuple(each.codec_context.name for each in (*videos, *audios) if each not in (video, audio))
    offered = PulledStream(
        VIDEO_CODECS[video.codec_context.name],
        None if audio is None else AUDIO_CODECS[audio.codec_context.name],
        left_out,
    )
    return video, audio, offered


class _Pictures:
    """Packets of video become access units of Annex B with times."""

    def __init__(self, stream: VideoStream, feed: Feed, stats: PullStats) -> None:
        self._codec = VIDEO_CODECS[stream.codec_context.name]
        self._form = self._form_of(stream.codec_context.extradata)
        self._scale = _scale(stream.time_base)
        self._times = PictureTimes[tuple[bytes, bool]]()
        self._feed = feed
        self._stats = stats

    def take(self, packet: Packet[Any]) -> None:
        if packet.has_sidedata("new_extradata"):
            self._form = self._form_of(bytes(packet.get_sidedata("new_extradata")))
        annexb = self._form.annexb(bytes(packet), packet.is_keyframe)
        if not annexb:
            return
        times = (_ticks(each, self._scale) for each in (packet.pts, packet.dts, packet.duration or 0))
        pts, dts, duration = times
        for (picture, is_keyframe), shown, decoded in self._times.take(
            (annexb, packet.is_keyframe), pts, dts, duration or 0
        ):
            self._stats.pictures += 1
            self._stats.keyframes += is_keyframe
            self._feed.feed_video(self._codec, picture, shown, decoded)

    def _form_of(self, extradata: bytes | None) -> VideoForm:
        return VideoForm.read(self._codec is VideoCodec.H265, bytes(extradata or b""))


class _Sound:
    """Packets of audio with times."""

    def __init__(self, stream: AudioStream, feed: Feed, stats: PullStats) -> None:
        context = stream.codec_context
        self._codec = AUDIO_CODECS[context.name]
        self._asc = bytes(context.extradata or b"") if self._codec is AudioCodec.AAC else b""
        self._form = (context.sample_rate or 8000, context.channels or 1)
        self._scale = _scale(stream.time_base)
        self._feed = feed
        self._stats = stats

    def take(self, packet: Packet[Any]) -> None:
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None:
            self._stats.without_time += 1
            return
        self._stats.audio_frames += 1
        rate, channels = self._form
        ticks = _ticks(pts, self._scale) or 0
        self._feed.feed_audio(self._codec, bytes(packet), ticks, rate, channels, self._asc)


def _scale(time_base: Fraction | None) -> Fraction:
    return (time_base or Fraction(1, TICKS)) * TICKS


def _ticks(stamp: int | None, scale: Fraction) -> int | None:
    return None if stamp is None else stamp * scale.numerator // scale.denominator
