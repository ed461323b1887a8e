//! Receiver reports over UDP: when they are due, and where they go.

use std::net::{SocketAddr, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::receiver::Receiver;
use crate::rtcp;
use crate::sys::address;

/// Time between receiver reports.
const REPORT_US: u64 = 5_000_000;
/// The first one comes earlier, so that the sender soon knows that it is heard.
const FIRST_REPORT_US: u64 = 1_000_000;

pub(crate) struct Reporter {
    own_ssrc: u32,
    /// Where sender reports come from.
    reporter: Option<SocketAddr>,
    report_at_us: u64,
    reported_packets: u64,
}

impl Reporter {
    /// `seed`: differs between the sessions of this process.
    pub(crate) fn new(seed: u32) -> Reporter {
        Reporter {
            own_ssrc: random_ssrc(seed),
            reporter: None,
            report_at_us: 0,
            reported_packets: 0,
        }
    }

    /// One packet of the RTCP port.
    pub(crate) fn receive_rtcp(
        &mut self,
        source: SocketAddr,
        packet: &[u8],
        receiver: &mut Receiver,
        now_us: u64,
    ) {
        if receiver.receive_rtcp(source, packet, now_us) {
            self.reporter = Some(source);
        }
    }

    /// RFC 3550 section 6.2; some cameras stop without reports (Q100). Nothing is sent to a silent source.
    pub(crate) fn send(&mut self, socket: &UdpSocket, receiver: &mut Receiver, now_us: u64) {
        if now_us < self.report_at_us || receiver.stats.packets == self.reported_packets {
            return;
        }
        let Some((source, ssrc)) = receiver.source_lock.locked() else {
            return;
        };
        if self.report_at_us != 0 {
            let report = rtcp::receiver_report(
                self.own_ssrc,
                ssrc,
                &mut receiver.reception,
                receiver.sender_report,
                now_us,
            );
            let after = SocketAddr::new(source.ip(), source.port().wrapping_add(1));
            let reporter = self
                .reporter
                .filter(|reporter| reporter.ip() == source.ip());
            send_to(socket, &report, reporter.unwrap_or(after));
        }
        self.reported_packets = receiver.stats.packets;
        let is_first = self.report_at_us == 0;
        self.report_at_us = now_us + if is_first { FIRST_REPORT_US } else { REPORT_US };
    }
}

fn send_to(socket: &UdpSocket, report: &[u8], peer: SocketAddr) {
    if let Ok(local) = socket.local_addr() {
        let _ = socket.send_to(report, address::seen_from(local, peer));
    }
}

/// Unlike enough for RFC 3550 section 8: it only names us in our reports.
fn random_ssrc(seed: u32) -> u32 {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    nanos.wrapping_mul(0x9E37_79B1) ^ seed.rotate_left(16) ^ std::process::id()
}
