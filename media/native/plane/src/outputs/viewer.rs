//! What waits for one viewer: bounded, and cut back to a key frame when the viewer is slow.

use std::io::{self, Write};
use std::sync::Arc;

use crate::outputs::format::{Body, Carrier, Way};
use crate::outputs::http;
use crate::outputs::queue::Queue;
use crate::outputs::rtmp::messages::Maker;
use crate::outputs::websocket::{self, Opcode};
use crate::unit::{StreamConfig, Unit};

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
    queue: Queue,
    /// Bytes given at the start in one go; they do not count against the bound.
    joined_bytes: usize,
    max_bytes: usize,
    state: State,
    described: Option<Arc<StreamConfig>>,
    /// Sequence of the newest unit that it was given.
    newest: u64,
    /// Makes a form for this receiver alone.
    maker: Option<Maker>,
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
            queue: Queue::default(),
            joined_bytes: 0,
            max_bytes,
            state: State::NeedKey,
            described: None,
            newest: 0,
            maker: None,
            skipped_now: 0,
            skipped: 0,
            sent_bytes: 0,
            is_ending: false,
        };
        viewer.queue.say(head);
        viewer
    }

    /// From here on pictures are not shared but made for this receiver.
    pub(crate) fn make_with(&mut self, maker: Maker) {
        self.maker = Some(maker);
    }

    /// Words that are in the framing of the carrier already.
    pub(crate) fn say(&mut self, words: Vec<u8>) {
        self.queue.say(words);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// The stream as it is now: its description and the pictures since the last key frame.
    pub(crate) fn join(&mut self, config: Option<&Arc<StreamConfig>>, units: &[Arc<Unit>]) {
        if let Some(config) = config {
            self.describe(config);
        }
        for unit in units {
            self.state = State::Live;
            self.unit(unit);
        }
        self.joined_bytes = self.queue.bytes();
    }

    /// The stream is described anew. Where a second description cannot follow, the answer ends there.
    pub(crate) fn describe(&mut self, config: &Arc<StreamConfig>) {
        if self.is_ending {
            return;
        }
        // What was given at the start may be delivered once more.
        let is_known = |known: &Arc<StreamConfig>| Arc::ptr_eq(known, config);
        if self.described.as_ref().is_some_and(is_known) {
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
        let body = match &mut self.maker {
            Some(maker) => Body::Owned(maker.description(&config).into()),
            None if is_first => Body::Start(format, config),
            None => Body::Change(format, config),
        };
        self.message(body);
        self.state = State::NeedKey;
    }

    /// The next picture. False = it was dropped. One that was given at the start may be delivered once more.
    pub(crate) fn offer(&mut self, unit: &Arc<Unit>) -> bool {
        if unit.sequence <= self.newest {
            return false;
        }
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
        self.unit(unit);
        true
    }

    fn unit(&mut self, unit: &Arc<Unit>) {
        self.newest = unit.sequence;
        let body = match &mut self.maker {
            Some(maker) => Body::Made(maker.unit(unit).into()),
            None => Body::Unit(self.way.format, Arc::clone(unit)),
        };
        self.message(body);
    }

    fn is_full(&self) -> bool {
        self.queue.bytes() > self.max_bytes + self.joined_bytes
    }

    fn skip(&mut self) {
        self.skipped += 1;
        self.skipped_now += 1;
    }

    fn drop_waiting(&mut self) {
        let dropped = self.queue.drop_units();
        self.skipped += dropped;
        self.skipped_now += dropped;
        self.joined_bytes = 0;
    }

    pub(crate) fn pong(&mut self, body: &[u8]) {
        // A viewer that pings without reading gets no queue for it.
        if !self.is_full() {
            self.queue.say(websocket::frame(Opcode::Pong, body));
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
                self.queue
                    .push_bare(Body::Static(http::LAST_CHUNK.as_bytes()));
                self.is_ending = true;
            }
            // Its last words come from the protocol, which knows what was said before.
            Carrier::Rtmp => self.is_ending = true,
        }
    }

    /// A close frame, after which nothing follows (RFC 6455 section 5.5.1).
    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        if self.way.carrier == Carrier::WebSocket && !self.is_ending {
            self.queue.say(websocket::frame(
                Opcode::Close,
                &websocket::close_body(code, reason),
            ));
        }
        self.is_ending = true;
    }

    fn text(&mut self, text: &str) {
        self.queue
            .say(websocket::frame(Opcode::Text, text.as_bytes()));
    }

    fn message(&mut self, body: Body) {
        self.queue.push_framed(self.way.carrier, body);
    }

    /// Writes what the socket takes; the number of bytes it took.
    pub(crate) fn write_to(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        let written = self.queue.write_to(socket)?;
        self.joined_bytes = self.joined_bytes.saturating_sub(written);
        self.sent_bytes += written as u64;
        Ok(written)
    }
}

#[cfg(test)]
#[path = "viewer_tests.rs"]
mod tests;
