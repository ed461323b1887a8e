//! The units of a program stream, written one by one.
//!
//! Source: ISO/IEC 13818-1 2.4.3.6, 2.5.3 and 2.5.4; GB/T 28181-2016 annex C; protocol notes 7.4.

use super::MapEntry;

/// The stream_id of video.
pub const VIDEO_STREAM_ID: u8 = 0xE0;
/// The stream_id of audio.
pub const AUDIO_STREAM_ID: u8 = 0xC0;
/// Most bytes of payload in one PES packet that senders write (protocol notes 7.6).
pub const MAX_PES_PAYLOAD: usize = 65_000;

/// Units of 50 bytes per second: what our packs claim as their rate, 20 Mbit/s.
const MUX_RATE: u32 = 50_000;
/// Time stamps have 33 bits.
const STAMP: u64 = 0x1_FFFF_FFFF;

/// The times of a PES packet, 90 kHz; their lower 33 bits are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// Presentation time.
    pub pts_90k: i64,
    /// Decoding time, written only when it differs.
    pub dts_90k: i64,
}

/// Appends a pack header without stuffing.
pub fn write_pack_header(scr_90k: i64, out: &mut Vec<u8>) {
    let scr = scr_90k as u64 & STAMP;
    let clock = 1u64 << 46
        | (scr >> 30) << 43
        | 1 << 42
        | (scr >> 15 & 0x7FFF) << 27
        | 1 << 26
        | (scr & 0x7FFF) << 11
        | 1 << 10
        | 1;
    let [_, _, clock @ ..] = clock.to_be_bytes();
    let [_, rate @ ..] = (MUX_RATE << 2 | 3).to_be_bytes();
    out.extend_from_slice(&[0, 0, 1, 0xBA]);
    out.extend_from_slice(&clock);
    out.extend_from_slice(&rate);
    out.push(0xF8);
}

/// Appends a system header for at most one video and one audio stream.
pub fn write_system_header(has_video: bool, has_audio: bool, out: &mut Vec<u8>) {
    let [_, bound @ ..] = (1 << 23 | MUX_RATE << 1 | 1).to_be_bytes();
    let streams = [
        // Buffer bounds: 400 units of 1,024 bytes for video, 32 of 128 for audio.
        (has_video, [VIDEO_STREAM_ID, 0xE1, 0x90]),
        (has_audio, [AUDIO_STREAM_ID, 0xC0, 0x20]),
    ];
    let count = u8::from(has_video) + u8::from(has_audio);
    out.extend_from_slice(&[0, 0, 1, 0xBB, 0, 6 + 3 * count]);
    out.extend_from_slice(&bound);
    out.extend_from_slice(&[u8::from(has_audio) << 2, 0xE0 | u8::from(has_video), 0x7F]);
    for (_, stream) in streams.iter().filter(|(there, _)| *there) {
        out.extend_from_slice(stream);
    }
}

/// Appends a program stream map; `version` has 5 bits and changes with the entries.
pub fn write_program_map(entries: &[MapEntry], version: u8, out: &mut Vec<u8>) {
    let start = out.len();
    let map = 4 * entries.len() as u16;
    out.extend_from_slice(&[0, 0, 1, 0xBC]);
    out.extend_from_slice(&(map + 10).to_be_bytes());
    out.extend_from_slice(&[0xE0 | version & 0x1F, 0xFF, 0, 0]);
    out.extend_from_slice(&map.to_be_bytes());
    for entry in entries {
        out.extend_from_slice(&[entry.stream_type, entry.stream_id, 0, 0]);
    }
    let crc = mpeg_crc32(&out[start..]);
    out.extend_from_slice(&crc.to_be_bytes());
}

/// Appends the head of a PES packet. Without `stamps` it continues the one before.
///
/// `payload_bytes` is at most [`MAX_PES_PAYLOAD`].
pub fn write_pes_header(
    stream_id: u8,
    stamps: Option<Stamps>,
    payload_bytes: usize,
    out: &mut Vec<u8>,
) {
    debug_assert!(payload_bytes <= MAX_PES_PAYLOAD);
    let (flags, extra) = match stamps {
        None => (0x00, 0),
        Some(stamps) if stamps.pts_90k == stamps.dts_90k => (0x80, 5),
        Some(_) => (0xC0, 10),
    };
    let length = (3 + usize::from(extra) + payload_bytes) as u16;
    // The alignment bit says that an access unit begins here.
    let first = if stamps.is_some() { 0x84 } else { 0x80 };
    out.extend_from_slice(&[0, 0, 1, stream_id]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[first, flags, extra]);
    match stamps {
        None => {}
        Some(stamps) if flags == 0x80 => out.extend_from_slice(&stamp(0b0010, stamps.pts_90k)),
        Some(stamps) => {
            out.extend_from_slice(&stamp(0b0011, stamps.pts_90k));
            out.extend_from_slice(&stamp(0b0001, stamps.dts_90k));
        }
    }
}

fn stamp(prefix: u64, value: i64) -> [u8; 5] {
    let value = value as u64 & STAMP;
    let coded = prefix << 36
        | (value >> 30) << 33
        | 1 << 32
        | (value >> 15 & 0x7FFF) << 17
        | 1 << 16
        | (value & 0x7FFF) << 1
        | 1;
    let [_, _, _, stamp @ ..] = coded.to_be_bytes();
    stamp
}

/// CRC-32 of MPEG: polynomial 04C11DB7, all ones at the start, nothing reflected or inverted.
#[must_use]
pub fn mpeg_crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            let carry = if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
            crc << 1 ^ carry
        })
    })
}
