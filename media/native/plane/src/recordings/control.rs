//! What the owner of a playback asks for, and how it is played then.

use std::sync::Arc;

use crate::recordings::chunk::{Mode, Skip};
use crate::recordings::player::Player;
use crate::recordings::reader::Reader;
use crate::recordings::{Control, PlayState, RecordingsRequest, Stamps};

/// Above this scale pictures between key frames are left out when there are too many bits.
const FAST_SCALE: f64 = 4.0;
/// Bits for each second that are sent at most at such a scale.
const FAST_MAX_BPS: f64 = 16e6;

impl Player {
    /// Does what the owner asked for.
    pub(super) fn control(&mut self, control: Control, now_us: u64) {
        match control {
            Control::Pause => {
                if self.state == PlayState::Playing {
                    self.state = PlayState::Paused;
                    self.preview = false;
                }
            }
            Control::Resume => {
                if self.state == PlayState::Paused {
                    self.state = PlayState::Playing;
                    self.preview = false;
                    self.pace_from(now_us);
                }
            }
            Control::Seek { wall_us, exact } => {
                self.seeks += 1;
                self.go_to(wall_us, exact, now_us);
            }
            Control::Scale(scale) => self.change_scale(scale, now_us),
        }
    }

    pub(super) fn go_to(&mut self, wall_us: i64, exact: bool, now_us: u64) {
        let wall_us = wall_us.clamp(self.request.begin_us, self.request.end_us);
        self.parts.clear();
        self.held_ticks = 0;
        self.snapshot.held_bytes = 0;
        self.snapshot.position_us = wall_us;
        self.end = None;
        self.drained_us = None;
        self.exact = exact;
        self.is_starving = true;
        self.stage.clock.cut_sound();
        match &mut self.reader {
            Some(reader) => reader.seek(wall_us, self.mode),
            None => self.target = Some((wall_us, self.mode)),
        }
        match self.state {
            PlayState::Ended => self.state = PlayState::Playing,
            PlayState::Paused => self.preview = true,
            PlayState::Playing => {}
        }
        self.pace_from(now_us);
    }

    fn change_scale(&mut self, scale: f64, now_us: u64) {
        let mode = mode_of(&self.request, scale);
        self.scale = scale;
        self.stage.clock.set_pace(stamp_pace(&self.request, scale));
        self.pace_from(now_us);
        if mode != self.mode {
            self.mode = mode;
            if self.state != PlayState::Ended {
                self.go_to(self.snapshot.position_us, true, now_us);
            }
        }
    }

    /// The disk has not answered in time: goes on behind the file that was being read.
    pub(super) fn give_up_reading(&mut self) -> Option<Skip> {
        let segment = self.reading();
        self.epoch += 1;
        let range = (self.request.begin_us, self.request.end_us);
        let segments = Arc::clone(&self.segments);
        let mut reader = Reader::new(segments, range, self.mode, Arc::clone(&self.reading));
        match self.target.take() {
            Some((wall_us, mode)) => reader.seek(wall_us, mode),
            None => reader.pass_over(segment),
        }
        self.reader = Some(Box::new(reader));
        self.snapshot.files_skipped += 1;
        let held = self.segments.get(segment)?;
        Some(Skip::new(held, "the disk does not answer".into()))
    }
}

pub(super) fn mode_of(request: &RecordingsRequest, scale: f64) -> Mode {
    if request.download {
        Mode::Forward { sound: true }
    } else if scale < 0.0 {
        if request.whole_groups {
            Mode::GroupsBack
        } else {
            Mode::KeysBack
        }
    } else if scale > FAST_SCALE {
        Mode::Fast {
            max_bps: (FAST_MAX_BPS / scale) as u64,
        }
    } else {
        Mode::Forward {
            sound: scale == 1.0,
        }
    }
}

pub(super) fn stamp_pace(request: &RecordingsRequest, scale: f64) -> f64 {
    if request.download || request.stamps == Stamps::Recorded || scale == 0.0 {
        1.0
    } else {
        scale.abs()
    }
}
