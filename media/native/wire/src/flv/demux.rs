//! Tag bodies to frames, and bytes of a file to tags.

use super::{AVC1, HVC1, MP4A, TAG_HEADER_BYTES, TagKind};
use crate::error::WireError;
use crate::fed::Fed;
use crate::ingest::MAX_ACCESS_UNIT_BYTES;
use crate::media::{AudioCodec, Unsupported, VideoCodec};
use crate::nal::{DecoderRecord, append_annexb_of};
use crate::timeline::Unwrapper;

/// Longest tag that is read.
pub const MAX_TAG_BYTES: usize = MAX_ACCESS_UNIT_BYTES + 65_536;
/// Modifiers before a packet type; more are taken for garbage.
const MAX_MODIFIERS: usize = 8;
/// Longest AudioSpecificConfig.
const MAX_ASC_BYTES: usize = 256;

/// What was found in tags. All counters only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlvStats {
    /// Tag bodies that could not be read.
    pub malformed: u64,
    /// Pictures or sound before their configuration.
    pub unconfigured: u64,
}

/// Makes frames of tag bodies. Remembers the configuration records.
#[derive(Debug)]
pub struct FlvFrames {
    video: Option<(VideoCodec, DecoderRecord)>,
    asc: Vec<u8>,
    clock: Unwrapper,
    stats: FlvStats,
}

impl Default for FlvFrames {
    fn default() -> Self {
        Self {
            video: None,
            asc: Vec::new(),
            clock: Unwrapper::new(32),
            stats: FlvStats::default(),
        }
    }
}

/// The form of a video tag, both ways of writing it.
enum VideoPacket<'a> {
    Sequence(VideoCodec, &'a [u8]),
    Picture {
        codec: VideoCodec,
        keyframe: bool,
        composition_ms: i32,
        data: &'a [u8],
    },
    Nothing,
    Unsupported(Unsupported),
}

enum AudioPacket<'a> {
    Sequence(&'a [u8]),
    Sound(AudioCodec, &'a [u8]),
    Nothing,
    Unsupported(Unsupported),
}

impl FlvFrames {
    /// What was found so far.
    #[must_use]
    pub const fn stats(&self) -> &FlvStats {
        &self.stats
    }

    /// Takes the body of a tag or message; appends the frame in it, if it holds one.
    pub fn receive(&mut self, kind: TagKind, timestamp_ms: u32, body: &[u8], out: &mut Vec<Fed>) {
        let read = match kind {
            TagKind::Video => self.receive_video(timestamp_ms, body, out),
            TagKind::Audio => self.receive_audio(timestamp_ms, body, out),
            TagKind::Script => Ok(()),
        };
        if read.is_err() {
            self.stats.malformed += 1;
        }
    }

    fn receive_video(
        &mut self,
        timestamp_ms: u32,
        body: &[u8],
        out: &mut Vec<Fed>,
    ) -> Result<(), WireError> {
        match read_video(body)? {
            VideoPacket::Nothing => {}
            VideoPacket::Unsupported(what) => out.push(Fed::Unsupported { what }),
            VideoPacket::Sequence(codec, record) => {
                self.video = Some((codec, DecoderRecord::parse(codec, record)?));
            }
            VideoPacket::Picture {
                codec,
                keyframe,
                composition_ms,
                data,
            } => {
                let Some((_, record)) = self.video.as_ref().filter(|(known, _)| *known == codec)
                else {
                    self.stats.unconfigured += 1;
                    return Ok(());
                };
                let mut annexb = Vec::with_capacity(data.len() + record.sets.len() + 64);
                if keyframe {
                    annexb.extend_from_slice(&record.sets);
                }
                append_annexb_of(data, record.length_bytes, &mut annexb)?;
                let dts_90k = self.clock.unwrap(u64::from(timestamp_ms)) * 90;
                out.push(Fed::Video {
                    codec,
                    annexb,
                    pts_90k: dts_90k + i64::from(composition_ms) * 90,
                    dts_90k,
                });
            }
        }
        Ok(())
    }

    fn receive_audio(
        &mut self,
        timestamp_ms: u32,
        body: &[u8],
        out: &mut Vec<Fed>,
    ) -> Result<(), WireError> {
        match read_audio(body)? {
            AudioPacket::Nothing => {}
            AudioPacket::Unsupported(what) => out.push(Fed::Unsupported { what }),
            AudioPacket::Sequence(asc) => {
                if asc.len() > MAX_ASC_BYTES {
                    let found = asc.len();
                    return Err(WireError::too_large(
                        "FLV AAC configuration",
                        2,
                        found,
                        MAX_ASC_BYTES,
                    ));
                }
                self.asc = asc.to_vec();
            }
            AudioPacket::Sound(AudioCodec::Aac, _) if self.asc.is_empty() => {
                self.stats.unconfigured += 1;
            }
            AudioPacket::Sound(codec, data) => out.push(Fed::Audio {
                codec,
                data: data.to_vec(),
                pts_90k: self.clock.unwrap(u64::from(timestamp_ms)) * 90,
                asc: if codec == AudioCodec::Aac {
                    self.asc.clone()
                } else {
                    Vec::new()
                },
                sample_rate: 8_000,
                channels: 1,
            }),
        }
        Ok(())
    }
}

fn read_video(body: &[u8]) -> Result<VideoPacket<'_>, WireError> {
    let Some((&first, rest)) = body.split_first() else {
        return Ok(VideoPacket::Nothing);
    };
    let frame_type = first >> 4 & 7;
    if first & 0x80 != 0 {
        return read_enhanced_video(first & 15, frame_type, rest);
    }
    if frame_type == 5 {
        return Ok(VideoPacket::Nothing);
    }
    let codec = match first & 15 {
        7 => VideoCodec::H264,
        12 => VideoCodec::H265,
        other => return Ok(VideoPacket::Unsupported(Unsupported::FlvVideo(other))),
    };
    let (&[packet, c1, c2, c3], data) = rest
        .split_first_chunk::<4>()
        .ok_or_else(|| WireError::truncated("FLV video head", 1, 5, body.len()))?;
    Ok(match packet {
        0 => VideoPacket::Sequence(codec, data),
        1 => VideoPacket::Picture {
            codec,
            keyframe: frame_type == 1,
            composition_ms: signed24([c1, c2, c3]),
            data,
        },
        _ => VideoPacket::Nothing,
    })
}

/// Enhanced RTMP v2, ExVideoTagHeader.
fn read_enhanced_video(
    packet: u8,
    frame_type: u8,
    rest: &[u8],
) -> Result<VideoPacket<'_>, WireError> {
    let (packet, rest) = skip_modifiers(packet, rest)?;
    // A command has no FourCC, and one tag with several tracks is not read.
    if frame_type == 5 && packet != 4 {
        return Ok(VideoPacket::Nothing);
    }
    if packet == 6 {
        return Ok(VideoPacket::Unsupported(Unsupported::FlvTracks));
    }
    let (&fourcc, data) = rest
        .split_first_chunk::<4>()
        .ok_or_else(|| WireError::truncated("FLV video FourCC", 1, 5, rest.len() + 1))?;
    let codec = match fourcc {
        HVC1 => VideoCodec::H265,
        AVC1 => VideoCodec::H264,
        other => return Ok(VideoPacket::Unsupported(Unsupported::FourCc(other))),
    };
    let keyframe = frame_type == 1;
    Ok(match packet {
        0 => VideoPacket::Sequence(codec, data),
        1 => {
            let (&time, data) = data.split_first_chunk::<3>().ok_or_else(|| {
                WireError::truncated("FLV composition time", 5, 8, rest.len() + 1)
            })?;
            VideoPacket::Picture {
                codec,
                keyframe,
                composition_ms: signed24(time),
                data,
            }
        }
        3 => VideoPacket::Picture {
            codec,
            keyframe,
            composition_ms: 0,
            data,
        },
        _ => VideoPacket::Nothing,
    })
}

fn read_audio(body: &[u8]) -> Result<AudioPacket<'_>, WireError> {
    let Some((&first, rest)) = body.split_first() else {
        return Ok(AudioPacket::Nothing);
    };
    Ok(match first >> 4 {
        7 => AudioPacket::Sound(AudioCodec::G711A, rest),
        8 => AudioPacket::Sound(AudioCodec::G711U, rest),
        10 => match rest.split_first() {
            Some((0, asc)) => AudioPacket::Sequence(asc),
            Some((1, data)) => AudioPacket::Sound(AudioCodec::Aac, data),
            _ => AudioPacket::Nothing,
        },
        9 => return read_enhanced_audio(first & 15, rest),
        other => AudioPacket::Unsupported(Unsupported::FlvAudio(other)),
    })
}

/// Enhanced RTMP v2, ExAudioTagHeader.
fn read_enhanced_audio(packet: u8, rest: &[u8]) -> Result<AudioPacket<'_>, WireError> {
    let (packet, rest) = skip_modifiers(packet, rest)?;
    if packet == 5 {
        return Ok(AudioPacket::Unsupported(Unsupported::FlvTracks));
    }
    let (&fourcc, data) = rest
        .split_first_chunk::<4>()
        .ok_or_else(|| WireError::truncated("FLV audio FourCC", 1, 5, rest.len() + 1))?;
    Ok(match (fourcc, packet) {
        (MP4A, 0) => AudioPacket::Sequence(data),
        (MP4A, 1) => AudioPacket::Sound(AudioCodec::Aac, data),
        (MP4A, _) => AudioPacket::Nothing,
        (other, _) => AudioPacket::Unsupported(Unsupported::FourCc(other)),
    })
}

/// Packet type 7 adds something to the packet that follows in the same tag, such as nanoseconds.
fn skip_modifiers(mut packet: u8, mut rest: &[u8]) -> Result<(u8, &[u8]), WireError> {
    for _ in 0..MAX_MODIFIERS {
        if packet != 7 {
            return Ok((packet, rest));
        }
        let held = rest.len();
        let short = move || WireError::truncated("FLV modifier", 1, 2, held);
        let (&size, after) = rest.split_first().ok_or_else(short)?;
        let (size, after) = match size {
            255 => {
                let (size, after) = after.split_first_chunk::<2>().ok_or_else(short)?;
                (usize::from(u16::from_be_bytes(*size)) + 1, after)
            }
            size => (usize::from(size) + 1, after),
        };
        let (&next, after) = after
            .get(size..)
            .and_then(<[u8]>::split_first)
            .ok_or_else(short)?;
        packet = next & 15;
        rest = after;
    }
    Err(WireError::invalid("FLV modifiers", 0, MAX_MODIFIERS as u64))
}

const fn signed24([high, middle, low]: [u8; 3]) -> i32 {
    i32::from_be_bytes([high, middle, low, 0]) >> 8
}

/// Cuts the bytes of an FLV file or stream into tags.
#[derive(Debug, Default)]
pub struct FlvDemuxer {
    pending: Vec<u8>,
    begun: bool,
}

impl FlvDemuxer {
    /// Takes the next bytes, cut anywhere, and calls `tag` with kind, milliseconds and body of each whole tag.
    ///
    /// # Errors
    ///
    /// The bytes are no FLV: there is nothing to go on with.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        mut tag: impl FnMut(TagKind, u32, &[u8]),
    ) -> Result<(), WireError> {
        self.pending.extend_from_slice(bytes);
        let mut start = 0;
        if !self.begun {
            match read_file_header(&self.pending)? {
                None => return Ok(()),
                Some(length) => start = length,
            }
            self.begun = true;
        }
        while let Some((length, found)) = read_tag(self.pending.get(start..).unwrap_or_default())? {
            if let Some((kind, timestamp_ms, body)) = found {
                tag(kind, timestamp_ms, body);
            }
            start += length;
        }
        self.pending.drain(..start.min(self.pending.len()));
        Ok(())
    }

    /// Bytes held for the rest of a tag.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.pending.capacity()
    }
}

/// Length of the file header with the size that follows it.
fn read_file_header(bytes: &[u8]) -> Result<Option<usize>, WireError> {
    let Some(head) = bytes.first_chunk::<9>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) as usize;
    if !head.starts_with(b"FLV") || !(9..=1_024).contains(&length) {
        return Err(WireError::invalid("FLV header", 0, u64::from(head[0])));
    }
    Ok((bytes.len() >= length + 4).then_some(length + 4))
}

type Found<'a> = Option<(TagKind, u32, &'a [u8])>;

/// The first tag, with the bytes that it takes; none when it is not whole.
fn read_tag(bytes: &[u8]) -> Result<Option<(usize, Found<'_>)>, WireError> {
    let Some(&[kind, l1, l2, l3, t1, t2, t3, high, ..]) = bytes.first_chunk::<TAG_HEADER_BYTES>()
    else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
    if length > MAX_TAG_BYTES {
        return Err(WireError::too_large("FLV tag", 1, length, MAX_TAG_BYTES));
    }
    let end = TAG_HEADER_BYTES + length;
    if bytes.len() < end + 4 {
        return Ok(None);
    }
    let body = bytes.get(TAG_HEADER_BYTES..end).unwrap_or_default();
    let timestamp_ms = u32::from_be_bytes([high, t1, t2, t3]);
    let found = match kind & 0x1F {
        8 => Some((TagKind::Audio, timestamp_ms, body)),
        9 => Some((TagKind::Video, timestamp_ms, body)),
        18 => Some((TagKind::Script, timestamp_ms, body)),
        _ => None,
    };
    Ok(Some((end + 4, found)))
}
