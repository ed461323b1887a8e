//! Recording: a port in the receiving thread, a bounded queue, one thread that writes files.

pub(crate) mod disk;
pub(crate) mod port;
pub(crate) mod segment;

use std::path::PathBuf;

/// What a recorder is told when it is attached.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// The caller's name for it, given back in facts.
    pub recorder_id: String,
    /// First part of its file names: hex digits, new for each run.
    pub run: String,
    /// Where the files go. It exists.
    pub directory: PathBuf,
    /// A segment ends at the first key frame after so long.
    pub segment_us: u64,
    /// Longest fragment.
    pub fragment_us: u64,
    /// Goes into each file.
    pub metadata: Vec<u8>,
    /// Number of the first segment, from 1.
    pub first_number: u32,
}
