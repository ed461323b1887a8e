//! Which tracks a stream has, before and beside what they carry.

/// What is known of the tracks of one reception.
///
/// A program stream map, or a transport stream's, may list what never comes, and may lack what does.
/// Who waits for a second track asks here whether there is a reason to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tracks {
    /// A map has listed the tracks.
    pub listed: bool,
    /// Video that can be carried is listed, or has come.
    pub video: bool,
    /// Audio is listed, or has come.
    pub audio: bool,
}
