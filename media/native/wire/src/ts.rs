//! A tolerant demultiplexer for MPEG transport streams, as some devices send them under the payload
//! type of the program stream (Q94).
//!
//! Tables say what a stream is, when they come; until then PES packets are read by their stream ids,
//! and the data proves the codec. A counter that breaks costs the picture, a lost table nothing.
//! PCR, CRCs and the lengths of video PES packets are never needed: times are those of the PES
//! packets, unwrapped by [`crate::timeline`].
//!
//! Memory: one packet, one section of each table ([`MAX_SECTION_BYTES`]) and the heads of at most
//! [`MAX_STREAMS`] PES packets; payload is handed on as it comes.
//!
//! Source: ISO/IEC 13818-1 2.4.

mod demux;
mod packet;
mod psi;
mod stream;

pub use demux::{TsDemuxer, TsStats};
pub use packet::{TsPacket, parse_packet};
pub use psi::{MAX_SECTION_BYTES, TsEntry, parse_program_association, parse_program_map};

use crate::ps::{PesHeader, Reading};

/// Bytes of one packet.
pub const PACKET_BYTES: usize = 188;
/// First byte of each packet.
pub const SYNC: u8 = 0x47;
/// Elementary streams read beside each other.
pub const MAX_STREAMS: usize = 16;

/// Takes what [`TsDemuxer`] finds.
pub trait TsSink {
    /// A program map table came, the first or one that differs from the last.
    fn program_map(&mut self, entries: &[TsEntry]);

    /// A PES packet begins on this PID; says how its payload is to be read.
    fn pes(&mut self, pid: u16, header: &PesHeader) -> Reading;

    /// A piece of video payload.
    fn video(&mut self, data: &[u8]);

    /// A piece of audio payload.
    fn audio(&mut self, data: &[u8]);

    /// The audio PES packet is over.
    fn audio_end(&mut self);

    /// Packets of a stream that is read this way are missing.
    fn lost(&mut self, reading: Reading);
}

/// Where packets begin in `bytes`: the first offset at which every packet that lies in them begins
/// with the sync byte, `packets` of them at least.
#[must_use]
pub fn find_packets(bytes: &[u8], packets: usize) -> Option<usize> {
    let count_from = |at: usize| bytes.len().saturating_sub(at).div_ceil(PACKET_BYTES);
    (0..PACKET_BYTES.min(bytes.len()))
        .take_while(|&at| count_from(at) >= packets)
        .find(|&at| {
            bytes[at..]
                .iter()
                .step_by(PACKET_BYTES)
                .all(|&byte| byte == SYNC)
        })
}
