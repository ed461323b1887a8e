//! Fragmented MP4: an initialisation segment, then one `moof` and `mdat` for each fragment.
//!
//! The same bytes serve browsers (Media Source Extensions) and files. Track 1 is video with
//! 90,000 ticks per second, track 2 is audio with its sample rate as timescale. G.711 goes in
//! as FLAC ([`crate::flac`]), since browsers do not take G.711 in MP4.
//!
//! Source: ISO/IEC 14496-12 (boxes), ISO/IEC 14496-15 (avc1, hvc1), ISO/IEC 14496-14 (mp4a),
//! "Encapsulation of FLAC in ISO Base Media File Format" 1.0.0.

mod boxes;
mod entries;
mod fragment;
mod init;
pub mod read;

pub use fragment::{Sample, write_fragment, write_fragment_head};
pub use init::{Init, init_segment, init_segment_tracks};

use crate::media::{AudioCodec, AudioConfig, VideoConfig};

/// Ticks per second of the movie and of the video track.
pub const VIDEO_TIMESCALE: u32 = 90_000;
/// Track number of the video.
pub const VIDEO_TRACK: u32 = 1;
/// Track number of the audio.
pub const AUDIO_TRACK: u32 = 2;

/// The extended type of the metadata box, which follows `ftyp`. Its body is the caller's bytes.
pub const METADATA_UUID: [u8; 16] = *b"tongshi-segment\x01";

/// The `codecs` parameter for these tracks, such as `avc1.4d401f,flac`,
/// `hvc1.1.6.L93.B0,mp4a.40.2` or, for sound alone, `flac`.
///
/// Source: RFC 6381 section 3.
#[must_use]
pub fn mime_codecs(video: Option<&VideoConfig>, audio: Option<&AudioConfig>) -> String {
    let video = video.map(|video| video.profile.clone());
    let tracks: Vec<String> = video
        .into_iter()
        .chain(audio.map(audio_codec_string))
        .collect();
    tracks.join(",")
}

/// The codec string of an audio track: `flac` for G.711, `mp4a.40.` with the object type for AAC.
#[must_use]
pub fn audio_codec_string(audio: &AudioConfig) -> String {
    match audio.codec {
        AudioCodec::G711A | AudioCodec::G711U => "flac".to_owned(),
        AudioCodec::Aac => {
            let object_type = audio.asc.first().map_or(2, |byte| byte >> 3);
            format!("mp4a.40.{object_type}")
        }
    }
}

/// Ticks of 90 kHz in another timescale, rounded down; negative times become 0.
#[must_use]
pub fn rescale(ticks_90k: i64, timescale: u32) -> u64 {
    let ticks = u64::try_from(ticks_90k).unwrap_or(0);
    (u128::from(ticks) * u128::from(timescale) / u128::from(VIDEO_TIMESCALE)) as u64
}
