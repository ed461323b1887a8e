//! The RTP packet header.
//!
//! Source: RFC 3550 section 5.1; GB/T 28181-2016 annex C.

use crate::error::WireError;

/// Bytes of the header without CSRC list and extension.
pub const HEADER_BYTES: usize = 12;

/// One RTP packet, borrowed from the datagram that it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// M bit. Not reliable in the field (Q92): it is believed only where it has proved true.
    pub marker: bool,
    /// Payload type, 0 to 127. 96 is PS.
    pub payload_type: u8,
    /// Sequence number, wraps at 2^16.
    pub sequence: u16,
    /// Timestamp in ticks of the payload's clock (90 kHz for PS), wraps at 2^32.
    pub timestamp: u32,
    /// Synchronisation source: the integer value of the `y=` line.
    pub ssrc: u32,
    /// Payload without header, extension and padding. May be empty.
    pub payload: &'a [u8],
}

/// Reads one RTP packet.
///
/// Padding is stripped by the count in the last byte; a count of zero or beyond the payload
/// is ignored, since some senders set the P bit without padding.
///
/// # Errors
///
/// The bytes are fewer than the header that they announce, or the version is not 2.
pub fn parse(bytes: &[u8]) -> Result<RtpPacket<'_>, WireError> {
    if bytes.len() < HEADER_BYTES {
        return Err(WireError::truncated(
            "RTP header",
            bytes.len(),
            HEADER_BYTES,
            bytes.len(),
        ));
    }
    let first = bytes[0];
    if first >> 6 != 2 {
        return Err(WireError::invalid("RTP version", 0, u64::from(first >> 6)));
    }
    let start = payload_start(bytes, first)?;
    let payload = strip_padding(&bytes[start..], first & 0x20 != 0);
    Ok(RtpPacket {
        marker: bytes[1] & 0x80 != 0,
        payload_type: bytes[1] & 0x7F,
        sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
        timestamp: u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        ssrc: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        payload,
    })
}

/// Whether the bytes are an RTCP packet: payload types 200 to 204, which an RTP header would
/// show as 72 to 76 with the marker set.
///
/// Source: RFC 5761 section 4.
#[must_use]
pub fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.len() >= 8 && bytes[0] >> 6 == 2 && (200..=204).contains(&bytes[1])
}

/// The SSRC of a packet, without looking at anything else but the length and the version.
#[must_use]
pub fn peek_ssrc(bytes: &[u8]) -> Option<u32> {
    let field = bytes.get(8..HEADER_BYTES)?;
    (bytes[0] >> 6 == 2).then(|| u32::from_be_bytes([field[0], field[1], field[2], field[3]]))
}

fn payload_start(bytes: &[u8], first: u8) -> Result<usize, WireError> {
    let mut start = HEADER_BYTES + 4 * usize::from(first & 0x0F);
    if first & 0x10 != 0 {
        let Some(length) = bytes.get(start + 2..start + 4) else {
            let needed = start + 4;
            return Err(WireError::truncated(
                "RTP header extension",
                start,
                needed,
                bytes.len(),
            ));
        };
        start += 4 + 4 * usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    if start > bytes.len() {
        return Err(WireError::truncated(
            "RTP CSRC list or extension",
            HEADER_BYTES,
            start,
            bytes.len(),
        ));
    }
    Ok(start)
}

fn strip_padding(payload: &[u8], padded: bool) -> &[u8] {
    match payload.last() {
        Some(&count) if padded && usize::from(count) <= payload.len() => {
            &payload[..payload.len() - usize::from(count)]
        }
        _ => payload,
    }
}
