"""What the media room counts: one row for each session, and totals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media.outputs.rtp import SenderStats
    from media.shared_ports import SharedPorts


@dataclass(frozen=True, slots=True)
class SessionStats:
    """One reception at one moment. Counters only rise."""

    session_id: str
    label: str
    transport: str
    port: int
    age_s: float
    """Since the session was opened."""

    packets: int
    """RTP packets of the locked source."""
    bytes: int
    """Bytes of them, RTP headers included."""
    lost: int
    """Packets that never came."""
    reordered: int
    """Packets that came after a later one and were put in order."""
    duplicates: int
    late: int
    """Packets that came after they had been given up."""
    resets: int
    """Restarts of the sequence numbers."""
    malformed: int
    """Datagrams that are no RTP."""
    rtcp: int
    """RTCP packets, also those inside a TCP connection."""
    rtcp_refused: int
    """Of them, those that did not come from the locked host."""
    wrong_ssrc: int
    """Packets with another SSRC than agreed or locked."""
    stranger: int
    """Packets, or connections, from another address than the locked one."""
    jitter_ms: float
    sender_clock_offset_s: float | None
    """The sender's clock minus ours by its last RTCP report. Senders without a clock write anything there."""
    packs: int
    """Pack headers of program streams."""

    access_units: int
    keyframes: int
    dropped_damaged: int
    """Pictures dropped after a loss, up to a key frame."""
    dropped_before_keyframe: int
    passed_damaged: int
    """Pictures passed on although something in them, or before them, was lost."""
    on_loss: str
    """``drop`` or ``pass-marked``."""
    audio_frames: int
    sound_packets: int
    """Packets of sound that came beside the picture, with an SSRC of their own."""
    fps: float
    bitrate_bps: int
    gop_frames: int
    """Pictures between the last two key frames."""
    gop_s: float
    """Time between them."""
    media_s: float
    """From the first picture to the newest, on the clock that viewers are given."""
    rtp_timestamp: int
    """Of the newest packet, as the device wrote it."""
    keyframe_age_s: float | None
    silence_s: float
    """Since the last packet, or since the session was opened."""

    codec: str | None
    width: int | None
    height: int | None
    audio_codec: str | None

    ssrc: int | None
    """The locked SSRC."""
    source: str | None
    """The locked address, ``host:port``."""
    ssrc_mismatch: bool
    """The locked SSRC is not the agreed one."""
    format: str
    """What the payload was found to be: ``ps``, ``ts``, ``annexb``, ``h264`` or ``h265``; empty at first."""
    stall: str | None
    """Why the stream stands still now (``media.facts.StallReason``)."""
    unsupported: str | None
    """What was found in the stream and is not carried."""
    framing: str
    """Of TCP: ``rfc4571`` or ``interleaved``; empty before it is known."""
    framing_resyncs: int
    framing_skipped_bytes: int
    connections: int
    """TCP connections taken."""
    receive_buffer_bytes: int
    feed_dropped: int
    """Frames of a fed session left out because the data plane could not follow."""
    viewers: int
    recorders: int
    senders: int = 0
    """Senders to other platforms."""


@dataclass(frozen=True, slots=True)
class ViewerStats:
    """One viewer at one moment."""

    way: str
    """Its name in ``media.outputs.OUTPUTS``."""
    tag: str
    user: str
    source: str
    """Its address, or that of the proxy before it."""
    age_s: float
    """Since it joined."""
    queued_bytes: int
    """What waits because it does not take it."""
    sent_bytes: int
    skipped: int
    """Pictures it lost for being slow."""


@dataclass(slots=True)
class PlaneTotals:
    """Totals since the start, of this room alone."""

    sessions_opened: int = 0
    sessions_closed: int = 0
    ports_refused: int = 0
    """Ports that another program held."""
    ssrcs_refused: int = 0
    """Sessions that got a port of their own because another one of the shared port had their SSRC."""
    unknown_ssrcs: int = 0
    """SSRCs on shared ports, by host, that belonged to no session."""
    viewers_opened: int = 0
    viewers_closed: int = 0
    viewer_bytes: int = 0
    """Bytes sent to viewers that have left."""
    viewer_fragments_skipped: int = 0
    segments_closed: int = 0
    recorder_failures: int = 0
    recorder_gaps: int = 0
    senders_opened: int = 0
    senders_closed: int = 0
    sender_packets: int = 0
    """Of closed senders, as the two below; :meth:`MediaPlane.counters` adds the open ones."""
    sender_payload_bytes: int = 0
    sender_frames_dropped: int = 0
    """Frames left out because a receiver was too slow."""
    senders_closed_by_reason: dict[str, int] = field(default_factory=dict)
    """Senders closed, by kind of end."""
    snapshots: int = 0
    snapshot_failures: int = 0
    facts_lost: int = 0
    packets: int = 0
    """Of closed sessions, as the four below; :meth:`MediaPlane.counters` adds the open ones."""
    bytes: int = 0
    lost: int = 0
    stranger: int = 0
    wrong_ssrc: int = 0
    viewers_closed_by_reason: dict[str, int] = field(default_factory=dict)
    """Viewers closed, by reason."""
    shared_malformed: int = 0
    """Datagrams on shared ports that are no RTP; as the rest, from :meth:`MediaPlane.counters` alone."""
    shared_stray_rtcp: int = 0
    shared_unknown: int = 0
    """Datagrams and connections on shared ports with an SSRC that no session has."""
    shared_handed: int = 0
    """Datagrams that one thread handed to another."""
    shared_handed_dropped: int = 0
    shared_connections: int = 0
    shared_connections_refused: int = 0
    """Connections closed because too many were open."""
    shared_connections_unclaimed: int = 0
    """Connections closed because no session had their SSRC in time."""

    def add_open_sender(self, stats: SenderStats) -> None:
        """Count what one sender has sent."""
        self.sender_packets += stats.packets
        self.sender_payload_bytes += stats.payload_bytes
        self.sender_frames_dropped += stats.dropped_frames

    def add_sender(self, stats: SenderStats, reason: str) -> None:
        """Count a sender that has ended."""
        self.add_open_sender(stats)
        self.senders_closed += 1
        self.senders_closed_by_reason[reason] = self.senders_closed_by_reason.get(reason, 0) + 1

    def add_shared_ports(self, ports: SharedPorts) -> None:
        """What the shared ports have counted since the start."""
        self.shared_malformed = ports.malformed
        self.shared_stray_rtcp = ports.stray_rtcp
        self.shared_unknown = ports.unknown
        self.shared_handed = ports.handed
        self.shared_handed_dropped = ports.handed_dropped
        self.shared_connections = ports.connections
        self.shared_connections_refused = ports.connections_refused
        self.shared_connections_unclaimed = ports.connections_unclaimed

    def add(self, stats: SessionStats) -> None:
        """Count what one session received."""
        self.packets += stats.packets
        self.bytes += stats.bytes
        self.lost += stats.lost
        self.stranger += stats.stranger
        self.wrong_ssrc += stats.wrong_ssrc
