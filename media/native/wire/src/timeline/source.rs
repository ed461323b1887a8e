//! One source of timestamps: unwrapped, and watched for standing still or counting milliseconds.

/// How far from 0 a counter is extended (at 90 kHz: 6 years). Only a source that leaps all the time gets there; it
/// begins anew, which is a leap more, so that times and their products with a clock rate always fit.
const MAX_EXTENDED: i64 = 1 << 44;

/// Extends a counter of 32 or 33 bits to one that never wraps.
#[derive(Debug, Clone)]
pub struct Unwrapper {
    bits: u32,
    last: Option<i64>,
}

impl Unwrapper {
    /// For a counter of `bits` bits (RTP 32, PES 33).
    #[must_use]
    pub const fn new(bits: u32) -> Self {
        Self { bits, last: None }
    }

    /// The value nearest to the one before that has these low bits. A jump of exactly half the
    /// range counts as backwards.
    ///
    /// Source: RFC 3550 section 5.1; GB/T 28181-2016 annex C.
    pub fn unwrap(&mut self, value: u64) -> i64 {
        let range = 1i64 << self.bits;
        let value = value as i64 & (range - 1);
        let unwrapped = match self.last {
            None => value,
            Some(last) => {
                let step = (value - last) & (range - 1);
                last + if step >= range / 2 {
                    step - range
                } else {
                    step
                }
            }
        };
        let kept = if unwrapped.abs() > MAX_EXTENDED {
            value
        } else {
            unwrapped
        };
        self.last = Some(kept);
        kept
    }
}

/// Pictures that are measured together.
const WINDOW_PICTURES: u32 = 8;
/// Repeats after which a source is taken to stand still.
const STUCK_AFTER: u32 = 2;
/// Mean step of a source in milliseconds stays below this even at 1.2 pictures per second; a
/// source of 90 kHz stays above it up to 100.
const MAX_MILLISECOND_STEP: i64 = 900;
/// Ticks per second that can still be milliseconds, with fast or slow playback.
const MILLISECOND_RATE: std::ops::RangeInclusive<i64> = 250..=4_000;

/// A source of video time and what has been learned about it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    unwrapper: Unwrapper,
    last: Option<i64>,
    stuck: u32,
    /// Ticks of 90 kHz for one tick of the source: 1, or 90 when it counts milliseconds.
    scale: i64,
    window: Window,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    pictures: u32,
    ticks: i64,
    last_arrival_us: u64,
    elapsed_us: u64,
}

impl Source {
    pub(super) const fn new(bits: u32) -> Self {
        Self {
            unwrapper: Unwrapper::new(bits),
            last: None,
            stuck: 0,
            scale: 1,
            window: Window {
                pictures: 0,
                ticks: 0,
                last_arrival_us: 0,
                elapsed_us: 0,
            },
        }
    }

    /// Takes the next value; returns it in ticks of 90 kHz, and whether its unit was found to be
    /// another one just now.
    pub(super) fn next(&mut self, value: u64, arrival_us: u64) -> (i64, bool) {
        let raw = self.unwrapper.unwrap(value);
        let step = raw - self.last.replace(raw).unwrap_or(raw - 1);
        self.stuck = if step == 0 { self.stuck + 1 } else { 0 };
        let rescaled = self.measure(step, arrival_us);
        (raw.wrapping_mul(self.scale), rescaled)
    }

    /// Another stamp on the same scale, such as the DTS that belongs to the newest PTS.
    pub(super) fn beside(&self, value: u64) -> i64 {
        let mut near = self.unwrapper.clone();
        near.unwrap(value).wrapping_mul(self.scale)
    }

    pub(super) const fn is_stuck(&self) -> bool {
        self.stuck >= STUCK_AFTER
    }

    fn measure(&mut self, step: i64, arrival_us: u64) -> bool {
        let window = &mut self.window;
        if window.last_arrival_us != 0 {
            window.pictures += 1;
            window.ticks += step.abs().min(1 << 40);
            window.elapsed_us += arrival_us.saturating_sub(window.last_arrival_us);
        }
        window.last_arrival_us = arrival_us.max(1);
        if window.pictures < WINDOW_PICTURES || window.elapsed_us < 100_000 {
            return false;
        }
        let mean = window.ticks / i64::from(window.pictures);
        let rate = (i128::from(window.ticks) * 1_000_000 / i128::from(window.elapsed_us)) as i64;
        let last_arrival_us = window.last_arrival_us;
        *window = Window {
            last_arrival_us,
            ..Window::default()
        };
        let scale = if mean < MAX_MILLISECOND_STEP && MILLISECOND_RATE.contains(&rate) {
            90
        } else if mean >= 2 * MAX_MILLISECOND_STEP {
            1
        } else {
            self.scale
        };
        std::mem::replace(&mut self.scale, scale) != scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrap_goes_on_and_half_the_range_counts_as_back() {
        let mut rtp = Unwrapper::new(32);
        assert_eq!(rtp.unwrap(0xFFFF_FFF0), 0xFFFF_FFF0);
        assert_eq!(rtp.unwrap(0x10), 0x1_0000_0010);
        assert_eq!(rtp.unwrap(0xFFFF_FFF0), 0xFFFF_FFF0);
        let mut half = Unwrapper::new(32);
        half.unwrap(0);
        assert_eq!(half.unwrap(1 << 31), -(1 << 31));
        let mut pes = Unwrapper::new(33);
        pes.unwrap((1 << 33) - 1);
        assert_eq!(pes.unwrap(3599), (1 << 33) + 3599);
    }

    #[test]
    fn a_counter_that_leaps_all_the_time_begins_anew() {
        for (bits, step) in [(32, (1u64 << 31) - 1), (33, 1 << 32)] {
            let mut counter = Unwrapper::new(bits);
            for leap in 0..100_000u64 {
                assert!(counter.unwrap(leap * step).abs() <= MAX_EXTENDED);
            }
        }
    }
}
