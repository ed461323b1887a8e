"""H.265 made into H.264 for browsers that cannot show it: on demand, shared, and only so many at a time.

Decoding and coding a picture costs a good part of a core, so there are slots; who asks beyond them is refused
in words. A transcoded stream is a fed session of its own: every way out can show it. Sound is passed on as it
is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
from av.error import FFmpegError

from media.errors import MediaError, NoSlotFree, NotPlayable
from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.tap import Described, Skipped, StreamTap, TappedUnit

if TYPE_CHECKING:
    from media.reception import MediaSession
    from media.settings import MediaSettings

FIRST_PICTURE_TIMEOUT_S: Final = 15.0
PICTURES_PER_KEYFRAME: Final = 50
QUALITY: Final = "26"
"""Constant quality (CRF): a bit rate would need the pictures' rate, which cameras change."""
_TIME_BASE: Final = Fraction(1, 90_000)
_DECODERS: Final = {"H264": "h264", "H265": "hevc"}
_SOUND: Final = {"G711A": AudioCodec.G711A, "G711U": AudioCodec.G711U, "AAC": AudioCodec.AAC}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One picture of the coder."""

    annexb: bytes
    pts_90k: int
    dts_90k: int


class PictureTranscoder:
    """Pictures of one codec in, H.264 out. Runs in a thread; knows no session."""

    def __init__(self, codec: str, max_width: int) -> None:
        decoder = av.CodecContext.create(_DECODERS[codec], "r")
        assert isinstance(decoder, av.VideoCodecContext)  # noqa: S101  (what these names make)
        self._decoder = decoder
        self._decoder.thread_count = 1
        self._max_width = max_width
        self._coder: av.VideoCodecContext | None = None
        self._waits_for_key = True

    def skip(self) -> None:
        """Pictures are missing: nothing can be decoded before the next key frame."""
        self._waits_for_key = True

    def transcode(self, annexb: bytes, pts_90k: int, *, is_key: bool) -> list[CodedPicture]:
        """The pictures that this one completes. Damage costs pictures up to a key frame."""
        if self._waits_for_key and not is_key:
            return []
        if self._waits_for_key:
            self._decoder.flush_buffers()
            self._waits_for_key = False
        packet = av.Packet(annexb)
        packet.pts, packet.time_base = pts_90k, _TIME_BASE
        coded: list[CodedPicture] = []
        try:
            for frame in self._decoder.decode(packet):
                coded += self._code(frame)
        except FFmpegError as error:
            logger.debug("a picture could not be transcoded: %s", error)
            self._waits_for_key = True
        return coded

    def _code(self, frame: av.VideoFrame) -> list[CodedPicture]:
        width = min(frame.width, self._max_width) & ~1
        height = max(2, round(frame.height * width / frame.width)) & ~1
        coder = self._coder
        if coder is None or (coder.width, coder.height) != (width, height):
            coder = self._coder = _coder(width, height)
        picture = frame.reformat(width, height, "yuv420p")
        picture.pts, picture.time_base = frame.pts, _TIME_BASE
        # The decoder names the kind of picture; the coder chooses its own.
        picture.pict_type = av.video.frame.PictureType.NONE
        return [
            CodedPicture(bytes(packet), packet.pts or 0, packet.dts or 0) for packet in coder.encode(picture)
        ]


def _coder(width: int, height: int) -> av.VideoCodecContext:
    coder = av.CodecContext.create("libx264", "w")
    assert isinstance(coder, av.VideoCodecContext)  # noqa: S101  (what this name makes)
    coder.width, coder.height, coder.pix_fmt = width, height, "yuv420p"
    coder.time_base, coder.gop_size, coder.thread_count = _TIME_BASE, PICTURES_PER_KEYFRAME, 1
    coder.options = {
        "preset": "ultrafast",
        "crf": QUALITY,
        "tune": "zerolatency",
        "x264-params": "bframes=0:repeat-headers=1",
    }
    return coder


class Transcoded:
    """One transcoded stream and those who hold it."""

    def __init__(
        self, source: MediaSession, session: MediaSession, on_idle: Callable[[Transcoded], None]
    ) -> None:
        self.source: Final = source
        self.session: Final = session
        self.holders = 0
        self._on_idle = on_idle
        self._running: asyncio.Task[None] | None = None

    def start(self, tap: StreamTap, pool: ThreadPoolExecutor, max_width: int) -> None:
        self._running = asyncio.get_running_loop().create_task(
            self._run(tap, pool, max_width), name=f"transcoding {self.source.label}"
        )

    def release(self) -> None:
        """One holder less; the last one ends it."""
        self.holders -= 1
        if self.holders <= 0 and self._running is not None:
            self._running.cancel()

    async def closed(self) -> None:
        """Wait until it is over."""
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self, tap: StreamTap, pool: ThreadPoolExecutor, max_width: int) -> None:
        reason = "nobody watches"
        try:
            with tap:
                await self._feed(tap, pool, max_width)
                reason = tap.end_reason or reason
        except MediaError as error:
            reason = str(error)
        except Exception:
            logger.exception("transcoding of %s failed", self.source.label)
            reason = "transcoding failed"
        finally:
            self._on_idle(self)
            with contextlib.suppress(MediaError):
                await asyncio.shield(self.session.close(reason))

    async def _feed(self, tap: StreamTap, pool: ThreadPoolExecutor, max_width: int) -> None:
        loop = asyncio.get_running_loop()
        transcoder: PictureTranscoder | None = None
        described: Described | None = None
        async for item in tap:
            if isinstance(item, Described):
                if described is None or described.info.codec != item.info.codec:
                    transcoder = PictureTranscoder(item.info.codec, max_width)
                described = item
            elif isinstance(item, Skipped):
                if transcoder is not None:
                    transcoder.skip()
            elif transcoder is not None and described is not None:
                coded = await loop.run_in_executor(pool, _transcode, transcoder, item)
                for picture in coded:
                    self.session.feed_video(VideoCodec.H264, picture.annexb, picture.pts_90k, picture.dts_90k)
                self._pass_sound(item, described)

    def _pass_sound(self, unit: TappedUnit, described: Described) -> None:
        audio = described.info.audio
        if audio is None:
            return
        for piece in unit.sound:
            at_90k = piece.time * 90_000 // audio.sample_rate
            self.session.feed_audio(
                _SOUND[audio.codec], piece.data, at_90k, audio.sample_rate, audio.channels, described.asc
            )


def _transcode(transcoder: PictureTranscoder, unit: TappedUnit) -> list[CodedPicture]:
    if not unit.annexb:
        return []
    return transcoder.transcode(unit.annexb, unit.pts_90k, is_key=unit.is_key)


class TranscodeDesk:
    """The slots, and what runs in them."""

    def __init__(self, settings: MediaSettings, open_fed: Callable[[str], Awaitable[MediaSession]]) -> None:
        self._slots: Final = settings.transcode_slots
        self._max_width: Final = settings.transcode_max_width
        self._open_fed = open_fed
        self._running: Final[dict[str, Transcoded]] = {}
        self._pool: Final = ThreadPoolExecutor(max(1, self._slots), thread_name_prefix="media-transcode")
        self.refused = 0

    @property
    def slots_taken(self) -> int:
        return len(self._running)

    async def hold(self, source: MediaSession) -> Transcoded:
        """The H.264 form of a stream, from its first key frame on; the same one for all who ask.

        Raises:
            NoSlotFree: ``transcode_slots`` streams are transcoded already.
            NotPlayable: the stream has no pictures, none came out in time, or there are no slots at all.
            SessionClosed: the stream has ended.
        """
        transcoded = self._running.get(source.session_id) or await self._start(source)
        transcoded.holders += 1
        try:
            await transcoded.session.wait_first_keyframe(FIRST_PICTURE_TIMEOUT_S)
        except MediaError as error:
            transcoded.release()
            raise NotPlayable(f"the stream could not be transcoded: {error}") from error
        except BaseException:
            transcoded.release()
            raise
        return transcoded

    async def close(self) -> None:
        """End all. The second call does nothing."""
        running = list(self._running.values())
        for transcoded in running:
            transcoded.holders = 0
            transcoded.release()
        await asyncio.gather(*(transcoded.closed() for transcoded in running))
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _start(self, source: MediaSession) -> Transcoded:
        if source.info is None or source.info.codec not in _DECODERS:
            raise NotPlayable("the stream has no pictures to be transcoded")
        if self._slots == 0:
            raise NotPlayable("nothing is transcoded here (media.transcode_slots is 0)")
        if len(self._running) >= self._slots:
            self.refused += 1
            raise NoSlotFree(f"{self._slots} streams are transcoded already (media.transcode_slots)")
        tap = source.tap()
        try:
            session = await self._open_fed(f"{source.label} as H264")
        except BaseException:
            tap.close()
            raise
        transcoded = Transcoded(source, session, self._idle)
        self._running[source.session_id] = transcoded
        transcoded.start(tap, self._pool, self._max_width)
        return transcoded

    def _idle(self, transcoded: Transcoded) -> None:
        if self._running.get(transcoded.source.session_id) is transcoded:
            del self._running[transcoded.source.session_id]
