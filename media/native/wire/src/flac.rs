//! Lossless FLAC for G.711 audio, because browsers take FLAC in fMP4 and not G.711.
//!
//! Mono, 16 bit, one FLAC frame for each piece of audio, fixed predictors with Rice codes. At
//! 8 kHz that is some microseconds for 20 ms.
//!
//! Source: RFC 9639.

mod bits;
mod decode;
mod residual;

use crate::error::WireError;
use crate::g711::{self, Law};
use bits::BitWriter;
pub use decode::decode_frame;

/// Bytes of the STREAMINFO block body (RFC 9639 section 8.2).
pub const STREAMINFO_BYTES: usize = 34;

/// Most samples in one frame: the streamable subset allows 4,608 at rates up to 48 kHz
/// (RFC 9639 section 7).
pub const MAX_BLOCK_SAMPLES: usize = 4_608;

/// Appends one FLAC frame of variable block size to `out`: all of `pcm`, 16 bit, mono, the first of it being
/// sample number `first_sample` of its stream.
///
/// # Errors
///
/// `pcm` is empty or longer than [`MAX_BLOCK_SAMPLES`]; nothing is appended then.
pub fn encode(pcm: &[i16], first_sample: u64, out: &mut Vec<u8>) -> Result<(), WireError> {
    if pcm.is_empty() {
        return Err(WireError::truncated("FLAC block", 0, 1, 0));
    }
    if pcm.len() > MAX_BLOCK_SAMPLES {
        return Err(WireError::too_large(
            "FLAC block in samples",
            0,
            pcm.len(),
            MAX_BLOCK_SAMPLES,
        ));
    }
    let start = out.len();
    let mut writer = BitWriter::new(out);
    write_frame_header(&mut writer, first_sample, pcm.len());
    residual::write_subframe(&mut writer, pcm);
    writer.align();
    let checksum = crc16(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
    Ok(())
}

/// Decodes one piece of G.711 and appends it to `out` as one FLAC frame that begins at `first_sample`.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_g711(
    law: Law,
    data: &[u8],
    first_sample: u64,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let mut pcm = Vec::with_capacity(data.len());
    g711::decode(law, data, &mut pcm);
    encode(&pcm, first_sample, out)
}

/// The STREAMINFO body of a mono, 16-bit stream of unknown length.
///
/// Source: RFC 9639 section 8.2.
#[must_use]
pub fn stream_info(sample_rate: u32) -> [u8; STREAMINFO_BYTES] {
    let mut body = [0; STREAMINFO_BYTES];
    body[0..2].copy_from_slice(&16u16.to_be_bytes());
    body[2..4].copy_from_slice(&(MAX_BLOCK_SAMPLES as u16).to_be_bytes());
    // 20 bits rate, 3 bits channels - 1, 5 bits sample size - 1, 36 bits length; frame sizes
    // before them stay 0 = unknown.
    let fields = u64::from(sample_rate) << 44 | 15 << 36;
    body[10..18].copy_from_slice(&fields.to_be_bytes());
    body
}

/// Frame header with variable block size, the sample rate of STREAMINFO, mono, 16 bit.
///
/// Source: RFC 9639 section 9.1.
fn write_frame_header(writer: &mut BitWriter<'_>, first_sample: u64, samples: usize) {
    let start = writer.byte_position();
    writer.put(0b111_1111_1111_1100, 15);
    writer.put(1, 1);
    writer.put(0b0111, 4);
    writer.put(0, 4);
    writer.put(0, 4);
    writer.put(0b100, 3);
    writer.put(0, 1);
    writer.put_coded_number(first_sample & 0xF_FFFF_FFFF);
    writer.put(samples as u32 - 1, 16);
    let checksum = crc8(writer.written_since(start));
    writer.put(u32::from(checksum), 8);
}

/// CRC-8 of frame headers: polynomial 0x07, start 0 (RFC 9639 section 9.1.8).
#[must_use]
pub fn crc8(bytes: &[u8]) -> u8 {
    const TABLE: [u8; 256] = crc8_table();
    bytes
        .iter()
        .fold(0, |crc, &byte| TABLE[usize::from(crc ^ byte)])
}

/// CRC-16 of frames: polynomial 0x8005, start 0 (RFC 9639 section 9.3).
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = crc16_table();
    /// What a byte does to the checksum when another one follows it.
    const AHEAD: [u16; 256] = crc16_ahead();
    let mut pairs = bytes.chunks_exact(2);
    let crc = (&mut pairs).fold(0, |crc: u16, pair| {
        AHEAD[usize::from((crc >> 8) as u8 ^ pair[0])] ^ TABLE[usize::from(crc as u8 ^ pair[1])]
    });
    pairs.remainder().iter().fold(crc, |crc, &byte| {
        crc << 8 ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)]
    })
}

const fn crc16_ahead() -> [u16; 256] {
    let table = crc16_table();
    let mut ahead = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let crc = table[byte];
        ahead[byte] = crc << 8 ^ table[(crc >> 8) as usize];
        byte += 1;
    }
    ahead
}

const fn crc8_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u8;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc & 0x80 != 0 { 0x07 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

const fn crc16_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc & 0x8000 != 0 { 0x8005 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}
