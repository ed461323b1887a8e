"""The face of the data plane: the only module that imports ``media._native``.

It turns refusals into the room's errors and hands facts to one callback on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from media import _native  # noqa: TID251  (this is the face)
from media.errors import (
    EngineError,
    ListenFailed,
    MediaError,
    PlaneClosed,
    PortUnavailable,
    SessionClosed,
    SsrcTaken,
)
from media.nal import VideoCodec
from media.payloads import PayloadLabel
from media.ps_format import AudioCodec
from media.settings import MediaSettings, OnLoss

logger = logging.getLogger(__name__)

NativeTransport = Literal["udp", "tcp_passive"]
NativeTap = _native.Tap
FactSink = Callable[[str, str, Mapping[str, Any]], None]
"""Takes session id, kind and values of one fact."""

_CLOSED: Final = {"unknown_session": "it ended", "closed": "the data plane is closed"}


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _native.NativeError as error:
        raise _error_of(error) from None


def _error_of(error: _native.NativeError) -> MediaError:
    kind, message, errno = error.args
    if kind == "address_in_use":
        return PortUnavailable(message)
    if kind == "ssrc_taken":
        return SsrcTaken(message)
    if kind in _CLOSED:
        return SessionClosed(_CLOSED[kind])
    return EngineError(message, kind, errno)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def buffer_grant(wanted_bytes: int) -> tuple[int, int]:
    """What the system grants of a receive and of a send buffer of ``wanted_bytes``."""
    with _translated():
        return _native.probe_buffers(wanted_bytes)


def native_settings(settings: MediaSettings, url_key: bytes) -> _native.Settings:
    """The settings in the units of the data plane."""
    return {
        "output_host": settings.host,
        "output_port": settings.port,
        "threads": settings.thread_count,
        "url_key": url_key,
        "nap_us": round(settings.nap_ms * 1000),
        "receive_buffer_bytes": settings.receive_buffer_bytes,
        "receive_host": settings.reception_host,
        "shared_udp_port": settings.shared_udp_port,
        "shared_tcp_port": settings.shared_tcp_port,
        "shared_buffer_bytes": settings.shared_buffer_bytes,
        "connections_per_source": settings.connections_per_source,
        "cool_down_us": _microseconds(settings.port_cool_down_s),
        "strict_ssrc": settings.strict_ssrc,
        "reorder_packets": settings.reorder_packets,
        "reorder_us": round(settings.reorder_ms * 1000),
        "gop_bytes": settings.gop_cache_bytes,
        "gop_pictures": settings.gop_cache_pictures,
        "audio_wait_us": _microseconds(settings.audio_wait_s),
        "pass_damaged": settings.on_loss is OnLoss.PASS_MARKED,
        "stall_us": _microseconds(settings.stall_s),
        "silence_us": _microseconds(settings.silence_s),
        "relock_us": _microseconds(settings.relock_s),
        "ssrc_window_us": _microseconds(settings.ssrc_window_s),
        "feed_queue_bytes": settings.feed_queue_bytes,
        "publish_replaces": settings.publish_replaces,
        "rtmp_port": settings.rtmp_port,
        "rtmp_start_us": _microseconds(settings.rtmp_start_s),
        "rtmp_per_source": settings.rtmp_connections_per_source,
        "max_viewers": settings.viewers_max,
        "viewer_queue_bytes": settings.viewer_queue_bytes,
        "viewer_stuck_us": _microseconds(settings.viewer_stuck_s),
        "request_deadline_us": _microseconds(settings.request_deadline_s),
        "viewer_send_buffer_bytes": settings.viewer_send_buffer_bytes,
        "max_strangers": settings.strangers_per_address,
        "tls_certificate": settings.tls_certificate or "",
        "tls_key": settings.tls_key or "",
        "hls_segment_us": _microseconds(settings.hls_segment_s),
        "hls_part_us": _microseconds(settings.hls_part_s),
        "hls_segments": settings.hls_segments,
        "hls_bytes": settings.hls_window_bytes,
        "hls_idle_us": _microseconds(settings.hls_idle_s),
        "rtsp_port": settings.rtsp_port,
        "rtsp_udp": settings.rtsp_udp,
        "rtsp_udp_port": settings.rtsp_udp_port,
        "rtsp_user": settings.rtsp_user,
        "rtsp_password": settings.rtsp_password,
        "rtsp_timeout_us": _microseconds(settings.rtsp_timeout_s),
        "recorder_queue_bytes": settings.recorder_queue_bytes,
        "recorder_fragment_us": _microseconds(settings.recorder_fragment_s),
        "playback_threads": settings.playback_threads,
        "playback_read_us": _microseconds(settings.playback_read_s),
        "relay": _relay_settings(settings),
    }


def _relay_settings(settings: MediaSettings) -> _native.RelaySettings:
    return {
        "payload_bytes": settings.relay_payload_bytes,
        "queue_bytes": settings.relay_queue_bytes,
        "burst_bytes": settings.relay_burst_bytes,
        "rate_factor": settings.relay_rate_factor,
        "peak_bytes_per_ms": settings.relay_peak_bytes_per_ms,
        "start_timeout_us": _microseconds(settings.relay_start_timeout_s),
        "accept_timeout_us": _microseconds(settings.relay_accept_timeout_s),
        "connect_attempts": settings.connect_attempts,
        "connect_interval_us": _microseconds(settings.connect_interval_s),
        "connect_timeout_us": _microseconds(settings.connect_timeout_s),
        "stuck_us": _microseconds(settings.relay_stuck_s),
        "refused_us": _microseconds(settings.relay_refused_s),
        "report_timeout_us": _microseconds(settings.relay_report_timeout_s),
        "linger_us": _microseconds(settings.relay_linger_s),
    }


class Engine:
    """One data plane: its threads run between :meth:`open` and :meth:`close`."""

    def __init__(self, settings: MediaSettings, url_key: bytes, sink: FactSink) -> None:
        self._settings = settings
        self._url_key = url_key
        self._sink = sink
        self._plane: _native.Plane | None = None
        self.facts_lost = 0

    @property
    def is_open(self) -> bool:
        return self._plane is not None

    @property
    def _native_plane(self) -> _native.Plane:
        if self._plane is None:
            raise PlaneClosed("the media room is not open")
        return self._plane

    @property
    def address(self) -> tuple[str, int]:
        """Where viewers connect; the real port."""
        return self._native_plane.address()

    @property
    def rtsp_address(self) -> tuple[str, int] | None:
        """Where RTSP players connect; None when they may not."""
        return self._native_plane.rtsp_address()

    def open(self) -> None:
        """Start the threads; facts come on the running event loop.

        Raises:
            ListenFailed: the viewers' address is taken or not ours.
        """
        if self._plane is not None:
            raise EngineError("the data plane is open already", "bad_argument")
        where = f"media listener {self._settings.host}:{self._settings.port}"
        try:
            plane = _native.Plane(native_settings(self._settings, self._url_key))
        except _native.NativeError as error:
            kind, message, errno = error.args
            if kind in {"address_in_use", "system", "bad_argument"}:
                # Of a shared port the message has the address already.
                text = message if message.removeprefix("address in use: ").startswith("shared ") else ""
                raise ListenFailed(text or f"{where}: {message}", errno) from None
            raise _error_of(error) from None
        asyncio.get_running_loop().add_reader(plane.fact_fd(), self.dispatch)
        self._plane = plane

    async def close(self) -> None:
        """End all sessions, join all threads, and hand over the last facts."""
        plane = self._plane
        if plane is None:
            return
        try:
            await asyncio.to_thread(plane.close)
        finally:
            asyncio.get_running_loop().remove_reader(plane.fact_fd())
            self.dispatch()
            self._plane = None

    def dispatch(self) -> None:
        """Hand over what waits. A sink that fails costs its fact, not the others."""
        if self._plane is None:
            return
        facts, lost = self._plane.drain_facts()
        if lost:
            self.facts_lost += lost
            logger.error("%d facts of the data plane were lost: the event loop was busy too long", lost)
        for kind, session_id, values in facts:
            try:
                self._sink(session_id, kind, values)
            except Exception:
                logger.exception("fact %s of media session %s was not understood", kind, session_id)

    def open_session(
        self,
        session_id: str,
        transport: NativeTransport,
        port: int,
        ssrc: int | None,
        *,
        is_shared: bool = False,
    ) -> int:
        """Bind the port and receive, or receive on the shared port of the transport.

        Raises:
            PortUnavailable: the port, or the one after it, is taken.
            SsrcTaken: another session of the shared port has this SSRC, or had it until a moment ago.
        """
        settings = self._settings
        with _translated():
            return self._native_plane.open_session(
                session_id,
                transport,
                settings.reception_host,
                port,
                ssrc,
                settings.strict_ssrc,
                shared=is_shared,
            )

    def open_fed_session(self, session_id: str) -> None:
        """A session without a socket, for :meth:`feed_video` and :meth:`feed_audio`."""
        with _translated():
            self._native_plane.open_fed_session(session_id)

    def feed_video(
        self, session_id: str, codec: VideoCodec, annexb: bytes, pts_90k: int, dts_90k: int
    ) -> None:
        with _translated():
            self._native_plane.feed_video(session_id, codec.value, annexb, pts_90k, dts_90k)

    def feed_audio(
        self,
        session_id: str,
        codec: AudioCodec,
        data: bytes,
        pts_90k: int,
        form: tuple[int, int, bytes],
    ) -> None:
        """``form``: samples per second, channels, AudioSpecificConfig (AAC alone)."""
        with _translated():
            self._native_plane.feed_audio(session_id, codec.value, data, pts_90k, *form)

    def open_recordings(
        self,
        session_id: str,
        segments: Sequence[tuple[Path, int, int, str]],
        period_us: tuple[int, int],
        options: _native.PlayOptions,
    ) -> None:
        """A session that plays recorded files: path, begin and end (µs since 1970), codec of the sound."""
        with _translated():
            self._native_plane.open_recordings(session_id, segments, period_us, options)

    def pause_recordings(self, session_id: str, paused: bool) -> None:
        with _translated():
            self._native_plane.pause_recordings(session_id, paused)

    def seek_recordings(self, session_id: str, wall_us: int, exact: bool) -> None:
        with _translated():
            self._native_plane.seek_recordings(session_id, wall_us, exact)

    def scale_recordings(self, session_id: str, scale: float) -> None:
        with _translated():
            self._native_plane.scale_recordings(session_id, scale)

    def recordings_state(self, session_id: str) -> _native.PlaybackState:
        with _translated():
            return self._native_plane.recordings_state(session_id)

    def tap(self, session_id: str, max_bytes: int) -> NativeTap:
        """A reader for Python, which begins with the newest key frame; see ``media/tap.py``."""
        with _translated():
            return self._native_plane.tap(session_id, max_bytes)

    def answer_publish(self, token: int, session_id: str | None, reason: str) -> bool:
        """Tell a publisher its session, or why it has none; False when it did not wait."""
        with _translated():
            return self._native_plane.answer_publish(token, session_id, reason)

    def open_push(self, session_id: str, push_id: str, url: str, *, g711: bool, h265: bool) -> None:
        with _translated():
            self._native_plane.open_push(session_id, push_id, url, g711, h265)

    def close_push(self, push_id: str, reason: str) -> None:
        with _translated():
            self._native_plane.close_push(push_id, reason)

    def push_stats(self, push_id: str) -> _native.PushStats | None:
        with _translated():
            return self._native_plane.push_stats(push_id)

    def expect_ssrc(self, session_id: str, ssrc: int) -> None:
        with _translated():
            self._native_plane.expect_ssrc(session_id, ssrc)

    def expect_peer(self, session_id: str, host: str, port: int | None) -> None:
        with _translated():
            self._native_plane.expect_peer(session_id, host, port)

    def shared_ports(self) -> _native.SharedPorts:
        with _translated():
            return self._native_plane.shared_ports()

    async def connect(self, session_id: str, address: tuple[str, int], timeout_s: float) -> None:
        """Open the connection of a TCP session to a device that listens.

        Raises:
            EngineError: refused, unreachable or too slow; ``errno`` says which (0: too slow).
        """
        plane, (host, port) = self._native_plane, address
        with _translated():
            await asyncio.to_thread(plane.connect, session_id, host, port, _microseconds(timeout_s))

    def pass_damaged(self, session_id: str, passes: bool) -> None:
        with _translated():
            self._native_plane.pass_damaged(session_id, passes)

    def name_payload(self, session_id: str, payload_type: int, named: PayloadLabel) -> None:
        with _translated():
            self._native_plane.name_payload(
                session_id,
                payload_type,
                named.label,
                config=named.config,
                bits=named.bits,
                clock_rate=named.clock_rate,
                sets=named.sets,
            )

    def start_capture(
        self, session_id: str, capture_id: str, directory: Path, bounds: tuple[int, float]
    ) -> None:
        """``bounds``: bytes and seconds."""
        max_bytes, max_s = bounds
        with _translated():
            self._native_plane.start_capture(
                session_id,
                capture_id,
                directory=directory,
                max_bytes=max_bytes,
                max_us=_microseconds(max_s),
            )

    def stop_capture(self, session_id: str) -> None:
        with _translated():
            self._native_plane.stop_capture(session_id)

    def retime(self, session_id: str, by_arrival: bool) -> None:
        with _translated():
            self._native_plane.retime(session_id, by_arrival)

    def snapshot(self, session_id: str) -> _native.Snapshot:
        with _translated():
            return self._native_plane.snapshot(session_id)

    def snapshots(self) -> list[_native.Snapshot]:
        if self._plane is None:
            return []
        with _translated():
            return self._plane.snapshots()

    def keyframe(self, session_id: str) -> tuple[str, bytes] | None:
        with _translated():
            return self._native_plane.keyframe(session_id)

    def attach_recorder(
        self, session_id: str, recorder_id: str, directory: Path, run: str, segment_s: float, metadata: bytes
    ) -> None:
        with _translated():
            self._native_plane.attach_recorder(
                session_id,
                recorder_id,
                run=run,
                directory=directory,
                segment_us=_microseconds(segment_s),
                fragment_us=_microseconds(self._settings.recorder_fragment_s),
                metadata=metadata,
                first_number=1,
            )

    def detach_recorder(self, session_id: str, recorder_id: str) -> None:
        with _translated():
            self._native_plane.detach_recorder(session_id, recorder_id)

    def attach_sender(self, session_id: str, request: _native.SenderRequest) -> int:
        """Bind the port of a sender; its number.

        Raises:
            PortUnavailable: the port, or the one after it, is taken.
        """
        with _translated():
            return self._native_plane.attach_sender(session_id, request)

    def start_sender(self, session_id: str, sender_id: str) -> None:
        with _translated():
            self._native_plane.start_sender(session_id, sender_id)

    def close_sender(self, session_id: str, sender_id: str, reason: str) -> None:
        with _translated():
            self._native_plane.close_sender(session_id, sender_id, reason)

    def sender_snapshot(self, session_id: str, sender_id: str) -> _native.SenderSnapshot | None:
        with _translated():
            return self._native_plane.sender_snapshot(session_id, sender_id)

    def revoke(self, session_id: str, tag: str) -> None:
        with _translated():
            self._native_plane.revoke(session_id, tag)

    def viewers(self, session_id: str) -> list[_native.Viewer]:
        with _translated():
            return self._native_plane.viewers(session_id)

    def revoke_user(self, session_id: str, user: str) -> None:
        with _translated():
            self._native_plane.revoke_user(session_id, user)

    def allow(self, session_id: str, tag: str, user: str) -> None:
        with _translated():
            self._native_plane.allow(session_id, tag, user)

    async def close_session(self, session_id: str, reason: str) -> None:
        """End a session; its port is free when this returns."""
        plane = self._native_plane
        with _translated():
            await asyncio.to_thread(plane.close_session, session_id, reason)


def ingest_packets(
    packets: Sequence[bytes], *, ordered: bool = False, times_us: Sequence[int] | None = None
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Run RTP packets through the native reception without sockets: its events and counters (for tests)."""
    return _native.ingest_packets(packets, ordered=ordered, times_us=times_us)


def frame_chunks(chunks: Sequence[bytes], *, ssrc: int | None = None) -> tuple[list[bytes], dict[str, Any]]:
    """Run the pieces of a TCP connection through the native framer: packets and counters (for tests)."""
    return _native.frame_chunks(chunks, ssrc=ssrc)
