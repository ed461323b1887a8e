"""The receiving sessions of this process: opened, looked up, closed; one publisher, many readers each."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from media.authorities import authorities, authority
from media.buffers import check_buffers
from media.capture_desk import CaptureDesk
from media.endings import Ended, Endings
from media.engine import Engine, NativeTransport
from media.errors import (
    LocalViolation,
    MediaError,
    PlaneClosed,
    SessionClosed,
    SsrcTaken,
)
from media.facts import (
    AudioInfo,
    RecorderDetached,
    RecorderFact,
    RecorderFailed,
    RecorderGap,
    SegmentClosed,
    SegmentGrown,
    SegmentOpened,
    StreamInfo,
)
from media.outputs.rtp import RtpSender, SenderEnd, SenderRequest, SenderStats
from media.port_binder import PortBinder
from media.ports import PortPool
from media.publishing import PublishDoor, PublishHandler, PublishRefused, PublishRequest, PushedSessions
from media.reception import Keyframe, MediaSession
from media.recordings import Play, RecordedSegment, RecordingStream, begin_playback
from media.settings import MediaSettings, ReceiveOn, parse_port_range
from media.shared_ports import SharedPorts, is_shared, shared_ports_of
from media.snapshot import SnapshotDesk
from media.stats import PlaneTotals, SessionStats
from media.transcoding import TranscodeDesk
from media.transport import MediaTransport
from media.views import stats_of
from media.whep_desk import WhepDesk

__all__ = [
    "AudioInfo",
    "Keyframe",
    "MediaPlane",
    "MediaSession",
    "MediaTransport",
    "PublishRefused",
    "PublishRequest",
    "ReceiveOn",
    "RecorderDetached",
    "RecorderFact",
    "RecorderFailed",
    "RecorderGap",
    "RtpSender",
    "SegmentClosed",
    "SegmentGrown",
    "SegmentOpened",
    "SenderEnd",
    "SenderRequest",
    "SenderStats",
    "SessionStats",
    "SharedPorts",
    "StreamInfo",
]

logger = logging.getLogger(__name__)


_NATIVE: Final[Mapping[MediaTransport, NativeTransport]] = {
    MediaTransport.UDP: "udp",
    MediaTransport.TCP_PASSIVE: "tcp_passive",
    # The port listens all the same: some devices connect although we said that we would.
    MediaTransport.TCP_ACTIVE: "tcp_passive",
}


class MediaPlane:
    """All sessions of this process, their ports and their viewers' listener."""

    def __init__(self, settings: MediaSettings) -> None:
        self.settings: Final = settings
        self.url_key: Final = secrets.token_bytes(32)
        self.engine: Final = Engine(settings, self.url_key, self._take_fact)
        self.totals: Final = PlaneTotals()
        self.snapshots: Final = SnapshotDesk(settings, self.totals)
        pool = PortPool(*parse_port_range(settings.rtp_ports), settings.port_cool_down_s)
        self._ports: Final = PortBinder(pool, self.totals)
        self._sessions: Final[dict[str, MediaSession]] = {}
        self._ending: Final[dict[str, MediaSession]] = {}
        self.endings: Final = Endings()
        """What ended lately, and why."""
        self.captures: Final = CaptureDesk(settings, lambda: list(self._sessions.values()), self.endings)
        self.whep: Final = WhepDesk(settings, self.url_key)
        self.transcoding: Final = TranscodeDesk(settings, lambda label: self.open_fed(label=label))
        self._publish_door: Final = PublishDoor(self)
        self.pushed: Final = PushedSessions(self)
        """Sessions of publishers, by path."""

    @property
    def sessions(self) -> Mapping[str, MediaSession]:
        """Open sessions by id."""
        return self._sessions

    @property
    def address(self) -> tuple[str, int]:
        """The listener for viewers; the real port."""
        return self.engine.address

    @property
    def is_secure(self) -> bool:
        """Viewers come over TLS."""
        return self.settings.tls_certificate is not None

    def authority(self, host: str | None = None, listener: tuple[str, int] | None = None) -> str:
        """``host:port`` for URLs; of the listener for HTTP unless another one is given."""
        return authority(self.settings, listener or self.address, host)

    def authorities(self, host: str | None = None) -> dict[str, str]:
        """``host:port`` by scheme, of the listeners that there are."""
        return authorities(self.settings, self.address, self.engine.rtsp_address, host)

    @property
    def on_publish(self) -> PublishHandler | None:
        """Judges who wants to push to us: the id of a session of :meth:`open_fed`, or None to refuse.

        Raise ``PublishRefused`` to say why. Without a handler nobody may push.
        """
        return self._publish_door.handler

    @on_publish.setter
    def on_publish(self, handler: PublishHandler | None) -> None:
        self._publish_door.handler = handler

    async def open(self) -> None:
        """Start the data plane.

        Raises:
            ListenFailed: the viewers' address is taken or not ours.
        """
        await asyncio.to_thread(self.captures.clean)
        self.engine.open()
        for buffer in check_buffers(self.settings):
            if not buffer.is_enough:
                logger.warning("%s: %s", buffer.name, buffer)
        host, port = self.address
        logger.info("media open: viewers at %s:%d, receive ports %s", host, port, self.settings.rtp_ports)

    async def close(self) -> None:
        """End all sessions and join all threads. A second call does nothing."""
        if not self.engine.is_open:
            return
        await self.transcoding.close()
        await self._publish_door.close()
        await self.pushed.close()
        for session in list(self._sessions.values()):
            await self.close_session(session, "server stopping")
        await self.engine.close()
        self.captures.close()
        self.snapshots.close()
        logger.info(
            "media closed: %d sessions, %d viewers", self.totals.sessions_opened, self.totals.viewers_opened
        )

    async def open_session(
        self,
        *,
        transport: MediaTransport,
        ssrc: int | None,
        label: str,
        receive_on: ReceiveOn | None = None,
    ) -> MediaSession:
        """Open a receive port, or a place at the shared one.

        Args:
            ssrc: as agreed in the offer; None takes any, and needs a port of its own.
            label: for logs and statistics.
            receive_on: None goes by the settings, and takes a port of its own where the shared one cannot be:
                no SSRC, none configured for this transport, or the SSRC is another session's.

        Raises:
            NoPortFree: every port of the range is taken, resting, or held by other programs.
            SsrcTaken: the shared port was asked for, and another session of it has, or just had, this SSRC.
            EngineError: the system refused something else.
        """
        if not self.engine.is_open:
            raise PlaneClosed("the media room is not open")
        if transport not in _NATIVE:
            raise LocalViolation(f"a session that is {transport} has no port: it is opened by another call")
        session_id = secrets.token_hex(16)
        port, place = self._place(session_id, transport, ssrc, receive_on)
        return self._admit(MediaSession(self, session_id, transport, port, label, place))

    async def open_fed(self, *, label: str) -> MediaSession:
        """Open a session that is given its frames (:meth:`MediaSession.feed_video`, ``feed_audio``)."""
        session_id = secrets.token_hex(16)
        self.engine.open_fed_session(session_id)
        return self._admit(MediaSession(self, session_id, MediaTransport.FED, 0, label))

    async def open_recordings(
        self,
        segments: Sequence[RecordedSegment],
        start: datetime,
        end: datetime,
        play: Play | None = None,
        *,
        label: str,
    ) -> RecordingStream:
        """Play recorded files, in the order of their times, as a session; see :mod:`media.recordings`."""
        session_id = secrets.token_hex(16)
        begin_playback(self.engine, session_id, segments, (start, end), play or Play())
        session = self._admit(MediaSession(self, session_id, MediaTransport.RECORDED, 0, label))
        return RecordingStream(session, self.engine, start, end)

    async def close_session(self, session: MediaSession, reason: str) -> None:
        """See :meth:`MediaSession.close`."""
        stats = self._take_out(session)
        if stats is None:
            return
        try:
            await self.engine.close_session(session.session_id, reason)
        except (SessionClosed, PlaneClosed):
            pass  # the data plane was quicker
        finally:
            self._account(session, stats, reason)
        self.engine.dispatch()

    def cut(self, session: MediaSession, *, user: str) -> None:
        """Disconnect a user's viewers of a session at once; the URLs made for the user open nothing any more.

        A new grant to the same user lifts it.
        """
        if not session.is_closed:
            self.engine.revoke_user(session.session_id, user)

    def give_up(self, session: MediaSession, reason: str) -> None:
        """The data plane lost this session: nothing to close but what is kept here."""
        stats = self._take_out(session)
        if stats is None:
            return
        self._account(session, stats, reason)
        asyncio.get_running_loop().create_task(self._forget(session.session_id), name="forget media session")

    def snapshot(self) -> list[SessionStats]:
        """All open sessions now."""
        rows = {native["session_id"]: native for native in self.engine.snapshots()}
        return [
            stats_of(rows[session_id], session.label, session.transport.value)
            for session_id, session in self._sessions.items()
            if session_id in rows
        ]

    def counters(self) -> PlaneTotals:
        """Totals with the open sessions in them; each only rises."""
        counted = replace(self.totals)
        for stats in self.snapshot() if self.engine.is_open else ():
            counted.add(stats)
        for session in self._sessions.values() if self.engine.is_open else ():
            for sender in session.senders:
                counted.add_open_sender(sender.stats())
        if self.engine.is_open:
            counted.add_shared_ports(self.shared_ports())
        return counted

    @property
    def ports_in_use(self) -> int:
        """Of the range of receive ports, those of senders included."""
        return self._ports.taken

    def shared_ports(self) -> SharedPorts:
        """What is known of the shared ports now."""
        return shared_ports_of(self.engine.shared_ports())

    # -- for sessions and their senders

    def bind_port(self, bind: Callable[[int], int]) -> int:
        """Give ``bind`` ports of the pool until it takes one; :meth:`release_port` gives that one back."""
        return self._ports.bind(bind)

    def release_port(self, port: int) -> None:
        """The port is free again; it rests before somebody else gets it."""
        self._ports.release(port)

    # -- inside

    def _admit(self, session: MediaSession) -> MediaSession:
        self._sessions[session.session_id] = session
        self.captures.session_opened(session)
        self.totals.sessions_opened += 1
        way = session.transport.value
        logger.info("media session open: port %d %s", session.port, way, extra=session.fields())
        return session

    def _place(
        self, session_id: str, transport: MediaTransport, ssrc: int | None, wanted: ReceiveOn | None
    ) -> tuple[int, ReceiveOn]:
        """The port of a new session, and which kind it is."""
        if is_shared(self.settings, transport, ssrc, wanted):
            if ssrc is None:
                raise LocalViolation("a session on a shared port needs an SSRC")
            try:
                port = self.engine.open_session(session_id, _NATIVE[transport], 0, ssrc, is_shared=True)
            except SsrcTaken as error:
                if wanted is not None:
                    raise
                self.totals.ssrcs_refused += 1
                logger.warning("%s: this stream gets a port of its own", error)
            else:
                return port, ReceiveOn.SHARED_PORT
        return self._bind(session_id, transport, ssrc), ReceiveOn.OWN_PORT

    def _bind(self, session_id: str, transport: MediaTransport, ssrc: int | None) -> int:
        return self.bind_port(
            lambda port: self.engine.open_session(session_id, _NATIVE[transport], port, ssrc)
        )

    def _take_out(self, session: MediaSession) -> SessionStats | None:
        """It ends; its last figures, or None when it has ended before."""
        if self._sessions.pop(session.session_id, None) is None:
            return None
        stats = session.stats()
        # At once, not after the awaited close: a counter that dips looks like a restart.
        self.totals.sessions_closed += 1
        self.totals.add(stats)
        self._ending[session.session_id] = session
        return stats

    def _account(self, session: MediaSession, stats: SessionStats, reason: str) -> None:
        if session.receive_on is ReceiveOn.OWN_PORT and session.port:
            self.release_port(session.port)
        session.ended(reason)
        self.endings.add(
            Ended.SESSION, session.session_id, session.label, reason, packets=stats.packets, lost=stats.lost
        )
        logger.info(
            "media session closed: %s; %d packets, %d lost, %.0f s",
            reason,
            stats.packets,
            stats.lost,
            stats.age_s,
            extra=session.fields(),
        )

    async def _forget(self, session_id: str) -> None:
        try:
            await self.engine.close_session(session_id, "internal error")
        except MediaError as error:
            logger.debug("media session %s was gone: %s", session_id, error)

    def _take_fact(self, session_id: str, kind: str, values: Mapping[str, Any]) -> None:
        session = self._sessions.get(session_id) or self._ending.get(session_id)
        self.totals.facts_lost = self.engine.facts_lost
        if session is None:
            if kind == "certificate_read":
                _certificate_read(values["message"])
            if kind == "thread_panicked":
                logger.error(
                    "a panic in thread %s of the data plane: %s (what it served ends, the thread goes on)",
                    values["thread"],
                    values["message"],
                )
            if kind == "unknown_ssrc":
                self._unknown_ssrc(values)
            if kind == "publish_requested":
                self._publish_door.take_fact(values)
            return
        session.take_fact(kind, values)
        if session.is_closed and session.is_drained():
            self._ending.pop(session_id, None)

    def _unknown_ssrc(self, values: Mapping[str, Any]) -> None:
        self.totals.unknown_ssrcs += 1
        logger.warning(
            "SSRC %010d from %s on the shared %s port belongs to no session",
            values["ssrc"],
            values["source"],
            values["way"].upper(),
        )


def _certificate_read(refusal: str) -> None:
    if refusal:
        logger.error("the changed certificate of the viewers' listener is not taken: %s", refusal)
    else:
        logger.info("the changed certificate of the viewers' listener is in use")
