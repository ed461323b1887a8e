//! Times that strangers say: bounded, and taken from one clock to another without an overflow.

/// No time line goes so far from 0, in ticks of 90 kHz (99 years). What claims to is held here, so that sums and
/// differences of times always fit.
pub(crate) const MAX_TIME: i64 = 1 << 48;

/// The time, if it is one; else the nearest that is.
#[inline]
pub(crate) fn bounded(time: i64) -> i64 {
    time.clamp(-MAX_TIME, MAX_TIME)
}

/// Farthest that a time on any clock goes from 0: a few of them can be added.
const MAX_TICKS: i64 = 1 << 60;

/// `time` on a clock of `to` ticks per second instead of `from`, rounded towards 0.
#[inline]
pub(crate) fn rescale(time: i64, to: i64, from: i64) -> i64 {
    let from = from.max(1);
    let exact = match time.checked_mul(to) {
        Some(product) => i128::from(product / from),
        None => i128::from(time) * i128::from(to) / i128::from(from),
    };
    exact.clamp(-i128::from(MAX_TICKS), i128::from(MAX_TICKS)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rescaled_exactly_and_held_at_the_bounds() {
        assert_eq!(rescale(-90_000, 8_000, 90_000), -8_000);
        assert_eq!(
            rescale(MAX_TIME, 16_777_215, 90_000),
            52_470_735_571_051_872
        );
        assert_eq!(rescale(i64::MAX, 1_000_000, 1), MAX_TICKS);
        assert_eq!(rescale(i64::MIN, 1_000_000, 0), -MAX_TICKS);
        assert_eq!((bounded(i64::MIN), bounded(7)), (-MAX_TIME, 7));
    }
}
