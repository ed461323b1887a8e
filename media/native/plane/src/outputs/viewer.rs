//! What waits for one viewer: bounded, and cut back to a key frame when the viewer is slow.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use crate::outputs::format::{Body, Carrier, Head, Way};
use crate::outputs::http;
use crate::outputs::websocket::{self, Opcode};
use crate::unit::{StreamConfig, Unit};

/// Messages given to one write.
const MESSAGES: usize = 16;
/// Slices of one message: the carrier's head, the body, the carrier's end.
const PARTS: usize = 3;

/// A body in the framing of its carrier. It is sent whole or not at all.
#[derive(Debug)]
struct Message {
    head: Head,
    body: Body,
    tail: &'static [u8],
}

impl Message {
    fn bare(body: Body) -> Message {
        Message {
            head: Head::default(),
            body,
            tail: b"",
        }
    }

    fn parts(&self) -> [&[u8]; PARTS] {
        [self.head.bytes(), self.body.bytes(), self.tail]
    }

    fn size(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
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
    messages: VecDeque<Message>,
    /// Bytes of the first message that are written.
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
            messages: VecDeque::new(),
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
        viewer.push(Message::bare(Body::Owned(head.into())));
        viewer
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The stream as it is now: its description and the pictures since the last key frame.
    pub(crate) fn join(&mut self, config: Option<&Arc<StreamConfig>>, units: &[Arc<Unit>]) {
        if let Some(config) = config {
            self.describe(config);
        }
        for unit in units {
            self.state = State::Live;
            self.message(Body::Unit(self.way.format, Arc::clone(unit)));
        }
        self.joined_bytes = self.queued_bytes;
    }

    /// The stream is described anew. Where a second description cannot follow, the answer ends there.
    pub(crate) fn describe(&mut self, config: &Arc<StreamConfig>) {
        if self.is_ending {
            return;
        }
        let is_first = self.described.is_none();
        if !is_first && !self.way.can_change() {
            self.end("stream changed");
            return;
        }
        self.described = Some(Arc::clone(config));
        if self.way.has_texts() {
            self.text(&config.description);
        }
        let (format, config) = (self.way.format, Arc::clone(config));
        self.message(if is_first {
            Body::Start(format, config)
        } else {
            Body::Change(format, config)
        });
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
            if self.way.has_texts() {
                self.text(&format!(
                    r#"{{"type":"skipped","fragments":{}}}"#,
                    self.skipped_now
                ));
            }
            self.skipped_now = 0;
        }
        self.state = State::Live;
        self.message(Body::Unit(self.way.format, Arc::clone(unit)));
        true
    }

    fn is_full(&self) -> bool {
        self.queued_bytes > self.max_bytes + self.joined_bytes
    }

    fn skip(&mut self) {
        self.skipped += 1;
        self.skipped_now += 1;
    }

    /// Forgets the pictures that are not begun; what is half written, and all else, stays.
    fn drop_waiting(&mut self) {
        let mut begun = self.written > 0;
        let (mut dropped, mut bytes) = (0, 0);
        self.messages.retain(|message| {
            let stays = std::mem::take(&mut begun) || !message.body.is_unit();
            if !stays {
                dropped += 1;
                bytes += message.size();
            }
            stays
        });
        self.queued_bytes -= bytes;
        self.skipped += dropped;
        self.skipped_now += dropped;
        self.joined_bytes = 0;
    }

    pub(crate) fn pong(&mut self, body: &[u8]) {
        // A viewer that pings without reading gets no queue for it.
        if !self.is_full() {
            self.say(websocket::frame(Opcode::Pong, body));
        }
    }

    /// Says goodbye in the words of the carrier.
    pub(crate) fn end(&mut self, reason: &str) {
        if self.is_ending {
            return;
        }
        self.drop_waiting();
        if self.way.has_texts() {
            let reason: String = reason
                .chars()
                .filter(|c| !matches!(c, '"' | '\\') && !c.is_control())
                .collect();
            self.text(&format!(r#"{{"type":"ended","reason":"{reason}"}}"#));
        }
        match self.way.carrier {
            Carrier::WebSocket => self.close(1000, "ended"),
            Carrier::Http => {
                self.push(Message::bare(Body::Static(http::LAST_CHUNK.as_bytes())));
                self.is_ending = true;
            }
        }
    }

    /// A close frame, after which nothing follows (RFC 6455 section 5.5.1).
    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        if self.way.carrier == Carrier::WebSocket && !self.is_ending {
            self.say(websocket::frame(
                Opcode::Close,
                &websocket::close_body(code, reason),
            ));
        }
        self.is_ending = true;
    }

    fn text(&mut self, text: &str) {
        self.say(websocket::frame(Opcode::Text, text.as_bytes()));
    }

    fn say(&mut self, frame: Vec<u8>) {
        self.push(Message::bare(Body::Owned(frame.into())));
    }

    /// Bytes of the stream in the framing of the carrier. None are none: an empty chunk would be the last.
    fn message(&mut self, body: Body) {
        let length = body.bytes().len();
        if length == 0 {
            return;
        }
        self.push(Message {
            head: Head::of(self.way.carrier, length),
            body,
            tail: match self.way.carrier {
                Carrier::WebSocket => b"",
                Carrier::Http => b"\r\n",
            },
        });
    }

    fn push(&mut self, message: Message) {
        self.queued_bytes += message.size();
        self.messages.push_back(message);
    }

    /// Writes what the socket takes; the number of bytes it took.
    pub(crate) fn write_to(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        let mut total = 0;
        while !self.messages.is_empty() {
            let mut slices = [IoSlice::new(&[]); MESSAGES * PARTS];
            let count = self.fill(&mut slices);
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

    /// The unwritten parts of the first messages; how many there are.
    fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.written;
        let mut count = 0;
        let parts = self.messages.iter().take(MESSAGES).flat_map(Message::parts);
        for part in parts {
            let skipped = skip.min(part.len());
            skip -= skipped;
            if let (Some(left @ [_, ..]), Some(slice)) =
                (part.get(skipped..), slices.get_mut(count))
            {
                *slice = IoSlice::new(left);
                count += 1;
            }
        }
        count
    }

    fn consume(&mut self, mut written: usize) {
        self.queued_bytes -= written;
        self.joined_bytes = self.joined_bytes.saturating_sub(written);
        while let Some(first) = self.messages.front() {
            let left = first.size() - self.written;
            if written < left {
                self.written += written;
                return;
            }
            written -= left;
            self.written = 0;
            self.messages.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "viewer_tests.rs"]
mod tests;
