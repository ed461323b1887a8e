//! What a sender is told.

use std::net::{IpAddr, SocketAddr};

use tongshi_wire::AudioCodec;
use tongshi_wire::rtp_send::UDP_PAYLOAD_BYTES;

/// Settings of all senders of a plane.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Largest payload of a packet.
    pub payload_bytes: usize,
    /// Bytes that may wait for one receiver before it loses pictures up to a key frame.
    pub queue_bytes: usize,
    /// Bytes that may go at once beyond the rate.
    pub burst_bytes: usize,
    /// The rate of the start and of large key frames, as a multiple of the stream's own.
    pub rate_factor: f64,
    /// Most bytes in a millisecond.
    pub peak_bytes_per_ms: usize,
    /// How long a sender waits to be started (the ACK).
    pub start_timeout_us: u64,
    /// How long a listening sender waits for its receiver.
    pub accept_timeout_us: u64,
    /// Connections that are tried, at least this far apart, each for so long.
    pub connect_attempts: u32,
    /// See `connect_attempts`.
    pub connect_interval_us: u64,
    /// See `connect_attempts`.
    pub connect_timeout_us: u64,
    /// Time without progress after which a connection is given up.
    pub stuck_us: u64,
    /// Time over which a UDP receiver refuses everything before it is given up.
    pub refused_us: u64,
    /// Silence of a receiver that has sent reports after which it is given up; 0: never.
    pub report_timeout_us: u64,
    /// How long the rest of an ended stream may take.
    pub linger_us: u64,
}

impl Default for RelayConfig {
    fn default() -> Self {
        RelayConfig {
            payload_bytes: UDP_PAYLOAD_BYTES,
            queue_bytes: 4 << 20,
            burst_bytes: 128 << 10,
            rate_factor: 4.0,
            peak_bytes_per_ms: 64 << 10,
            start_timeout_us: 60_000_000,
            accept_timeout_us: 30_000_000,
            connect_attempts: 3,
            connect_interval_us: 1_000_000,
            connect_timeout_us: 3_000_000,
            stuck_us: 15_000_000,
            refused_us: 5_000_000,
            report_timeout_us: 30_000_000,
            linger_us: 2_000_000,
        }
    }
}

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderTransport {
    /// Nobody: datagrams.
    Udp,
    /// We connect to the receiver.
    TcpActive,
    /// The receiver connects to us.
    TcpPassive,
}

impl SenderTransport {
    /// As in the API.
    pub fn name(self) -> &'static str {
        match self {
            SenderTransport::Udp => "udp",
            SenderTransport::TcpActive => "tcp_active",
            SenderTransport::TcpPassive => "tcp_passive",
        }
    }
}

/// What a sender is made with.
#[derive(Clone, Debug)]
pub struct SenderRequest {
    /// Unique in its session; the name in facts.
    pub sender_id: String,
    /// Who connects.
    pub transport: SenderTransport,
    /// Local address and port (0 = any). Over UDP the port after it is for RTCP.
    pub local: SocketAddr,
    /// Where the receiver is; none, or a port of 0, only where it connects to us.
    pub peer: Option<SocketAddr>,
    /// Where its RTCP goes; none: the port after `peer`'s.
    pub rtcp_port: Option<u16>,
    /// SSRC of the stream: the agreed `y=`.
    pub ssrc: u32,
    /// Number of the first packet.
    pub first_sequence: u16,
    /// Payload type, 96 for a program stream.
    pub payload_type: u8,
    /// Sound that the receiver knows; any other is left out.
    pub audio: Vec<AudioCodec>,
    /// Payloads may be passed on as they are.
    pub pass_through: bool,
    /// Begin with the pictures since the newest key frame; else with the next key frame.
    pub from_cache: bool,
}

impl SenderRequest {
    /// The address from which a receiver may connect, if it is known.
    pub(crate) fn peer_ip(&self) -> Option<IpAddr> {
        self.peer
            .map(|peer| peer.ip())
            .filter(|ip| !ip.is_unspecified())
    }
}
