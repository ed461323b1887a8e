//! Our own recordings played as a stream: a session whose pictures come from files.
//!
//! ```text
//! pacer (one thread, no disk) ──▶ player for each session: what is due now ──▶ worker ──▶ readers
//!        ▲                            │ wants the next fragment
//!        └── pool (some threads) ◀────┘   reads it, and may wait for the disk
//! ```
//!
//! A player holds what is left of one fragment and at most one more. The reader of a session goes to the pool with
//! each wish and comes back with a fragment; one that does not come back in time is given up with its thread, and a
//! new reader goes on behind the file that did not answer. Files that are gone or damaged are passed over and told.

mod chunk;
mod clock;
mod control;
mod file;
mod groups;
mod keys;
mod pacer;
mod player;
mod pool;
mod reader;
mod stage;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tongshi_wire::g711::Law;

use crate::facts::FactKind;
use crate::publisher::Published;

pub(crate) use pacer::{Destination, Order, PacerBox, spawn};

/// Most files of one playback: a month of minutes.
pub const MAX_SEGMENTS: usize = 50_000;
/// Fastest and slowest scale.
pub const SCALES: std::ops::RangeInclusive<f64> = 0.1..=64.0;

/// Tests only: what happens when the code for one playback panics.
#[cfg(test)]
pub(crate) const PANICS: f64 = 63.75;

/// One recorded file.
#[derive(Clone, Debug)]
pub struct SegmentRef {
    /// Where it is.
    pub path: PathBuf,
    /// Wall clock of its first picture, µs since 1970.
    pub start_us: i64,
    /// Wall clock of its end.
    pub end_us: i64,
    /// Which G.711 its FLAC was, when somebody knows; else the samples tell.
    pub law: Option<Law>,
}

/// Times of pictures that are not played at their own speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// Times pass as on the receiver's clock: at scale 2 pictures are half as far apart. For players, and for
    /// receivers that show a picture when its stamp says so.
    Rescaled,
    /// Times are those of the recording; pictures are only sent faster or slower.
    Recorded,
}

/// What is to be played, and how.
#[derive(Clone, Debug)]
pub struct RecordingsRequest {
    /// Unique; part of the URLs.
    pub session_id: String,
    /// In the order of their times. What lies between two files is passed over.
    pub segments: Vec<SegmentRef>,
    /// Wall clock of the begin, µs since 1970.
    pub begin_us: i64,
    /// Wall clock of the end.
    pub end_us: i64,
    /// Times the recording's own pace; negative is backwards. 0, for a download: as fast as it is taken.
    pub scale: f64,
    /// With sound at every pace, times of the recording, every picture, and no faster than readers take it.
    pub download: bool,
    /// For other scales than 1.
    pub stamps: Stamps,
    /// Backwards by whole groups of pictures (GB/T 28181-2022), else by key frames.
    pub whole_groups: bool,
    /// Shows the first picture and waits.
    pub paused: bool,
    /// Begins at the very picture: those between its key frame and it pass at once.
    pub exact: bool,
}

/// What the owner of a playback asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// Stand still.
    Pause,
    /// Go on.
    Resume,
    /// Go to this instant, µs since 1970.
    Seek {
        /// Where to.
        wall_us: i64,
        /// See [`RecordingsRequest::exact`].
        exact: bool,
    },
    /// Another pace or direction.
    Scale(f64),
}

/// What a playback is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PlayState {
    /// Pictures are sent.
    #[default]
    Playing,
    /// It stands still because it was asked to.
    Paused,
    /// There is nothing more.
    Ended,
}

impl PlayState {
    /// The name for other languages.
    pub fn name(self) -> &'static str {
        match self {
            PlayState::Playing => "playing",
            PlayState::Paused => "paused",
            PlayState::Ended => "ended",
        }
    }
}

/// Where a playback stands.
#[derive(Clone, Copy, Debug, Default)]
#[allow(
    missing_docs,
    reason = "the field names say it, and media/recordings.py documents them for their reader"
)]
pub struct PlaybackSnapshot {
    pub state: PlayState,
    /// Wall clock of the newest picture, µs since 1970.
    pub position_us: i64,
    pub scale: f64,
    pub pictures: u64,
    pub bytes: u64,
    pub files_skipped: u64,
    pub pictures_damaged: u64,
    pub gaps: u64,
    /// Times that the disk did not keep up.
    pub starved: u64,
    /// Bytes read and not yet sent.
    pub held_bytes: usize,
}

/// What a playback gives its session at a time.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) items: Vec<Published>,
    /// Nothing follows: the fact that tells it.
    pub(crate) ended: Option<FactKind>,
}

/// Bytes of the pictures of a playback that somebody still holds: its worker, a desk, a sender, a recorder; and what
/// waits, in a form of its own, for the slowest receiver on another platform.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    held: AtomicUsize,
    unsent: AtomicUsize,
}

impl Backlog {
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(crate) fn unsent_bytes(&self) -> usize {
        self.unsent.load(Ordering::Relaxed)
    }

    /// What waits for the slowest receiver of the session on another platform.
    pub(crate) fn set_unsent(&self, bytes: usize) {
        self.unsent.store(bytes, Ordering::Relaxed);
    }
}

/// A part of a backlog, taken off when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    backlog: Arc<Backlog>,
    bytes: usize,
}

impl Ticket {
    pub(crate) fn new(backlog: &Arc<Backlog>, bytes: usize) -> Ticket {
        backlog.held.fetch_add(bytes, Ordering::Relaxed);
        Ticket {
            backlog: Arc::clone(backlog),
            bytes,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.backlog.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads everything in these files, in every order: for the fuzz target alone.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_all(segments: &Arc<[SegmentRef]>, reading: &Arc<AtomicUsize>) {
    use chunk::Mode;
    let range = match (segments.first(), segments.last()) {
        (Some(first), Some(last)) => (first.start_us, last.end_us),
        _ => return,
    };
    let modes = [
        Mode::Forward { sound: true },
        Mode::Fast { max_bps: 1 },
        Mode::KeysBack,
        Mode::GroupsBack,
    ];
    for mode in modes {
        let (segments, reading) = (Arc::clone(segments), Arc::clone(reading));
        let mut reader = reader::Reader::new(segments, range, mode, reading);
        let start = if mode.is_backward() { range.1 } else { range.0 };
        reader.seek(start, mode);
        let mut buffer = Vec::new();
        // A damaged file may say that it has very many fragments.
        for _ in 0..1_000 {
            if reader.next_chunk(&mut buffer).end.is_some() {
                break;
            }
        }
    }
}
