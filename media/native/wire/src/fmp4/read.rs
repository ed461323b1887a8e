//! Reading our own fragmented MP4 back: where its fragments are, and what is in them.
//!
//! Nothing here touches a file. A [`Scanner`] says which bytes it wants and is given them, so that the same code
//! runs on a disk, on a slice and under a fuzzer. A file may be cut anywhere, still grow, hold `free` boxes where a
//! fragment was not finished, and have foreign bytes in the middle: what is whole is found, the rest is counted.
//!
//! Source: ISO/IEC 14496-12 (boxes), ISO/IEC 14496-15 (avcC, hvcC), ISO/IEC 14496-1 7.2.6 (descriptors).

mod codecs;
mod fields;
mod fragment;
mod movie;
mod scanner;

pub use fragment::{Fragment, SampleAt};
pub use movie::{AudioTrack, Movie, SoundForm, VideoTrack};
pub use scanner::{Found, FragmentAt, Scanner, Wanted};

/// Largest `moov` that is read.
pub const MAX_MOOV_BYTES: usize = 1 << 20;
/// Largest `moof` that is read.
pub const MAX_MOOF_BYTES: usize = 1 << 20;
/// Largest `mdat` of one fragment that is read: two seconds at 128 Mbit/s.
pub const MAX_MDAT_BYTES: u64 = 32 << 20;
/// Largest metadata box that is read.
pub const MAX_METADATA_BYTES: usize = 1 << 16;
/// Most samples of one fragment.
pub const MAX_SAMPLES: usize = 8_192;
