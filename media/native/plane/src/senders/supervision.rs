//! Opening the link, reports in both directions, and how a receiver that is gone is found.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use tongshi_wire::rtp_send::{Feedback, parse_feedback};

use crate::facts::FactKind;
use crate::senders::link::{Link, TcpLink};
use crate::senders::sender::{RtpSender, Stage};
use crate::senders::{SenderEnd, SenderTransport, Token};
use crate::sys::dial::Dialing;
use crate::sys::epoll::Poller;

/// Time between sender reports (protocol notes 7.2); the first comes earlier.
const REPORT_US: u64 = 5_000_000;
const FIRST_REPORT_US: u64 = 500_000;
/// Refusals further apart than this are not one continuous refusal.
const REFUSALS_APART_US: u64 = 2_000_000;
/// Connections or datagrams taken before others have their turn.
const TURNS: usize = 32;
/// Ticks of the RTP clock in a millisecond.
const TICKS_PER_MS: i64 = 90;

/// What is remembered about the receiver.
#[derive(Debug)]
pub(crate) struct Supervision {
    opened_at_us: u64,
    /// Since when the present stage lasts.
    since_us: u64,
    attempt_at_us: u64,
    refusal: Option<String>,
    refused_since_us: Option<u64>,
    refused_at_us: u64,
    pub(crate) failing_since_us: Option<u64>,
    failure: String,
    /// When bytes went last; none while nothing waits.
    pub(crate) progress_at_us: Option<u64>,
    /// When the receiver reported last.
    heard_at_us: Option<u64>,
    report_at_us: Option<u64>,
}

impl Supervision {
    pub(crate) fn new(now_us: u64) -> Supervision {
        Supervision {
            opened_at_us: now_us,
            since_us: now_us,
            attempt_at_us: now_us,
            refusal: None,
            refused_since_us: None,
            refused_at_us: 0,
            failing_since_us: None,
            failure: String::new(),
            progress_at_us: None,
            heard_at_us: None,
            report_at_us: None,
        }
    }

    pub(crate) fn refused(&mut self, now_us: u64) {
        if now_us.saturating_sub(self.refused_at_us) > REFUSALS_APART_US {
            self.refused_since_us = None;
        }
        self.refused_at_us = now_us;
        self.refused_since_us.get_or_insert(now_us);
    }

    pub(crate) fn failed(&mut self, error: &io::Error, now_us: u64) {
        self.failing_since_us.get_or_insert(now_us);
        self.failure = error.to_string();
    }
}

impl RtpSender {
    /// The owner has its ACK.
    pub(crate) fn start(&mut self, token: Token, poller: &Poller, now_us: u64) {
        if self.stage != Stage::Waiting {
            return;
        }
        self.stage = Stage::Opening;
        self.supervision.since_us = now_us;
        self.supervision.attempt_at_us = now_us;
        match (self.request.transport, self.request.peer) {
            (SenderTransport::Udp, Some(peer)) => self.open_udp(peer, token, poller, now_us),
            (SenderTransport::TcpActive, Some(peer)) => self.dial(peer, token, poller, now_us),
            (SenderTransport::TcpPassive, _) => self.watch(token, poller),
            _ => self.end(SenderEnd::InternalError, "no address of the receiver"),
        }
    }

    fn open_udp(&mut self, peer: SocketAddr, token: Token, poller: &Poller, now_us: u64) {
        let Link::Udp(udp) = &self.link else { return };
        if let Err(error) = udp.rtp.connect(peer) {
            return self.end(SenderEnd::SendFailed, format!("UDP to {peer}: {error}"));
        }
        self.watch(token, poller);
        self.open(peer, now_us);
    }

    fn open(&mut self, peer: SocketAddr, now_us: u64) {
        if self.has_ended() {
            return;
        }
        self.stage = Stage::Sending;
        self.opened = true;
        self.stats.peer = Some(peer);
        self.supervision.since_us = now_us;
        self.supervision.report_at_us = Some(now_us + FIRST_REPORT_US);
        self.facts.push(FactKind::SenderConnected {
            sender_id: self.shared.sender_id.clone(),
            peer,
        });
    }

    fn watch(&mut self, token: Token, poller: &Poller) {
        self.interest = self.link.interest();
        for (fd, is_rtcp) in self.link.descriptors() {
            let token = Token { is_rtcp, ..token };
            if let Err(error) = poller.add(fd, token.encode(), self.interest) {
                return self.end(SenderEnd::InternalError, format!("epoll: {error}"));
            }
        }
    }

    /// Watches for room in the kernel as long as there is none.
    pub(crate) fn watch_room(&mut self, token: Token, poller: &Poller) {
        let wanted = self.link.interest();
        if wanted == self.interest || !self.is_sending() {
            return;
        }
        self.interest = wanted;
        for (fd, _) in self.link.descriptors() {
            if let Err(error) = poller.modify(fd, token.encode(), wanted) {
                return self.end(SenderEnd::InternalError, format!("epoll: {error}"));
            }
        }
    }

    pub(crate) fn unwatch(&self, poller: &Poller) {
        for (fd, _) in self.link.descriptors() {
            poller.remove(fd);
        }
    }

    fn dial(&mut self, peer: SocketAddr, token: Token, poller: &Poller, now_us: u64) {
        let local = SocketAddr::new(self.request.local.ip(), self.shared.port);
        let former = std::mem::replace(&mut self.link, Link::Resting);
        let held = match former {
            Link::Held(held) => Ok(held),
            _ => Dialing::bind(local),
        };
        self.stats.connect_attempts += 1;
        self.supervision.attempt_at_us = now_us;
        match held.and_then(|held| held.connect(peer)) {
            Ok(stream) => {
                self.link = Link::Connecting(stream);
                self.watch(token, poller);
            }
            Err(error) => self.supervision.refusal = Some(error.to_string()),
        }
    }

    /// A descriptor is ready.
    pub(crate) fn ready(&mut self, token: Token, poller: &Poller, now_us: u64, wall_us: i64) {
        match &mut self.link {
            Link::Udp(_) => self.read_feedback(token.is_rtcp, now_us, wall_us),
            Link::Listening(_) => self.accept(token, poller, now_us),
            Link::Connecting(_) => self.finish_dialing(poller, now_us),
            Link::Connected(tcp) => {
                if let Err(error) = tcp.read() {
                    self.lose(&error);
                }
            }
            Link::Held(_) | Link::Resting => {}
        }
    }

    fn finish_dialing(&mut self, poller: &Poller, now_us: u64) {
        let Link::Connecting(stream) = &self.link else {
            return;
        };
        let outcome = match stream.take_error() {
            Ok(None) => stream.peer_addr(),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        match outcome {
            Ok(peer) => self.connected(peer, now_us),
            // A report before the answer: wait on.
            Err(error) if error.kind() == ErrorKind::NotConnected => {}
            Err(error) => {
                self.unwatch(poller);
                self.supervision.refusal = Some(error.to_string());
                self.link = Link::Resting;
            }
        }
    }

    /// The connection of [`RtpSender::dial`] has been accepted; its descriptor is watched already.
    fn connected(&mut self, peer: SocketAddr, now_us: u64) {
        let Link::Connecting(stream) = std::mem::replace(&mut self.link, Link::Resting) else {
            return;
        };
        match TcpLink::new(stream) {
            Ok(tcp) => {
                self.link = Link::Connected(tcp);
                self.open(peer, now_us);
            }
            Err(error) => self.lose(&error),
        }
    }

    /// The first connection from the receiver's address; others are closed.
    fn accept(&mut self, token: Token, poller: &Poller, now_us: u64) {
        let expected = self.request.peer_ip();
        for _ in 0..TURNS {
            let Link::Listening(listener) = &self.link else {
                return;
            };
            let Ok((stream, peer)) = listener.accept() else {
                return;
            };
            if expected.is_some_and(|ip| plain_ip(ip) != plain_ip(peer.ip())) {
                self.stats.strangers += 1;
                continue;
            }
            self.unwatch(poller);
            match TcpLink::new(stream) {
                Ok(tcp) => {
                    self.link = Link::Connected(tcp);
                    self.watch(token, poller);
                    self.open(peer, now_us);
                }
                Err(error) => self.lose(&error),
            }
            return;
        }
    }

    fn read_feedback(&mut self, is_rtcp: bool, now_us: u64, wall_us: i64) {
        let Link::Udp(udp) = &self.link else { return };
        let socket = if is_rtcp { &udp.rtcp } else { &udp.rtp };
        let expected = self.request.peer_ip().map(plain_ip);
        let mut buffer = [0; 2_048];
        let mut heard = Vec::new();
        let mut refused = 0;
        loop {
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

    /// Deadlines and reports; called several times a second.
    pub(crate) fn tick(&mut self, token: Token, poller: &Poller, now_us: u64, wall_us: i64) {
        match self.stage.clone() {
            Stage::Waiting => {
                if now_us.saturating_sub(self.supervision.opened_at_us)
                    >= self.config.start_timeout_us
                {
                    self.end(SenderEnd::NeverStarted, "nobody started it");
                }
            }
            Stage::Opening => self.watch_opening(token, poller, now_us),
            Stage::Sending => {
                self.watch_receiver(now_us);
                self.report(now_us, wall_us);
            }
            Stage::Draining(until, end, detail) => {
                if self.is_drained() || now_us >= until {
                    self.end(end, detail);
                }
            }
            Stage::Ended(..) => {}
        }
    }

    fn watch_opening(&mut self, token: Token, poller: &Poller, now_us: u64) {
        let waited = now_us.saturating_sub(self.supervision.since_us);
        if self.request.transport == SenderTransport::TcpPassive {
            if waited >= self.config.accept_timeout_us {
                let strangers = self.stats.strangers;
                let detail = format!(
                    "{} ms without its connection, {strangers} of others",
                    waited / 1_000
                );
                self.end(SenderEnd::NobodyConnected, detail);
            }
            return;
        }
        let tried = now_us.saturating_sub(self.supervision.attempt_at_us);
        if matches!(self.link, Link::Connecting(_)) && tried >= self.config.connect_timeout_us {
            self.unwatch(poller);
            self.supervision.refusal = Some("no answer".to_owned());
            self.link = Link::Resting;
        }
        let Link::Resting = self.link else { return };
        let Some(peer) = self.request.peer else {
            return;
        };
        if self.stats.connect_attempts >= self.config.connect_attempts {
            let refusal = self.supervision.refusal.take().unwrap_or_default();
            let attempts = self.stats.connect_attempts;
            let detail = format!("{peer} accepted none of {attempts} connections: {refusal}");
            self.end(SenderEnd::NotConnected, detail);
        } else if tried >= self.config.connect_interval_us {
            self.dial(peer, token, poller, now_us);
        }
    }

    fn watch_receiver(&mut self, now_us: u64) {
        let lasts = |since: Option<u64>, limit: u64| {
            since.is_some_and(|since| now_us.saturating_sub(since) >= limit)
        };
        let ended = if lasts(self.supervision.refused_since_us, self.config.refused_us)
            && !lasts(Some(self.supervision.refused_at_us), REFUSALS_APART_US)
        {
            let refusals = self.stats.refusals;
            Some((
                SenderEnd::Refused,
                format!("{refusals} datagrams were refused"),
            ))
        } else if lasts(self.supervision.failing_since_us, self.config.refused_us) {
            Some((SenderEnd::SendFailed, self.supervision.failure.clone()))
        } else if self.config.report_timeout_us > 0
            && lasts(self.supervision.heard_at_us, self.config.report_timeout_us)
        {
            let reports = self.stats.reports;
            Some((
                SenderEnd::ReportsStopped,
                format!("{reports} reports had come"),
            ))
        } else if !self.is_drained() && self.is_stuck(now_us) {
            let waiting = self.stats.queued_bytes;
            Some((SenderEnd::Stuck, format!("{waiting} bytes waited")))
        } else {
            None
        };
        if let Some((end, detail)) = ended {
            self.end(end, detail);
        }
    }

    fn is_stuck(&mut self, now_us: u64) -> bool {
        let since = *self.supervision.progress_at_us.get_or_insert(now_us);
        now_us.saturating_sub(since) >= self.config.stuck_us
    }

    /// RFC 3550 section 6.4; over TCP, RTCP is normally absent (protocol notes 7.2).
    fn report(&mut self, now_us: u64, wall_us: i64) {
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
fn plain_ip(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}
