"""The compiled data plane (``media/native``). Only ``media.engine`` imports it."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, TypedDict, final, type_check_only

__all__ = ["NativeError", "Plane", "Tap", "__version__", "frame_chunks", "ingest_packets", "probe_buffers"]

__version__: str

class NativeError(Exception):
    """``args`` are (kind, message, errno); kinds: ``media/native/plane/src/error.rs``, and ``panic``."""

    args: tuple[str, str, int]

@type_check_only
class Settings(TypedDict):
    output_host: str
    output_port: int
    threads: int
    url_key: bytes
    nap_us: int
    receive_buffer_bytes: int
    receive_host: str
    shared_udp_port: int
    shared_tcp_port: int
    shared_buffer_bytes: int
    connections_per_source: int
    cool_down_us: int
    strict_ssrc: bool
    reorder_packets: int
    reorder_us: int
    gop_bytes: int
    gop_pictures: int
    audio_wait_us: int
    pass_damaged: bool
    stall_us: int
    silence_us: int
    relock_us: int
    ssrc_window_us: int
    feed_queue_bytes: int
    publish_replaces: bool
    rtmp_port: int
    rtmp_start_us: int
    rtmp_per_source: int
    max_viewers: int
    viewer_queue_bytes: int
    viewer_stuck_us: int
    request_deadline_us: int
    viewer_send_buffer_bytes: int
    max_strangers: int
    tls_certificate: str | PathLike[str]
    tls_key: str | PathLike[str]
    hls_segment_us: int
    hls_part_us: int
    hls_segments: int
    hls_bytes: int
    hls_idle_us: int
    rtsp_port: int
    rtsp_udp: bool
    rtsp_udp_port: int
    rtsp_user: str
    rtsp_password: str
    rtsp_timeout_us: int
    recorder_queue_bytes: int
    recorder_fragment_us: int
    playback_threads: int
    playback_read_us: int
    relay: RelaySettings

@type_check_only
class RelaySettings(TypedDict):
    payload_bytes: int
    queue_bytes: int
    burst_bytes: int
    rate_factor: float
    peak_bytes_per_ms: int
    start_timeout_us: int
    accept_timeout_us: int
    connect_attempts: int
    connect_interval_us: int
    connect_timeout_us: int
    stuck_us: int
    refused_us: int
    report_timeout_us: int
    linger_us: int

@type_check_only
class SenderRequest(TypedDict):
    sender_id: str
    transport: Literal["udp", "tcp_active", "tcp_passive"]
    local_host: str
    local_port: int
    peer: tuple[str, int] | None
    rtcp_port: int | None
    ssrc: int
    first_sequence: int
    payload_type: int
    audio: list[str]
    pass_through: bool
    from_cache: bool

@type_check_only
class SenderSnapshot(TypedDict):
    sender_id: str
    transport: str
    port: int
    ssrc: int
    state: str
    form: str
    peer: str | None
    packets: int
    payload_bytes: int
    frames: int
    passed_frames: int
    dropped_frames: int
    drops: int
    queued_bytes: int
    refusals: int
    strangers: int
    connect_attempts: int
    reports: int
    fraction_lost: float
    lost: int
    jitter_us: int
    round_trip_us: int | None
    age_s: float
    sending_s: float | None

@type_check_only
class Viewer(TypedDict):
    way: str
    tag: str
    user: str
    source: str
    age_s: float
    queued_bytes: int
    sent_bytes: int
    skipped: int

@type_check_only
class Audio(TypedDict):
    codec: str
    sample_rate: int
    channels: int

@type_check_only
class Info(TypedDict):
    codec: str
    width: int
    height: int
    audio: Audio | None
    mime: str

@type_check_only
class Snapshot(TypedDict):
    session_id: str
    transport: str
    port: int
    info: Info | None
    viewers: int
    recorders: int
    senders: int
    packets: int
    bytes: int
    expected: int
    lost: int
    reordered: int
    duplicates: int
    late: int
    resets: int
    malformed: int
    rtcp: int
    rtcp_refused: int
    wrong_ssrc: int
    stranger: int
    jitter_us: int
    sender_clock_offset_us: int | None
    packs: int
    access_units: int
    keyframes: int
    dropped_damaged: int
    dropped_before_keyframe: int
    audio_frames: int
    passed_damaged: int
    passes_damaged: bool
    format: str
    sound_packets: int
    connected: bool
    stall: str | None
    fps: float
    bitrate_bps: int
    gop_pictures: int
    gop_us: int
    media_90k: int
    rtp_timestamp: int
    keyframe_age_s: float | None
    silence_s: float
    age_s: float
    framing: str
    framing_resyncs: int
    framing_skipped_bytes: int
    connections: int
    source: str | None
    ssrc: int | None
    ssrc_mismatch: bool
    unsupported: str | None
    receive_buffer_bytes: int
    feed_dropped: int

@type_check_only
class SharedPorts(TypedDict):
    udp_port: int
    tcp_port: int
    receive_buffer_bytes: int
    steered: bool
    malformed: int
    stray_rtcp: int
    unknown: int
    handed: int
    handed_dropped: int
    connections: int
    refused: int
    unclaimed: int
    waiting: int
    unknown_rows: list[tuple[int, str, str, int]]
    sources: list[tuple[str, int]]

@type_check_only
class PlayOptions(TypedDict):
    scale: float
    download: bool
    recorded_stamps: bool
    whole_groups: bool
    paused: bool
    exact: bool

@type_check_only
class PlaybackState(TypedDict):
    state: Literal["playing", "paused", "ended"]
    position_us: int
    scale: float
    pictures: int
    bytes: int
    files_skipped: int
    pictures_damaged: int
    gaps: int
    starved: int
    held_bytes: int

@type_check_only
class PushStats(TypedDict):
    state: str
    attempts: int
    connections: int
    sent_bytes: int
    skipped: int
    last_reason: str

@final
class Tap:
    def fd(self) -> int: ...
    def take(self) -> list[tuple[str, dict[str, Any]]]: ...
    def close(self) -> None: ...

@final
class Plane:
    def __new__(cls, settings: Settings) -> Plane: ...
    def address(self) -> tuple[str, int]: ...
    def rtsp_address(self) -> tuple[str, int] | None: ...
    def fact_fd(self) -> int: ...
    def drain_facts(self) -> tuple[list[tuple[str, str, dict[str, Any]]], int]: ...
    def open_session(
        self,
        session_id: str,
        transport: Literal["udp", "tcp_passive"],
        host: str,
        port: int,
        ssrc: int | None,
        strict_ssrc: bool,
        *,
        shared: bool = False,
    ) -> int: ...
    def open_fed_session(self, session_id: str) -> None: ...
    def feed_video(self, session_id: str, codec: str, annexb: bytes, pts_90k: int, dts_90k: int) -> None: ...
    def feed_audio(
        self,
        session_id: str,
        codec: str,
        data: bytes,
        pts_90k: int,
        sample_rate: int,
        channels: int,
        asc: bytes,
    ) -> None: ...
    def expect_peer(self, session_id: str, host: str, port: int | None) -> None: ...
    def shared_ports(self) -> SharedPorts: ...
    def open_recordings(
        self,
        session_id: str,
        segments: Sequence[tuple[str | PathLike[str], int, int, str]],
        period_us: tuple[int, int],
        options: PlayOptions,
    ) -> None: ...
    def pause_recordings(self, session_id: str, paused: bool) -> None: ...
    def seek_recordings(self, session_id: str, wall_us: int, exact: bool) -> None: ...
    def scale_recordings(self, session_id: str, scale: float) -> None: ...
    def recordings_state(self, session_id: str) -> PlaybackState: ...
    def tap(self, session_id: str, max_bytes: int) -> Tap: ...
    def answer_publish(self, token: int, session_id: str | None, reason: str) -> bool: ...
    def open_push(self, session_id: str, push_id: str, url: str, g711: bool, h265: bool) -> None: ...
    def close_push(self, push_id: str, reason: str) -> bool: ...
    def push_stats(self, push_id: str) -> PushStats | None: ...
    def expect_ssrc(self, session_id: str, ssrc: int) -> None: ...
    def connect(self, session_id: str, host: str, port: int, timeout_us: int) -> None: ...
    def pass_damaged(self, session_id: str, passes: bool) -> None: ...
    def name_payload(
        self,
        session_id: str,
        payload_type: int,
        label: str,
        *,
        config: bytes,
        bits: tuple[int, int, int],
        clock_rate: int,
        sets: Sequence[bytes],
    ) -> None: ...
    def start_capture(
        self,
        session_id: str,
        capture_id: str,
        *,
        directory: str | PathLike[str],
        max_bytes: int,
        max_us: int,
    ) -> None: ...
    def stop_capture(self, session_id: str) -> None: ...
    def retime(self, session_id: str, by_arrival: bool) -> None: ...
    def snapshot(self, session_id: str) -> Snapshot: ...
    def snapshots(self) -> list[Snapshot]: ...
    def keyframe(self, session_id: str) -> tuple[str, bytes] | None: ...
    def attach_recorder(
        self,
        session_id: str,
        recorder_id: str,
        *,
        run: str,
        directory: str | PathLike[str],
        segment_us: int,
        fragment_us: int,
        metadata: bytes,
        first_number: int,
    ) -> None: ...
    def detach_recorder(self, session_id: str, recorder_id: str) -> None: ...
    def attach_sender(self, session_id: str, request: SenderRequest) -> int: ...
    def start_sender(self, session_id: str, sender_id: str) -> None: ...
    def close_sender(self, session_id: str, sender_id: str, reason: str) -> None: ...
    def sender_snapshot(self, session_id: str, sender_id: str) -> SenderSnapshot | None: ...
    def revoke(self, session_id: str, tag: str) -> None: ...
    def viewers(self, session_id: str) -> list[Viewer]: ...
    def revoke_user(self, session_id: str, user: str) -> None: ...
    def allow(self, session_id: str, tag: str, user: str) -> None: ...
    def close_session(self, session_id: str, reason: str) -> None: ...
    def close(self) -> None: ...

def ingest_packets(
    packets: Sequence[bytes], *, ordered: bool = False, times_us: Sequence[int] | None = None
) -> tuple[list[dict[str, Any]], dict[str, int]]: ...
def frame_chunks(
    chunks: Sequence[bytes], *, ssrc: int | None = None
) -> tuple[list[bytes], dict[str, Any]]: ...
def probe_buffers(wanted: int) -> tuple[int, int]: ...
