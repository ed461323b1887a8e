//! FLV: a header, then tags; each tag body is also the body of an RTMP message.
//!
//! H.264, AAC and G.711 have the numbers of the classic format. H.265 is written in the enhanced form with
//! FourCC; read are both that and the number 12 that many encoders in China write.
//!
//! Source: Adobe Flash Video File Format 10.1 annex E; Enhanced RTMP (Veovera) v1 and v2.

mod demux;
mod mux;

pub use demux::{FlvDemuxer, FlvFrames, FlvStats, MAX_TAG_BYTES};
pub use mux::{
    SampleHead, audio_head, metadata, sequence_headers, video_head, write_header, write_tag,
    write_tag_end, write_tag_head,
};

/// FourCC of H.265 with its parameter sets in the sequence header.
pub const HVC1: [u8; 4] = *b"hvc1";
/// FourCC of H.264 in the enhanced form.
pub const AVC1: [u8; 4] = *b"avc1";
/// FourCC of AAC in the enhanced form.
pub const MP4A: [u8; 4] = *b"mp4a";

/// Bytes of a tag header.
pub const TAG_HEADER_BYTES: usize = 11;

/// What a tag, or an RTMP message, carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// Sound.
    Audio = 8,
    /// Pictures.
    Video = 9,
    /// Metadata.
    Script = 18,
}

/// Milliseconds as tags count them: 32 bits that wrap after 49 days.
#[must_use]
pub const fn milliseconds(ticks_90k: i64) -> u32 {
    ticks_90k.div_euclid(90) as u32
}
