//! Program association and program map tables.

/// Most bytes of a section (ISO/IEC 13818-1 2.4.4.3).
pub const MAX_SECTION_BYTES: usize = 1_024;
/// table_id of the program association table.
const ASSOCIATION: u8 = 0x00;
/// table_id of the program map table.
const MAP: u8 = 0x02;
/// Bytes of the CRC at the end.
const CRC: usize = 4;
/// Entries read of one map.
const MAX_ENTRIES: usize = 64;

/// One elementary stream of a program map table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TsEntry {
    /// stream_type, such as 0x1B for H.264.
    pub stream_type: u8,
    /// The PID of its packets.
    pub pid: u16,
}

/// Puts the sections of one table together.
#[derive(Debug, Clone, Default)]
pub(super) struct Section {
    bytes: Vec<u8>,
    /// The section that was handed out last: the same again says nothing new.
    last: Vec<u8>,
}

impl Section {
    /// Takes the payload of a packet; returns a section that differs from the one before.
    pub(super) fn receive(&mut self, begins: bool, payload: &[u8]) -> Option<&[u8]> {
        let mut rest = payload;
        if begins {
            let (&pointer, after) = payload.split_first()?;
            self.bytes.clear();
            rest = after.get(usize::from(pointer)..)?;
        } else if self.bytes.is_empty() {
            return None;
        }
        let room = MAX_SECTION_BYTES - self.bytes.len();
        self.bytes.extend_from_slice(&rest[..rest.len().min(room)]);
        let needed = section_bytes(&self.bytes)?;
        if needed > MAX_SECTION_BYTES {
            self.bytes.clear();
            return None;
        }
        if self.bytes.len() < needed {
            return None;
        }
        self.bytes.truncate(needed);
        if self.bytes == self.last {
            self.bytes.clear();
            return None;
        }
        self.last = std::mem::take(&mut self.bytes);
        Some(&self.last)
    }

    /// Packets of it are missing.
    pub(super) fn lost(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.last.capacity()
    }
}

fn section_bytes(section: &[u8]) -> Option<usize> {
    let &[_, high, low, ..] = section else {
        return None;
    };
    Some(3 + usize::from(u16::from_be_bytes([high & 0x0F, low])))
}

/// The body of a section of this table: between its head of 8 bytes and the CRC, which is not looked at.
fn body(section: &[u8], table: u8) -> Option<&[u8]> {
    if section.first() != Some(&table) {
        return None;
    }
    let end = section_bytes(section)?.min(section.len());
    section.get(8..end.checked_sub(CRC)?)
}

/// The PID of the first program's map, from a section of the program association table.
///
/// Source: ISO/IEC 13818-1 2.4.4.3.
#[must_use]
pub fn parse_program_association(section: &[u8]) -> Option<u16> {
    let programs = body(section, ASSOCIATION)?.chunks_exact(4);
    // Program 0 is the network information table.
    programs
        .map(|entry| [number(entry, 0), number(entry, 2) & 0x1FFF])
        .find(|&[program, _]| program != 0)
        .map(|[_, pid]| pid)
}

/// The streams of a program, from a section of the program map table. Lengths that lead out of the
/// section are cut there; none when it is no such section.
///
/// Source: ISO/IEC 13818-1 2.4.4.8.
#[must_use]
pub fn parse_program_map(section: &[u8]) -> Option<Vec<TsEntry>> {
    let body = body(section, MAP)?;
    let info = usize::from(number(body.get(2..4)?, 0) & 0x0FFF);
    let mut rest = body.get(4 + info..).unwrap_or_default();
    let mut entries = Vec::new();
    while let (&[stream_type, high, low, info_high, info_low, ..], true) =
        (rest, entries.len() < MAX_ENTRIES)
    {
        entries.push(TsEntry {
            stream_type,
            pid: u16::from_be_bytes([high & 0x1F, low]),
        });
        let info = usize::from(u16::from_be_bytes([info_high & 0x0F, info_low]));
        rest = rest.get(5 + info..).unwrap_or_default();
    }
    Some(entries)
}

fn number(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}
