//! Opening the link, and how a receiver that is gone is found.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::facts::FactKind;
use crate::senders::link::{Link, TcpLink};
use crate::senders::reports::plain_ip;
use crate::senders::sender::{RtpSender, Stage};
use crate::senders::{SenderEnd, SenderTransport, Token};
use crate::sys::dial::Dialing;
use crate::sys::epoll::Poller;

/// Time between sender reports (protocol notes 7.2); the first comes earlier.
pub(super) const REPORT_US: u64 = 5_000_000;
const FIRST_REPORT_US: u64 = 500_000;
/// Refusals further apart than this are not one continuous refusal.
const REFUSALS_APART_US: u64 = 2_000_000;
/// Connections or datagrams taken before others have their turn.
pub(super) const TURNS: usize = 32;

/// What is remembered about the receiver.
#[derive(Debug)]
pub(crate) struct Supervision {
    opened_at_us: u64,
    /// Since when the present stage lasts.
    since_us: u64,
    attempt_at_us: u64,
    refusal: Option<String>,
    pub(super) refused_since_us: Option<u64>,
    refused_at_us: u64,
    pub(crate) failing_since_us: Option<u64>,
    failure: String,
    /// When bytes went last; none while nothing waits.
    pub(crate) progress_at_us: Option<u64>,
    /// When the receiver reported last.
    pub(super) heard_at_us: Option<u64>,
    pub(super) report_at_us: Option<u64>,
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
}
