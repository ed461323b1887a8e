//! Reports in both directions: RFC 3550 section 6.4, over UDP alone.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use tongshi_wire::rtp_send::{Feedback, parse_feedback};

use crate::senders::link::Link;
use crate::senders::sender::{RtpSender, Stage};
use crate::senders::supervision::{REPORT_US, TURNS};

/// Ticks of the RTP clock in a millisecond.
const TICKS_PER_MS: i64 = 90;

impl RtpSender {
    pub(super) fn read_feedback(&mut self, is_rtcp: bool, now_us: u64, wall_us: i64) {
        let Link::Udp(udp) = &self.link else { return };
        let socket = if is_rtcp { &udp.rtcp } else { &udp.rtp };
        let expected = self.request.peer_ip().map(plain_ip);
        let mut buffer = [0; 2_048];
        let mut heard = Vec::new();
        let mut refused = 0;
        for _ in 0..TURNS {
            match socket.recv_from(&mut buffer) {
                Ok((count, source)) if Some(plain_ip(source.ip())) == expected => {
                    let packet = buffer.get(..count).unwrap_or_default();
                    heard.push(parse_feedback(packet, self.request.ssrc, wall_us));
                }
                Ok(_) => self.stats.strangers += 1,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Of RTCP: many receivers have no such port.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    refused += u64::from(!is_rtcp);
                }
                Err(_) => break,
            }
        }
        if refused > 0 {
            self.stats.refusals += refused;
            self.supervision.refused(now_us);
        }
        for feedback in heard {
            self.hear(feedback, now_us);
        }
    }

    fn hear(&mut self, feedback: Feedback, now_us: u64) {
        let Some(report) = feedback.report else {
            return;
        };
        self.supervision.heard_at_us = Some(now_us);
        self.supervision.refused_since_us = None;
        let stats = &mut self.stats;
        stats.reports += 1;
        stats.fraction_lost = f64::from(report.fraction_lost) / 256.0;
        stats.lost = i64::from(report.lost);
        stats.jitter_us = u64::from(report.jitter_ticks) * 1_000 / TICKS_PER_MS as u64;
        stats.round_trip_us = report.round_trip_us.or(stats.round_trip_us);
    }

    /// RFC 3550 section 6.4; over TCP, RTCP is normally absent (protocol notes 7.2).
    pub(super) fn report(&mut self, now_us: u64, wall_us: i64) {
        if self.supervision.report_at_us.is_none_or(|at| now_us < at) {
            return;
        }
        let Some(timestamp) = self.timestamp_at(wall_us) else {
            return;
        };
        self.supervision.report_at_us = Some(now_us + REPORT_US);
        let mut packet = Vec::with_capacity(64);
        self.numbering
            .write_sender_report(wall_us, timestamp, &mut packet);
        self.send_rtcp(&packet);
    }

    /// Tells the receiver that no more comes.
    pub(crate) fn say_goodbye(&self, wall_us: i64) {
        let (Stage::Ended(end, _), Some(timestamp)) = (&self.stage, self.timestamp_at(wall_us))
        else {
            return;
        };
        let mut packet = Vec::with_capacity(96);
        let reason = end.name();
        self.numbering
            .write_goodbye(wall_us, timestamp, reason, &mut packet);
        self.send_rtcp(&packet);
    }

    fn send_rtcp(&self, packet: &[u8]) {
        if let (Link::Udp(udp), Some(peer)) = (&self.link, self.request.peer) {
            let after = self.request.rtcp_port.or(peer.port().checked_add(1));
            if let Some(port) = after {
                // A report that is lost is followed by another one.
                let _ = udp.rtcp.send_to(packet, SocketAddr::new(peer.ip(), port));
            }
        }
    }

    /// The RTP time of an instant, by the newest frame sent.
    fn timestamp_at(&self, wall_us: i64) -> Option<u32> {
        let (timestamp, came_us) = self.clock?;
        let since_ms = wall_us.saturating_sub(came_us) / 1_000;
        Some(timestamp.wrapping_add((since_ms * TICKS_PER_MS) as u32))
    }
}

/// IPv4 as IPv4, also where a socket of both families reports it.
pub(super) fn plain_ip(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}
