//! Sound to packets.
//!
//! Source: RFC 3551 sections 4.5.14 (PCMA, PCMU), RFC 3640 sections 3.2 and 3.3.6 (AAC-hbr).

use super::{Bytes, MAX_PAYLOAD_BYTES, Writer};
use crate::media::AudioCodec;

/// AU-headers-length and one AU-header.
const AU_SECTION: usize = 4;
/// AU-size has 13 bits.
const MAX_AU_BYTES: usize = (1 << 13) - 1;

pub(super) fn write(codec: AudioCodec, data: &[u8], writer: &mut Writer<'_>) {
    match codec {
        AudioCodec::G711A | AudioCodec::G711U => {
            for chunk in data.chunks(MAX_PAYLOAD_BYTES) {
                writer.put(&[], Bytes::Copied(chunk), false);
                writer.timestamp = writer.timestamp.wrapping_add(chunk.len() as u32);
            }
        }
        AudioCodec::Aac => write_aac(data, writer),
    }
}

/// A fragment carries the size of the whole access unit; the marker says that a unit is complete.
fn write_aac(unit: &[u8], writer: &mut Writer<'_>) {
    if unit.len() > MAX_AU_BYTES {
        return;
    }
    let [high, low] = ((unit.len() as u16) << 3).to_be_bytes();
    let chunks = unit.chunks(MAX_PAYLOAD_BYTES - AU_SECTION);
    let count = chunks.len();
    for (index, chunk) in chunks.enumerate() {
        writer.put(
            &[0, 16, high, low],
            Bytes::Copied(chunk),
            index + 1 == count,
        );
    }
}
