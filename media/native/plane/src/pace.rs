//! How long pictures stand, said before it is known, and the time line that viewers are shown.

/// Interval assumed before any is known: 25 pictures a second, 90 kHz.
const FIRST_INTERVAL: i64 = 3_600;
/// Longest interval that is believed to go on.
const MAX_INTERVAL: i64 = 90_000;
/// A line that is further behind jumps at the next key frame.
const MAX_LAG: i64 = 10 * 90_000;

/// Predicts durations, and keeps the viewers' line free of steps that players take for another stream.
///
/// MediaSource drops all pictures up to a key frame when a decoding time is more than two durations above the one before
/// (Media Source Extensions, coded frame processing, step 6). So after a pause, longer than the picture before it was
/// said to stand, the viewers' line makes steps of two durations until it has caught up with the camera's; there is
/// no hole in it either. Recordings and other formats use the camera's line as it is.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The newest steps, of which the middle one is believed.
    steps: [i64; 3],
    next_step: usize,
    /// Time, shown time and duration of the newest picture.
    newest: Option<(i64, i64, i64)>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            steps: [FIRST_INTERVAL; 3],
            next_step: 0,
            newest: None,
        }
    }
}

impl Pace {
    /// Takes the time of the next picture; says how long it will probably stand, and when it is shown.
    pub(crate) fn next(&mut self, time: i64, is_key: bool) -> (u32, i64) {
        let mut shown = time;
        if let Some((former, former_shown, duration)) = self.newest {
            let step = (time - former).clamp(1, MAX_INTERVAL);
            if let Some(place) = self.steps.get_mut(self.next_step) {
                *place = step;
            }
            self.next_step = (self.next_step + 1) % self.steps.len();
            let latest = former_shown + 2 * duration;
            if !(is_key && time - latest > MAX_LAG) {
                shown = time.min(latest).max(former_shown + 1);
            }
        }
        let mut steps = self.steps;
        steps.sort_unstable();
        let duration = steps[1];
        self.newest = Some((time, shown, duration));
        (duration as u32, shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_pictures_are_shown_when_they_are_due() {
        let mut pace = Pace::default();
        for index in 0..100 {
            assert_eq!(pace.next(index * 3_600, false), (3_600, index * 3_600));
        }
    }

    #[test]
    fn another_rate_is_believed_when_two_steps_say_so() {
        let mut pace = Pace::default();
        let durations: Vec<u32> = (0..5)
            .map(|index| pace.next(index * 6_000, false).0)
            .collect();
        assert_eq!(durations, [3_600, 3_600, 6_000, 6_000, 6_000]);
    }

    #[test]
    fn no_step_is_above_two_durations_and_a_pause_is_caught_up_with() {
        let mut pace = Pace::default();
        let times = (0..50).chain(100..200).chain(203..300);
        let mut before: Option<(u32, i64)> = None;
        let mut lags = Vec::new();
        for time in times.map(|index| index * 3_600) {
            let (duration, shown) = pace.next(time, false);
            if let Some((stood, earlier)) = before {
                assert!(shown > earlier && shown - earlier <= 2 * i64::from(stood));
            }
            lags.push(time - shown);
            before = Some((duration, shown));
        }
        assert_eq!(lags[50], 49 * 3_600);
        assert!(lags[50..].iter().skip(60).all(|&lag| lag <= 2 * 3_600));
        assert_eq!(lags.last(), Some(&0));
    }

    #[test]
    fn a_line_that_is_far_behind_jumps_at_a_key_frame() {
        let mut pace = Pace::default();
        pace.next(0, true);
        let late = 3_600 * 1_000;
        assert_eq!(pace.next(late, false).1, 7_200);
        assert_eq!(pace.next(late + 3_600, true).1, late + 3_600);
    }

    #[test]
    fn times_that_stand_still_or_go_back_still_rise() {
        let mut pace = Pace::default();
        let shown: Vec<i64> = [0, 0, -9_000, 3_600]
            .map(|time| pace.next(time, false).1)
            .into();
        assert_eq!(shown, [0, 1, 2, 4]);
    }
}
