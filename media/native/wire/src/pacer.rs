//! Spreads what is sent over time, so that the start of a stream and its key frames drown nobody.
//!
//! A token bucket: at most a burst at once, then a rate; and never more than a peak in one
//! millisecond. A stream that stays below its rate is never held back.
//!
//! Source: protocol notes 7.6 ("pace large key frames").

/// The budget of one receiver. Times are microseconds of one clock that never goes back.
#[derive(Debug, Clone)]
pub struct Pacer {
    burst_bytes: u64,
    peak_bytes_per_ms: u64,
    rate_bytes_per_s: u64,
    /// What may go by the rate, in byte-microseconds per second: no rounding is lost.
    tokens: u128,
    /// What may go by the peak, in byte-microseconds per millisecond.
    peak_tokens: u128,
    refilled_at_us: Option<u64>,
}

const SECOND_US: u128 = 1_000_000;
const MILLISECOND_US: u128 = 1_000;

impl Pacer {
    /// A full budget. Zeros count as 1.
    #[must_use]
    pub fn new(burst_bytes: usize, peak_bytes_per_ms: usize) -> Self {
        let burst_bytes = burst_bytes.max(1) as u64;
        let peak_bytes_per_ms = peak_bytes_per_ms.max(1) as u64;
        Self {
            burst_bytes,
            peak_bytes_per_ms,
            rate_bytes_per_s: 1,
            tokens: u128::from(burst_bytes) * SECOND_US,
            peak_tokens: u128::from(peak_bytes_per_ms) * MILLISECOND_US,
            refilled_at_us: None,
        }
    }

    /// From `now_us` on the bucket fills with this rate.
    pub fn set_rate(&mut self, bytes_per_s: u64, now_us: u64) {
        self.refill(now_us);
        self.rate_bytes_per_s = bytes_per_s.max(1);
    }

    /// Bytes that may go at `now_us`.
    pub fn allowance(&mut self, now_us: u64) -> usize {
        self.refill(now_us);
        let bytes = (self.tokens / SECOND_US).min(self.peak_tokens / MILLISECOND_US);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// So many bytes went.
    pub fn spend(&mut self, bytes: usize) {
        let bytes = bytes as u128;
        self.tokens = self.tokens.saturating_sub(bytes * SECOND_US);
        self.peak_tokens = self.peak_tokens.saturating_sub(bytes * MILLISECOND_US);
    }

    /// When `bytes` may go, if nothing else goes before. More than a burst is as a burst.
    #[must_use]
    pub fn ready_at(&self, bytes: usize) -> u64 {
        let bytes = (bytes as u128)
            .min(u128::from(self.burst_bytes))
            .min(u128::from(self.peak_bytes_per_ms));
        let missing = (bytes * SECOND_US).saturating_sub(self.tokens);
        let wait = missing.div_ceil(u128::from(self.rate_bytes_per_s));
        let missing = (bytes * MILLISECOND_US).saturating_sub(self.peak_tokens);
        let wait = wait.max(missing.div_ceil(u128::from(self.peak_bytes_per_ms)));
        let from = self.refilled_at_us.unwrap_or(0);
        from.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    fn refill(&mut self, now_us: u64) {
        let since = now_us.saturating_sub(self.refilled_at_us.unwrap_or(now_us));
        self.refilled_at_us = Some(self.refilled_at_us.unwrap_or(now_us).max(now_us));
        let since = u128::from(since);
        self.tokens = (self.tokens + since * u128::from(self.rate_bytes_per_s))
            .min(u128::from(self.burst_bytes) * SECOND_US);
        self.peak_tokens = (self.peak_tokens + since * u128::from(self.peak_bytes_per_ms))
            .min(u128::from(self.peak_bytes_per_ms) * MILLISECOND_US);
    }
}
