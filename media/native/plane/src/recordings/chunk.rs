//! What readers give and players take.

use std::sync::Arc;

use tongshi_wire::{AudioConfig, VideoConfig};

use crate::recordings::SegmentRef;
use crate::recordings::file::{Picture, Sound};

/// Which pictures are played, and in what order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// All, with sound or without.
    Forward { sound: bool },
    /// All without sound, or key frames alone where a file has more bits for each second than this.
    Fast { max_bps: u64 },
    /// Key frames, the latest first.
    KeysBack,
    /// Groups of pictures, the latest first, each forwards.
    GroupsBack,
}

impl Mode {
    pub(super) fn is_backward(self) -> bool {
        matches!(self, Mode::KeysBack | Mode::GroupsBack)
    }

    pub(super) fn has_sound(self) -> bool {
        self == Mode::Forward { sound: true }
    }
}

/// What a file says of its stream.
#[derive(Debug, PartialEq)]
pub(super) struct Form {
    pub(super) video: VideoConfig,
    pub(super) audio: Option<AudioConfig>,
}

/// One picture to be played.
#[derive(Debug)]
pub(super) struct Shot {
    pub(super) picture: Picture,
    /// Wall clock of it, µs since 1970.
    pub(super) wall_us: i64,
    /// It is needed to decode what was asked for, and lies before it.
    pub(super) preroll: bool,
}

/// What one reading gave, in the order in which it is played.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(super) form: Option<Arc<Form>>,
    pub(super) shots: Vec<Shot>,
    pub(super) sounds: Vec<Sound>,
    /// Files that could not be played, and why.
    pub(super) skipped: Vec<Skip>,
    /// Nothing was recorded before these pictures.
    pub(super) gap: bool,
    pub(super) damaged: u64,
    /// Nothing follows.
    pub(super) end: Option<&'static str>,
}

/// A file that was passed over.
#[derive(Debug)]
pub(super) struct Skip {
    pub(super) file: String,
    pub(super) start_us: i64,
    pub(super) reason: String,
}

impl Skip {
    pub(super) fn new(segment: &SegmentRef, reason: String) -> Skip {
        let name = segment.path.file_name().unwrap_or_default();
        Skip {
            file: name.to_string_lossy().into_owned(),
            start_us: segment.start_us,
            reason,
        }
    }
}

/// Where in a file the next reading begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// At this instant, in whatever file it is.
    Wall(i64),
    /// At the begin of the file, or at its end when it goes backwards.
    Edge,
    /// At this fragment.
    At(usize),
    /// Groups: the `group`th of those that begin in a fragment.
    Group { of: usize, group: usize },
    /// Groups: the rest of the last one that began in `of`.
    Tail {
        of: usize,
        group: usize,
        from: usize,
    },
}
