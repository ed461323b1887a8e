//! Sample entries back to descriptions: avc1, hvc1, fLaC and mp4a.

use super::fields::{BoxIn, Children, u8_at, u16_at};
use super::movie::SoundForm;
use crate::aac;
use crate::error::WireError;
use crate::media::{VideoCodec, VideoConfig};
use crate::nal;

/// Fields of a visual sample entry before its boxes (ISO/IEC 14496-12 12.1.3).
const VISUAL_FIELDS: usize = 78;
/// Fields of an audio sample entry before its boxes (12.2.3).
const AUDIO_FIELDS: usize = 28;
/// Most parameter sets of one kind.
const MAX_SETS: usize = 64;

/// Reads the first entry of an `stsd` of video.
pub(super) fn video_entry(stsd: &BoxIn<'_>) -> Result<VideoConfig, WireError> {
    let entry = first_entry(stsd)?;
    let mut boxes = entry.children(VISUAL_FIELDS);
    let (codec, record) = match &entry.kind {
        b"avc1" | b"avc3" => (VideoCodec::H264, b"avcC"),
        b"hvc1" | b"hev1" => (VideoCodec::H265, b"hvcC"),
        other => return Err(unknown(other, entry.at)),
    };
    let record = find(&mut boxes, record, entry.at)?;
    let [vps, sps, pps] = match codec {
        VideoCodec::H264 => avc_sets(&record)?,
        VideoCodec::H265 => hevc_sets(&record)?,
    };
    nal::video_config(codec, vps, sps, pps)
}

/// What the first entry of an `stsd` of sound says.
pub(super) struct SoundEntry {
    pub(super) form: SoundForm,
    pub(super) channels: u8,
    pub(super) sample_rate: u32,
}

/// Reads the first entry of an `stsd` of sound.
pub(super) fn sound_entry(stsd: &BoxIn<'_>) -> Result<SoundEntry, WireError> {
    let entry = first_entry(stsd)?;
    let channels = u16_at(entry.payload, 16, entry.at)?.clamp(1, 8) as u8;
    let sample_rate = u32::from(u16_at(entry.payload, 24, entry.at)?);
    let mut boxes = entry.children(AUDIO_FIELDS);
    match &entry.kind {
        b"fLaC" => {
            let specific = find(&mut boxes, b"dfLa", entry.at)?;
            Ok(SoundEntry {
                form: SoundForm::Flac,
                channels,
                sample_rate: flac_rate(&specific)?,
            })
        }
        b"mp4a" => {
            let descriptor = find(&mut boxes, b"esds", entry.at)?;
            let asc = specific_config(&descriptor)?;
            let (_, rate, asc_channels) = aac::parse_audio_specific_config(&asc)?;
            Ok(SoundEntry {
                form: SoundForm::Aac(asc),
                channels: asc_channels,
                sample_rate: if sample_rate == 0 { rate } else { sample_rate },
            })
        }
        other => Err(unknown(other, entry.at)),
    }
}

fn first_entry<'a>(stsd: &BoxIn<'a>) -> Result<BoxIn<'a>, WireError> {
    stsd.children(8).next().unwrap_or_else(|| {
        Err(WireError::truncated(
            "stsd entry",
            stsd.at,
            16,
            stsd.payload.len(),
        ))
    })
}

fn find<'a>(boxes: &mut Children<'a>, kind: &[u8; 4], at: usize) -> Result<BoxIn<'a>, WireError> {
    for found in boxes {
        let found = found?;
        if found.kind == *kind {
            return Ok(found);
        }
    }
    Err(WireError::invalid(
        "sample entry without its record",
        at,
        u64::from(u32::from_be_bytes(*kind)),
    ))
}

fn unknown(kind: &[u8; 4], at: usize) -> WireError {
    WireError::invalid("sample entry", at, u64::from(u32::from_be_bytes(*kind)))
}

type Sets = Vec<Vec<u8>>;

/// AVCDecoderConfigurationRecord: VPS (none), SPS and PPS.
fn avc_sets(record: &BoxIn<'_>) -> Result<[Sets; 3], WireError> {
    let (bytes, base) = (record.payload, record.at);
    four_byte_lengths(u8_at(bytes, 4, base)?, base + 4)?;
    let mut at = 5;
    let sps = usize::from(u8_at(bytes, at, base)? & 0x1F);
    at += 1;
    let sps = take_sets(bytes, &mut at, sps, base)?;
    let pps = usize::from(u8_at(bytes, at, base)?);
    at += 1;
    let pps = take_sets(bytes, &mut at, pps, base)?;
    Ok([Vec::new(), sps, pps])
}

/// HEVCDecoderConfigurationRecord: VPS, SPS and PPS.
fn hevc_sets(record: &BoxIn<'_>) -> Result<[Sets; 3], WireError> {
    let (bytes, base) = (record.payload, record.at);
    four_byte_lengths(u8_at(bytes, 21, base)?, base + 21)?;
    let arrays = u8_at(bytes, 22, base)?;
    let mut at = 23;
    let mut found = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..arrays {
        let kind = u8_at(bytes, at, base)? & 0x3F;
        let count = usize::from(u16_at(bytes, at + 1, base)?);
        at += 3;
        let sets = take_sets(bytes, &mut at, count, base)?;
        if let Some(place) = usize::from(kind)
            .checked_sub(32)
            .and_then(|index| found.get_mut(index))
        {
            place.extend(sets);
        }
    }
    Ok(found)
}

fn four_byte_lengths(byte: u8, at: usize) -> Result<(), WireError> {
    if byte & 3 == 3 {
        return Ok(());
    }
    Err(WireError::invalid(
        "bytes of a NAL length",
        at,
        u64::from(byte & 3) + 1,
    ))
}

fn take_sets(bytes: &[u8], at: &mut usize, count: usize, base: usize) -> Result<Sets, WireError> {
    if count > MAX_SETS {
        return Err(WireError::too_large(
            "parameter sets",
            base + *at,
            count,
            MAX_SETS,
        ));
    }
    let mut sets = Vec::with_capacity(count);
    for _ in 0..count {
        let length = usize::from(u16_at(bytes, *at, base)?);
        let start = *at + 2;
        let set = bytes.get(start..start + length).ok_or_else(|| {
            WireError::truncated("parameter set", base + start, start + length, bytes.len())
        })?;
        sets.push(set.to_vec());
        *at = start + length;
    }
    Ok(sets)
}

/// The sample rate in STREAMINFO (RFC 9639 section 8.2): 20 bits behind 10 bytes of sizes.
fn flac_rate(specific: &BoxIn<'_>) -> Result<u32, WireError> {
    // Version and flags, header of the metadata block, sizes of blocks and frames.
    let rate = specific.u32(4 + 4 + 10)? >> 12;
    if rate == 0 {
        return Err(WireError::invalid("FLAC sample rate", specific.at + 18, 0));
    }
    Ok(rate)
}

/// The AudioSpecificConfig inside ES_Descriptor and DecoderConfigDescriptor.
fn specific_config(esds: &BoxIn<'_>) -> Result<Vec<u8>, WireError> {
    let mut at = 4;
    // ES_Descriptor: ES_ID, and flags that we write as 0.
    descriptor(esds, &mut at, 0x03)?;
    at += 3;
    // DecoderConfigDescriptor: type, stream type, buffer size, bit rates.
    descriptor(esds, &mut at, 0x04)?;
    at += 13;
    let length = descriptor(esds, &mut at, 0x05)?;
    esds.payload
        .get(at..at + length)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| {
            WireError::truncated(
                "AudioSpecificConfig",
                esds.at + at,
                at + length,
                esds.payload.len(),
            )
        })
}

/// Reads a tag and a length of up to four bytes with seven bits each (ISO/IEC 14496-1 8.3.3).
fn descriptor(esds: &BoxIn<'_>, at: &mut usize, tag: u8) -> Result<usize, WireError> {
    let found = u8_at(esds.payload, *at, esds.at)?;
    if found != tag {
        return Err(WireError::invalid(
            "MPEG-4 descriptor",
            esds.at + *at,
            u64::from(found),
        ));
    }
    *at += 1;
    let mut length = 0;
    for _ in 0..4 {
        let byte = u8_at(esds.payload, *at, esds.at)?;
        *at += 1;
        length = length << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(length)
}
