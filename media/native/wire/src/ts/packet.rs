//! The head of one packet.

use super::{PACKET_BYTES, SYNC};
use crate::error::WireError;

/// One packet: what its head says, and its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TsPacket<'a> {
    /// What the packet belongs to, 13 bits.
    pub pid: u16,
    /// The sender knows that bytes in it are wrong.
    pub is_damaged: bool,
    /// A PES packet or a section begins in it.
    pub begins_unit: bool,
    /// The payload is encrypted.
    pub is_scrambled: bool,
    /// Counts packets with payload of this PID, 4 bits.
    pub continuity: u8,
    /// The counter begins anew here, by intent.
    pub is_discontinuous: bool,
    /// The payload; empty when there is none.
    pub payload: &'a [u8],
}

/// Reads one packet.
///
/// # Errors
///
/// Not 188 bytes, no sync byte, or an adaptation field that leads out of the packet.
///
/// Source: ISO/IEC 13818-1 2.4.3.2, 2.4.3.4.
pub fn parse_packet(bytes: &[u8]) -> Result<TsPacket<'_>, WireError> {
    let held = bytes.len();
    let &[sync, first, second, control, ref rest @ ..] = bytes else {
        return Err(WireError::truncated("TS packet", 0, PACKET_BYTES, held));
    };
    if held != PACKET_BYTES {
        return Err(WireError::truncated("TS packet", 0, PACKET_BYTES, held));
    }
    if sync != SYNC {
        return Err(WireError::invalid("TS sync byte", 0, u64::from(sync)));
    }
    let has_adaptation = control & 0x20 != 0;
    let has_payload = control & 0x10 != 0;
    let (adaptation, payload) = match rest.split_first() {
        Some((&length, rest)) if has_adaptation => {
            let length = usize::from(length);
            let Some(parts) = rest.split_at_checked(length) else {
                return Err(WireError::too_large(
                    "TS adaptation field",
                    4,
                    length,
                    rest.len(),
                ));
            };
            parts
        }
        _ => (&[][..], rest),
    };
    Ok(TsPacket {
        pid: u16::from_be_bytes([first & 0x1F, second]),
        is_damaged: first & 0x80 != 0,
        begins_unit: first & 0x40 != 0,
        is_scrambled: control >> 6 != 0,
        continuity: control & 0x0F,
        is_discontinuous: adaptation.first().is_some_and(|flags| flags & 0x80 != 0),
        payload: if has_payload { payload } else { &[] },
    })
}
