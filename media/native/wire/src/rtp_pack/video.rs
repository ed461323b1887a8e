//! NAL units to single packets and fragments.
//!
//! Source: RFC 6184 sections 5.6 and 5.8 (FU-A); RFC 7798 sections 4.4.1 and 4.4.3 (FU).

use super::{Bytes, MAX_PAYLOAD_BYTES, Picture, Writer};
use crate::media::VideoCodec;
use crate::nal;
use crate::rtp_h264::FU_A;
use crate::rtp_h265::FRAGMENTATION;

/// Start and end bits of a fragment header, the same in both codecs.
const START: u8 = 0x80;
const END: u8 = 0x40;

/// Each parameter set is a packet of its own: every reader understands that.
pub(super) fn write(picture: &Picture<'_>, writer: &mut Writer<'_>) {
    if let Some(config) = picture.sets {
        for set in config.vps.iter().chain(&config.sps).chain(&config.pps) {
            put_nal(picture.codec, Bytes::Copied(set), false, writer);
        }
    }
    let mut units = nal::length_prefixed(picture.nals).peekable();
    while let Some((at, unit)) = units.next() {
        let last = units.peek().is_none();
        put_nal(picture.codec, Bytes::Lent(unit, at), last, writer);
    }
}

fn put_nal(codec: VideoCodec, unit: Bytes<'_>, last: bool, writer: &mut Writer<'_>) {
    let (Bytes::Lent(bytes, _) | Bytes::Copied(bytes)) = unit;
    if bytes.len() <= MAX_PAYLOAD_BYTES {
        if !bytes.is_empty() {
            writer.put(&[], unit, last);
        }
        return;
    }
    match (codec, bytes) {
        (VideoCodec::H264, &[header, ..]) => put_fragments(unit, last, writer, |edges| {
            [header & 0xE0 | FU_A, edges | header & 0x1F]
        }),
        (VideoCodec::H265, &[first, second, ..]) => put_fragments(unit, last, writer, |edges| {
            [
                first & 0x81 | FRAGMENTATION << 1,
                second,
                edges | first >> 1 & 0x3F,
            ]
        }),
        _ => {}
    }
}

/// `head` makes the header of a fragment from its start and end bits. It is one byte longer than the header of the
/// NAL unit, which it stands for.
fn put_fragments<const HEAD: usize>(
    unit: Bytes<'_>,
    last: bool,
    writer: &mut Writer<'_>,
    head: impl Fn(u8) -> [u8; HEAD],
) {
    let (Bytes::Lent(bytes, _) | Bytes::Copied(bytes)) = unit;
    let skipped = HEAD - 1;
    let chunks = bytes[skipped..].chunks(MAX_PAYLOAD_BYTES - HEAD);
    let count = chunks.len();
    let mut offset = skipped;
    for (index, chunk) in chunks.enumerate() {
        let is_end = index + 1 == count;
        let edges = if index == 0 { START } else { 0 } | if is_end { END } else { 0 };
        let piece = match unit {
            Bytes::Lent(_, at) => Bytes::Lent(chunk, at + offset),
            Bytes::Copied(_) => Bytes::Copied(chunk),
        };
        writer.put(&head(edges), piece, last && is_end);
        offset += chunk.len();
    }
}
