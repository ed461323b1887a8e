//! Tags of a stream: header, metadata, sequence headers, pictures and sound.

use super::{HVC1, TagKind, milliseconds};
use crate::amf::{self, Amf};
use crate::error::WireError;
use crate::media::{AudioCodec, AudioConfig, VideoCodec, VideoConfig};
use crate::nal;

/// Longest tag body: the length has 24 bits.
const MAX_BODY_BYTES: usize = 0xFF_FFFF;
/// Codec numbers in metadata and in the first byte of a tag.
const AVC: u8 = 7;
const AAC: u8 = 10;
const KEY: u8 = 1;
const INTER: u8 = 2;

/// The bytes of a tag body before the coded data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleHead {
    bytes: [u8; 8],
    length: usize,
}

impl SampleHead {
    fn of(parts: &[&[u8]]) -> Self {
        let mut head = Self {
            bytes: [0; 8],
            length: 0,
        };
        for &byte in parts.iter().copied().flatten().take(8) {
            head.bytes[head.length] = byte;
            head.length += 1;
        }
        head
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Appends the file header with the size of the tag before the first: none.
pub fn write_header(has_video: bool, has_audio: bool, out: &mut Vec<u8>) {
    let tracks = u8::from(has_video) | u8::from(has_audio) << 2;
    out.extend_from_slice(b"FLV");
    out.extend_from_slice(&[1, tracks, 0, 0, 0, 9, 0, 0, 0, 0]);
}

/// Appends one tag whose body is `parts` joined. A body that is too long for its length is left out.
pub fn write_tag(kind: TagKind, timestamp_ms: u32, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if !write_tag_head(kind, timestamp_ms, length, out) {
        return;
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    write_tag_end(length, out);
}

/// Appends what stands before a tag's body of `length` bytes. False = nothing: it is too long for a tag.
pub fn write_tag_head(kind: TagKind, timestamp_ms: u32, length: usize, out: &mut Vec<u8>) -> bool {
    let fits = length <= MAX_BODY_BYTES;
    if fits {
        let [_, l1, l2, l3] = (length as u32).to_be_bytes();
        let [high, t1, t2, t3] = timestamp_ms.to_be_bytes();
        out.extend_from_slice(&[kind as u8, l1, l2, l3, t1, t2, t3, high, 0, 0, 0]);
    }
    fits
}

/// Appends what stands behind a tag's body of `length` bytes: the size of the tag.
pub fn write_tag_end(length: usize, out: &mut Vec<u8>) {
    let whole = (length + super::TAG_HEADER_BYTES) as u32;
    out.extend_from_slice(&whole.to_be_bytes());
}

/// The body of the metadata: `onMetaData` and what the stream is.
#[must_use]
pub fn metadata(video: Option<&VideoConfig>, audio: Option<&AudioConfig>) -> Vec<u8> {
    let number = |name: &str, value: f64| (name.to_owned(), Amf::Number(value));
    let mut fields = Vec::new();
    if let Some(video) = video {
        let codec = match video.codec {
            VideoCodec::H264 => f64::from(AVC),
            VideoCodec::H265 => f64::from(u32::from_be_bytes(HVC1)),
        };
        fields.push(number("width", f64::from(video.width)));
        fields.push(number("height", f64::from(video.height)));
        fields.push(number("videocodecid", codec));
    }
    if let Some((pictures, seconds)) = video.and_then(|video| video.frame_rate)
        && seconds > 0
    {
        let rate = f64::from(pictures) / f64::from(seconds);
        fields.push(number("framerate", rate));
    }
    if let Some(audio) = audio {
        fields.push(number("audiocodecid", f64::from(audio_number(audio.codec))));
        fields.push(number("audiosamplerate", f64::from(audio.sample_rate)));
        fields.push(number("audiosamplesize", 16.0));
        fields.push(("stereo".into(), Amf::Boolean(audio.channels > 1)));
    }
    fields.push(("encoder".into(), Amf::String("Tongshi".into())));
    let mut body = Vec::with_capacity(256);
    amf::put_string(&mut body, "onMetaData");
    amf::put_ecma_array(&mut body, &fields);
    body
}

/// The bodies that a decoder needs first: the configuration record of the video, and that of AAC.
///
/// # Errors
///
/// The parameter sets cannot be read.
pub fn sequence_headers(
    video: Option<&VideoConfig>,
    audio: Option<&AudioConfig>,
) -> Result<Vec<(TagKind, Vec<u8>)>, WireError> {
    let mut headers = Vec::new();
    if let Some(video) = video {
        headers.push((TagKind::Video, video_header(video)?));
    }
    if let Some(audio) = audio.filter(|audio| audio.codec == AudioCodec::Aac) {
        let mut body = vec![0xAF, 0];
        body.extend_from_slice(&audio.asc);
        headers.push((TagKind::Audio, body));
    }
    Ok(headers)
}

fn video_header(video: &VideoConfig) -> Result<Vec<u8>, WireError> {
    let mut body = Vec::with_capacity(256);
    match video.codec {
        VideoCodec::H264 => {
            body.extend_from_slice(&[KEY << 4 | AVC, 0, 0, 0, 0]);
            body.extend_from_slice(&nal::avcc_record(&video.sps, &video.pps)?);
        }
        VideoCodec::H265 => {
            body.push(0x80 | KEY << 4);
            body.extend_from_slice(&HVC1);
            body.extend_from_slice(&nal::hvcc_record(&video.vps, &video.sps, &video.pps)?);
        }
    }
    Ok(body)
}

/// What stands before the NAL units of a picture. The times are ticks of 90 kHz; the tag's time is that of decoding.
#[must_use]
pub fn video_head(codec: VideoCodec, keyframe: bool, dts_90k: i64, pts_90k: i64) -> SampleHead {
    let kind = if keyframe { KEY } else { INTER };
    let later = milliseconds(pts_90k).wrapping_sub(milliseconds(dts_90k));
    let [_, c1, c2, c3] = later.to_be_bytes();
    match codec {
        VideoCodec::H264 => SampleHead::of(&[&[kind << 4 | AVC, 1, c1, c2, c3]]),
        VideoCodec::H265 if later == 0 => SampleHead::of(&[&[0x80 | kind << 4 | 3], &HVC1]),
        VideoCodec::H265 => SampleHead::of(&[&[0x80 | kind << 4 | 1], &HVC1, &[c1, c2, c3]]),
    }
}

/// What stands before a piece of sound.
#[must_use]
pub fn audio_head(codec: AudioCodec) -> SampleHead {
    match codec {
        // Rate, size and channels are fixed for AAC; its configuration says what holds.
        AudioCodec::Aac => SampleHead::of(&[&[0xAF, 1]]),
        AudioCodec::G711A | AudioCodec::G711U => SampleHead::of(&[&[audio_number(codec) << 4 | 2]]),
    }
}

const fn audio_number(codec: AudioCodec) -> u8 {
    match codec {
        AudioCodec::G711A => 7,
        AudioCodec::G711U => 8,
        AudioCodec::Aac => AAC,
    }
}
