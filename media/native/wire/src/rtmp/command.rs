//! Commands and the messages of the protocol itself.
//!
//! Source: RTMP sections 5.4 and 7.

use super::{COMMAND_CHUNKS, CONTROL_CHUNKS, Message, kind, write_message};
use crate::amf::{self, Amf};
use crate::error::WireError;

/// User control events (section 7.1.7).
pub(super) mod event {
    pub(crate) const STREAM_BEGIN: u16 = 0;
    pub(crate) const STREAM_EOF: u16 = 1;
    pub(crate) const PING_REQUEST: u16 = 6;
    pub(crate) const PING_RESPONSE: u16 = 7;
}

/// A command: its name, its number, and what follows.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) number: f64,
    pub(super) values: Vec<Amf>,
}

impl Command {
    /// Reads a command in AMF0, or in AMF3 that only wraps it.
    pub(super) fn parse(message: &Message) -> Result<Self, WireError> {
        let body = match (message.kind, message.body.split_first()) {
            (kind::COMMAND_AMF3, Some((_, rest))) => rest,
            _ => &message.body,
        };
        let mut values = amf::read_all(body)?.into_iter();
        let name = match values.next() {
            Some(Amf::String(name)) => name,
            _ => return Err(WireError::invalid("RTMP command name", 0, 0)),
        };
        let number = values.next().and_then(|value| value.as_number());
        Ok(Self {
            name,
            number: number.unwrap_or(0.0),
            values: values.collect(),
        })
    }

    /// The text at a place after the number.
    pub(super) fn text(&self, place: usize) -> &str {
        self.values
            .get(place)
            .and_then(Amf::as_str)
            .unwrap_or_default()
    }

    /// The object at a place after the number.
    pub(super) fn object(&self, place: usize) -> &Amf {
        self.values.get(place).unwrap_or(&Amf::Null)
    }
}

/// Appends a command on message stream `stream_id`.
pub(super) fn put_command(
    out: &mut Vec<u8>,
    chunk_bytes: usize,
    stream_id: u32,
    (name, number): (&str, f64),
    values: &[Amf],
) {
    let mut body = Vec::with_capacity(256);
    amf::put_string(&mut body, name);
    amf::put_number(&mut body, number);
    values.iter().for_each(|value| amf::put(&mut body, value));
    let head = (kind::COMMAND, stream_id, 0);
    write_message((COMMAND_CHUNKS, chunk_bytes), head, &[&body], out);
}

/// Appends a control message.
pub(super) fn put_control(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    write_message(
        (CONTROL_CHUNKS, super::FIRST_CHUNK_BYTES),
        (kind, 0, 0),
        &[body],
        out,
    );
}

/// Appends a user control event about a value.
pub(super) fn put_event(out: &mut Vec<u8>, event: u16, value: u32) {
    let mut body = event.to_be_bytes().to_vec();
    body.extend_from_slice(&value.to_be_bytes());
    put_control(out, kind::USER_CONTROL, &body);
}

/// The value of a ping that wants an answer.
pub(super) fn ping(message: &Message) -> Option<u32> {
    let (&event, value) = message.body.split_first_chunk::<2>()?;
    let asks =
        message.kind == kind::USER_CONTROL && u16::from_be_bytes(event) == event::PING_REQUEST;
    let &value = value.first_chunk::<4>()?;
    asks.then_some(u32::from_be_bytes(value))
}

/// An object of texts.
pub(super) fn object(fields: &[(&str, Amf)]) -> Amf {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Amf::Object(fields.collect())
}

/// The information object of `onStatus`.
pub(super) fn status(level: &str, code: &str, description: &str) -> Amf {
    let text = |text: &str| Amf::String(text.into());
    object(&[
        ("level", text(level)),
        ("code", text(code)),
        ("description", text(description)),
    ])
}

/// Counts what comes, and says so when the peer wants it.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    window: u32,
    received: u64,
    told: u64,
}

impl Acknowledgements {
    /// The peer names its window.
    pub(super) fn obey(&mut self, message: &Message) {
        if let (kind::WINDOW_SIZE, Some(&size)) = (message.kind, message.body.first_chunk::<4>()) {
            self.window = u32::from_be_bytes(size);
        }
    }

    /// So many bytes more.
    pub(super) fn receive(&mut self, bytes: usize, out: &mut Vec<u8>) {
        self.received += bytes as u64;
        // Well before the window is full.
        let due =
            self.window > 0 && self.received - self.told >= u64::from(self.window / 2).max(1_024);
        if due {
            self.told = self.received;
            put_control(
                out,
                kind::ACKNOWLEDGEMENT,
                &(self.received as u32).to_be_bytes(),
            );
        }
    }
}
