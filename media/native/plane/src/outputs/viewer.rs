//! What waits for one viewer: bounded, and cut back to a key frame when the viewer is slow.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use crate::outputs::http;
use crate::outputs::websocket::{self, Opcode};
use crate::unit::{StreamConfig, Unit};

/// Pieces given to one write.
const VECTOR: usize = 32;

/// The protocol of a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    WebSocket,
    Http,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::WebSocket => "fmp4_ws",
            Way::Http => "fmp4_http",
        }
    }
}

#[derive(Debug)]
enum Piece {
    Owned(Vec<u8>),
    Init(Arc<StreamConfig>),
    Fragment(Arc<Unit>),
    Static(&'static [u8]),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Owned(bytes) => bytes,
            Piece::Init(config) => &config.init,
            Piece::Fragment(unit) => unit.fragment(),
            Piece::Static(bytes) => bytes,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No description was sent yet, or a new one was; a key frame is next.
    NeedKey,
    Live,
    /// Pictures were dropped; a key frame is next.
    Skipping,
}

/// The queue of one viewer.
pub(crate) struct Viewer {
    pub(crate) way: Way,
    pieces: VecDeque<Piece>,
    /// Bytes of the first piece that are written.
    written: usize,
    queued_bytes: usize,
    /// Bytes given at the start in one go; they do not count against the bound.
    joined_bytes: usize,
    max_bytes: usize,
    state: State,
    described: Option<Arc<StreamConfig>>,
    skipped_now: u64,
    pub(crate) skipped: u64,
    pub(crate) sent_bytes: u64,
    /// Everything is said; the connection closes when the queue is empty.
    pub(crate) is_ending: bool,
}

impl Viewer {
    pub(crate) fn new(way: Way, head: Vec<u8>, max_bytes: usize) -> Viewer {
        let mut viewer = Viewer {
            way,
            pieces: VecDeque::new(),
            written: 0,
            queued_bytes: 0,
            joined_bytes: 0,
            max_bytes,
            state: State::NeedKey,
            described: None,
            skipped_now: 0,
            skipped: 0,
            sent_bytes: 0,
            is_ending: false,
        };
        viewer.push(Piece::Owned(head));
        viewer
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The stream as it is now: its description and the pictures since the last key frame.
    pub(crate) fn join(&mut self, config: Option<&Arc<StreamConfig>>, units: &[Arc<Unit>]) {
        if let Some(config) = config {
            self.describe(config);
        }
        for unit in units {
            self.state = State::Live;
            self.message(Piece::Fragment(Arc::clone(unit)));
        }
        self.joined_bytes = self.queued_bytes;
    }

    /// The stream is described anew. Over HTTP a second description cannot follow: the answer ends there.
    pub(crate) fn describe(&mut self, config: &Arc<StreamConfig>) {
        if self.is_ending {
            return;
        }
        if self.way == Way::Http && self.described.is_some() {
            self.end("stream changed");
            return;
        }
        self.described = Some(Arc::clone(config));
        if self.way == Way::WebSocket {
            self.text(&config.description);
        }
        self.message(Piece::Init(Arc::clone(config)));
        self.state = State::NeedKey;
    }

    /// The next picture. False = it was dropped.
    pub(crate) fn offer(&mut self, unit: &Arc<Unit>) -> bool {
        let is_described = self
            .described
            .as_ref()
            .is_some_and(|config| Arc::ptr_eq(config, &unit.config));
        if self.is_ending || !is_described || (self.state == State::NeedKey && !unit.is_key()) {
            return false;
        }
        if self.state == State::Live && self.is_full() {
            self.state = State::Skipping;
            self.drop_waiting();
        }
        if self.state == State::Skipping && (!unit.is_key() || self.is_full()) {
            self.skip();
            return false;
        }
        if self.skipped_now > 0 {
            if self.way == Way::WebSocket {
                self.text(&format!(
                    r#"{{"type":"skipped","fragments":{}}}"#,
                    self.skipped_now
                ));
            }
            self.skipped_now = 0;
        }
        self.state = State::Live;
        self.message(Piece::Fragment(Arc::clone(unit)));
        true
    }

    fn is_full(&self) -> bool {
        self.queued_bytes > self.max_bytes + self.joined_bytes
    }

    fn skip(&mut self) {
        self.skipped += 1;
        self.skipped_now += 1;
    }

    /// Forgets the fragments that are not begun; what is half written, and texts, stay.
    fn drop_waiting(&mut self) {
        let mut kept = VecDeque::new();
        let mut pieces = std::mem::take(&mut self.pieces)
            .into_iter()
            .enumerate()
            .peekable();
        while let Some((index, piece)) = pieces.next() {
            let begun = index == 0 && self.written > 0;
            let next_is_fragment = matches!(pieces.peek(), Some((_, Piece::Fragment(_))));
            match piece {
                // A head and its fragment go together, and so does the end of a chunk.
                Piece::Owned(_) if next_is_fragment && !begun => {
                    if let Some((_, fragment)) = pieces.next() {
                        self.queued_bytes -= piece.bytes().len() + fragment.bytes().len();
                        self.skipped += 1;
                        self.skipped_now += 1;
                    }
                    if let Some((_, tail)) =
                        pieces.next_if(|(_, piece)| matches!(piece, Piece::Static(_)))
                    {
                        self.queued_bytes -= tail.bytes().len();
                    }
                }
                piece => {
                    let keeps_fragment = begun && next_is_fragment;
                    kept.push_back(piece);
                    if keeps_fragment {
                        kept.extend(pieces.next().map(|(_, fragment)| fragment));
                    }
                }
            }
        }
        self.pieces = kept;
        self.joined_bytes = 0;
    }

    pub(crate) fn pong(&mut self, body: &[u8]) {
        // A viewer that pings without reading gets no queue for it.
        if !self.is_full() {
            self.push(Piece::Owned(websocket::frame(Opcode::Pong, body)));
        }
    }

    /// Says goodbye in the words of the protocol.
    pub(crate) fn end(&mut self, reason: &str) {
        if self.is_ending {
            return;
        }
        self.drop_waiting();
        match self.way {
            Way::WebSocket => {
                let reason: String = reason
                    .chars()
                    .filter(|c| !matches!(c, '"' | '\\') && !c.is_control())
                    .collect();
                self.text(&format!(r#"{{"type":"ended","reason":"{reason}"}}"#));
                self.close(1000, "ended");
            }
            Way::Http => {
                self.push(Piece::Static(http::LAST_CHUNK.as_bytes()));
                self.is_ending = true;
            }
        }
    }

    /// A close frame, after which nothing follows (RFC 6455 section 5.5.1).
    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        if self.way == Way::WebSocket && !self.is_ending {
            self.push(Piece::Owned(websocket::frame(
                Opcode::Close,
                &websocket::close_body(code, reason),
            )));
        }
        self.is_ending = true;
    }

    fn text(&mut self, text: &str) {
        self.push(Piece::Owned(websocket::frame(
            Opcode::Text,
            text.as_bytes(),
        )));
    }

    /// Bytes of the stream in the framing of the protocol.
    fn message(&mut self, piece: Piece) {
        let length = piece.bytes().len();
        match self.way {
            Way::WebSocket => {
                self.push(Piece::Owned(websocket::frame_head(Opcode::Binary, length)));
                self.push(piece);
            }
            Way::Http => {
                self.push(Piece::Owned(format!("{length:x}\r\n").into_bytes()));
                self.push(piece);
                self.push(Piece::Static(b"\r\n"));
            }
        }
    }

    fn push(&mut self, piece: Piece) {
        self.queued_bytes += piece.bytes().len();
        self.pieces.push_back(piece);
    }

    /// Writes what the socket takes; the number of bytes it took.
    pub(crate) fn write_to(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        let mut total = 0;
        while !self.pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); VECTOR];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                let from = if count == 0 { self.written } else { 0 };
                *slice = IoSlice::new(&piece.bytes()[from..]);
                count += 1;
            }
            match socket.write_vectored(&slices[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    total += written;
                    self.consume(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.sent_bytes += total as u64;
        Ok(total)
    }

    fn consume(&mut self, mut written: usize) {
        self.queued_bytes -= written;
        self.joined_bytes = self.joined_bytes.saturating_sub(written);
        while let Some(first) = self.pieces.front() {
            let left = first.bytes().len() - self.written;
            if written < left {
                self.written += written;
                return;
            }
            written -= left;
            self.written = 0;
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "viewer_tests.rs"]
mod tests;
