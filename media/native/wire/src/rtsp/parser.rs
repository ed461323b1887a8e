//! One connection: requests, responses and interleaved frames in one stream of bytes.
//!
//! Source: RFC 2326 sections 4, 6, 7 and 10.12.

use super::message::{self, Request, Response, Start};
use crate::error::WireError;

/// Longest head of a message.
pub const MAX_HEAD_BYTES: usize = 16_384;
/// Longest body.
pub const MAX_BODY_BYTES: usize = 65_536;
/// Bytes that can wait for the rest of an item.
pub const MAX_HELD_BYTES: usize = MAX_HEAD_BYTES + MAX_BODY_BYTES;
/// `$`, channel and length of an interleaved frame.
const FRAME_HEAD: usize = 4;

/// One thing that a peer sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A request.
    Request(Request),
    /// The answer to a request of ours.
    Response(Response),
    /// Binary data of one channel: an RTP or RTCP packet.
    Frame {
        /// Interleaved channel.
        channel: u8,
        /// The packet.
        data: &'a [u8],
    },
}

/// Puts items together from pieces of a stream that is cut anywhere.
#[derive(Debug, Clone, Default)]
pub struct Parser {
    held: Vec<u8>,
    /// Bytes that are needed before it is worth to look again.
    needed: usize,
    broken: Option<WireError>,
}

impl Parser {
    /// Takes the next bytes and gives whole items to `sink`.
    ///
    /// # Errors
    ///
    /// A message cannot be read, or is over a limit. What follows cannot be told from it: the connection is of no
    /// more use, and every later call gives the same error.
    pub fn feed(&mut self, data: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Result<(), WireError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let outcome = if self.held.is_empty() {
            self.run(data, sink).map(|consumed| {
                self.held.extend_from_slice(&data[consumed..]);
            })
        } else {
            self.held.extend_from_slice(data);
            if self.held.len() < self.needed {
                return Ok(());
            }
            let held = std::mem::take(&mut self.held);
            self.run(&held, sink).map(|consumed| {
                self.held = held;
                self.held.drain(..consumed);
            })
        };
        if let Err(error) = outcome {
            self.held = Vec::new();
            self.broken = Some(error);
        }
        outcome
    }

    /// Bytes that wait for the rest of an item.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    fn run(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Result<usize, WireError> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let Some(&first) = rest.first() else {
                self.needed = 0;
                return Ok(at);
            };
            let step = match first {
                b'$' => step_frame(rest, sink),
                // Some peers end a message with a line too many.
                b'\r' | b'\n' => Ok(Step::Taken(1)),
                _ => step_message(rest, sink),
            };
            match step? {
                Step::Taken(count) => at += count,
                Step::Needs(count) => {
                    self.needed = count;
                    return Ok(at);
                }
            }
        }
    }
}

enum Step {
    Taken(usize),
    Needs(usize),
}

fn step_frame(rest: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Result<Step, WireError> {
    let Some(&[_, channel, high, low]) = rest.first_chunk::<FRAME_HEAD>() else {
        return Ok(Step::Needs(FRAME_HEAD));
    };
    let end = FRAME_HEAD + usize::from(u16::from_be_bytes([high, low]));
    let Some(data) = rest.get(FRAME_HEAD..end) else {
        return Ok(Step::Needs(end));
    };
    sink(Item::Frame { channel, data });
    Ok(Step::Taken(end))
}

fn step_message(rest: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Result<Step, WireError> {
    let window = &rest[..rest.len().min(MAX_HEAD_BYTES)];
    let Some((head_end, body_start)) = find_head(window) else {
        if window.len() == MAX_HEAD_BYTES {
            let (found, limit) = (rest.len(), MAX_HEAD_BYTES);
            return Err(WireError::too_large("RTSP head", 0, found, limit));
        }
        return Ok(Step::Needs(rest.len() + 1));
    };
    let head = String::from_utf8_lossy(&rest[..head_end]);
    let mut lines = head
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let start = message::parse_start(lines.next().unwrap_or_default())?;
    let headers = message::parse_headers(lines)?;
    let length = match headers.get("Content-Length") {
        None => 0,
        Some(text) => body_length(text)?,
    };
    let end = body_start + length;
    let Some(body) = rest.get(body_start..end) else {
        return Ok(Step::Needs(end));
    };
    let body = body.to_vec();
    sink(match start {
        Start::Request {
            method,
            uri,
            version,
        } => Item::Request(Request {
            method,
            uri,
            version,
            headers,
            body,
        }),
        Start::Response { status, reason } => Item::Response(Response {
            status,
            reason,
            headers,
            body,
        }),
    });
    Ok(Step::Taken(end))
}

/// End of the last header line, and where the body begins. Lines end with CR LF, or with LF alone.
fn find_head(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|&byte| byte == b'\n')?;
        let line_end = if bytes[..at].ends_with(b"\r") {
            at - 1
        } else {
            at
        };
        match bytes.get(at + 1..)? {
            [b'\n', ..] => return Some((line_end, at + 2)),
            [b'\r', b'\n', ..] => return Some((line_end, at + 3)),
            _ => from = at + 1,
        }
    }
}

fn body_length(text: &str) -> Result<usize, WireError> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(WireError::invalid("Content-Length", 0, text.len() as u64));
    }
    match text.parse::<usize>() {
        Ok(length) if length <= MAX_BODY_BYTES => Ok(length),
        other => {
            let (found, limit) = (other.unwrap_or(usize::MAX), MAX_BODY_BYTES);
            Err(WireError::too_large("RTSP body", 0, found, limit))
        }
    }
}
