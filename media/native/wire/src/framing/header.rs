//! What a frame header may look like, and which framing the first bytes fit.

use super::{FramingKind, PRIVATE_HEADER_BYTES};

/// Bytes of an RTP header up to the end of its SSRC.
const RTP_HEADER: usize = 12;
/// Shortest RTCP packet.
const RTCP_HEADER: usize = 8;
/// RTSP knows channels 0 and 1; devices number up to 3.
const MAX_CHANNEL: u8 = 3;

/// A header that can be true.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// End of the frame, counted from its first framing byte.
    pub(super) end: usize,
    /// SSRC, or none when it is RTCP.
    pub(super) ssrc: Option<u32>,
}

/// Whether bytes begin with a frame.
pub(super) enum Fit {
    Yes(Frame),
    No,
    /// So many bytes are needed to tell.
    Need(usize),
}

/// What the first bytes of a connection say.
pub(super) enum Probe {
    Need(usize),
    Found { kind: FramingKind, skip: usize },
    Neither,
}

/// Reads a frame header of this framing.
pub(super) fn read(kind: FramingKind, bytes: &[u8]) -> Fit {
    let prefix = kind.prefix();
    if kind == FramingKind::Interleaved {
        match (bytes.first(), bytes.get(1)) {
            (Some(&mark), _) if mark != b'$' => return Fit::No,
            (_, Some(&channel)) if channel > MAX_CHANNEL => return Fit::No,
            _ => {}
        }
    }
    let Some(&[high, low]) = bytes.get(prefix - 2..prefix) else {
        return Fit::Need(prefix);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < RTCP_HEADER {
        return Fit::No;
    }
    let Some(&[first, second]) = bytes.get(prefix..prefix + 2) else {
        return Fit::Need(prefix + 2);
    };
    let end = prefix + length;
    if first >> 6 != 2 {
        return Fit::No;
    }
    if (200..=204).contains(&second) {
        return read_rtcp(bytes, prefix, length);
    }
    if length < RTP_HEADER || !is_payload_type(second & 0x7F) {
        return Fit::No;
    }
    match bytes.get(prefix + 8..prefix + RTP_HEADER) {
        None => Fit::Need(prefix + RTP_HEADER),
        Some(field) => Fit::Yes(Frame {
            end,
            ssrc: Some(u32::from_be_bytes([field[0], field[1], field[2], field[3]])),
        }),
    }
}

/// RTCP must fill its frame in whole words (RFC 3550 section 6.1).
fn read_rtcp(bytes: &[u8], prefix: usize, length: usize) -> Fit {
    let Some(&[high, low]) = bytes.get(prefix + 2..prefix + 4) else {
        return Fit::Need(prefix + 4);
    };
    let first_packet = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
    if length % 4 != 0 || first_packet > length {
        return Fit::No;
    }
    Fit::Yes(Frame {
        end: prefix + length,
        ssrc: None,
    })
}

/// The payload types of GB/T 28181 and the dynamic ones.
const fn is_payload_type(payload_type: u8) -> bool {
    matches!(payload_type, 0 | 4 | 8 | 9 | 18 | 20 | 33) || payload_type >= 96
}

/// Tries the forms in order: as it stands, behind a CR, behind the private header.
pub(super) fn probe(bytes: &[u8]) -> Probe {
    if let Some(found) = fits(bytes) {
        return found.map_or(Probe::Need(bytes.len() + 1), |kind| Probe::Found {
            kind,
            skip: 0,
        });
    }
    if bytes.first() == Some(&b'\r') {
        if let Some(found) = fits(&bytes[1..]) {
            return found.map_or(Probe::Need(bytes.len() + 1), |kind| Probe::Found {
                kind,
                skip: 1,
            });
        }
    }
    match fits(bytes.get(PRIVATE_HEADER_BYTES..).unwrap_or(&[])) {
        Some(Some(kind)) => Probe::Found {
            kind,
            skip: PRIVATE_HEADER_BYTES,
        },
        Some(None) => Probe::Need(PRIVATE_HEADER_BYTES.max(bytes.len()) + 1),
        None => Probe::Neither,
    }
}

/// The framing that fits; `Some(None)` when more bytes could tell, `None` when none fits.
fn fits(bytes: &[u8]) -> Option<Option<FramingKind>> {
    let mut open = false;
    for kind in [FramingKind::Interleaved, FramingKind::Rfc4571] {
        match read(kind, bytes) {
            Fit::Yes(_) => return Some(Some(kind)),
            Fit::Need(_) => open = true,
            Fit::No => {}
        }
        if open {
            // Do not settle for the second while the first may still come true.
            return Some(None);
        }
    }
    None
}
