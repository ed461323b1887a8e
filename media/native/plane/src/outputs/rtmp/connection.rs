//! One connection of the RTMP desk, whichever side opened it.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use tongshi_wire::fed::Fed;
use tongshi_wire::flv::FlvFrames;
use tongshi_wire::rtmp::{ClientSession, ServerSession};

use crate::feed::PublishPort;
use crate::outputs::connection::FAREWELL_US;
use crate::outputs::format::{Carrier, Format, Way};
use crate::outputs::gauge::Gauge;
use crate::outputs::signed_url::Pass;
use crate::outputs::viewer::Viewer;
use crate::session::SessionShared;

/// What waits for a peer that does not read: more than this in answers is no conversation.
const MAX_ANSWERS_BYTES: usize = 256 << 10;

pub(crate) const WAY: Way = Way {
    carrier: Carrier::Rtmp,
    format: Format::Rtmp,
};

/// How a write went.
pub(super) enum Written {
    /// The peer is gone.
    Lost,
    /// Everything is said.
    Over,
    /// More follows; true = the socket is full.
    Waiting(bool),
}

/// What the connection is for.
pub(super) enum Role {
    /// Not known yet: handshake, `connect`.
    Greeting,
    /// It wants to push; the owner of the plane was asked under this token.
    Asking(u64),
    Publishing {
        frames: Box<FlvFrames>,
        port: PublishPort,
        /// Without media until then it is closed.
        silent_at_us: u64,
    },
    Playing {
        session: Arc<SessionShared>,
        pass: Box<Pass>,
        gauge: Arc<Gauge>,
    },
    /// Our own push, by its key.
    Pushing(u64),
    /// Last words.
    Leaving,
}

/// The protocol, seen from our side.
pub(super) enum Talk {
    Server(Box<ServerSession>),
    Client(Box<ClientSession>),
}

impl Talk {
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        match self {
            Talk::Server(session) => session.take_output(),
            Talk::Client(session) => session.take_output(),
        }
    }

    /// The words of goodbye.
    pub(super) fn end(&mut self, reason: &str) {
        match self {
            Talk::Server(session) => session.end(reason),
            Talk::Client(session) => session.end(),
        }
    }
}

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) talk: Talk,
    pub(super) role: Role,
    pub(super) queue: Viewer,
    /// When it is closed if nothing moves before.
    pub(super) deadline_us: u64,
    /// The first deadline: of the conversation before any media.
    started_by_us: u64,
    pub(super) wants_write: bool,
    /// Why it is leaving.
    pub(super) reason: Option<String>,
}

impl Connection {
    pub(super) fn new(
        (stream, peer): (TcpStream, SocketAddr),
        talk: Talk,
        role: Role,
        (queue_bytes, deadline_us): (usize, u64),
    ) -> Connection {
        Connection {
            stream,
            peer,
            talk,
            role,
            queue: Viewer::new(WAY, Vec::new(), queue_bytes),
            deadline_us,
            started_by_us: deadline_us,
            wants_write: false,
            reason: None,
        }
    }

    /// Puts what the protocol has to say into the queue; false when the peer lets answers pile up.
    pub(super) fn collect(&mut self) -> bool {
        let said = self.talk.take_output();
        let is_good = self.queue.queued_bytes() <= MAX_ANSWERS_BYTES || said.is_empty();
        if !said.is_empty() {
            self.queue.say(said);
        }
        is_good || matches!(self.role, Role::Playing { .. } | Role::Pushing(_))
    }

    /// Says goodbye; the connection closes when that is written.
    pub(super) fn leave(&mut self, reason: &str, now_us: u64) {
        if self.reason.is_some() {
            return;
        }
        self.queue.end(reason);
        self.talk.end(reason);
        self.queue.say(self.talk.take_output());
        self.reason = Some(reason.to_owned());
        self.deadline_us = now_us + FAREWELL_US;
    }

    /// Frames of what was pushed.
    pub(super) fn publish(
        &mut self,
        fed: Vec<Fed>,
        times: (u64, u64),
    ) -> Option<crate::feed::Fate> {
        let Role::Publishing {
            port, silent_at_us, ..
        } = &mut self.role
        else {
            return None;
        };
        let (now_us, silence_us) = times;
        if !fed.is_empty() {
            *silent_at_us = now_us + silence_us;
        }
        Some(port.feed(fed, now_us))
    }

    /// Writes what the socket takes. Progress moves the deadline of those that only listen.
    pub(super) fn write(&mut self, now_us: u64, stuck_us: u64) -> Written {
        let was_empty = self.queue.is_empty();
        let Ok(count) = self.queue.write_to(&mut self.stream) else {
            return Written::Lost;
        };
        if let Role::Playing { gauge, .. } = &self.role {
            let queue = &self.queue;
            gauge.set(queue.queued_bytes(), queue.sent_bytes, queue.skipped);
        }
        let flows = matches!(
            self.role,
            Role::Playing { .. } | Role::Pushing(_) | Role::Publishing { .. }
        );
        if self.reason.is_none() && flows && (count > 0 || was_empty || self.queue.is_empty()) {
            self.deadline_us = now_us + stuck_us;
        }
        match (self.queue.is_empty(), self.reason.is_some()) {
            (true, true) => Written::Over,
            (is_empty, _) => Written::Waiting(!is_empty),
        }
    }

    /// A server that we push to has not taken the stream in time.
    pub(super) fn started_late(&self, now_us: u64) -> bool {
        self.reason.is_none() && now_us >= self.started_by_us
    }

    /// Why it is to be closed now, if it is.
    pub(super) fn overdue(&self, now_us: u64) -> Option<&'static str> {
        let late = now_us >= self.deadline_us;
        match &self.role {
            _ if self.reason.is_some() => late.then_some("ended"),
            Role::Greeting => late.then_some("no stream was asked for in time"),
            Role::Asking(_) => late.then_some("nobody answered whether it may push"),
            Role::Leaving => late.then_some("ended"),
            Role::Publishing { silent_at_us, .. } if now_us >= *silent_at_us => Some("silent"),
            _ => (late && !self.queue.is_empty()).then_some("stuck"),
        }
    }
}
