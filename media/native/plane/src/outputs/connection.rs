//! One connection of the output thread: a request head, then an answer, or a stream without an end.

use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;

use crate::outputs::gauge::Gauge;
use crate::outputs::hls::request::Wanted;
use crate::outputs::link::Link;
use crate::outputs::queue::Queue;
use crate::outputs::signed_url::Pass;
use crate::outputs::viewer::Viewer;
use crate::outputs::websocket::{self, Heard};
use crate::session::SessionShared;

/// Time for the last words of a connection.
pub(crate) const FAREWELL_US: u64 = 2_000_000;
/// Time that a connection stays open for another request.
pub(crate) const IDLE_US: u64 = 30_000_000;

/// Somebody who watches.
pub(crate) struct Viewing {
    pub(crate) viewer: Viewer,
    pub(crate) session: Arc<SessionShared>,
    pub(crate) pass: Pass,
    pub(crate) gauge: Arc<Gauge>,
}

/// A request for a piece of HLS that is not there yet.
pub(crate) struct Waiting {
    pub(crate) session_key: u64,
    pub(crate) reader: String,
    pub(crate) wanted: Wanted,
    /// The query for addresses in a playlist.
    pub(crate) pass: String,
    pub(crate) head_only: bool,
    pub(crate) keep_alive: bool,
}

pub(crate) enum Phase {
    Asking,
    Waiting(Box<Waiting>),
    Answering {
        queue: Queue,
        keep_alive: bool,
    },
    /// All is said. What the peer still sends is read and forgotten: closing over unread bytes would reset the
    /// connection, and take the answer with it (RFC 9112 section 9.6).
    Leaving,
    Viewing(Box<Viewing>),
}

pub(crate) struct Connection {
    pub(crate) link: Link,
    pub(crate) source: IpAddr,
    pub(crate) phase: Phase,
    /// What the peer said and nobody has read yet.
    pub(crate) heard: Vec<u8>,
    /// When the connection is closed if nothing moves before.
    pub(crate) deadline_us: u64,
    /// It has shown a good URL.
    pub(crate) is_proven: bool,
    pub(crate) is_dirty: bool,
    pub(crate) wants_write: bool,
}

/// How a write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The peer is gone.
    Lost,
    /// Everything is said.
    Over,
    /// The answer is out; another request may follow.
    Next,
    /// More follows; true = the socket is full.
    Waiting(bool),
}

impl Connection {
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.link.read(buffer)
    }

    /// Writes what the socket takes. Progress moves the deadline.
    pub(crate) fn write(&mut self, now_us: u64, stuck_us: u64) -> Written {
        let outcome = match &mut self.phase {
            Phase::Asking | Phase::Waiting(_) | Phase::Leaving => Ok((0, true)),
            Phase::Answering { queue, .. } => queue
                .write_to(&mut self.link)
                .map(|count| (count, queue.is_empty())),
            Phase::Viewing(viewing) => {
                let viewer = &mut viewing.viewer;
                let was_empty = viewer.is_empty();
                viewer.write_to(&mut self.link).map(|count| {
                    viewing
                        .gauge
                        .set(viewer.queued_bytes(), viewer.sent_bytes, viewer.skipped);
                    (count + usize::from(was_empty), viewer.is_empty())
                })
            }
        };
        let Ok((moved, is_empty)) = outcome else {
            return Written::Lost;
        };
        if io::Write::flush(&mut self.link).is_err() {
            return Written::Lost;
        }
        let is_empty = is_empty && !self.link.wants_write();
        match &self.phase {
            Phase::Asking | Phase::Waiting(_) | Phase::Leaving => Written::Waiting(!is_empty),
            Phase::Answering { keep_alive, .. } => {
                if moved > 0 {
                    self.deadline_us = self.deadline_us.max(now_us + FAREWELL_US);
                }
                match (is_empty, keep_alive) {
                    (true, true) => Written::Next,
                    (true, false) => Written::Over,
                    (false, _) => Written::Waiting(true),
                }
            }
            Phase::Viewing(viewing) => {
                if viewing.viewer.is_ending {
                    self.deadline_us = self.deadline_us.min(now_us + FAREWELL_US);
                } else if moved > 0 || is_empty {
                    self.deadline_us = now_us + stuck_us;
                }
                match (is_empty, viewing.viewer.is_ending) {
                    (true, true) => Written::Over,
                    (is_empty, _) => Written::Waiting(!is_empty),
                }
            }
        }
    }

    /// A viewer with nothing to be written is never late.
    pub(crate) fn is_overdue(&self, now_us: u64) -> bool {
        let waits = match &self.phase {
            Phase::Viewing(viewing) => !viewing.viewer.is_empty() || self.link.wants_write(),
            Phase::Asking | Phase::Waiting(_) | Phase::Answering { .. } | Phase::Leaving => true,
        };
        waits && now_us >= self.deadline_us
    }
}

/// Reads what a WebSocket viewer said, frame by frame; an incomplete one stays in `heard`.
pub(crate) fn hear_frames(viewer: &mut Viewer, heard: &mut Vec<u8>) {
    let mut taken = 0;
    loop {
        taken += match websocket::hear(heard.get(taken..).unwrap_or_default()) {
            Heard::Nothing => break,
            Heard::Ignored(count) => count,
            Heard::Ping(body, count) => {
                viewer.pong(&body);
                count
            }
            Heard::Close => {
                viewer.close(1000, "");
                break;
            }
            Heard::Wrong(code) => {
                viewer.close(code, "not understood");
                break;
            }
        };
    }
    heard.drain(..taken);
}
