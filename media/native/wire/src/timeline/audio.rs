//! Times of audio, on the clock of the video.

use super::source::Unwrapper;
use super::{MAX_FORWARD_TICKS, Mapping, Stamp, TICKS_PER_SECOND, TimelineStats};
use super::{is_jump, is_leap, us_to_ticks};

/// Audio whose stamp is this near to the end of the piece before follows it without a seam.
const SEAM_TICKS: i64 = 360;

/// The clock of the audio.
#[derive(Debug, Clone)]
pub(super) struct AudioClock {
    pes: Unwrapper,
    rtp: Unwrapper,
    mapping: Mapping,
    last_raw: Option<i64>,
    last_arrival_us: u64,
    /// Output time at which the newest piece ends.
    end: i64,
    from_pes: bool,
    /// Until when a jump is expected; 0: none is.
    jump_until_us: u64,
}

impl Default for AudioClock {
    fn default() -> Self {
        Self {
            pes: Unwrapper::new(33),
            rtp: Unwrapper::new(32),
            mapping: Mapping::default(),
            last_raw: None,
            last_arrival_us: 0,
            end: 0,
            from_pes: false,
            jump_until_us: 0,
        }
    }
}

impl AudioClock {
    pub(super) const fn mapping(&self) -> Mapping {
        self.mapping
    }

    pub(super) const fn expect_jump(&mut self, until_us: u64) {
        self.jump_until_us = until_us;
    }

    pub(super) fn next(
        &mut self,
        stamp: &Stamp,
        duration: i64,
        rtp_rate: u32,
        video: Mapping,
        stats: &mut TimelineStats,
    ) -> i64 {
        let from_pes = stamp.pts.is_some();
        let raw = match stamp.pts {
            Some(pts) => self.pes.unwrap(pts),
            None => {
                let ticks = self.rtp.unwrap(u64::from(stamp.rtp));
                ticks * TICKS_PER_SECOND / i64::from(rtp_rate.max(1))
            }
        };
        let time = match (self.mapping.last, self.last_raw) {
            (Some(last), Some(last_raw)) if from_pes == self.from_pes => {
                self.go_on(raw, raw - last_raw, last, stamp, video, stats)
            }
            // Only some pieces carry a stamp: the others follow.
            (Some(_), _) if !from_pes => self.end,
            (Some(_), _) => self.rebase(raw, self.end, video),
            (None, _) => self.start(raw, video),
        };
        if from_pes || !self.from_pes {
            self.last_raw = Some(raw);
            self.from_pes = from_pes;
        }
        let time = self.mapping.last.map_or(time, |last| time.max(last + 1));
        self.mapping.last = Some(time);
        self.last_arrival_us = stamp.arrival_us;
        self.end = time + duration;
        time
    }

    fn go_on(
        &mut self,
        raw: i64,
        step: i64,
        last: i64,
        stamp: &Stamp,
        video: Mapping,
        stats: &mut TimelineStats,
    ) -> i64 {
        let arrival = us_to_ticks(stamp.arrival_us) - us_to_ticks(self.last_arrival_us);
        if stamp.arrival_us < self.jump_until_us && is_jump(step) {
            self.jump_until_us = 0;
            stats.rebases += 1;
            // The pictures went on while there was no sound: it joins them.
            let end = video.last.map_or(self.end, |last| last.max(self.end));
            return self.rebase(raw, end, video);
        }
        if is_leap(step, arrival) {
            stats.rebases += 1;
            return self.rebase(raw, self.end, video);
        }
        let time = raw + self.mapping.offset;
        if step == 0 || (time - self.end).abs() <= SEAM_TICKS || time <= last {
            return self.end;
        }
        time
    }

    /// Goes on at `expected`, or where the video's mapping puts it when that is near.
    fn rebase(&mut self, raw: i64, expected: i64, video: Mapping) -> i64 {
        let time = video
            .adopt(raw, expected, TICKS_PER_SECOND)
            .unwrap_or(expected);
        self.mapping.offset = time - raw;
        time
    }

    fn start(&mut self, raw: i64, video: Mapping) -> i64 {
        let Some(last) = video.last else {
            return raw;
        };
        let time = video.adopt(raw, last, MAX_FORWARD_TICKS).unwrap_or(last);
        self.mapping.offset = time - raw;
        time
    }
}
