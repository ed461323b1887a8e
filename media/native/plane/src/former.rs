//! The last sender of a port: it may go on although its session has ended (field lesson 7).
//!
//! A session waits for its agreed SSRC and puts up with another after a while. What must never be put up with is
//! the stream of the port's last session, from a device that missed its BYE: known by its host, its SSRC, and a
//! clock that has simply run on.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::session::{SessionStats, Transport};

/// How far the clock may be from where it should have run to. A device's clock drifts less, a new stream begins
/// anywhere.
const TOLERANCE_90K: u32 = 5 * 90_000;
/// After so long the time stamps have gone round, and nothing can be told.
const MEMORY_US: u64 = 10 * 3_600 * 1_000_000;

/// What is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Former {
    ip: IpAddr,
    ssrc: u32,
    timestamp: u32,
    at_us: u64,
}

impl Former {
    /// The sender that a session had when it ended.
    pub(crate) fn of(stats: &SessionStats) -> Option<Former> {
        Some(Former {
            ip: stats.source?.ip(),
            ssrc: stats.ssrc?,
            timestamp: stats.rtp_timestamp,
            at_us: stats.packet_at_us?,
        })
    }

    /// Whether a packet is its next one.
    pub(crate) fn goes_on(
        &mut self,
        source: SocketAddr,
        ssrc: u32,
        timestamp: u32,
        now_us: u64,
    ) -> bool {
        if ssrc != self.ssrc || source.ip() != self.ip {
            return false;
        }
        let passed_us = now_us.saturating_sub(self.at_us);
        let expected = self.timestamp.wrapping_add((passed_us * 9 / 100) as u32);
        let ahead = timestamp.wrapping_sub(expected) as i32;
        if passed_us > MEMORY_US || ahead.unsigned_abs() > TOLERANCE_90K {
            return false;
        }
        self.timestamp = timestamp;
        self.at_us = now_us;
        true
    }
}

/// The last sender of each port of a session's own; as many as there are ports.
#[derive(Debug, Default)]
pub(crate) struct Formers(HashMap<(Transport, u16), Former>);

impl Formers {
    pub(crate) fn of(&self, transport: Transport, port: u16) -> Option<Former> {
        self.0.get(&(transport, port)).copied()
    }

    /// A session of this port has ended.
    pub(crate) fn remember(&mut self, transport: Transport, port: u16, stats: &SessionStats) {
        match Former::of(stats) {
            Some(former) => self.0.insert((transport, port), former),
            None => self.0.remove(&(transport, port)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn source(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], port))
    }

    fn former() -> Former {
        Former::of(&SessionStats {
            source: Some(source(1, 5_000)),
            ssrc: Some(7),
            rtp_timestamp: u32::MAX - 90_000,
            packet_at_us: Some(SECOND),
            ..SessionStats::default()
        })
        .unwrap()
    }

    #[test]
    fn the_sender_whose_clock_has_run_on_is_the_same_one() {
        let mut former = former();
        let after = (u32::MAX - 90_000).wrapping_add(20 * 90_000);
        assert!(former.goes_on(source(1, 6_000), 7, after, 21 * SECOND));
        assert!(former.goes_on(source(1, 5_000), 7, after + 3_600, 21 * SECOND + 40_000));
    }

    #[test]
    fn another_host_ssrc_or_clock_is_another_stream() {
        let after = (u32::MAX - 90_000).wrapping_add(20 * 90_000);
        let now_us = 21 * SECOND;
        assert!(!former().goes_on(source(2, 5_000), 7, after, now_us));
        assert!(!former().goes_on(source(1, 5_000), 8, after, now_us));
        assert!(!former().goes_on(source(1, 5_000), 7, 0x4000_0000, now_us));
        assert!(!former().goes_on(source(1, 5_000), 7, after, now_us + 60 * SECOND));
        assert!(!former().goes_on(source(1, 5_000), 7, after, now_us + MEMORY_US));
    }

    #[test]
    fn a_port_forgets_the_one_before_the_last() {
        let mut formers = Formers::default();
        let stats = SessionStats {
            source: Some(source(1, 5_000)),
            ssrc: Some(7),
            packet_at_us: Some(SECOND),
            ..SessionStats::default()
        };
        formers.remember(Transport::Udp, 30_000, &stats);
        assert!(formers.of(Transport::Udp, 30_000).is_some());
        assert!(formers.of(Transport::TcpPassive, 30_000).is_none());
        formers.remember(Transport::Udp, 30_000, &SessionStats::default());
        assert!(formers.of(Transport::Udp, 30_000).is_none());
    }
}
