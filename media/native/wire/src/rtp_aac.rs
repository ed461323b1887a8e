//! AAC access units out of RTP payloads in the mode AAC-hbr.
//!
//! Source: RFC 3640 section 3.3.6; GB/T 28181-2022 annex C names it as payload type 102 with
//! sizeLength 13, indexLength 3, indexDeltaLength 3.

use crate::error::WireError;

/// The AudioSpecificConfig of the example in GB/T 28181-2022: AAC LC, 8 kHz, mono.
pub const DEFAULT_CONFIG: [u8; 2] = [0x15, 0x88];

/// Calls `unit` with each access unit of the payload.
///
/// # Errors
///
/// The header section or an access unit leads out of the payload. Units before it have been
/// handed on. An access unit that goes on in the next packet counts as leading out: audio of
/// 8 to 48 kHz never needs it.
pub fn for_each_unit(payload: &[u8], mut unit: impl FnMut(&[u8])) -> Result<(), WireError> {
    let held = payload.len();
    let Some(field) = payload.get(..2) else {
        return Err(WireError::truncated("AU-headers-length", 0, 2, held));
    };
    let header_bits = usize::from(u16::from_be_bytes([field[0], field[1]]));
    let mut at = 2 + header_bits.div_ceil(8);
    let Some(headers) = payload.get(2..at) else {
        return Err(WireError::truncated("AU header section", 2, at, held));
    };
    for header in headers.chunks_exact(2) {
        let size = usize::from(u16::from_be_bytes([header[0], header[1]]) >> 3);
        let Some(data) = payload.get(at..at + size) else {
            return Err(WireError::truncated("AAC access unit", at, at + size, held));
        };
        if !data.is_empty() {
            unit(data);
        }
        at += size;
    }
    Ok(())
}
