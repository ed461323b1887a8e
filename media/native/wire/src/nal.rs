//! NAL units: where they are, what they are, and what their parameter sets say.
//!
//! Source: ITU-T H.264 7.3.1, 7.4.1 and annex B; ITU-T H.265 7.3.1, 7.4.2 and annex B.

mod bits;
mod decoder_records;
pub mod h264;
pub mod h265;
mod records;
mod scan;
mod sei;

pub use bits::{BitReader, unescape};
pub use decoder_records::{DecoderRecord, append_annexb_of};
pub use records::{avcc_record, codec_string, hvcc_record, video_config};
pub(crate) use scan::trim_zeros;
pub use scan::{AnnexB, find_start_code};
pub use sei::is_recovery_point;

use crate::error::WireError;
use crate::media::VideoCodec;

/// What one NAL unit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NalKind {
    /// A piece of a picture.
    Slice {
        /// It begins a picture: its first macroblock or coding tree block is number 0.
        first: bool,
        /// It belongs to an IDR picture (H.264) or an IRAP picture (H.265).
        key: bool,
    },
    /// Video parameter set (H.265).
    Vps,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
    /// Access unit delimiter.
    Delimiter,
    /// Supplemental information before the picture that it tells about.
    Sei,
    /// Anything else that stands before the picture that it belongs to: prefixes of SVC, for example.
    Prefix,
    /// End of sequence or of stream, or filler data: nothing a player needs.
    Void,
    /// Anything else that is valid and stays in the access unit.
    Other,
    /// Not a NAL unit: empty, or forbidden_zero_bit is set.
    Invalid,
}

/// Bytes of a NAL unit that [`classify`] looks at.
pub const CLASSIFY_BYTES: usize = 3;

/// Says what a NAL unit is, from its first [`CLASSIFY_BYTES`] bytes (fewer give less).
///
/// Source: ITU-T H.264 table 7-1; ITU-T H.265 table 7-1.
#[must_use]
pub fn classify(codec: VideoCodec, nal: &[u8]) -> NalKind {
    let Some(&header) = nal.first() else {
        return NalKind::Invalid;
    };
    if header & 0x80 != 0 {
        return NalKind::Invalid;
    }
    match codec {
        VideoCodec::H264 => classify_h264(header & 0x1F, nal),
        VideoCodec::H265 => classify_h265(header >> 1, nal),
    }
}

fn classify_h264(kind: u8, nal: &[u8]) -> NalKind {
    // first_mb_in_slice is ue(v): the value 0 is a single one bit.
    let first = nal.get(1).is_some_and(|byte| byte & 0x80 != 0);
    match kind {
        1 | 2 => NalKind::Slice { first, key: false },
        3 | 4 => NalKind::Slice {
            first: false,
            key: false,
        },
        5 => NalKind::Slice { first, key: true },
        6 => NalKind::Sei,
        7 => NalKind::Sps,
        8 => NalKind::Pps,
        9 => NalKind::Delimiter,
        10..=12 => NalKind::Void,
        14..=18 => NalKind::Prefix,
        0 => NalKind::Invalid,
        _ => NalKind::Other,
    }
}

fn classify_h265(kind: u8, nal: &[u8]) -> NalKind {
    if nal.len() < 2 {
        return NalKind::Invalid;
    }
    let first = nal.get(2).is_some_and(|byte| byte & 0x80 != 0);
    match kind {
        0..=9 => NalKind::Slice { first, key: false },
        16..=21 => NalKind::Slice { first, key: true },
        32 => NalKind::Vps,
        33 => NalKind::Sps,
        34 => NalKind::Pps,
        35 => NalKind::Delimiter,
        36..=38 => NalKind::Void,
        39 => NalKind::Sei,
        41..=44 | 48..=55 => NalKind::Prefix,
        _ => NalKind::Other,
    }
}

/// The codec that the first two bytes of a NAL unit prove: parameter sets have headers that
/// the other codec does not use. Most NAL units prove nothing.
///
/// Source: protocol notes 7.5 rule 5 (Q87, Q90).
#[must_use]
pub fn codec_evidence(nal: &[u8]) -> Option<VideoCodec> {
    match *nal {
        // VPS, SPS and PPS of H.265 in layer 0.
        [0x40 | 0x42 | 0x44, 0x01, ..] => Some(VideoCodec::H265),
        // SPS of H.264 with a profile that exists.
        [0x67 | 0x47 | 0x27, profile, ..] if h264::is_profile(profile) => Some(VideoCodec::H264),
        _ => None,
    }
}

/// Whether the access unit of an H.265 picture with this NAL header holds leading pictures that
/// refer to something before the random access point (RASL_N, RASL_R).
#[must_use]
pub const fn is_skipped_leading(nal: &[u8]) -> bool {
    matches!(nal.first(), Some(&header) if matches!(header >> 1, 8 | 9))
}

/// Whether the NAL header is that of an H.265 CRA picture, which may have leading pictures.
#[must_use]
pub const fn is_clean_random_access(nal: &[u8]) -> bool {
    matches!(nal.first(), Some(&header) if header >> 1 == 21)
}

/// What the sequence parameter set says about the picture, for either codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureFormat {
    /// Width of the shown picture in pixels.
    pub width: u32,
    /// Height of the shown picture in pixels.
    pub height: u32,
    /// Pictures per second as numerator and denominator.
    pub frame_rate: Option<(u32, u32)>,
}

/// Reads size and rate from an SPS NAL unit of either codec.
///
/// # Errors
///
/// The bytes end early or hold sizes that no level allows.
pub fn picture_format(codec: VideoCodec, sps: &[u8]) -> Result<PictureFormat, WireError> {
    match codec {
        VideoCodec::H264 => h264::parse_sps(sps).map(|sps| sps.format),
        VideoCodec::H265 => h265::parse_sps(sps).map(|sps| sps.format),
    }
}

/// The NAL units of a length-prefixed picture, each with its offset; ends at the first length that does not fit.
pub fn length_prefixed(nals: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = nals.get(at..)?.first_chunk::<4>()?;
        let start = at + 4;
        let end = start.checked_add(u32::from_be_bytes(*length) as usize)?;
        let unit = nals.get(start..end)?;
        at = end;
        Some((start, unit))
    })
}

/// Appends length-prefixed NAL units to `out` as an Annex B stream with 4-byte start codes.
///
/// Stops at the first length that does not fit.
pub fn append_annexb(nals: &[u8], out: &mut Vec<u8>) {
    let mut rest = nals;
    while let Some((length, body)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some(nal) = body.get(..length) else {
            return;
        };
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(nal);
        rest = &body[length..];
    }
}
