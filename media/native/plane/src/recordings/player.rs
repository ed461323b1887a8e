//! One playback: what is due, what is to be read, and what its owner asked for. No disk, no clock, no thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::publisher::Published;
use crate::recordings::chunk::{Chunk, Mode, Shot, Skip};
use crate::recordings::control::{mode_of, stamp_pace};
use crate::recordings::file::Sound;
use crate::recordings::reader::Reader;
use crate::recordings::stage::Stage;
use crate::recordings::{Backlog, PlayState, PlaybackSnapshot, RecordingsRequest, SegmentRef};
use crate::unit::VIDEO_CLOCK;

/// More is read when what is held lasts no longer than this.
const LOW_WATER_US: u64 = 300_000;
/// Never more is read ahead than this, unless nothing is left.
const MAX_HELD_BYTES: usize = 4 << 20;
/// A player so late does not hurry: it goes on from now.
const LATE_US: u64 = 1_000_000;
/// Bytes that may wait for the readers of a download before it stops to send.
const ROOM_BYTES: usize = 1 << 20;
/// The end is told when the readers have taken everything, or after so long.
const DRAIN_US: u64 = 2_000_000;
/// The same of a download.
const DOWNLOAD_DRAIN_US: u64 = 10_000_000;
/// Pictures that pass in one call, so that one download does not hold up the others.
const BURST: usize = 256;

/// What the next call brings.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) out: Vec<Published>,
    /// The playback has come to its end, and all its pictures are before this.
    pub(super) ended: Option<&'static str>,
    /// When to call again; none when nothing moves by itself.
    pub(super) next_us: Option<u64>,
}

/// Pictures of one reading that are still to be played.
pub(super) struct Part {
    shots: VecDeque<Shot>,
    sounds: VecDeque<Sound>,
    chunk: Chunk,
}

/// A playback between its reader and its session.
pub(super) struct Player {
    pub(super) request: RecordingsRequest,
    pub(super) segments: Arc<[SegmentRef]>,
    pub(super) scale: f64,
    pub(super) state: PlayState,
    pub(super) stage: Stage,
    pub(super) mode: Mode,
    /// None while it reads.
    pub(super) reader: Option<Box<Reader>>,
    pub(super) reading: Arc<AtomicUsize>,
    /// Readings that were begun before this number are of no use any more.
    pub(super) epoch: u64,
    /// Where the reader goes when it comes back.
    pub(super) target: Option<(i64, Mode)>,
    pub(super) exact: bool,
    pub(super) parts: VecDeque<Part>,
    pub(super) held_ticks: i64,
    /// Nothing is to be read any more.
    pub(super) end: Option<&'static str>,
    /// Begin of the present pace on our clock, and recorded time since.
    pub(super) anchor_us: u64,
    pub(super) paced_ticks: i64,
    /// One picture is shown although it stands still.
    pub(super) preview: bool,
    pub(super) snapshot: PlaybackSnapshot,
    pub(super) is_starving: bool,
    pub(super) seeks: u64,
    /// Since when nothing is left to be sent.
    pub(super) drained_us: Option<u64>,
}

impl Player {
    pub(super) fn new(
        mut request: RecordingsRequest,
        backlog: Arc<Backlog>,
        now_us: u64,
    ) -> Player {
        let segments: Arc<[SegmentRef]> = std::mem::take(&mut request.segments).into();
        let reading = Arc::new(AtomicUsize::new(usize::MAX));
        let mode = mode_of(&request, request.scale);
        let range = (request.begin_us, request.end_us);
        let mut reader = Reader::new(Arc::clone(&segments), range, mode, Arc::clone(&reading));
        let start_us = if mode.is_backward() {
            request.end_us
        } else {
            request.begin_us
        };
        reader.seek(start_us, mode);
        let state = if request.paused {
            PlayState::Paused
        } else {
            PlayState::Playing
        };
        Player {
            segments,
            scale: request.scale,
            state,
            stage: Stage::new(stamp_pace(&request, request.scale), backlog),
            mode,
            reader: Some(Box::new(reader)),
            reading,
            epoch: 0,
            target: None,
            exact: request.exact,
            parts: VecDeque::new(),
            held_ticks: 0,
            end: None,
            anchor_us: now_us,
            paced_ticks: 0,
            preview: request.paused,
            snapshot: PlaybackSnapshot {
                position_us: start_us,
                scale: request.scale,
                state,
                ..PlaybackSnapshot::default()
            },
            is_starving: true,
            seeks: 0,
            drained_us: None,
            request,
        }
    }

    pub(super) fn snapshot(&self) -> PlaybackSnapshot {
        PlaybackSnapshot {
            state: self.state,
            scale: self.scale,
            ..self.snapshot
        }
    }

    #[cfg(test)]
    pub(super) fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.go_to(self.snapshot.position_us, false, 0);
    }

    /// Seeks that were asked for and done.
    pub(super) fn seeks(&self) -> u64 {
        self.seeks
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The file that is being read.
    pub(super) fn reading(&self) -> usize {
        self.reading.load(Ordering::Relaxed)
    }

    /// The reader, when it should fetch something.
    pub(super) fn take_reader(&mut self) -> Option<Box<Reader>> {
        let wants = self.end.is_none()
            && (self.parts.is_empty()
                || self.left_us() < LOW_WATER_US && self.snapshot.held_bytes < MAX_HELD_BYTES);
        if !wants || self.state == PlayState::Ended {
            return None;
        }
        self.reader.take()
    }

    /// The reader comes back with what it found.
    pub(super) fn receive(
        &mut self,
        mut reader: Box<Reader>,
        chunk: Chunk,
        now_us: u64,
    ) -> Vec<Skip> {
        if let Some((wall_us, mode)) = self.target.take() {
            reader.seek(wall_us, mode);
            self.reader = Some(reader);
            return Vec::new();
        }
        self.reader = Some(reader);
        self.accept(chunk, now_us)
    }

    fn accept(&mut self, mut chunk: Chunk, now_us: u64) -> Vec<Skip> {
        let skipped = std::mem::take(&mut chunk.skipped);
        self.snapshot.files_skipped += skipped.len() as u64;
        self.snapshot.pictures_damaged += chunk.damaged;
        self.snapshot.gaps += u64::from(chunk.gap);
        self.end = chunk.end;
        if self.is_starving && !chunk.shots.is_empty() {
            // What was waited for is shown now, and the rest in its rhythm.
            self.is_starving = false;
            self.anchor_us = now_us;
            self.paced_ticks = 0;
        }
        let shots: VecDeque<Shot> = std::mem::take(&mut chunk.shots).into();
        for shot in &shots {
            self.snapshot.held_bytes += shot.picture.nals.len();
            self.held_ticks += i64::from(shot.picture.duration);
        }
        if !shots.is_empty() {
            self.parts.push_back(Part {
                sounds: std::mem::take(&mut chunk.sounds).into(),
                shots,
                chunk,
            });
        }
        skipped
    }

    /// The next picture is due now, and the others in its rhythm.
    pub(super) fn pace_from(&mut self, now_us: u64) {
        self.anchor_us = now_us;
        self.paced_ticks = 0;
    }

    /// Time for which pictures are held.
    fn left_us(&self) -> u64 {
        self.us_of(self.held_ticks)
    }

    fn us_of(&self, ticks: i64) -> u64 {
        let pace = self.scale.abs();
        if pace == 0.0 {
            return 0;
        }
        (ticks as f64 / pace * 1e6 / VIDEO_CLOCK as f64) as u64
    }

    fn due_us(&self) -> u64 {
        self.anchor_us + self.us_of(self.paced_ticks)
    }

    /// Sends what is due. `backlog` tells the bytes that the readers of the session have not taken yet.
    pub(super) fn advance(&mut self, now_us: u64, backlog: &dyn Fn() -> usize, turn: &mut Turn) {
        if self.state == PlayState::Ended || (self.state == PlayState::Paused && !self.preview) {
            return;
        }
        for _ in 0..BURST {
            let due_us = self.due_us();
            let Some(part) = self.parts.front() else {
                self.end_or_starve(now_us, due_us, backlog, turn);
                return;
            };
            let is_preroll = part.shots.front().is_some_and(|shot| shot.preroll) && self.exact;
            if due_us > now_us && !is_preroll {
                turn.next_us = Some(due_us);
                return;
            }
            if self.request.download && backlog() > ROOM_BYTES {
                self.pace_from(now_us);
                turn.next_us = Some(now_us);
                return;
            }
            if now_us.saturating_sub(due_us) > LATE_US {
                self.pace_from(now_us);
            }
            self.show(is_preroll, turn);
            if self.state == PlayState::Paused && !self.preview {
                return;
            }
        }
        turn.next_us = Some(now_us);
    }

    fn end_or_starve(
        &mut self,
        now_us: u64,
        due_us: u64,
        backlog: &dyn Fn() -> usize,
        turn: &mut Turn,
    ) {
        let Some(reason) = self.end else {
            if !self.is_starving && now_us > due_us {
                self.snapshot.starved += 1;
                self.is_starving = true;
            }
            // Its reader wakes it.
            return;
        };
        if self.state == PlayState::Paused && self.snapshot.pictures > 0 {
            self.preview = false;
            return;
        }
        let since = *self.drained_us.get_or_insert(now_us);
        let patience = if self.request.download {
            DOWNLOAD_DRAIN_US
        } else {
            DRAIN_US
        };
        if due_us > now_us {
            turn.next_us = Some(due_us);
            return;
        }
        if now_us.saturating_sub(since) < patience && backlog() > 0 {
            turn.next_us = Some(now_us);
            return;
        }
        self.state = PlayState::Ended;
        turn.ended = Some(reason);
    }

    fn show(&mut self, is_preroll: bool, turn: &mut Turn) {
        let Some(part) = self.parts.front_mut() else {
            return;
        };
        if let Some(form) = part.chunk.form.take() {
            self.stage
                .describe(&form, self.mode.has_sound(), &mut turn.out);
        }
        let Some(mut shot) = part.shots.pop_front() else {
            self.parts.pop_front();
            return;
        };
        shot.preroll = is_preroll;
        let ticks = i64::from(shot.picture.duration);
        self.held_ticks -= ticks;
        self.snapshot.held_bytes = self
            .snapshot
            .held_bytes
            .saturating_sub(shot.picture.nals.len());
        self.snapshot.position_us = shot.wall_us;
        self.snapshot.pictures += 1;
        self.snapshot.bytes += shot.picture.nals.len() as u64;
        let is_last = part.shots.is_empty();
        self.stage
            .show(shot, &mut part.sounds, is_last, &mut turn.out);
        if is_last {
            self.parts.pop_front();
        }
        if !is_preroll {
            self.paced_ticks += ticks;
            self.preview = false;
        }
    }
}
