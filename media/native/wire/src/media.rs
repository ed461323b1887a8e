//! What comes out of [`crate::ingest`]: access units, audio frames and what they are made of.

use std::fmt;

/// Video that this crate understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// ITU-T H.264 (PSM type 0x1B).
    H264,
    /// ITU-T H.265 (PSM type 0x24).
    H265,
}

impl VideoCodec {
    /// The plain name, `"H264"` or `"H265"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Audio that this crate understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// G.711 A-law (PSM type 0x90, payload type 8).
    G711A,
    /// G.711 µ-law (PSM type 0x91, payload type 0).
    G711U,
    /// AAC; frames are raw access units without the ADTS header (PSM type 0x0F).
    Aac,
}

impl AudioCodec {
    /// The plain name, `"G711A"`, `"G711U"` or `"AAC"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::G711A => "G711A",
            Self::G711U => "G711U",
            Self::Aac => "AAC",
        }
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One coded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// The codec of the picture.
    pub codec: VideoCodec,
    /// NAL units, each after its length in 4 bytes, big endian (ISO/IEC 14496-15). Without
    /// parameter sets (they are in [`VideoConfig`]), delimiters, filler and end marks.
    pub nals: Vec<u8>,
    /// Presentation time in ticks of 90 kHz: unwrapped, rebased over jumps.
    pub pts_90k: i64,
    /// Decoding time in ticks of 90 kHz: strictly rising within one stream.
    pub dts_90k: i64,
    /// Decoding can start here: IDR or IRAP, or a recovery point when the encoder sends no IDR.
    pub keyframe: bool,
    /// Something of this picture, or of one that it may refer to, was lost. Only seen with
    /// [`crate::ingest::IngestConfig::pass_corrupt`].
    pub corrupt: bool,
}

/// Parameter sets of the video, and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoConfig {
    /// The codec that the sets belong to.
    pub codec: VideoCodec,
    /// Video parameter sets with their NAL header; empty for H.264.
    pub vps: Vec<Vec<u8>>,
    /// Sequence parameter sets with their NAL header, at least one.
    pub sps: Vec<Vec<u8>>,
    /// Picture parameter sets with their NAL header, at least one.
    pub pps: Vec<Vec<u8>>,
    /// Width of the shown picture in pixels, cropping applied.
    pub width: u32,
    /// Height of the shown picture in pixels, cropping applied.
    pub height: u32,
    /// RFC 6381 codec string, such as `avc1.4d401f` or `hvc1.1.6.L93.B0`.
    pub profile: String,
    /// Pictures per second as numerator and denominator, when the VUI says it.
    pub frame_rate: Option<(u32, u32)>,
}

impl VideoConfig {
    /// The parameter sets as an Annex B byte stream, in the order VPS, SPS, PPS.
    #[must_use]
    pub fn to_annexb(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for set in self.vps.iter().chain(&self.sps).chain(&self.pps) {
            bytes.extend_from_slice(&[0, 0, 0, 1]);
            bytes.extend_from_slice(set);
        }
        bytes
    }
}

/// What the audio is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConfig {
    /// The codec.
    pub codec: AudioCodec,
    /// Samples per second; 8,000 for G.711.
    pub sample_rate: u32,
    /// Channels; 1 for G.711.
    pub channels: u8,
    /// AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) for AAC, empty for G.711.
    pub asc: Vec<u8>,
}

/// Coded audio of one time: for AAC one access unit, for G.711 any number of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFrame {
    /// The codec of `data`.
    pub codec: AudioCodec,
    /// G.711: one byte per sample. AAC: one access unit without ADTS header.
    pub data: Vec<u8>,
    /// Time of the first sample in ticks of 90 kHz, on the clock of the video.
    pub pts_90k: i64,
}

/// Why something is missing from the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DamageCause {
    /// Packets never arrived.
    Loss,
    /// The source began anew with other sequence numbers.
    Restart,
    /// One access unit grew over [`crate::ingest::MAX_ACCESS_UNIT_BYTES`].
    TooLarge,
}

/// What this crate was sent and cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unsupported {
    /// A Hikvision private stream, `IMKH` (Q95).
    Hikvision,
    /// A Dahua private stream, `DHAV` (Q95).
    Dahua,
    /// Video with this PSM stream_type, such as 0x80 (SVAC) or 0x10 (MPEG-4).
    VideoType(u8),
    /// Audio with this PSM stream_type, such as 0x92 (G.722.1) or 0x99 (G.729).
    AudioType(u8),
    /// An RTP payload type that stands for a codec which is not carried, such as 99 (SVAC).
    PayloadType(u8),
    /// Audio without a declared type which is neither G.711 nor ADTS.
    UnknownAudio,
    /// G.711 with this number of samples per second and of channels.
    G711Form(u32, u8),
    /// AAC whose AudioSpecificConfig cannot be read.
    AacConfig,
    /// Video with this codec number of FLV, such as 2 (H.263).
    FlvVideo(u8),
    /// Audio with this codec number of FLV, such as 2 (MP3) or 11 (Speex).
    FlvAudio(u8),
    /// A codec with this FourCC in the enhanced form of FLV, such as `av01`.
    FourCc([u8; 4]),
    /// Several tracks in one FLV tag.
    FlvTracks,
}

impl Unsupported {
    /// Whether it stands where pictures should be.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(
            self,
            Self::Hikvision | Self::Dahua | Self::VideoType(_) | Self::PayloadType(97 | 99)
        )
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AudioType(0x11) => f.write_str("AAC in LATM"),
            Self::Hikvision => f.write_str("private stream of Hikvision (IMKH)"),
            Self::Dahua => f.write_str("private stream of Dahua (DHAV)"),
            Self::VideoType(0x10) => f.write_str("MPEG-4 video"),
            Self::VideoType(0x80) => f.write_str("SVAC video"),
            Self::VideoType(kind) => write!(f, "video of PSM type {kind:#04x}"),
            Self::AudioType(0x92) => f.write_str("G.722.1 audio"),
            Self::AudioType(0x93) => f.write_str("G.723.1 audio"),
            Self::AudioType(0x99) => f.write_str("G.729 audio"),
            Self::AudioType(0x9B) => f.write_str("SVAC audio"),
            Self::AudioType(kind) => write!(f, "audio of PSM type {kind:#04x}"),
            Self::PayloadType(kind) => write!(f, "RTP payload type {kind}"),
            Self::UnknownAudio => f.write_str("audio of unknown type"),
            Self::G711Form(rate, channels) => {
                write!(
                    f,
                    "G.711 audio with {rate} samples/s in {channels} channels"
                )
            }
            Self::FlvVideo(number) => write!(f, "video with the FLV number {number}"),
            Self::FlvAudio(2 | 14) => f.write_str("MP3 audio"),
            Self::FlvAudio(11) => f.write_str("Speex audio"),
            Self::FlvAudio(number) => write!(f, "audio with the FLV number {number}"),
            Self::FourCc(name) => write!(f, "the codec {}", name.escape_ascii()),
            Self::FlvTracks => f.write_str("several tracks in one FLV tag"),
            Self::AacConfig => f.write_str("AAC audio with an unreadable configuration"),
        }
    }
}

/// One fact about the stream, in the order in which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// Parameter sets for the access units that follow. Sent before the first one and
    /// whenever they change.
    VideoConfig(VideoConfig),
    /// One picture.
    Video(AccessUnit),
    /// What the audio frames that follow are. Sent before the first one and on change.
    AudioConfig(AudioConfig),
    /// A piece of audio.
    Audio(AudioFrame),
    /// Something is missing here. Unless corrupt pictures are passed on, the next access unit
    /// is a key frame.
    Damaged {
        /// Why.
        cause: DamageCause,
        /// Packets known to be missing; 0 when that cannot be known.
        lost_packets: u32,
    },
    /// The stream, or a part of it, cannot be carried. Sent once for each reason.
    Unsupported {
        /// What was found.
        what: Unsupported,
    },
}
