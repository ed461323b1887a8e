//! What others see of a sender.

use std::net::SocketAddr;
use std::sync::Mutex;

use crate::senders::{SenderRequest, SenderTransport};

/// Why a sender ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderEnd {
    /// Its owner closed it.
    Closed,
    /// The session has ended; what it had was sent.
    SourceEnded,
    /// Nobody started it in time: the ACK never came.
    NeverStarted,
    /// The receiver accepted none of our connections.
    NotConnected,
    /// Nobody connected to us in time.
    NobodyConnected,
    /// The receiver's host refuses the datagrams: nobody listens there.
    Refused,
    /// The connection is gone.
    ConnectionLost,
    /// The receiver has read nothing for too long.
    Stuck,
    /// The receiver's reports have stopped.
    ReportsStopped,
    /// The system refuses to send.
    SendFailed,
    /// The code failed.
    InternalError,
}

impl SenderEnd {
    /// As in facts.
    pub fn name(self) -> &'static str {
        match self {
            SenderEnd::Closed => "closed",
            SenderEnd::SourceEnded => "source_ended",
            SenderEnd::NeverStarted => "never_started",
            SenderEnd::NotConnected => "not_connected",
            SenderEnd::NobodyConnected => "nobody_connected",
            SenderEnd::Refused => "refused",
            SenderEnd::ConnectionLost => "connection_lost",
            SenderEnd::Stuck => "stuck",
            SenderEnd::ReportsStopped => "reports_stopped",
            SenderEnd::SendFailed => "send_failed",
            SenderEnd::InternalError => "internal_error",
        }
    }
}

/// Counters and gauges of one sender.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(
    missing_docs,
    reason = "the field names say it, and media/outputs/rtp.py documents them for their reader"
)]
pub struct SenderStats {
    pub state: &'static str,
    pub form: &'static str,
    pub peer: Option<SocketAddr>,
    pub packets: u64,
    pub payload_bytes: u64,
    pub frames: u64,
    pub passed_frames: u64,
    pub dropped_frames: u64,
    pub drops: u64,
    pub queued_bytes: usize,
    pub refusals: u64,
    pub strangers: u64,
    pub connect_attempts: u32,
    pub reports: u64,
    pub fraction_lost: f64,
    pub lost: i64,
    pub jitter_us: u64,
    pub round_trip_us: Option<u64>,
    pub opened_at_us: u64,
    pub first_sent_at_us: Option<u64>,
    pub now_us: u64,
}

/// A copy of everything worth showing about a sender.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "see SenderStats")]
pub struct SenderSnapshot {
    pub sender_id: String,
    pub transport: SenderTransport,
    pub port: u16,
    pub ssrc: u32,
    pub stats: SenderStats,
}

/// One sender, as all threads see it.
#[derive(Debug)]
pub(crate) struct SenderShared {
    pub(crate) sender_id: String,
    pub(crate) key: u64,
    pub(crate) port: u16,
    transport: SenderTransport,
    ssrc: u32,
    pub(crate) stats: Mutex<SenderStats>,
}

impl SenderShared {
    pub(crate) fn new(request: &SenderRequest, key: u64, port: u16, now_us: u64) -> SenderShared {
        SenderShared {
            sender_id: request.sender_id.clone(),
            key,
            port,
            transport: request.transport,
            ssrc: request.ssrc,
            stats: Mutex::new(SenderStats {
                state: "waiting",
                form: "none",
                opened_at_us: now_us,
                now_us,
                ..SenderStats::default()
            }),
        }
    }

    pub(crate) fn snapshot(&self) -> SenderSnapshot {
        SenderSnapshot {
            sender_id: self.sender_id.clone(),
            transport: self.transport,
            port: self.port,
            ssrc: self.ssrc,
            stats: crate::sync::lock(&self.stats).clone(),
        }
    }
}
