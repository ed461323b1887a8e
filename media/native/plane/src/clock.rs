//! The two clocks of the data plane, read once for each batch of work.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static START: OnceLock<Instant> = OnceLock::new();

/// Microseconds since the first call in this process; never goes back.
pub fn monotonic_us() -> u64 {
    // One second ahead of zero, so that "a while ago" never needs a negative number.
    START.get_or_init(Instant::now).elapsed().as_micros() as u64 + 1_000_000
}

/// Microseconds since 1970 of the system's clock, which an operator may set.
pub fn wall_us() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_micros() as i64,
        Err(before) => -(before.duration().as_micros() as i64),
    }
}
