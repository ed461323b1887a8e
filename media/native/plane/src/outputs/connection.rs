//! One connection of the output thread: a request head, then a viewer, or a refusal.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Arc;

use crate::outputs::signed_url::Pass;
use crate::outputs::viewer::Viewer;
use crate::outputs::websocket::{self, Heard};
use crate::session::SessionShared;

/// Time for the last words of a connection.
pub(crate) const FAREWELL_US: u64 = 2_000_000;

pub(crate) enum Phase {
    Head(Vec<u8>),
    Viewing {
        viewer: Viewer,
        session: Arc<SessionShared>,
        pass: Pass,
        heard: Vec<u8>,
    },
    Refused {
        answer: Vec<u8>,
        written: usize,
    },
}

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) phase: Phase,
    /// When the connection is closed if nothing moves before.
    pub(crate) deadline_us: u64,
    pub(crate) wants_write: bool,
}

/// How a write went.
pub(crate) enum Written {
    /// The peer is gone.
    Lost,
    /// Everything is said.
    Over,
    /// More follows; true = the socket is full.
    Waiting(bool),
}

impl Connection {
    /// Writes what the socket takes. Progress moves the deadline.
    pub(crate) fn write(&mut self, now_us: u64, stuck_us: u64) -> Written {
        match &mut self.phase {
            Phase::Head(_) => Written::Waiting(false),
            Phase::Refused { answer, written } => {
                match write_some(&mut self.stream, &answer[*written..]) {
                    Ok(count) => *written += count,
                    Err(_) => return Written::Lost,
                }
                if *written == answer.len() {
                    Written::Over
                } else {
                    Written::Waiting(true)
                }
            }
            Phase::Viewing { viewer, .. } => {
                let was_empty = viewer.is_empty();
                let Ok(count) = viewer.write_to(&mut self.stream) else {
                    return Written::Lost;
                };
                if viewer.is_ending {
                    self.deadline_us = self.deadline_us.min(now_us + FAREWELL_US);
                } else if count > 0 || was_empty || viewer.is_empty() {
                    self.deadline_us = now_us + stuck_us;
                }
                match (viewer.is_empty(), viewer.is_ending) {
                    (true, true) => Written::Over,
                    (is_empty, _) => Written::Waiting(!is_empty),
                }
            }
        }
    }

    /// A viewer with nothing to be written is never late.
    pub(crate) fn is_overdue(&self, now_us: u64) -> bool {
        let waits = match &self.phase {
            Phase::Viewing { viewer, .. } => !viewer.is_empty(),
            Phase::Head(_) | Phase::Refused { .. } => true,
        };
        waits && now_us >= self.deadline_us
    }
}

/// Reads what a WebSocket viewer said, frame by frame; an incomplete one stays in `heard`.
pub(crate) fn hear_frames(viewer: &mut Viewer, heard: &mut Vec<u8>) {
    loop {
        let taken = match websocket::hear(heard) {
            Heard::Nothing => return,
            Heard::Ignored(taken) => taken,
            Heard::Ping(body, taken) => {
                viewer.pong(&body);
                taken
            }
            Heard::Close => return viewer.close(1000, ""),
            Heard::Wrong(code) => return viewer.close(code, "not understood"),
        };
        heard.drain(..taken);
    }
}

fn write_some(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(0)
        }
        other => other,
    }
}
