//! Heads of PES packets and the program stream map.

/// The head of one PES packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PesHeader {
    /// The byte after `00 00 01`: E0 to EF video, C0 to DF audio, BD private.
    pub stream_id: u8,
    /// Presentation time, 33 bits, 90 kHz.
    pub pts: Option<u64>,
    /// Decoding time, 33 bits, 90 kHz.
    pub dts: Option<u64>,
    /// Bytes of payload by the length field; none when the length is 0 (Q91) or shorter than the
    /// head itself.
    pub payload_bytes: Option<usize>,
}

/// One elementary stream of a program stream map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapEntry {
    /// stream_type, such as 0x1B for H.264.
    pub stream_type: u8,
    /// The stream_id of its PES packets.
    pub stream_id: u8,
}

/// How far the head of a PES packet could be read.
pub(crate) enum PesHead {
    /// So many bytes after the start code are needed.
    Need(usize),
    /// Read, with its length behind the start code.
    Done(PesHeader, usize),
    /// Not a PES packet.
    Bad,
}

/// Most stuffing bytes in the head of an MPEG-1 packet (ISO/IEC 11172-1 2.4.3.3).
const MAX_STUFFING: usize = 16;

/// Reads the head of a PES packet from the bytes after its start code, length field first.
pub(crate) fn read_pes(stream_id: u8, head: &[u8]) -> PesHead {
    let Some(&flags) = head.get(2) else {
        return PesHead::Need(3);
    };
    if flags >> 6 == 2 {
        read_mpeg2(stream_id, head)
    } else {
        read_mpeg1(stream_id, head)
    }
}

/// The PTS of a PES packet, from the bytes after its start code, length field first.
pub(crate) fn stamp_of_pes(stream_id: u8, head: &[u8]) -> Option<u64> {
    match (stream_id, read_pes(stream_id, head)) {
        (0xBD | 0xC0..=0xEF, PesHead::Done(header, _)) => header.pts,
        _ => None,
    }
}

fn read_mpeg2(stream_id: u8, head: &[u8]) -> PesHead {
    let Some(&[_, stamps, extra]) = head.get(2..5) else {
        return PesHead::Need(5);
    };
    let end = 5 + usize::from(extra);
    let Some(fields) = head.get(5..end) else {
        return PesHead::Need(end);
    };
    let pts = (stamps & 0x80 != 0).then(|| read_stamp(fields)).flatten();
    let dts = (stamps & 0xC0 == 0xC0)
        .then(|| read_stamp(fields.get(5..)?))
        .flatten();
    done(stream_id, head, end, pts, dts)
}

fn read_mpeg1(stream_id: u8, head: &[u8]) -> PesHead {
    let stuffing = head[2..].iter().take_while(|&&byte| byte == 0xFF).count();
    if stuffing > MAX_STUFFING {
        return PesHead::Bad;
    }
    let mut at = 2 + stuffing;
    if head.get(at).is_some_and(|byte| byte >> 6 == 1) {
        at += 2;
    }
    let Some(&first) = head.get(at) else {
        return PesHead::Need(at + 1);
    };
    let (end, has_dts) = match first >> 4 {
        2 => (at + 5, false),
        3 => (at + 10, true),
        0 if first == 0x0F => return done(stream_id, head, at + 1, None, None),
        _ => return PesHead::Bad,
    };
    let Some(fields) = head.get(at..end) else {
        return PesHead::Need(end);
    };
    let dts = has_dts.then(|| read_stamp(&fields[5..])).flatten();
    done(stream_id, head, end, read_stamp(fields), dts)
}

fn done(stream_id: u8, head: &[u8], end: usize, pts: Option<u64>, dts: Option<u64>) -> PesHead {
    let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let header = PesHeader {
        stream_id,
        pts,
        dts,
        payload_bytes: (length + 2).checked_sub(end).filter(|_| length > 0),
    };
    PesHead::Done(header, end)
}

/// A 33-bit stamp in 5 bytes; marker bits are not looked at.
fn read_stamp(fields: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e, ..] = fields else {
        return None;
    };
    let high = u64::from(a >> 1 & 7) << 30;
    let middle = u64::from(u16::from_be_bytes([b, c]) >> 1) << 15;
    let low = u64::from(u16::from_be_bytes([d, e]) >> 1);
    Some(high | middle | low)
}

/// Reads the entries of a program stream map from the bytes after its start code, length field
/// first. Lengths that lead out of the bytes are cut there (Q89); the CRC is not looked at (Q83).
#[must_use]
pub fn parse_program_map(head: &[u8]) -> Vec<MapEntry> {
    /// Bytes of the CRC at the end.
    const CRC: usize = 4;
    let mut entries = Vec::new();
    let number = |at: usize| -> Option<usize> {
        let field = head.get(at..at + 2)?;
        Some(usize::from(u16::from_be_bytes([field[0], field[1]])))
    };
    let Some(info) = number(4) else {
        return entries;
    };
    let mut at = 8 + info;
    let Some(map) = number(6 + info) else {
        return entries;
    };
    let end = (at + map).min(head.len().saturating_sub(CRC));
    while at + 4 <= end {
        let (stream_type, stream_id) = (head[at], head[at + 1]);
        if stream_id == 0xBD || (0xC0..=0xEF).contains(&stream_id) {
            entries.push(MapEntry {
                stream_type,
                stream_id,
            });
        }
        at += 4 + number(at + 2).unwrap_or(0);
    }
    entries
}
