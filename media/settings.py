"""Settings of the media room: the table ``[media]`` of the configuration."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from annotated_types import Ge, Le, MultipleOf, Predicate

_RANGE: Final = re.compile(r"(\d{1,5})-(\d{1,5})")


def parse_port_range(text: str) -> tuple[int, int]:
    """Read ``"30000-35000"``.

    Raises:
        ValueError: not two port numbers, the first even and below the second.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no range of ports such as 30000-35000")
    low, high = int(match[1]), int(match[2])
    if not 1 <= low < high <= 65_535 or low % 2:
        raise ValueError(f"{text!r}: the first port is even and below the second, which is at most 65535")
    return low, high


def is_port_range(text: str) -> bool:
    """Whether ``parse_port_range`` takes it."""
    try:
        parse_port_range(text)
    except ValueError:
        return False
    return True


def is_plain(text: str) -> bool:
    """Whether a name can stand in a header: printable, without quotes and backslashes."""
    return text.isascii() and text.isprintable() and not set(text) & set('"\\:')


def default_threads() -> int:
    """One receiving thread carries many hundreds of streams, two on four cores and more: half of the cores
    are for viewers, disks and sockets, and each thread more wakes up as often for half the packets."""
    return min(2, max(1, (os.cpu_count() or 1) // 2))


class ReceiveOn(StrEnum):
    """On which kind of port a stream is received."""

    OWN_PORT = "own-port"
    SHARED_PORT = "shared-port"


class OnLoss(StrEnum):
    """What becomes of pictures that a loss has damaged."""

    DROP = "drop"
    """They are dropped up to the next key frame: a short stop, never a broken picture."""
    PASS_MARKED = "pass-marked"  # noqa: S105
    """They are passed on and counted: movement goes on, with blocks in it."""


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where media comes in and goes out, and what is kept of it in memory."""

    host: str = "0.0.0.0"  # noqa: S104
    """Address of the listener for viewers."""
    port: Annotated[int, Ge(0), Le(65535)] = 8090
    """Port of that listener; 0: any free one."""
    advertised_host: str = ""
    """Host in the URLs of viewers; empty: the caller's choice, else ``host``."""
    rtp_host: str = ""
    """Address that receives from devices; empty: the same as ``host``."""
    rtp_ports: Annotated[str, Predicate(is_port_range)] = "30000-35000"
    """Range of receive ports. A stream takes an even one, and over UDP the next for RTCP."""
    receive_on: ReceiveOn = ReceiveOn.OWN_PORT
    """Each stream on a port of its own, or all on the shared ports, told apart by their SSRC."""
    shared_udp_port: Annotated[int, Ge(0), Le(65534)] = 0
    """Datagram port for all streams, with RTCP on the next; 0: none."""
    shared_tcp_port: Annotated[int, Ge(0), Le(65535)] = 0
    """Port to which devices connect for all streams; 0: none."""
    shared_buffer_bytes: Annotated[int, Ge(65_536), Le(1 << 30)] = 16 << 20
    """Kernel buffer asked for the shared datagram port, for each receiving thread."""
    connections_per_source: Annotated[int, Ge(0), Le(65_536)] = 1024
    """Connections that one host may hold at the shared TCP port; 0: any number."""
    port_cool_down_s: Annotated[float, Ge(0), Le(600)] = 10.0
    """How long a port, or on a shared port an SSRC, rests after use: the device may still be sending."""
    strict_ssrc: bool = False
    """Refuse packets with another SSRC than agreed; off: take them after ``ssrc_window_s`` and report."""
    ssrc_window_s: Annotated[float, Ge(0), Le(10)] = 0.5
    relock_s: Annotated[float, Ge(0.1), Le(300)] = 3.0
    """Silence of a stream's source after which packets from another address are taken."""
    silence_s: Annotated[float, Ge(0.1), Le(600)] = 15.0
    """Time without packets after which a session is reported silent."""
    stall_s: Annotated[float, Ge(0.5), Le(600)] = 5.0
    """Time without a picture after which a running stream is reported to stand still, with the reason."""
    on_loss: OnLoss = OnLoss.DROP
    """What becomes of pictures that a loss has damaged; sessions may differ."""

    connect_attempts: Annotated[int, Ge(3), Le(20)] = 3
    """How often a device that listens for our connection (TCP active) is tried."""
    connect_interval_s: Annotated[float, Ge(1), Le(60)] = 1.0
    connect_timeout_s: Annotated[float, Ge(0.1), Le(30)] = 3.0
    """Longest wait for one of these connections."""

    threads: Annotated[int, Ge(0), Le(64)] = 0
    """Receiving threads; 0: two, or one on a machine with less than four cores."""
    nap_ms: Annotated[float, Ge(0), Le(50)] = 5.0
    """Rest of a receiving thread between two wake-ups: longer costs delay, shorter costs CPU."""
    receive_buffer_bytes: Annotated[int, Ge(65_536), Le(1 << 30)] = 4 << 20
    """Kernel buffer asked for each UDP port; a warning tells when the system grants less."""
    reorder_packets: Annotated[int, Ge(1), Le(1024)] = 64
    """Packets over which a late one is waited for."""
    reorder_ms: Annotated[float, Ge(1), Le(5000)] = 200.0
    """Longest wait for a late packet."""
    gop_cache_bytes: Annotated[int, Ge(65_536), Le(1 << 30)] = 8 << 20
    """Largest group of pictures kept for new viewers of one stream."""
    gop_cache_pictures: Annotated[int, Ge(1), Le(100_000)] = 1500
    audio_wait_s: Annotated[float, Ge(0), Le(5)] = 0.2
    """How long the first picture waits, where sound may come, for a first piece of it (five pictures at
    most)."""

    feed_queue_bytes: Annotated[int, Ge(65_536), Le(1 << 30)] = 8 << 20
    """Frames that may wait for each session that a program or a push feeds, before pictures are left out."""

    tap_queue_bytes: Annotated[int, Ge(65_536), Le(1 << 30)] = 8 << 20
    """What may wait for each reader inside this process (WebRTC, transcoding) before it loses pictures."""
    publish_replaces: bool = False
    """A second publisher of a stream replaces the first; off: it is refused while the first one sends."""
    publish_resume_s: Annotated[float, Ge(0), Le(600)] = 15.0
    """How long the session of a pushed stream waits for its publisher to come back."""
    rtmp_port: Annotated[int, Ge(0), Le(65535)] = 0
    """Port of the RTMP listener, on ``host``; 0: none. The usual one is 1935."""
    rtmp_start_s: Annotated[float, Ge(0.1), Le(60)] = 10.0
    """Time for an RTMP peer from its connection to its wish, and for a server to take what we push."""
    rtmp_connections_per_source: Annotated[int, Ge(1), Le(100_000)] = 64
    """RTMP connections from one address."""

    transcode_slots: Annotated[int, Ge(0), Le(64)] = 2
    """Streams that are made into H.264 at a time; 0 turns transcoding off."""
    transcode_max_width: Annotated[int, Ge(160), Le(3840)] = 1280
    """Widest picture of a transcoded stream; larger ones are made smaller."""

    webrtc_viewers_max: Annotated[int, Ge(0), Le(1000)] = 40
    """Viewers over WebRTC at a time: each costs this process 1 to 3 % of a core."""

    viewers_max: Annotated[int, Ge(1), Le(100_000)] = 1000
    """Connections of viewers at a time, over all streams."""
    viewer_queue_bytes: Annotated[int, Ge(1024), Le(1 << 30)] = 4 << 20
    """What may wait for one slow viewer before it loses pictures up to the next key frame."""
    viewer_stuck_s: Annotated[float, Ge(0.1), Le(600)] = 15.0
    """Time without progress after which a viewer is disconnected."""
    viewer_send_buffer_bytes: Annotated[int, Ge(0), Le(1 << 30)] = 0
    """Kernel buffer of a viewer's connection; 0: the system's choice."""
    strangers_per_address: Annotated[int, Ge(1), Le(100_000)] = 256
    """Connections of one address at a time that have not shown a good URL yet."""
    tls_certificate: Path | None = None
    """PEM, the certificate first, then what it was issued by; with it viewers come by https and wss."""
    tls_key: Path | None = None
    request_deadline_s: Annotated[float, Ge(0.1), Le(60)] = 5.0
    """Time for a viewer's whole request head."""
    url_ttl_s: Annotated[float, Ge(1), Le(86_400)] = 60.0
    """How long a viewer's URL opens connections; open connections stay."""

    hls_segment_s: Annotated[float, Ge(0.2), Le(10)] = 1.0
    """Shortest segment of HLS: the next key frame after it begins another."""
    hls_part_s: Annotated[float, Ge(0.04), Le(2)] = 0.2
    """Length of a part of low-latency HLS that is aimed at."""
    hls_segments: Annotated[int, Ge(2), Le(100)] = 6
    """Whole segments that are kept of a stream while somebody asks for it."""
    hls_window_bytes: Annotated[int, Ge(65_536), Le(1 << 30)] = 32 << 20
    """Most bytes of them; older ones go first."""
    hls_idle_s: Annotated[float, Ge(0.1), Le(600)] = 10.0
    """Who asks for nothing so long is gone, but not before three target durations."""

    rtsp_port: Annotated[int, Ge(0), Le(65535)] = 0
    """Port for RTSP players, at ``host``; 0: RTSP is not spoken. It has no encryption of its own."""
    rtsp_udp: bool = True
    """RTSP peers may ask for datagrams; off: only for packets inside their connection."""
    rtsp_udp_port: Annotated[int, Ge(0), Le(65534), MultipleOf(2)] = 0
    """Even port of these datagrams, the next one is for RTCP; 0: any free pair."""
    rtsp_user: Annotated[str, Predicate(is_plain)] = ""
    """Who may watch every stream over RTSP with a password instead of a signed URL; empty: nobody."""
    rtsp_password: str = field(default="", repr=False)
    rtsp_timeout_s: Annotated[float, Ge(5), Le(3600)] = 60.0
    """Silence after which an RTSP session ends, unless its connection takes packets."""

    recorder_queue_bytes: Annotated[int, Ge(65_536), Le(1 << 30)] = 16 << 20
    """What may wait for the disk, for each recording, before pictures are left out."""
    recorder_fragment_s: Annotated[float, Ge(0.04), Le(2)] = 1.0
    """Longest piece of a recording that is written at once, and lost if the process is killed."""
    playback_threads: Annotated[int, Ge(1), Le(64)] = 2
    """Threads that read recordings which are played."""
    playback_read_s: Annotated[float, Ge(0.1), Le(60)] = 5.0
    """A disk that takes longer to answer is not waited for: a playback goes on with the next file."""
    relay_payload_bytes: Annotated[int, Ge(200), Le(1_460)] = 1_400
    """Largest payload of an RTP packet to another platform."""
    relay_queue_bytes: Annotated[int, Ge(65_536), Le(1 << 30)] = 4 << 20
    """What may wait for one receiver before it loses pictures up to the next key frame."""
    relay_rate_factor: Annotated[float, Ge(1.5), Le(100)] = 4.0
    """Rate of the start and of large key frames, as a multiple of the stream's own."""
    relay_burst_bytes: Annotated[int, Ge(2_000), Le(1 << 30)] = 128 << 10
    """What may go at once beyond that rate."""
    relay_peak_bytes_per_ms: Annotated[int, Ge(2_000), Le(1 << 30)] = 64 << 10
    """Most bytes to one receiver in a millisecond."""
    relay_start_timeout_s: Annotated[float, Ge(0.1), Le(600)] = 60.0
    """How long a sender waits to be started: the ACK of the other platform."""
    relay_accept_timeout_s: Annotated[float, Ge(0.1), Le(600)] = 30.0
    """How long a sender that listens waits for its receiver."""
    relay_stuck_s: Annotated[float, Ge(0.1), Le(600)] = 15.0
    """Time without progress after which a receiver over TCP is given up."""
    relay_refused_s: Annotated[float, Ge(0.1), Le(600)] = 5.0
    """Time over which a receiver over UDP refuses everything before it is given up."""
    relay_report_timeout_s: Annotated[float, Ge(0), Le(600)] = 30.0
    """Silence of a receiver that has sent RTCP reports after which it is given up; 0: never."""
    relay_linger_s: Annotated[float, Ge(0), Le(30)] = 2.0
    """How long the rest of an ended stream may take."""
    capture_directory: str = "data/captures"
    """Where captures of what cameras send are written; those of a former run are deleted at the start."""
    capture_max_bytes: Annotated[int, Ge(1_000), Le(1 << 34)] = 256 << 20
    """Most bytes of one capture."""
    capture_max_s: Annotated[float, Ge(1), Le(86_400)] = 3600.0
    """Longest capture, and longest wait for its stream to open."""
    captures_kept: Annotated[int, Ge(1), Le(1_000)] = 20
    """Captures that are kept; the oldest makes place for a new one."""
    snapshot_timeout_s: Annotated[float, Ge(0.1), Le(60)] = 5.0
    snapshots_parallel: Annotated[int, Ge(1), Le(64)] = 2
    """Key frames decoded at a time."""

    @property
    def reception_host(self) -> str:
        """Where devices send to."""
        return self.rtp_host or self.host

    @property
    def thread_count(self) -> int:
        """Receiving threads, the default resolved."""
        return self.threads or default_threads()
