//! MPEG program streams: a tolerant demultiplexer for what cameras send, and a multiplexer for
//! what goes to other platforms.
//!
//! Reading: lengths are trusted first; start codes repair. In H.264 and H.265 the bytes `00 00 01` with a
//! byte of B9 or more cannot be coded video, so the reader of video ([`PsSink::video`]) reports
//! such a code wherever it finds it, and a wrong length costs nothing. Marker bits, CRCs, SCR and
//! the system header are never needed.
//!
//! Memory: the head of one unit, at most [`MAX_HEAD_BYTES`]; payload is handed on as it comes.
//!
//! Source: ISO/IEC 13818-1 2.5; GB/T 28181-2016 annex C; protocol notes 7.4 and 7.5.

mod demux;
mod header;
mod mux;
mod search;
mod write;

pub use demux::{PsDemuxer, PsStats};
pub(crate) use header::stamp_of_pes;
pub use header::{MapEntry, PesHeader, parse_program_map};
pub(crate) use header::{PesHead, read_pes};
pub use mux::{PsMuxer, PsPicture};
pub use write::{
    AUDIO_STREAM_ID, MAX_PES_PAYLOAD, Stamps, VIDEO_STREAM_ID, mpeg_crc32, write_pack_header,
    write_pes_header, write_program_map, write_system_header,
};

/// Most bytes collected of one unit: a program stream map with its length field.
pub const MAX_HEAD_BYTES: usize = 4_096;

/// Lowest byte after `00 00 01` that is a unit of the program stream.
pub const FIRST_SYSTEM_CODE: u8 = 0xB9;

/// What to do with the payload of a PES packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// H.264 or H.265: [`PsSink::video`] looks for start codes in it.
    Video,
    /// Anything whose length must be trusted: [`PsSink::audio`].
    Audio,
    /// Nobody wants it.
    Skip,
}

/// Where coded video ended before its length: a system start code was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The byte after `00 00 01`, [`FIRST_SYSTEM_CODE`] or more.
    pub code: u8,
    /// How many bytes of the data just given lie before the end of that code, its last byte
    /// included. The code may have begun in data given before.
    pub resume: usize,
}

/// Takes what [`PsDemuxer`] finds.
pub trait PsSink {
    /// A pack header: often, not always, a new picture.
    fn pack(&mut self);

    /// A program stream map. Entries may be wrong or lacking (Q87, Q88, Q89).
    fn program_map(&mut self, entries: &[MapEntry]);

    /// The head of a PES packet; says how its payload is to be read.
    fn pes(&mut self, header: &PesHeader) -> Reading;

    /// A piece of video payload. Returns where it must stop, when a system start code is in it or
    /// ends in it; the bytes of the code are then not part of the video.
    fn video(&mut self, data: &[u8]) -> Option<Stop>;

    /// A piece of audio payload.
    fn audio(&mut self, data: &[u8]);

    /// The audio PES packet is over. The last `excess` bytes given were no payload.
    fn audio_end(&mut self, excess: usize);
}
