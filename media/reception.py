"""One reception: what its owner may ask, and what the data plane says of it."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from media.endings import Ended
from media.errors import (
    ConnectRefused,
    EngineError,
    LocalViolation,
    MediaError,
    NoKeyframe,
    PlaneClosed,
    SessionClosed,
    UnknownRecorder,
)
from media.evidence import verdict
from media.facts import (
    RECORDER_FACTS,
    RecorderDetached,
    RecorderFact,
    RecorderFailed,
    RecorderGap,
    SegmentClosed,
    StreamInfo,
)
from media.nal import VideoCodec
from media.outputs import OUTPUTS
from media.outputs.rtmp import RtmpPush, RtmpPushes
from media.outputs.rtp import RtpSender, SenderRequest, open_sender
from media.outputs.signed import PLAY, TTL_MAX_S, Grant, unix_s
from media.ps_format import AudioCodec
from media.settings import ReceiveOn
from media.stats import SessionStats, ViewerStats
from media.supervision import Supervision
from media.tap import StreamTap
from media.transport import MediaTransport
from media.views import stats_of

if TYPE_CHECKING:
    from media.session import MediaPlane

logger = logging.getLogger(__name__)

_RUN: Final = re.compile(r"[0-9a-f]{1,64}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A picture that can be decoded alone: parameter sets and key frame as an Annex B byte stream."""

    codec: str
    annexb: bytes


class MediaSession(Supervision):
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
        super().__init__(plane.engine, session_id)
        self.session_id: Final = session_id
        self.transport: Final = transport
        self.port: Final = port
        self.receive_on: Final = receive_on
        self.label: Final = label
        self.info: StreamInfo | None = None
        self.is_silent = False
        self.close_reason: str | None = None
        self.on_silence: Callable[[bool], None] | None = None
        """Called with True when packets stop, with False when they come again."""
        self.on_change: Callable[[StreamInfo], None] | None = None
        """Called when the stream starts and when codec, size or sound change."""
        self.on_closed: Callable[[str], None] | None = None
        """Called once with the reason, also when the data plane gave the session up."""
        self.on_recording: Callable[[str, Mapping[str, Any]], None] | None = None
        """Takes what the data plane says of a playback; set by ``media.recordings``."""
        self._plane = plane
        self._started: asyncio.Future[StreamInfo] = asyncio.get_running_loop().create_future()
        self._viewers: Counter[str] = Counter()
        self._recorders: dict[str, Callable[[RecorderFact], None]] = {}
        self._taps: set[StreamTap] = set()
        self._senders: dict[str, RtpSender] = {}
        self._pushes: RtmpPushes = RtmpPushes(plane.engine, session_id, self.fields)
        self.publisher: str | None = None
        """Who pushes into this session now: protocol and address."""
        self.on_publisher: Callable[[str | None, str], None] | None = None
        """Called with the new publisher, or with None and the reason when it has left."""
        self._last_stats: SessionStats | None = None
        self._reconnect_to: tuple[str, int] | None = None
        self._reconnecting: asyncio.Task[None] | None = None

    @property
    def is_closed(self) -> bool:
        return self.close_reason is not None

    @property
    def is_reconnecting(self) -> bool:
        """The connection to a device that listens broke, and is being opened again."""
        return self._reconnecting is not None and not self._reconnecting.done()

    @property
    def viewers(self) -> int:
        """Connections that watch now."""
        return self._viewers.total()

    @property
    def readers(self) -> int:
        """Viewers, recorders, taps and senders."""
        return self.viewers + len(self._recorders) + len(self._taps) + len(self._senders)

    @property
    def senders(self) -> Sequence[RtpSender]:
        """Senders to other platforms that have not ended."""
        return tuple(self._senders.values())

    @property
    def recorders(self) -> int:
        """Recordings of it that run."""
        return len(self._recorders)

    @property
    def pushes(self) -> Sequence[RtmpPush]:
        """Pushes to other servers that are not over."""
        return self._pushes.open_ones

    def expect_ssrc(self, ssrc: int) -> None:
        """The answer named its SSRC: from now on it is the agreed one.

        Raises:
            SsrcTaken: on a shared port, another session has it, or had it until a moment ago.
        """
        if not self.is_closed:
            self._plane.engine.expect_ssrc(self.session_id, ssrc)

    def expect_peer(self, host: str, port: int | None = None) -> None:
        """The device is, or may be, at this address; ``port`` is what it announced, if it did.

        On a shared port, packets from there with another SSRC than agreed are taken after ``ssrc_window_s``,
        if no other session can be meant. Names are not looked up.
        """
        if not self.is_closed and self.receive_on is ReceiveOn.SHARED_PORT and _is_address(host):
            self._plane.engine.expect_peer(self.session_id, host, port or None)

    async def connect(self, host: str, port: int, *, reconnect: bool = False) -> None:
        """Open the connection to a device that listens; several attempts, at least a second apart (GB-C103).

        Args:
            reconnect: do it again whenever the connection breaks, as long as the device accepts.

        Raises:
            ConnectRefused: none of the attempts was accepted.
            SessionClosed: the session ended meanwhile.
        """
        settings = self._plane.settings
        for attempt in range(settings.connect_attempts):
            began = time.monotonic()
            self._check_open()
            try:
                await self._plane.engine.connect(self.session_id, (host, port), settings.connect_timeout_s)
            except EngineError as error:
                refusal = error
            else:
                self._reconnect_to = (host, port) if reconnect else None
                return
            if attempt + 1 < settings.connect_attempts:
                await asyncio.sleep(max(0.0, settings.connect_interval_s - (time.monotonic() - began)))
        raise ConnectRefused(
            f"the device at {host}:{port} accepted none of {settings.connect_attempts} connections: {refusal}"
        )

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

    def _connection_closed(self, values: Mapping[str, Any]) -> None:
        if self._reconnect_to is None or self.is_closed:
            return
        address, self._reconnect_to = self._reconnect_to, None
        logger.warning(
            "connection to %s:%d broke (%s): connecting again",
            *address,
            values["reason"],
            extra=self.fields(),
        )
        self._reconnecting = asyncio.get_running_loop().create_task(
            self._connect_again(address), name=f"reconnect {self.session_id}"
        )

    async def _connect_again(self, address: tuple[str, int]) -> None:
        """The silence of the stream tells its owner when this is in vain."""
        try:
            await self.connect(*address, reconnect=True)
        except MediaError as error:
            logger.warning("%s", error, extra=self.fields())

    def push_rtmp(self, url: str, *, g711: bool = False, h265: bool = False) -> RtmpPush:
        """Push the stream to another server until the push, or the session, is closed.

        Args:
            url: ``rtmp://host[:port]/app/name[?query]``; RTMPS is not spoken.
            g711: send G.711 as FLV codec 7 or 8; off: such a stream goes without sound, as many servers want.
            h265: send H.265 in the enhanced form; off: the push of such a stream is closed.
        """
        self._check_open()
        return self._pushes.open(url, g711=g711, h265=h265)

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

    def grant(
        self,
        tag: str,
        ttl_s: float | None = None,
        *,
        host: str | None = None,
        user: str = "",
        channel: str = "",
        rights: Collection[str] = (PLAY,),
        end_s: float | None = None,
    ) -> dict[str, str]:
        """URLs for one viewer or a group of them, by name of the way out (``media.outputs.OUTPUTS``).

        Args:
            tag: names the grant in :meth:`revoke` and :meth:`viewers_of`; letters, digits and ``._~-``.
            ttl_s: how long they open connections. Default: the setting; at most a day.
            host: as the viewer reaches us; default: the setting, else the listener's address.
            user: who they are for; :meth:`MediaPlane.cut` cuts a user off.
            channel: what the stream is to its viewers.
            rights: what they may do with it, of ``media.outputs.signed``.
            end_s: when open connections end, from now; None lets them stay.
        """
        self._check_open()
        now = time.time()
        lives_s = self._plane.settings.url_ttl_s if ttl_s is None else ttl_s
        if lives_s > TTL_MAX_S:
            raise LocalViolation(f"a URL lives {TTL_MAX_S:.0f} s at most, not {lives_s:g}")
        grant = Grant(
            tag=tag,
            user=user,
            channel=channel,
            rights=frozenset(rights),
            expires_unix_s=unix_s(now + lives_s),
            ends_unix_s=None if end_s is None else unix_s(now + end_s),
        )
        self._plane.engine.allow(self.session_id, tag, user)
        authorities, secure = self._plane.authorities(host), self._plane.is_secure
        self._plane.whep.allow(self, tag)
        return {
            name: output.url(
                authorities[output.scheme], self.session_id, grant, self._plane.url_key, secure=secure
            )
            for name, output in OUTPUTS.items()
            if output.scheme in authorities
        } | {"whep": self._plane.whep.address(self, grant)}

    def revoke(self, tag: str) -> None:
        """Disconnect the viewers of a grant; its URLs open nothing any more."""
        self._plane.whep.revoke(self, tag)
        if not self.is_closed:
            self._plane.engine.revoke(self.session_id, tag)

    def viewer_stats(self) -> list[ViewerStats]:
        """One row for each viewer now, in the order in which they came; those over WebRTC last."""
        if self.is_closed:
            return []
        try:
            native = [ViewerStats(**viewer) for viewer in self._plane.engine.viewers(self.session_id)]
        except (SessionClosed, PlaneClosed):
            return []  # it is ending
        return native + self._plane.whep.viewer_stats(self)

    def viewers_of(self, tag: str) -> int:
        """Connections that watch by this grant now."""
        return self._viewers[tag]

    def keyframe(self) -> Keyframe | None:
        """The newest key frame, if there was one."""
        if self.is_closed:
            return None
        found = self._plane.engine.keyframe(self.session_id)
        return None if found is None else Keyframe(*found)

    def attach_recorder(
        self,
        recorder_id: str,
        directory: Path,
        *,
        segment_s: float = 60.0,
        metadata: bytes,
        on_fact: Callable[[RecorderFact], None],
    ) -> None:
        """Record into ``directory`` (it exists) from the newest key frame on.

        Files are named ``<run>-<6 digits>.mp4``: the run is ``recorder_id`` when that is lower-case hex, else
        random. ``on_fact`` is called on the event loop; the last fact is ``RecorderDetached`` or
        ``RecorderFailed``, and may come after the session's end.
        """
        self._check_open()
        if recorder_id in self._recorders:
            raise LocalViolation(f"recorder {recorder_id!r} is attached already")
        run = recorder_id if _RUN.fullmatch(recorder_id) else secrets.token_hex(8)
        self._plane.engine.attach_recorder(self.session_id, recorder_id, directory, run, segment_s, metadata)
        self._recorders[recorder_id] = on_fact

    def detach_recorder(self, recorder_id: str) -> None:
        """End a recording. Nothing happens when it has ended by itself; its last facts follow."""
        if recorder_id in self._recorders and not self.is_closed:
            self._plane.engine.detach_recorder(self.session_id, recorder_id)

    def tap(self, max_bytes: int | None = None) -> StreamTap:
        """A reader in Python, from the newest key frame on; ``max_bytes`` wait at most (default: a setting).

        Raises:
            SessionClosed: the session has ended.
        """
        self._check_open()
        bound = self._plane.settings.tap_queue_bytes if max_bytes is None else max_bytes
        tap = StreamTap(self._plane.engine.tap(self.session_id, bound), self._taps.discard)
        self._taps.add(tap)
        return tap

    def attach_sender(self, request: SenderRequest) -> RtpSender:
        """Bind a port from which the stream will go to another platform, after :meth:`RtpSender.start`.

        Raises:
            NoPortFree: every port of the range is taken, resting, or held by other programs.
            LocalViolation: the request makes no sense.
            EngineError: the system refused something else.
        """
        self._check_open()
        sender = open_sender(self._plane, self.session_id, request)
        self._senders[sender.sender_id] = sender
        self._plane.totals.senders_opened += 1
        return sender

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

    def _check_open(self) -> None:
        if self.close_reason is not None:
            raise SessionClosed(self.close_reason)

    def take_fact(self, kind: str, values: Mapping[str, Any]) -> None:
        if kind in RECORDER_FACTS:
            self._take_recorder_fact(RECORDER_FACTS[kind](values))
        elif (take := _FACTS.get(kind)) is not None:
            take(self, values)

    def _take_recorder_fact(self, fact: RecorderFact) -> None:
        on_fact = self._recorders.get(fact.recorder_id)
        if on_fact is None:
            raise UnknownRecorder(f"{fact} is about no recorder of ours")
        totals = self._plane.totals
        if isinstance(fact, SegmentClosed):
            totals.segments_closed += 1
        elif isinstance(fact, RecorderGap):
            totals.recorder_gaps += 1
        elif isinstance(fact, RecorderFailed):
            totals.recorder_failures += 1
            logger.error("recorder %s failed: %s", fact.recorder_id, fact.message, extra=self.fields())
        if isinstance(fact, RecorderFailed | RecorderDetached):
            reason = fact.message if isinstance(fact, RecorderFailed) else self.close_reason or "detached"
            self._note_end(Ended.RECORDER, reason, who=fact.recorder_id)
            del self._recorders[fact.recorder_id]
        on_fact(fact)

    def _sender_closed(self, values: Mapping[str, Any]) -> None:
        sender = self._senders.pop(values["sender_id"], None)
        if sender is not None:
            self._plane.release_port(sender.local_port)
            sender.ended(values)
            stats = sender.stats()
            self._plane.totals.add_sender(stats, str(sender.end))
            self._note_end(
                Ended.SENDER,
                sender.close_reason or "",
                who=stats.peer or sender.request.label,
                packets=stats.packets,
                dropped=stats.dropped_frames,
            )

    def _sender_said(self, values: Mapping[str, Any]) -> None:
        sender = self._senders.get(values["sender_id"])
        if sender is not None and "peer" in values:
            sender.connected(values["peer"])
        elif sender is not None:
            sender.started()

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

    def viewer_opened(self, values: Mapping[str, Any]) -> None:
        self._viewers[values["tag"]] += 1
        self._plane.totals.viewers_opened += 1

    def viewer_closed(self, values: Mapping[str, Any]) -> None:
        tag, totals = values["tag"], self._plane.totals
        self._viewers[tag] -= 1
        if self._viewers[tag] <= 0:
            del self._viewers[tag]
        totals.viewers_closed += 1
        totals.viewer_bytes += values["sent_bytes"]
        totals.viewer_fragments_skipped += values["skipped"]
        by_reason, reason = totals.viewers_closed_by_reason, values["reason"]
        by_reason[reason] = by_reason.get(reason, 0) + 1
        figures = {"sent_bytes": values["sent_bytes"], "skipped": values["skipped"]}
        logger.info(
            "viewer left: %s; %s, %d bytes, %d pictures skipped",
            reason,
            values["way"],
            *figures.values(),
            extra={**self.fields(), "tag": tag, "user": values["user"]},
        )
        self._note_end(Ended.VIEWER, reason, who=f"{values['user']} {values['way']}".strip(), **figures)

    def _note_end(self, what: Ended, reason: str, *, who: str, **totals: int) -> None:
        self._plane.endings.add(what, self.session_id, self.label, reason, who=who, **totals)

    def _push_changed(self, values: Mapping[str, Any]) -> None:
        push = self._pushes.take_fact(values)
        if push is not None and push.close_reason is not None:
            sent_bytes = push.stats().sent_bytes
            self._note_end(Ended.PUSH, push.close_reason, who=push.address, sent_bytes=sent_bytes)

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

    def _wrong_ssrc(self, values: Mapping[str, Any]) -> None:
        logger.warning(
            "port %d expects SSRC %010d and gets %010d (%s)",
            self.port,
            values["expected"],
            values["received"],
            "taken" if values["accepted"] else "not taken yet",
            extra=self.fields(),
        )

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
        if self._reconnecting is not None:
            self._reconnecting.cancel()
        self._plane.whep.forget(self.session_id)
        if not self._started.done():
            self._started.set_exception(SessionClosed(reason))
            self._started.exception()  # whoever waits hears it; nobody has to
        if self.on_closed is not None:
            self.on_closed(reason)

    def is_drained(self) -> bool:
        readers = (self._recorders, self._viewers, self._senders, self._pushes, self.captures)
        return self.publisher is None and not any(readers)

    def fields(self) -> dict[str, str]:
        return {"stream": self.session_id, "label": self.label}


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
