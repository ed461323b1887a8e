//! Sample entries: avc1, hvc1, fLaC and mp4a.

use super::boxes::{put_box, put_full_box, put_u16, put_u32, put_zeros};
use crate::error::WireError;
use crate::flac;
use crate::media::{AudioCodec, AudioConfig, VideoCodec, VideoConfig};
use crate::nal;

/// 72 pixels per inch as 16.16 number.
const RESOLUTION: u32 = 0x0048_0000;

/// Appends the `stsd` of the video track.
pub(super) fn put_video_entry(out: &mut Vec<u8>, video: &VideoConfig) -> Result<(), WireError> {
    let (entry, record_box, record) = match video.codec {
        VideoCodec::H264 => (b"avc1", b"avcC", nal::avcc_record(&video.sps, &video.pps)?),
        VideoCodec::H265 => {
            let record = nal::hvcc_record(&video.vps, &video.sps, &video.pps)?;
            (b"hvc1", b"hvcC", record)
        }
    };
    put_description(out, |out| {
        put_box(out, entry, |out| {
            put_entry_head(out);
            put_zeros(out, 16);
            put_u16(out, video.width.min(0xFFFF) as u16);
            put_u16(out, video.height.min(0xFFFF) as u16);
            put_u32(out, RESOLUTION);
            put_u32(out, RESOLUTION);
            put_u32(out, 0);
            put_u16(out, 1);
            put_zeros(out, 32);
            put_u16(out, 0x18);
            put_u16(out, 0xFFFF);
            put_box(out, record_box, |out| out.extend_from_slice(&record));
        });
    });
    Ok(())
}

/// Appends the `stsd` of the audio track.
pub(super) fn put_audio_entry(out: &mut Vec<u8>, audio: &AudioConfig) {
    put_description(out, |out| match audio.codec {
        AudioCodec::G711A | AudioCodec::G711U => put_box(out, b"fLaC", |out| {
            put_audio_head(out, audio);
            put_flac_specific(out, audio.sample_rate);
        }),
        AudioCodec::Aac => put_box(out, b"mp4a", |out| {
            put_audio_head(out, audio);
            put_elementary_descriptor(out, &audio.asc);
        }),
    });
}

fn put_description(out: &mut Vec<u8>, entry: impl FnOnce(&mut Vec<u8>)) {
    put_full_box(out, b"stsd", 0, 0, |out| {
        put_u32(out, 1);
        entry(out);
    });
}

/// Reserved bytes and data_reference_index 1.
fn put_entry_head(out: &mut Vec<u8>) {
    put_zeros(out, 6);
    put_u16(out, 1);
}

fn put_audio_head(out: &mut Vec<u8>, audio: &AudioConfig) {
    put_entry_head(out);
    put_zeros(out, 8);
    put_u16(out, u16::from(audio.channels));
    put_u16(out, 16);
    put_zeros(out, 4);
    put_u32(out, audio.sample_rate.min(0xFFFF) << 16);
}

/// `dfLa`: one metadata block, STREAMINFO, marked as the last.
fn put_flac_specific(out: &mut Vec<u8>, sample_rate: u32) {
    put_full_box(out, b"dfLa", 0, 0, |out| {
        put_u32(out, 0x8000_0000 | flac::STREAMINFO_BYTES as u32);
        out.extend_from_slice(&flac::stream_info(sample_rate));
    });
}

/// `esds` (ISO/IEC 14496-1 7.2.6.5): an audio stream of object type 0x40.
fn put_elementary_descriptor(out: &mut Vec<u8>, asc: &[u8]) {
    let specific = asc.len().min(64) as u8;
    let config = 13 + 2 + specific;
    put_full_box(out, b"esds", 0, 0, |out| {
        out.extend_from_slice(&[0x03, 3 + 2 + config + 3, 0, 0, 0]);
        // streamType 5 = audio, upStream 0, reserved 1; buffer size and bit rates unknown.
        out.extend_from_slice(&[0x04, config, 0x40, 0x15]);
        put_zeros(out, 11);
        out.extend_from_slice(&[0x05, specific]);
        out.extend_from_slice(&asc[..usize::from(specific)]);
        out.extend_from_slice(&[0x06, 1, 2]);
    });
}
