//! Chunks: messages cut into pieces, with headers that leave out what has not changed.
//!
//! Source: RTMP section 5.3.

use super::{FIRST_CHUNK_BYTES, kind};
use crate::error::WireError;
use crate::flv::MAX_TAG_BYTES;

/// Most chunk streams of one connection.
pub const MAX_CHUNK_STREAMS: usize = 32;
/// Longest command.
pub const MAX_COMMAND_BYTES: usize = 65_536;
/// Most bytes of messages that have begun.
const MAX_HELD_BYTES: usize = 2 * MAX_TAG_BYTES;
/// Memory taken for a message before its bytes have come.
const FIRST_RESERVE: usize = 16_384;
/// Largest chunk size that means anything: a message is not longer.
const MAX_CHUNK_BYTES: usize = 0xFF_FFFF;
/// Times from here on stand behind the header.
const EXTENDED: u32 = 0xFF_FFFF;
/// Basic header of 3 bytes, message header of 11, extended time of 4.
const MAX_HEADER_BYTES: usize = 18;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// See [`kind`].
    pub kind: u8,
    /// The message stream.
    pub stream_id: u32,
    /// Milliseconds, 32 bits that wrap.
    pub timestamp_ms: u32,
    /// What it says.
    pub body: Vec<u8>,
}

/// What the headers of one chunk stream said last.
#[derive(Debug, Default)]
struct ChunkStream {
    id: u32,
    timestamp: u32,
    /// The time field as it was written: absolute or a difference.
    field: u32,
    is_extended: bool,
    length: usize,
    kind: u8,
    stream_id: u32,
    body: Vec<u8>,
}

/// Puts messages together. Memory is bounded whatever the peer claims.
#[derive(Debug)]
pub struct ChunkReader {
    chunk_bytes: usize,
    streams: Vec<ChunkStream>,
    header: Vec<u8>,
    /// The chunk whose payload is being read: index of its stream, and bytes that are left of it.
    payload: Option<(usize, usize)>,
    held_bytes: usize,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self {
            chunk_bytes: FIRST_CHUNK_BYTES,
            streams: Vec::new(),
            header: Vec::with_capacity(MAX_HEADER_BYTES),
            payload: None,
            held_bytes: 0,
        }
    }
}

/// A header that is whole.
struct Header {
    bytes: usize,
    index: usize,
}

impl ChunkReader {
    /// Takes the next bytes, cut anywhere; appends the messages that are whole now.
    ///
    /// # Errors
    ///
    /// A header refers to one that never came, or something is over a limit: the connection cannot go on.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<Message>) -> Result<(), WireError> {
        let mut rest = bytes;
        loop {
            if let Some((index, left)) = self.payload {
                let (piece, after) = rest.split_at(left.min(rest.len()));
                rest = after;
                self.take_payload(index, left, piece, out)?;
                if self.payload.is_some() {
                    return Ok(());
                }
            }
            let known = self.header.len();
            let more = rest.len().min(MAX_HEADER_BYTES - known);
            self.header
                .extend_from_slice(rest.get(..more).unwrap_or_default());
            let header = std::mem::take(&mut self.header);
            let read = self.read_header(&header)?;
            self.header = header;
            let Some(Header { bytes: used, index }) = read else {
                return Ok(());
            };
            self.header.clear();
            rest = rest.get(used.saturating_sub(known)..).unwrap_or_default();
            let stream = self.streams.get(index);
            let missing = stream.map_or(0, |stream| stream.length - stream.body.len());
            self.payload = Some((index, missing.min(self.chunk_bytes)));
        }
    }

    /// Bytes of memory kept for messages that have begun.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.streams
            .iter()
            .map(|stream| stream.body.capacity())
            .sum()
    }

    fn take_payload(
        &mut self,
        index: usize,
        left: usize,
        piece: &[u8],
        out: &mut Vec<Message>,
    ) -> Result<(), WireError> {
        let Some(stream) = self.streams.get_mut(index) else {
            return Ok(());
        };
        stream.body.extend_from_slice(piece);
        self.held_bytes += piece.len();
        let left = left - piece.len();
        if left > 0 {
            self.payload = Some((index, left));
            return Ok(());
        }
        self.payload = None;
        if stream.body.len() < stream.length {
            return Ok(());
        }
        self.held_bytes -= stream.body.len();
        let message = Message {
            kind: stream.kind,
            stream_id: stream.stream_id,
            timestamp_ms: stream.timestamp,
            body: std::mem::take(&mut stream.body),
        };
        self.obey(&message)?;
        out.push(message);
        Ok(())
    }

    /// What changes how the next bytes are read.
    fn obey(&mut self, message: &Message) -> Result<(), WireError> {
        let Some(&value) = message.body.first_chunk::<4>() else {
            return Ok(());
        };
        let value = u32::from_be_bytes(value);
        match message.kind {
            kind::SET_CHUNK_SIZE => {
                let size = (value & 0x7FFF_FFFF) as usize;
                if size == 0 {
                    return Err(WireError::invalid("RTMP chunk size", 0, 0));
                }
                self.chunk_bytes = size.min(MAX_CHUNK_BYTES);
            }
            kind::ABORT => {
                if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == value) {
                    self.held_bytes -= stream.body.len();
                    stream.body.clear();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads basic header, message header and extended time; none when they are not whole.
    fn read_header(&mut self, bytes: &[u8]) -> Result<Option<Header>, WireError> {
        let Some((form, id, basic)) = read_basic(bytes) else {
            return Ok(None);
        };
        let message_bytes = [11, 7, 3, 0][usize::from(form)];
        let Some(fields) = bytes.get(basic..basic + message_bytes) else {
            return Ok(None);
        };
        let index = self.stream_of(id, form)?;
        let held_bytes = self.held_bytes;
        let Some(stream) = self.streams.get_mut(index) else {
            return Ok(None);
        };
        let goes_on = !stream.body.is_empty();
        let short = match *fields {
            [t1, t2, t3, ..] => Some(u32::from_be_bytes([0, t1, t2, t3])),
            _ => None,
        };
        let extended = short.map_or(stream.is_extended, |short| short == EXTENDED);
        let mut used = basic + message_bytes;
        let mut field = short.unwrap_or(stream.field);
        if extended {
            let Some(&long) = bytes.get(used..).and_then(<[u8]>::first_chunk::<4>) else {
                return Ok(None);
            };
            let long = u32::from_be_bytes(long);
            // Some peers leave it out of the later chunks of a message: then this is payload.
            if form != 3 || !goes_on || long == stream.field {
                field = long;
                used += 4;
            }
        }
        if let [_, _, _, l1, l2, l3, kind, ..] = *fields {
            let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
            if goes_on {
                return Err(WireError::invalid(
                    "RTMP chunk inside a message",
                    0,
                    u64::from(form),
                ));
            }
            check_length(kind, length, held_bytes)?;
            (stream.length, stream.kind) = (length, kind);
        }
        if let &[.., s1, s2, s3, s4] = fields
            && form == 0
        {
            stream.stream_id = u32::from_le_bytes([s1, s2, s3, s4]);
        }
        if !goes_on {
            stream.is_extended = extended;
            stream.field = field;
            stream.timestamp = if form == 0 {
                field
            } else {
                stream.timestamp.wrapping_add(field)
            };
            stream.body.reserve(stream.length.min(FIRST_RESERVE));
        }
        Ok(Some(Header { bytes: used, index }))
    }

    fn stream_of(&mut self, id: u32, form: u8) -> Result<usize, WireError> {
        if let Some(index) = self.streams.iter().position(|stream| stream.id == id) {
            return Ok(index);
        }
        // Some peers begin with the form that leaves out only the message stream.
        if form > 1 {
            return Err(WireError::invalid(
                "RTMP chunk stream before its header",
                0,
                u64::from(id),
            ));
        }
        if self.streams.len() >= MAX_CHUNK_STREAMS {
            let found = self.streams.len() + 1;
            return Err(WireError::too_large(
                "RTMP chunk streams",
                0,
                found,
                MAX_CHUNK_STREAMS,
            ));
        }
        self.streams.push(ChunkStream {
            id,
            ..ChunkStream::default()
        });
        Ok(self.streams.len() - 1)
    }
}

fn check_length(kind: u8, length: usize, held_bytes: usize) -> Result<(), WireError> {
    let limit = match kind {
        kind::AUDIO | kind::VIDEO | kind::AGGREGATE => MAX_TAG_BYTES,
        _ => MAX_COMMAND_BYTES,
    };
    if length > limit {
        return Err(WireError::too_large("RTMP message", 0, length, limit));
    }
    if held_bytes + length > MAX_HELD_BYTES {
        let found = held_bytes + length;
        return Err(WireError::too_large(
            "RTMP messages begun",
            0,
            found,
            MAX_HELD_BYTES,
        ));
    }
    Ok(())
}

/// Form, chunk stream id and bytes of a basic header.
fn read_basic(bytes: &[u8]) -> Option<(u8, u32, usize)> {
    let &first = bytes.first()?;
    let form = first >> 6;
    match first & 0x3F {
        0 => Some((form, u32::from(*bytes.get(1)?) + 64, 2)),
        1 => {
            let low = u32::from(*bytes.get(1)?);
            let high = u32::from(*bytes.get(2)?);
            Some((form, high << 8 | low, 3)).map(|(form, id, size)| (form, id + 64, size))
        }
        id => Some((form, u32::from(id), 1)),
    }
}

/// Appends a message whose body is `parts` joined, in chunks of `chunk_bytes`. `chunks` is a chunk stream of 2 to 63.
pub fn write_message(
    (chunks, chunk_bytes): (u8, usize),
    (kind, stream_id, timestamp_ms): (u8, u32, u32),
    parts: &[&[u8]],
    out: &mut Vec<u8>,
) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let short = timestamp_ms.min(EXTENDED);
    let [_, t1, t2, t3] = short.to_be_bytes();
    let [_, l1, l2, l3] = (length.min(0xFF_FFFF) as u32).to_be_bytes();
    out.extend_from_slice(&[chunks & 0x3F, t1, t2, t3, l1, l2, l3, kind]);
    out.extend_from_slice(&stream_id.to_le_bytes());
    let extended = (short == EXTENDED).then(|| timestamp_ms.to_be_bytes());
    out.extend(extended.into_iter().flatten());
    let chunk_bytes = chunk_bytes.max(1);
    let mut room = chunk_bytes;
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() {
            if room == 0 {
                out.push(0xC0 | chunks & 0x3F);
                out.extend(extended.into_iter().flatten());
                room = chunk_bytes;
            }
            let (piece, after) = rest.split_at(room.min(rest.len()));
            out.extend_from_slice(piece);
            room -= piece.len();
            rest = after;
        }
    }
}
