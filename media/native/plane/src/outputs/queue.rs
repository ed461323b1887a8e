//! What waits to be written to one connection: whole messages, each in the framing of its carrier.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use crate::outputs::format::{Body, Carrier, Head};

/// Messages given to one write.
const MESSAGES: usize = 8;
/// Slices of one message: the carrier's head, the body in its three pieces, the carrier's end.
const PARTS: usize = 5;

/// A body in the framing of its carrier. It is sent whole or not at all.
#[derive(Debug)]
struct Message {
    head: Head,
    body: Body,
    tail: &'static [u8],
    size: usize,
}

impl Message {
    fn parts(&self) -> [&[u8]; PARTS] {
        let [before, middle, behind] = self.body.parts();
        [self.head.bytes(), before, middle, behind, self.tail]
    }
}

/// A queue of messages. Its bound is its owner's: who pushes asks [`Queue::bytes`] first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    messages: VecDeque<Message>,
    /// Bytes of the first message that are written.
    written: usize,
    bytes: usize,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Words of the carrier itself, without framing.
    pub(crate) fn say(&mut self, bytes: Vec<u8>) {
        self.push_bare(Body::Owned(bytes.into()));
    }

    /// Bytes as they are.
    pub(crate) fn push_bare(&mut self, body: Body) {
        let length = body.length();
        if length > 0 {
            self.push(Head::default(), body, b"", length);
        }
    }

    /// Bytes of the stream in the framing of the carrier. None are none: an empty chunk would be the last.
    pub(crate) fn push_framed(&mut self, carrier: Carrier, body: Body) {
        let length = body.length();
        if length > 0 {
            let tail: &[u8] = match carrier {
                Carrier::WebSocket | Carrier::Rtmp => b"",
                Carrier::Http => b"\r\n",
            };
            self.push(Head::of(carrier, length), body, tail, length);
        }
    }

    fn push(&mut self, head: Head, body: Body, tail: &'static [u8], length: usize) {
        let size = head.bytes().len() + length + tail.len();
        self.bytes += size;
        self.messages.push_back(Message {
            head,
            body,
            tail,
            size,
        });
    }

    /// Forgets the pictures that are not begun; what is half written, and all else, stays. How many were forgotten.
    pub(crate) fn drop_units(&mut self) -> u64 {
        let mut begun = self.written > 0;
        let (mut dropped, mut bytes) = (0, 0);
        self.messages.retain(|message| {
            let stays = std::mem::take(&mut begun) || !message.body.is_unit();
            if !stays {
                dropped += 1;
                bytes += message.size;
            }
            stays
        });
        self.bytes -= bytes;
        dropped
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
        Ok(total)
    }

    /// The unwritten parts of the first messages; how many there are.
    fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.written;
        let mut count = 0;
        let messages = self.messages.iter().take(MESSAGES);
        for part in messages.flat_map(Message::parts) {
            let skipped = skip.min(part.len());
            skip -= skipped;
            let left = part.get(skipped..).unwrap_or_default();
            if let (false, Some(slice)) = (left.is_empty(), slices.get_mut(count)) {
                *slice = IoSlice::new(left);
                count += 1;
            }
        }
        count
    }

    fn consume(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(first) = self.messages.front() {
            let left = first.size - self.written;
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
