//! Parameter sets in the forms that MP4 and browsers want.
//!
//! Source: ISO/IEC 14496-15 5.3.3.1 (avcC), 8.3.3.1 (hvcC) and annex E; RFC 6381 section 3.3.

use super::{PictureFormat, h264, h265};
use crate::error::WireError;
use crate::media::{VideoCodec, VideoConfig};

/// The AVCDecoderConfigurationRecord with 4-byte lengths.
///
/// # Errors
///
/// There is no SPS, or it cannot be read.
pub fn avcc_record(sps: &[Vec<u8>], pps: &[Vec<u8>]) -> Result<Vec<u8>, WireError> {
    let first = first_set("H.264 SPS", sps)?;
    let parsed = h264::parse_sps(first)?;
    let mut record = vec![1, first[1], first[2], first[3], 0xFF];
    let sps = &sps[..sps.len().min(31)];
    record.push(0xE0 | sps.len() as u8);
    append_sets(&mut record, sps);
    let pps = &pps[..pps.len().min(255)];
    record.push(pps.len() as u8);
    append_sets(&mut record, pps);
    if matches!(parsed.profile, 100 | 110 | 122 | 144 | 244) {
        record.push(0xFC | parsed.chroma_format as u8);
        record.push(0xF8 | (parsed.luma_bits - 8) as u8);
        record.push(0xF8 | (parsed.chroma_bits - 8) as u8);
        record.push(0);
    }
    Ok(record)
}

/// The HEVCDecoderConfigurationRecord with 4-byte lengths; all parameter sets are in it
/// (array_completeness 1, so the sample entry is `hvc1`).
///
/// # Errors
///
/// There is no SPS, or it cannot be read.
pub fn hvcc_record(
    vps: &[Vec<u8>],
    sps: &[Vec<u8>],
    pps: &[Vec<u8>],
) -> Result<Vec<u8>, WireError> {
    /// nal_unit_type of VPS, SPS and PPS.
    const KINDS: [u8; 3] = [32, 33, 34];
    let parsed = h265::parse_sps(first_set("H.265 SPS", sps)?)?;
    let profile = &parsed.profile;
    let mut record = vec![1, profile_byte(profile)];
    record.extend_from_slice(&profile.compatibility.to_be_bytes());
    record.extend_from_slice(&profile.constraints);
    record.push(profile.level);
    // min_spatial_segmentation_idc 0 and parallelismType 0: both unknown.
    record.extend_from_slice(&[0xF0, 0x00, 0xFC]);
    record.push(0xFC | parsed.chroma_format);
    record.push(0xF8 | (parsed.luma_bits - 8));
    record.push(0xF8 | (parsed.chroma_bits - 8));
    // avgFrameRate 0 = unspecified, constantFrameRate 0 = unknown.
    record.extend_from_slice(&[0, 0]);
    record.push(parsed.sub_layers << 3 | u8::from(parsed.temporal_nesting) << 2 | 3);
    let arrays = [vps, sps, pps];
    record.push(arrays.iter().filter(|sets| !sets.is_empty()).count() as u8);
    for (kind, sets) in KINDS.into_iter().zip(arrays) {
        if !sets.is_empty() {
            record.push(0x80 | kind);
            record.extend_from_slice(&(sets.len() as u16).to_be_bytes());
            append_sets(&mut record, sets);
        }
    }
    Ok(record)
}

/// The RFC 6381 codec string of an SPS: `avc1.PPCCLL`, or `hvc1.` with profile, compatibility
/// flags in reverse, tier with level, and constraint bytes.
///
/// # Errors
///
/// The SPS cannot be read.
pub fn codec_string(codec: VideoCodec, sps: &[u8]) -> Result<String, WireError> {
    match codec {
        VideoCodec::H264 => {
            let sps = h264::parse_sps(sps)?;
            Ok(format!(
                "avc1.{:02x}{:02x}{:02x}",
                sps.profile, sps.constraints, sps.level
            ))
        }
        VideoCodec::H265 => Ok(hevc_string(&h265::parse_sps(sps)?.profile)),
    }
}

/// Builds the description of a stream from its parameter sets.
///
/// # Errors
///
/// A set that the codec needs is missing, or the first SPS cannot be read.
pub fn video_config(
    codec: VideoCodec,
    vps: Vec<Vec<u8>>,
    sps: Vec<Vec<u8>>,
    pps: Vec<Vec<u8>>,
) -> Result<VideoConfig, WireError> {
    if codec == VideoCodec::H265 {
        first_set("H.265 VPS", &vps)?;
    }
    first_set("PPS", &pps)?;
    let first = first_set("SPS", &sps)?;
    let PictureFormat {
        width,
        height,
        frame_rate,
    } = super::picture_format(codec, first)?;
    let profile = codec_string(codec, first)?;
    Ok(VideoConfig {
        codec,
        vps,
        sps,
        pps,
        width,
        height,
        profile,
        frame_rate,
    })
}

fn first_set<'a>(what: &'static str, sets: &'a [Vec<u8>]) -> Result<&'a [u8], WireError> {
    sets.first()
        .map(Vec::as_slice)
        .ok_or_else(|| WireError::truncated(what, 0, 1, 0))
}

fn append_sets(record: &mut Vec<u8>, sets: &[Vec<u8>]) {
    for set in sets {
        let length = set.len().min(usize::from(u16::MAX));
        record.extend_from_slice(&(length as u16).to_be_bytes());
        record.extend_from_slice(&set[..length]);
    }
}

const fn profile_byte(profile: &h265::ProfileTierLevel) -> u8 {
    profile.profile_space << 6 | (profile.high_tier as u8) << 5 | profile.profile
}

/// ISO/IEC 14496-15 annex E.3.
fn hevc_string(profile: &h265::ProfileTierLevel) -> String {
    let space = ["", "A", "B", "C"][usize::from(profile.profile_space & 3)];
    let tier = if profile.high_tier { 'H' } else { 'L' };
    let mut text = format!(
        "hvc1.{space}{}.{:X}.{tier}{}",
        profile.profile,
        profile.compatibility.reverse_bits(),
        profile.level
    );
    let used = profile.constraints.iter().rposition(|&byte| byte != 0);
    for byte in &profile.constraints[..used.map_or(0, |last| last + 1)] {
        text.push_str(&format!(".{byte:X}"));
    }
    text
}
