"""One reception: what its owner may ask, and what the data plane says of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from media.endings import Ended
from media.errors import NoKeyframe, PlaneClosed, SessionClosed
from media.evidence import verdict
from media.facts import RECORDER_FACTS, StreamInfo
from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.reaching import Reaching
from media.session_core import Place
from media.settings import ReceiveOn
from media.stats import SessionStats
from media.supervision import Supervision
from media.taking import Taking
from media.transport import MediaTransport
from media.viewing import Viewing
from media.views import stats_of

if TYPE_CHECKING:
    from media.session import MediaPlane

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A picture that can be decoded alone: parameter sets and key frame as an Annex B byte stream."""

    codec: str
    annexb: bytes


class MediaSession(Viewing, Taking, Reaching, Supervision):
    """One reception. Made by :meth:`MediaPlane.open_session` (its port listens at once) ``open_fed`` or
    ``open_recordings``."""

    def __init__(
        self,
        plane: MediaPlane,
        session_id: str,
        transport: MediaTransport,
        port: int,
        label: str,
        receive_on: ReceiveOn = ReceiveOn.OWN_PORT,
    ) -> None:
        super().__init__(Place(plane, session_id, transport, port, label, receive_on))
        self.info: StreamInfo | None = None
        self.is_silent = False
        self.on_silence: Callable[[bool], None] | None = None
        """Called with True when packets stop, with False when they come again."""
        self.on_change: Callable[[StreamInfo], None] | None = None
        """Called when the stream starts and when codec, size or sound change."""
        self.on_closed: Callable[[str], None] | None = None
        """Called once with the reason, also when the data plane gave the session up."""
        self.on_recording: Callable[[str, Mapping[str, Any]], None] | None = None
        """Takes what the data plane says of a playback; set by ``media.recordings``."""
        self.publisher: str | None = None
        """Who pushes into this session now: protocol and address."""
        self.on_publisher: Callable[[str | None, str], None] | None = None
        """Called with the new publisher, or with None and the reason when it has left."""
        self._started: asyncio.Future[StreamInfo] = asyncio.get_running_loop().create_future()
        self._last_stats: SessionStats | None = None

    @property
    def readers(self) -> int:
        """Viewers, recorders, taps and senders."""
        return self.viewers + len(self._recorders) + len(self._taps) + len(self._senders)

    def feed_video(self, codec: VideoCodec, annexb: bytes, pts_90k: int, dts_90k: int) -> None:
        """Give one picture, in decoding order, to a session made by :meth:`MediaPlane.open_fed`.

        Args:
            annexb: the whole picture as an Annex B byte stream; key frames bring their parameter sets.
            pts_90k, dts_90k: ticks of 90 kHz from any origin; leaps are taken out.

        Never waits: what the data plane cannot follow is left out up to a key frame and counted
        (``stats().feed_dropped``).

        Raises:
            SessionClosed: the session has ended.
        """
        self._check_open()
        self._plane.engine.feed_video(self.session_id, codec, annexb, pts_90k, dts_90k)

    def feed_audio(
        self,
        codec: AudioCodec,
        data: bytes,
        pts_90k: int,
        sample_rate: int,
        channels: int,
        asc: bytes = b"",
    ) -> None:
        """Give a piece of sound, on the clock of the pictures; see :meth:`feed_video`.

        Args:
            data: G.711: any number of samples. AAC: one access unit with its AudioSpecificConfig ``asc``, or
                whole ADTS frames without.
        """
        self._check_open()
        self._plane.engine.feed_audio(self.session_id, codec, data, pts_90k, (sample_rate, channels, asc))

    def retime(self, *, by_arrival: bool) -> None:
        """The device was asked for another position or speed: the next jump of its time stamps is taken out.

        ``by_arrival``: at another speed than 1, pictures get the times at which they arrive, without sound.
        """
        if not self.is_closed:
            self._plane.engine.retime(self.session_id, by_arrival)

    async def wait_first_keyframe(self, timeout_s: float) -> StreamInfo:
        """Wait until viewers can start.

        Raises:
            NoMedia, WrongSsrc, NoPackHeader, NoKeyframe: nothing came in time; the class is what the counters
                say, the text has their numbers.
            SessionClosed: the session ended meanwhile.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(self._started), timeout_s)
        except TimeoutError:
            raise verdict(self.stats(), timeout_s) from None

    def stats(self) -> SessionStats:
        """Counters and gauges now; after the end, those of the end."""
        if not self.is_closed:
            try:
                native = self._plane.engine.snapshot(self.session_id)
            except (SessionClosed, PlaneClosed):
                pass
            else:
                self._last_stats = stats_of(native, self.label, self.transport.value)
        if self._last_stats is None:
            raise SessionClosed(self.close_reason or "the media room is closed")
        return self._last_stats

    def keyframe(self) -> Keyframe | None:
        """The newest key frame, if there was one."""
        if self.is_closed:
            return None
        found = self._plane.engine.keyframe(self.session_id)
        return None if found is None else Keyframe(*found)

    async def close(self, reason: str) -> None:
        """End the reception: viewers are told, files are closed, the port rests. Once is enough."""
        await self._plane.close_session(self, reason)

    async def jpeg(self, max_width: int | None = None) -> bytes:
        """The newest key frame as a JPEG; see ``media.snapshot``."""
        self._check_open()
        keyframe = self.keyframe()
        found = None if keyframe is None else (keyframe.codec, keyframe.annexb)
        if found is None and self.info is not None and not self.info.codec:
            raise NoKeyframe("the stream carries sound alone: there is no picture to show")
        return await self._plane.snapshots.jpeg(found, max_width)

    # -- facts of the data plane, on the event loop

    def take_fact(self, kind: str, values: Mapping[str, Any]) -> None:
        if kind in RECORDER_FACTS:
            self._take_recorder_fact(RECORDER_FACTS[kind](values))
        elif (take := _FACTS.get(kind)) is not None:
            take(self, values)

    def _media_started(self, values: Mapping[str, Any]) -> None:
        self._describe(values)
        if self.info is not None and not self._started.done():
            self._started.set_result(self.info)

    def _describe(self, values: Mapping[str, Any]) -> None:
        self.info = StreamInfo.from_native(values["info"])
        if self.on_change is not None:
            self.on_change(self.info)

    def _silence(self, is_silent: bool) -> None:
        self.is_silent = is_silent
        if self.on_silence is not None:
            self.on_silence(is_silent)

    def _publish_started(self, values: Mapping[str, Any]) -> None:
        self.publisher = f"{values['desk']} {values['source']}"
        logger.info("published by %s", self.publisher, extra=self.fields())
        if self.on_publisher is not None:
            self.on_publisher(self.publisher, "")

    def _publish_ended(self, values: Mapping[str, Any]) -> None:
        left = f"{values['desk']} {values['source']}"
        logger.info("publisher %s has left: %s", left, values["reason"], extra=self.fields())
        self._note_end(Ended.PUBLISHER, values["reason"], who=left)
        # One that was replaced leaves after the other has come.
        if self.publisher == left:
            self.publisher = None
            if self.on_publisher is not None:
                self.on_publisher(None, values["reason"])

    def _failed(self, values: Mapping[str, Any]) -> None:
        logger.error("data plane gave up media session: %s", values["message"], extra=self.fields())
        self._plane.give_up(self, f"internal error: {values['message']}")

    def _recording(self, kind: str, values: Mapping[str, Any]) -> None:
        if self.on_recording is not None:
            self.on_recording(kind, values)

    def ended(self, reason: str) -> None:
        if self.close_reason is not None:
            return
        self.close_reason = reason
        self._stop_reconnecting()
        self._plane.whep.forget(self.session_id)
        if not self._started.done():
            self._started.set_exception(SessionClosed(reason))
            self._started.exception()  # whoever waits hears it; nobody has to
        if self.on_closed is not None:
            self.on_closed(reason)

    def is_drained(self) -> bool:
        readers = (self._recorders, self._viewers, self._senders, self._pushes, self.captures)
        return self.publisher is None and not any(readers)


_FACTS: Final[Mapping[str, Callable[[MediaSession, Mapping[str, Any]], None]]] = {
    "media_started": MediaSession._media_started,
    "config_changed": MediaSession._describe,
    "silence_began": lambda session, _: session._silence(True),
    "silence_ended": lambda session, _: session._silence(False),
    "stalled": MediaSession.take_stalled,
    "resumed": MediaSession.take_resumed,
    "capture_ended": MediaSession.take_capture_end,
    "sender_connected": MediaSession._sender_said,
    "sender_started": MediaSession._sender_said,
    "sender_closed": MediaSession._sender_closed,
    "viewer_opened": MediaSession.viewer_opened,
    "viewer_closed": MediaSession.viewer_closed,
    "wrong_ssrc": MediaSession._wrong_ssrc,
    "connection_closed": MediaSession._connection_closed,
    "publish_started": MediaSession._publish_started,
    "publish_ended": MediaSession._publish_ended,
    "push_changed": MediaSession._push_changed,
    "session_failed": MediaSession._failed,
    "recording_skipped": lambda session, values: session._recording("recording_skipped", values),
    "recording_ended": lambda session, values: session._recording("recording_ended", values),
}
