//! The initialisation segment: `ftyp`, the metadata box and `moov`.

use super::boxes::{put_box, put_full_box, put_matrix, put_u16, put_u32, put_u64, put_zeros};
use super::entries::{put_audio_entry, put_video_entry};
use super::{AUDIO_TRACK, METADATA_UUID, VIDEO_TIMESCALE, VIDEO_TRACK};
use crate::error::WireError;
use crate::media::{AudioConfig, VideoConfig};

/// ISO 639-2 "und" in packed form.
const LANGUAGE_UNDETERMINED: u16 = 0x55C4;

/// An initialisation segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// The bytes, complete boxes.
    pub bytes: Vec<u8>,
    /// Where in `bytes` the 8 bytes of the fragment duration lie (`mehd`, big endian, 90,000
    /// ticks per second), when a placeholder was asked for. A recorder writes the true
    /// duration there when it closes the file; until then it is 0 = unknown.
    pub mehd_offset: Option<usize>,
}

/// Builds the initialisation segment for video with or without audio.
///
/// `metadata` goes into a `uuid` box of type [`METADATA_UUID`]. `duration_placeholder` asks for a
/// `mehd` box: for files, not for live viewers.
///
/// # Errors
///
/// The parameter sets of `video` cannot be read.
pub fn init_segment(
    video: &VideoConfig,
    audio: Option<&AudioConfig>,
    metadata: Option<&[u8]>,
    duration_placeholder: bool,
) -> Result<Init, WireError> {
    init_segment_tracks(Some(video), audio, metadata, duration_placeholder)
}

/// As [`init_segment`], for streams that may have no video.
///
/// # Errors
///
/// There is no track at all, or the parameter sets of `video` cannot be read.
pub fn init_segment_tracks(
    video: Option<&VideoConfig>,
    audio: Option<&AudioConfig>,
    metadata: Option<&[u8]>,
    duration_placeholder: bool,
) -> Result<Init, WireError> {
    if video.is_none() && audio.is_none() {
        return Err(WireError::truncated("MP4 tracks", 0, 1, 0));
    }
    let mut bytes = Vec::with_capacity(1_024 + metadata.map_or(0, <[u8]>::len));
    put_file_type(&mut bytes);
    if let Some(metadata) = metadata {
        put_box(&mut bytes, b"uuid", |out| {
            out.extend_from_slice(&METADATA_UUID);
            out.extend_from_slice(metadata);
        });
    }
    let mut video_entry = Vec::new();
    if let Some(video) = video {
        put_video_entry(&mut video_entry, video)?;
    }
    let mut mehd_offset = None;
    put_box(&mut bytes, b"moov", |out| {
        put_movie_header(out);
        if let Some(video) = video {
            put_video_track(out, video, &video_entry);
        }
        if let Some(audio) = audio {
            put_audio_track(out, audio);
        }
        mehd_offset = put_extends(out, video.is_some(), audio.is_some(), duration_placeholder);
    });
    Ok(Init { bytes, mehd_offset })
}

fn put_file_type(out: &mut Vec<u8>) {
    put_box(out, b"ftyp", |out| {
        out.extend_from_slice(b"iso5");
        put_u32(out, 0x200);
        out.extend_from_slice(b"iso5iso6mp41");
    });
}

fn put_movie_header(out: &mut Vec<u8>) {
    put_full_box(out, b"mvhd", 0, 0, |out| {
        put_zeros(out, 8);
        put_u32(out, VIDEO_TIMESCALE);
        put_u32(out, 0);
        put_u32(out, 0x1_0000);
        put_u16(out, 0x100);
        put_zeros(out, 10);
        put_matrix(out);
        put_zeros(out, 24);
        put_u32(out, AUDIO_TRACK + 1);
    });
}

fn put_video_track(out: &mut Vec<u8>, video: &VideoConfig, entry: &[u8]) {
    put_box(out, b"trak", |out| {
        put_track_header(out, VIDEO_TRACK, 0, video.width, video.height);
        put_box(out, b"mdia", |out| {
            put_media_header(out, VIDEO_TIMESCALE);
            put_handler(out, b"vide", b"video\0");
            put_box(out, b"minf", |out| {
                put_full_box(out, b"vmhd", 0, 1, |out| put_zeros(out, 8));
                put_tables(out, entry);
            });
        });
    });
}

fn put_audio_track(out: &mut Vec<u8>, audio: &AudioConfig) {
    let mut entry = Vec::new();
    put_audio_entry(&mut entry, audio);
    put_box(out, b"trak", |out| {
        put_track_header(out, AUDIO_TRACK, 0x100, 0, 0);
        put_box(out, b"mdia", |out| {
            put_media_header(out, audio.sample_rate);
            put_handler(out, b"soun", b"audio\0");
            put_box(out, b"minf", |out| {
                put_full_box(out, b"smhd", 0, 0, |out| put_zeros(out, 4));
                put_tables(out, &entry);
            });
        });
    });
}

fn put_track_header(out: &mut Vec<u8>, track: u32, volume: u16, width: u32, height: u32) {
    // Flags: enabled, in the movie, in the preview.
    put_full_box(out, b"tkhd", 0, 7, |out| {
        put_zeros(out, 8);
        put_u32(out, track);
        put_zeros(out, 16);
        put_u16(out, 0);
        put_u16(out, u16::from(track == AUDIO_TRACK));
        put_u16(out, volume);
        put_u16(out, 0);
        put_matrix(out);
        put_u32(out, width.min(0xFFFF) << 16);
        put_u32(out, height.min(0xFFFF) << 16);
    });
}

fn put_media_header(out: &mut Vec<u8>, timescale: u32) {
    put_full_box(out, b"mdhd", 0, 0, |out| {
        put_zeros(out, 8);
        put_u32(out, timescale);
        put_u32(out, 0);
        put_u16(out, LANGUAGE_UNDETERMINED);
        put_u16(out, 0);
    });
}

fn put_handler(out: &mut Vec<u8>, kind: &[u8; 4], name: &[u8]) {
    put_full_box(out, b"hdlr", 0, 0, |out| {
        put_u32(out, 0);
        out.extend_from_slice(kind);
        put_zeros(out, 12);
        out.extend_from_slice(name);
    });
}

/// `dinf` and an `stbl` whose tables are empty: the samples are in the fragments.
fn put_tables(out: &mut Vec<u8>, entry: &[u8]) {
    put_box(out, b"dinf", |out| {
        put_full_box(out, b"dref", 0, 0, |out| {
            put_u32(out, 1);
            put_full_box(out, b"url ", 0, 1, |_| {});
        });
    });
    put_box(out, b"stbl", |out| {
        out.extend_from_slice(entry);
        put_full_box(out, b"stts", 0, 0, |out| put_u32(out, 0));
        put_full_box(out, b"stsc", 0, 0, |out| put_u32(out, 0));
        put_full_box(out, b"stsz", 0, 0, |out| put_u64(out, 0));
        put_full_box(out, b"stco", 0, 0, |out| put_u32(out, 0));
    });
}

/// `mvex`; returns where the duration lies.
fn put_extends(
    out: &mut Vec<u8>,
    video: bool,
    audio: bool,
    duration_placeholder: bool,
) -> Option<usize> {
    let mut offset = None;
    put_box(out, b"mvex", |out| {
        if duration_placeholder {
            put_full_box(out, b"mehd", 1, 0, |out| {
                offset = Some(out.len());
                put_u64(out, 0);
            });
        }
        for (track, present) in [(VIDEO_TRACK, video), (AUDIO_TRACK, audio)] {
            if present {
                put_full_box(out, b"trex", 0, 0, |out| {
                    put_u32(out, track);
                    put_u32(out, 1);
                    put_zeros(out, 12);
                });
            }
        }
    });
    offset
}
