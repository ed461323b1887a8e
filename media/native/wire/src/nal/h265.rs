//! The sequence parameter set of H.265.
//!
//! Source: ITU-T H.265 7.3.2.2, 7.3.3, 7.3.4, 7.3.7 and annex E.2.1.

use super::PictureFormat;
use super::bits::{BitReader, unescape};
use crate::error::WireError;

/// Largest width or height accepted, in pixels; level 6.2 ends at 16,888.
const MAX_SIDE: u32 = 17_000;
/// Video and sequence parameter sets have ids 0 to 15.
pub const MAX_SPS_ID: u32 = 15;
/// Picture parameter sets have ids 0 to 63.
pub const MAX_PPS_ID: u32 = 63;
/// num_short_term_ref_pic_sets is at most 64.
const MAX_REFERENCE_SETS: u32 = 64;
/// Pictures in one reference set are at most 16.
const MAX_REFERENCES: u32 = 16;

/// The general part of profile_tier_level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProfileTierLevel {
    /// general_profile_space, 0 to 3.
    pub profile_space: u8,
    /// general_tier_flag: high tier.
    pub high_tier: bool,
    /// general_profile_idc, 1 is Main.
    pub profile: u8,
    /// general_profile_compatibility_flag[0..32], flag 0 in the highest bit.
    pub compatibility: u32,
    /// The 48 bits of source and constraint flags after them.
    pub constraints: [u8; 6],
    /// general_level_idc, thirty times the level.
    pub level: u8,
}

/// What this crate needs of a sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// sps_max_sub_layers_minus1 + 1.
    pub sub_layers: u8,
    /// sps_temporal_id_nesting_flag.
    pub temporal_nesting: bool,
    /// Profile, tier and level.
    pub profile: ProfileTierLevel,
    /// sps_seq_parameter_set_id.
    pub id: u32,
    /// chroma_format_idc, 1 is 4:2:0.
    pub chroma_format: u8,
    /// Bits of a luma sample.
    pub luma_bits: u8,
    /// Bits of a chroma sample.
    pub chroma_bits: u8,
    /// Size and rate.
    pub format: PictureFormat,
}

/// Reads an SPS NAL unit, its two header bytes included.
///
/// # Errors
///
/// The bytes end before the size, or hold values that the standard forbids. A broken rest is
/// no error: the rate is then unknown.
pub fn parse_sps(nal: &[u8]) -> Result<Sps, WireError> {
    let bytes = unescape(nal);
    let mut reader = BitReader::new(&bytes, "H.265 SPS");
    reader.skip(16 + 4)?;
    let sub_layers = reader.bits(3)? as u8 + 1;
    let temporal_nesting = reader.flag()?;
    let profile = read_profile(&mut reader, sub_layers)?;
    let id = reader.unsigned_up_to(MAX_SPS_ID)?;
    let chroma_format = reader.unsigned_up_to(3)?;
    if chroma_format == 3 {
        reader.skip(1)?;
    }
    let (width, height) = read_size(&mut reader, chroma_format)?;
    let luma_bits = 8 + reader.unsigned_up_to(8)?;
    let chroma_bits = 8 + reader.unsigned_up_to(8)?;
    let frame_rate = read_rate(&mut reader, sub_layers).ok().flatten();
    Ok(Sps {
        sub_layers,
        temporal_nesting,
        profile,
        id,
        chroma_format: chroma_format as u8,
        luma_bits: luma_bits as u8,
        chroma_bits: chroma_bits as u8,
        format: PictureFormat {
            width,
            height,
            frame_rate,
        },
    })
}

/// pps_pic_parameter_set_id of a PPS NAL unit, its two header bytes included.
///
/// # Errors
///
/// The bytes end early or the id is over 63.
pub fn parse_pps_id(nal: &[u8]) -> Result<u32, WireError> {
    let head = unescape(&nal[..nal.len().min(16)]);
    let mut reader = BitReader::new(&head, "H.265 PPS");
    reader.skip(16)?;
    reader.unsigned_up_to(MAX_PPS_ID)
}

/// vps_video_parameter_set_id of a VPS NAL unit, its two header bytes included.
///
/// # Errors
///
/// Fewer than 3 bytes.
pub fn parse_vps_id(nal: &[u8]) -> Result<u32, WireError> {
    let mut reader = BitReader::new(nal, "H.265 VPS");
    reader.skip(16)?;
    reader.bits(4)
}

fn read_profile(reader: &mut BitReader<'_>, sub_layers: u8) -> Result<ProfileTierLevel, WireError> {
    let profile_space = reader.bits(2)? as u8;
    let high_tier = reader.flag()?;
    let profile = reader.bits(5)? as u8;
    let compatibility = reader.bits(32)?;
    let mut constraints = [0; 6];
    for byte in &mut constraints {
        *byte = reader.bits(8)? as u8;
    }
    let level = reader.bits(8)? as u8;
    let below = usize::from(sub_layers - 1);
    let mut present = [(false, false); 8];
    for layer in present.iter_mut().take(below) {
        *layer = (reader.flag()?, reader.flag()?);
    }
    if below > 0 {
        reader.skip(2 * (8 - below))?;
    }
    for &(has_profile, has_level) in present.iter().take(below) {
        reader.skip(if has_profile { 88 } else { 0 } + if has_level { 8 } else { 0 })?;
    }
    Ok(ProfileTierLevel {
        profile_space,
        high_tier,
        profile,
        compatibility,
        constraints,
        level,
    })
}

fn read_size(reader: &mut BitReader<'_>, chroma_format: u32) -> Result<(u32, u32), WireError> {
    let mut width = reader.unsigned_up_to(MAX_SIDE)?;
    let mut height = reader.unsigned_up_to(MAX_SIDE)?;
    if reader.flag()? {
        let (unit_x, unit_y) = match chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let mut sides = [0; 4];
        for side in &mut sides {
            *side = reader.unsigned_up_to(MAX_SIDE)?;
        }
        width = width.saturating_sub((sides[0] + sides[1]) * unit_x);
        height = height.saturating_sub((sides[2] + sides[3]) * unit_y);
    }
    if width == 0 || height == 0 {
        let offset = reader.bit_position() / 8;
        return Err(WireError::invalid("H.265 SPS size", offset, 0));
    }
    Ok((width, height))
}

/// Everything between the bit depths and the timing in the VUI.
fn read_rate(reader: &mut BitReader<'_>, sub_layers: u8) -> Result<Option<(u32, u32)>, WireError> {
    let order_count_bits = 4 + reader.unsigned_up_to(12)?;
    let layers = if reader.flag()? { sub_layers } else { 1 };
    for _ in 0..3 * u32::from(layers) {
        reader.unsigned()?;
    }
    for _ in 0..6 {
        reader.unsigned()?;
    }
    if reader.flag()? && reader.flag()? {
        skip_scaling_lists(reader)?;
    }
    reader.skip(2)?;
    if reader.flag()? {
        reader.skip(8)?;
        reader.unsigned()?;
        reader.unsigned()?;
        reader.skip(1)?;
    }
    skip_reference_sets(reader)?;
    if reader.flag()? {
        for _ in 0..reader.unsigned_up_to(32)? {
            reader.skip(order_count_bits as usize + 1)?;
        }
    }
    reader.skip(2)?;
    if reader.flag()? {
        read_vui_rate(reader)
    } else {
        Ok(None)
    }
}

fn skip_scaling_lists(reader: &mut BitReader<'_>) -> Result<(), WireError> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !reader.flag()? {
                reader.unsigned()?;
                continue;
            }
            if size > 1 {
                reader.signed()?;
            }
            for _ in 0..64.min(1 << (4 + 2 * size)) {
                reader.signed()?;
            }
        }
    }
    Ok(())
}

/// Reads all st_ref_pic_set structures; each may be coded as a change of the one before.
fn skip_reference_sets(reader: &mut BitReader<'_>) -> Result<(), WireError> {
    let mut previous: Vec<i64> = Vec::new();
    for index in 0..reader.unsigned_up_to(MAX_REFERENCE_SETS)? {
        previous = if index > 0 && reader.flag()? {
            read_predicted_set(reader, &previous)?
        } else {
            read_plain_set(reader)?
        };
    }
    Ok(())
}

fn read_plain_set(reader: &mut BitReader<'_>) -> Result<Vec<i64>, WireError> {
    let before = reader.unsigned_up_to(MAX_REFERENCES)?;
    let after = reader.unsigned_up_to(MAX_REFERENCES)?;
    let mut deltas = Vec::new();
    for (count, sign) in [(before, -1), (after, 1)] {
        let mut delta = 0;
        for _ in 0..count {
            delta += sign * (i64::from(reader.unsigned()?) + 1);
            reader.skip(1)?;
            deltas.push(delta);
        }
    }
    Ok(deltas)
}

/// Inter RPS prediction, equations 7-61 and 7-62: negative deltas nearest first, then
/// positive ones nearest first.
fn read_predicted_set(reader: &mut BitReader<'_>, previous: &[i64]) -> Result<Vec<i64>, WireError> {
    let negative = reader.flag()?;
    let change = i64::from(reader.unsigned()?) + 1;
    let change = if negative { -change } else { change };
    let mut deltas = Vec::new();
    for &delta in previous.iter().chain(&[0]) {
        let used = reader.flag()? || reader.flag()?;
        let delta = delta + change;
        if used && delta != 0 {
            deltas.push(delta);
        }
    }
    if deltas.len() > 2 * MAX_REFERENCES as usize {
        let offset = reader.bit_position() / 8;
        return Err(WireError::invalid(
            "H.265 reference set",
            offset,
            deltas.len() as u64,
        ));
    }
    deltas.sort_by_key(|&delta| (delta > 0, delta.abs()));
    Ok(deltas)
}

fn read_vui_rate(reader: &mut BitReader<'_>) -> Result<Option<(u32, u32)>, WireError> {
    skip_video_description(reader)?;
    reader.skip(3)?;
    if reader.flag()? {
        for _ in 0..4 {
            reader.unsigned()?;
        }
    }
    if !reader.flag()? {
        return Ok(None);
    }
    let units = reader.bits(32)?;
    let scale = reader.bits(32)?;
    Ok(plausible_rate(scale, units))
}

/// The part of the VUI that both codecs share: aspect ratio, overscan, signal type, chroma
/// location.
pub(super) fn skip_video_description(reader: &mut BitReader<'_>) -> Result<(), WireError> {
    /// aspect_ratio_idc that is followed by the ratio itself.
    const EXTENDED_ASPECT: u32 = 255;
    if reader.flag()? && reader.bits(8)? == EXTENDED_ASPECT {
        reader.skip(32)?;
    }
    if reader.flag()? {
        reader.skip(1)?;
    }
    if reader.flag()? {
        reader.skip(4)?;
        if reader.flag()? {
            reader.skip(24)?;
        }
    }
    if reader.flag()? {
        reader.unsigned()?;
        reader.unsigned()?;
    }
    Ok(())
}

/// A rate from the VUI, when it is above 0 and not above 480 pictures per second.
pub(super) fn plausible_rate(scale: u32, units: u32) -> Option<(u32, u32)> {
    let plausible = units > 0 && scale > 0 && u64::from(scale) <= 480 * u64::from(units);
    plausible.then_some((scale, units))
}
