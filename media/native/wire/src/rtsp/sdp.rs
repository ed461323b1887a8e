//! Descriptions of streams: ours for readers, and those of publishers.

mod announced;
mod described;

pub use announced::{AnnouncedTrack, Encoding, parse};
pub use described::{Description, describe};
