//! The sequence parameter set of H.264.
//!
//! Source: ITU-T H.264 7.3.2.1.1 and annex E.1.1.

use super::PictureFormat;
use super::bits::{BitReader, unescape};
use crate::error::WireError;

/// Largest width or height accepted, in pixels; level 6.2 ends at 16,888.
const MAX_SIDE: u32 = 17_000;
/// Sequence parameter sets have ids 0 to 31.
pub const MAX_SPS_ID: u32 = 31;
/// Picture parameter sets have ids 0 to 255.
pub const MAX_PPS_ID: u32 = 255;

/// What reading the head of a slice needs of a sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceForm {
    /// Bits of frame_num, 4 to 16.
    pub frame_number_bits: u32,
    /// separate_colour_plane_flag.
    pub separate_planes: bool,
}

/// What this crate needs of a sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// profile_idc, such as 66, 77 or 100.
    pub profile: u8,
    /// The six constraint flags and two zero bits.
    pub constraints: u8,
    /// level_idc, ten times the level.
    pub level: u8,
    /// seq_parameter_set_id.
    pub id: u32,
    /// chroma_format_idc, 1 is 4:2:0.
    pub chroma_format: u32,
    /// Bits of a luma sample.
    pub luma_bits: u32,
    /// Bits of a chroma sample.
    pub chroma_bits: u32,
    /// frame_mbs_only_flag: every picture is a whole frame, there are no fields.
    pub frames_only: bool,
    /// How its slices begin.
    pub slices: SliceForm,
    /// Size and rate.
    pub format: PictureFormat,
}

/// Whether an SPS NAL unit says that there are no fields; false when it cannot be read.
#[must_use]
pub fn is_frames_only(nal: &[u8]) -> bool {
    parse_sps(nal).is_ok_and(|sps| sps.frames_only)
}

/// Whether profile_idc is one that the standard defines.
#[must_use]
pub const fn is_profile(profile: u8) -> bool {
    matches!(
        profile,
        44 | 66 | 77 | 83 | 86 | 88 | 100 | 110 | 118 | 122 | 128 | 134 | 135 | 138 | 139 | 244
    )
}

/// Whether the profile carries chroma format and scaling lists.
const fn is_high(profile: u8) -> bool {
    is_profile(profile) && !matches!(profile, 66 | 77 | 88)
}

/// Reads an SPS NAL unit, header byte included.
///
/// # Errors
///
/// The bytes end before the size, or hold values that the standard forbids. A broken VUI is
/// no error: the rate is then unknown.
pub fn parse_sps(nal: &[u8]) -> Result<Sps, WireError> {
    let bytes = unescape(nal);
    let mut reader = BitReader::new(&bytes, "H.264 SPS");
    reader.skip(8)?;
    let profile = reader.bits(8)? as u8;
    let constraints = reader.bits(8)? as u8;
    let level = reader.bits(8)? as u8;
    let id = reader.unsigned_up_to(MAX_SPS_ID)?;
    let chroma = if is_high(profile) {
        read_chroma(&mut reader)?
    } else {
        Chroma::default()
    };
    let frame_number_bits = 4 + reader.unsigned_up_to(12)?;
    skip_order_count(&mut reader)?;
    reader.unsigned()?;
    reader.skip(1)?;
    let (width, height, frames_only) = read_size(&mut reader, &chroma)?;
    let frame_rate = read_vui_rate(&mut reader).ok().flatten();
    Ok(Sps {
        profile,
        constraints,
        level,
        id,
        chroma_format: chroma.format,
        luma_bits: chroma.luma_bits,
        chroma_bits: chroma.chroma_bits,
        frames_only,
        slices: SliceForm {
            frame_number_bits,
            separate_planes: chroma.separate_planes,
        },
        format: PictureFormat {
            width,
            height,
            frame_rate,
        },
    })
}

/// pic_parameter_set_id of a PPS NAL unit, header byte included.
///
/// # Errors
///
/// The bytes end early or the id is over 255.
pub fn parse_pps_id(nal: &[u8]) -> Result<u32, WireError> {
    let head = unescape(&nal[..nal.len().min(16)]);
    let mut reader = BitReader::new(&head, "H.264 PPS");
    reader.skip(8)?;
    reader.unsigned_up_to(MAX_PPS_ID)
}

struct Chroma {
    format: u32,
    luma_bits: u32,
    chroma_bits: u32,
    separate_planes: bool,
}

impl Default for Chroma {
    fn default() -> Self {
        Self {
            format: 1,
            luma_bits: 8,
            chroma_bits: 8,
            separate_planes: false,
        }
    }
}

fn read_chroma(reader: &mut BitReader<'_>) -> Result<Chroma, WireError> {
    let format = reader.unsigned_up_to(3)?;
    let separate_planes = format == 3 && reader.flag()?;
    let luma_bits = 8 + reader.unsigned_up_to(6)?;
    let chroma_bits = 8 + reader.unsigned_up_to(6)?;
    reader.skip(1)?;
    if reader.flag()? {
        let lists = if format == 3 { 12 } else { 8 };
        for list in 0..lists {
            if reader.flag()? {
                skip_scaling_list(reader, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Ok(Chroma {
        format,
        luma_bits,
        chroma_bits,
        separate_planes,
    })
}

fn skip_scaling_list(reader: &mut BitReader<'_>, size: u32) -> Result<(), WireError> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = (last.wrapping_add(reader.signed()?)).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Ok(())
}

fn skip_order_count(reader: &mut BitReader<'_>) -> Result<(), WireError> {
    match reader.unsigned_up_to(2)? {
        0 => {
            reader.unsigned()?;
        }
        1 => {
            reader.skip(1)?;
            reader.signed()?;
            reader.signed()?;
            for _ in 0..reader.unsigned_up_to(255)? {
                reader.signed()?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn read_size(reader: &mut BitReader<'_>, chroma: &Chroma) -> Result<(u32, u32, bool), WireError> {
    let columns = reader.unsigned_up_to(MAX_SIDE / 16)? + 1;
    let rows = reader.unsigned_up_to(MAX_SIDE / 16)? + 1;
    let frames_only = reader.flag()?;
    if !frames_only {
        reader.skip(1)?;
    }
    reader.skip(1)?;
    let field_factor = if frames_only { 1 } else { 2 };
    let (mut width, mut height) = (16 * columns, 16 * rows * field_factor);
    if reader.flag()? {
        let (unit_x, unit_y) = crop_unit(chroma);
        let mut sides = [0; 4];
        for side in &mut sides {
            *side = reader.unsigned_up_to(MAX_SIDE)?;
        }
        let (across, down) = (sides[0] + sides[1], sides[2] + sides[3]);
        width = width.saturating_sub(across * unit_x);
        height = height.saturating_sub(down * unit_y * field_factor);
    }
    if width == 0 || height == 0 {
        let offset = reader.bit_position() / 8;
        return Err(WireError::invalid("H.264 SPS size", offset, 0));
    }
    Ok((width, height, frames_only))
}

/// CropUnitX and CropUnitY for frames (equations 7-19 to 7-22).
const fn crop_unit(chroma: &Chroma) -> (u32, u32) {
    match chroma.format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    }
}

fn read_vui_rate(reader: &mut BitReader<'_>) -> Result<Option<(u32, u32)>, WireError> {
    if !reader.flag()? {
        return Ok(None);
    }
    super::h265::skip_video_description(reader)?;
    if !reader.flag()? {
        return Ok(None);
    }
    let units = reader.bits(32)?;
    let scale = reader.bits(32)?;
    // time_scale counts fields: two ticks for a frame (E.2.1, num_units_in_tick).
    Ok(super::h265::plausible_rate(scale, units.saturating_mul(2)))
}
