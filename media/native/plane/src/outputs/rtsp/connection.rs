//! One connection: what it says, what waits for it, and what it has become.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use tongshi_wire::rtsp::sdp::AnnouncedTrack;
use tongshi_wire::rtsp::{Parser, Request};

use super::outbox::Outbox;
use super::publisher::Publisher;
use super::reader::Reader;
use crate::outputs::signed_url::Pass;
use crate::session::SessionShared;
use crate::unit::Unit;

/// Time for the last words of a connection.
pub(crate) const FAREWELL_US: u64 = 2_000_000;

/// What the connection is for.
pub(crate) enum Role {
    /// Nothing yet.
    Fresh,
    /// It watches.
    Reader(Box<Reader>),
    /// It sends.
    Publisher(Box<Publisher>),
}

/// A request that cannot be answered yet.
pub(crate) struct Waiting {
    pub(crate) request: Request,
    pub(crate) until_us: u64,
    pub(crate) what: WaitsFor,
}

pub(crate) enum WaitsFor {
    /// DESCRIBE of a stream that has not begun.
    Stream(Arc<SessionShared>),
    /// ANNOUNCE: the owner of the plane is asked, by this token.
    Leave(u64, Vec<AnnouncedTrack>),
}

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) parser: Parser,
    pub(crate) outbox: Outbox,
    pub(crate) wants_write: bool,
    pub(crate) role: Role,
    /// Answers the challenge of this connection alone.
    pub(crate) nonce: String,
    /// The path that this connection may watch: shown once is enough.
    pub(crate) admitted: Option<(String, Pass)>,
    pub(crate) waiting: Option<Waiting>,
    /// What it is given once PLAY is answered.
    pub(crate) starting: Option<Vec<Arc<Unit>>>,
    /// Since when a message has been incomplete.
    pub(crate) half_since_us: Option<u64>,
    /// When the peer last said something.
    pub(crate) heard_at_us: u64,
    /// When the socket last took something, or had nothing to take.
    pub(crate) moved_at_us: u64,
    /// Everything is said, for this reason; the connection closes when the queue is empty.
    pub(crate) ending: Option<(&'static str, u64)>,
}

/// How a write went.
pub(crate) enum Written {
    /// The peer is gone.
    Lost,
    /// Everything is said.
    Over(&'static str),
    /// More follows; true = the socket is full.
    Waiting(bool),
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, nonce: String, now_us: u64) -> Self {
        Connection {
            stream,
            peer,
            parser: Parser::default(),
            outbox: Outbox::default(),
            wants_write: false,
            role: Role::Fresh,
            nonce,
            admitted: None,
            waiting: None,
            starting: None,
            half_since_us: Some(now_us),
            heard_at_us: now_us,
            moved_at_us: now_us,
            ending: None,
        }
    }

    pub(crate) fn reader(&mut self) -> Option<&mut Reader> {
        match &mut self.role {
            Role::Reader(reader) => Some(reader),
            Role::Fresh | Role::Publisher(_) => None,
        }
    }

    /// The name of the RTSP session, if there is one.
    pub(crate) fn session_name(&self) -> Option<&str> {
        match &self.role {
            Role::Reader(reader) => Some(&reader.name),
            Role::Publisher(publisher) => Some(&publisher.name),
            Role::Fresh => None,
        }
    }

    /// It has shown a right to something.
    pub(crate) fn is_proven(&self) -> bool {
        let publishes =
            matches!(&self.role, Role::Publisher(publisher) if publisher.is_recording());
        publishes || self.admitted.is_some()
    }

    /// Nothing is read or promised any more.
    pub(crate) fn end(&mut self, reason: &'static str, now_us: u64) {
        if self.ending.is_none() {
            self.ending = Some((reason, now_us + FAREWELL_US));
        }
    }

    /// Writes what the socket takes.
    pub(crate) fn write(&mut self, now_us: u64) -> Written {
        let was_empty = self.outbox.is_empty();
        let written: io::Result<usize> = self.outbox.write_to(&mut self.stream);
        let Ok(count) = written else {
            return Written::Lost;
        };
        if let Role::Reader(reader) = &mut self.role {
            reader.wrote(count);
        }
        if count > 0 || was_empty || self.outbox.is_empty() {
            self.moved_at_us = now_us;
        }
        match (self.outbox.is_empty(), self.ending) {
            (true, Some((reason, _))) => Written::Over(reason),
            (is_empty, _) => Written::Waiting(!is_empty),
        }
    }

    /// Why the connection has to be closed now, if it has.
    pub(crate) fn overdue(&self, limits: &Limits, now_us: u64) -> Option<&'static str> {
        if let Some((reason, until_us)) = self.ending {
            return (now_us >= until_us).then_some(reason);
        }
        let stuck = !self.outbox.is_empty() && now_us >= self.moved_at_us + limits.stuck_us;
        let half = self
            .half_since_us
            .is_some_and(|since| now_us >= since + limits.request_us);
        let silent = self.needs_signs() && now_us >= self.heard_at_us + limits.timeout_us;
        match (stuck, half, silent) {
            (true, _, _) => Some("stuck"),
            (_, true, _) => Some("request not finished"),
            (_, _, true) => Some("timeout"),
            _ => None,
        }
    }

    /// A reader over TCP that takes its packets is alive; others have to say something from time to time.
    fn needs_signs(&self) -> bool {
        match &self.role {
            Role::Fresh => self.waiting.is_none(),
            Role::Publisher(_) => true,
            Role::Reader(reader) => {
                !(reader.is_playing() && reader.way().is_some_and(super::ways::TrackWay::is_tcp))
            }
        }
    }
}

/// How long things may take.
pub(crate) struct Limits {
    pub(crate) stuck_us: u64,
    pub(crate) request_us: u64,
    pub(crate) timeout_us: u64,
}
