//! The output's time line: continuous and rising, whatever is played.

use crate::timing::rescale;
use crate::unit::VIDEO_CLOCK;

/// What a picture before an exact position lasts: shown, but not seen.
const PREROLL_TICKS: i64 = VIDEO_CLOCK / 1_000;
/// Sound may lie so far from where the last piece ended before its place moves: 1/5 s.
const SOUND_TOLERANCE: i64 = 5;

/// Gives pictures and sound their places.
#[derive(Debug)]
pub(super) struct OutClock {
    /// Where the next picture goes.
    next: i64,
    /// Where the present pace began, and the recorded time since.
    anchor: i64,
    media: i64,
    /// Recorded ticks for each tick of the output.
    pace: f64,
    sound_next: Option<i64>,
}

impl OutClock {
    pub(super) fn new(pace: f64) -> OutClock {
        OutClock {
            next: 0,
            anchor: 0,
            media: 0,
            pace,
            sound_next: None,
        }
    }

    /// From here on `pace` recorded ticks are one tick of the output.
    pub(super) fn set_pace(&mut self, pace: f64) {
        self.anchor = self.next;
        self.media = 0;
        self.pace = pace;
    }

    /// Time and duration of the next picture, which lasts `duration` recorded ticks.
    pub(super) fn picture(&mut self, duration: u32, preroll: bool) -> (i64, u32) {
        let time = self.next;
        if preroll {
            self.next += PREROLL_TICKS;
            self.anchor = self.next;
            self.media = 0;
        } else {
            self.media += i64::from(duration);
            let out = (self.media as f64 / self.pace).round() as i64;
            self.next = (self.anchor + out).max(time + 1);
        }
        (time, u32::try_from(self.next - time).unwrap_or(u32::MAX))
    }

    /// A distance in recorded ticks on the output.
    pub(super) fn scaled(&self, ticks: i32) -> i64 {
        (f64::from(ticks) / self.pace).round() as i64
    }

    /// The place of a piece of sound in samples: `offset_90k` behind a picture at `picture`, `samples` long.
    pub(super) fn sound(&mut self, picture: i64, offset_90k: i64, samples: u32, rate: u32) -> i64 {
        let rate = i64::from(rate.max(1));
        let stamped = rescale(picture + offset_90k, rate, VIDEO_CLOCK);
        let place = match self.sound_next {
            Some(next) if stamped - next <= rate / SOUND_TOLERANCE => next,
            _ => stamped,
        };
        self.sound_next = Some(place + i64::from(samples));
        place
    }

    /// Sound has been left out: the next piece goes where its stamp says.
    pub(super) fn cut_sound(&mut self) {
        self.sound_next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_goes_on_through_every_change_of_pace() {
        let mut clock = OutClock::new(1.0);
        assert_eq!(clock.picture(3_600, false), (0, 3_600));
        clock.set_pace(2.0);
        assert_eq!(clock.picture(3_600, false), (3_600, 1_800));
        clock.set_pace(0.25);
        assert_eq!(clock.picture(3_600, false), (5_400, 14_400));
        assert_eq!(clock.picture(3_600, true), (19_800, 90));
        assert_eq!(clock.picture(3_600, false), (19_890, 14_400));
    }

    #[test]
    fn uneven_paces_do_not_add_up() {
        let mut clock = OutClock::new(7.0);
        let mut end = 0;
        for _ in 0..7_000 {
            let (time, duration) = clock.picture(3_600, false);
            assert_eq!(time, end);
            end = time + i64::from(duration);
        }
        assert_eq!(end, 3_600_000);
    }

    #[test]
    fn sound_is_even_where_stamps_jitter_and_moves_after_a_gap() {
        let mut clock = OutClock::new(1.0);
        assert_eq!(clock.sound(0, 0, 320, 8_000), 0);
        assert_eq!(clock.sound(3_600, 20, 320, 8_000), 320);
        assert_eq!(clock.sound(7_200, -50, 320, 8_000), 640);
        assert_eq!(clock.sound(90_000, 0, 320, 8_000), 8_000);
        clock.cut_sound();
        assert_eq!(clock.sound(90_090, 0, 320, 8_000), 8_008);
    }
}
