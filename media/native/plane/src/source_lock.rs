//! Which packets of a port belong to its session: the source address and SSRC, locked after the first valid packet.
//!
//! GB/T 28181 practice (see media/README.md): the device may answer without `y=`, with zero, or send another SSRC
//! than agreed. A port that serves one session takes it after a short window, unless told to be strict.

use std::net::SocketAddr;

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It belongs to the session.
    Accept,
    /// It belongs to the session and is the first one of a new source.
    AcceptNew {
        /// Another source was locked before.
        relocked: bool,
        /// Its SSRC is not the expected one.
        wrong_ssrc: bool,
    },
    /// Its SSRC is not the expected one and the window is still open, or the lock is strict.
    WrongSsrc {
        /// This is the first such packet (worth a report).
        first: bool,
    },
    /// It comes from elsewhere.
    Stranger,
    /// It is sound of the same device, with a source of its own; never said by the lock itself.
    Beside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lock {
    source: SocketAddr,
    ssrc: u32,
    last_at_us: u64,
}

/// The rule, without sockets or clock.
#[derive(Debug)]
pub struct SourceLock {
    expected: Option<u32>,
    strict: bool,
    window_us: u64,
    relock_us: u64,
    locked: Option<Lock>,
    wrong_since_us: Option<u64>,
    /// Another SSRC for which the time of waiting is over.
    put_up_with: Option<u32>,
}

impl SourceLock {
    /// `window_us`: how long another SSRC than the expected one is refused. `relock_us`: silence of the locked
    /// source after which another one may take its place.
    pub fn new(expected: Option<u32>, strict: bool, window_us: u64, relock_us: u64) -> SourceLock {
        SourceLock {
            expected,
            strict,
            window_us,
            relock_us,
            locked: None,
            wrong_since_us: None,
            put_up_with: None,
        }
    }

    /// Takes another SSRC than the expected one at once: on a shared port it was waited for elsewhere.
    pub fn put_up_with(&mut self, ssrc: u32) {
        self.put_up_with = Some(ssrc);
    }

    /// Changes the expected SSRC (the answer's `y=`). A lock on another SSRC stays until the expected one arrives.
    pub fn expect(&mut self, ssrc: u32) {
        if self.expected != Some(ssrc) {
            self.expected = Some(ssrc);
            self.wrong_since_us = None;
        }
    }

    /// The expected SSRC.
    pub fn expected(&self) -> Option<u32> {
        self.expected
    }

    /// The locked source and SSRC.
    pub fn locked(&self) -> Option<(SocketAddr, u32)> {
        self.locked.map(|lock| (lock.source, lock.ssrc))
    }

    /// True while packets of the locked source keep coming.
    pub fn is_alive(&self, now_us: u64) -> bool {
        self.locked
            .is_some_and(|lock| now_us.saturating_sub(lock.last_at_us) < self.relock_us)
    }

    /// Another source of the same device takes the place of the locked one.
    pub fn take_over(&mut self, source: SocketAddr, ssrc: u32, now_us: u64) {
        self.locked = Some(Lock {
            source,
            ssrc,
            last_at_us: now_us,
        });
    }

    /// Judges one packet with a valid RTP header.
    #[inline]
    pub fn judge(&mut self, source: SocketAddr, ssrc: u32, now_us: u64) -> Verdict {
        if let Some(lock) = &mut self.locked {
            if lock.ssrc == ssrc && is_same(lock.source, source) {
                lock.last_at_us = now_us;
                return Verdict::Accept;
            }
        }
        self.judge_other(source, ssrc, now_us)
    }

    fn judge_other(&mut self, source: SocketAddr, ssrc: u32, now_us: u64) -> Verdict {
        let is_expected = self.expected == Some(ssrc);
        if let Some(lock) = self.locked {
            let locked_is_wrong = self.expected.is_some_and(|expected| expected != lock.ssrc);
            // The expected SSRC takes the place of one that was only put up with.
            let upgrade = is_expected && locked_is_wrong;
            if !upgrade && self.is_alive(now_us) {
                return if lock.source == source {
                    Verdict::WrongSsrc { first: false }
                } else {
                    Verdict::Stranger
                };
            }
        }
        if self.expected.is_none() || is_expected {
            return self.take(source, ssrc, now_us, false);
        }
        if self.put_up_with == Some(ssrc) && !self.strict {
            return self.take(source, ssrc, now_us, true);
        }
        let first = self.wrong_since_us.is_none();
        let since = *self.wrong_since_us.get_or_insert(now_us);
        if self.strict || now_us.saturating_sub(since) < self.window_us {
            return Verdict::WrongSsrc { first };
        }
        self.take(source, ssrc, now_us, true)
    }

    fn take(&mut self, source: SocketAddr, ssrc: u32, now_us: u64, wrong_ssrc: bool) -> Verdict {
        let relocked = self.locked.is_some();
        self.locked = Some(Lock {
            source,
            ssrc,
            last_at_us: now_us,
        });
        self.wrong_since_us = None;
        Verdict::AcceptNew {
            relocked,
            wrong_ssrc,
        }
    }

    /// A connection has ended: its peer may come back from another port at once.
    pub fn release_source(&mut self) {
        if let Some(lock) = &mut self.locked {
            lock.last_at_us = 0;
        }
    }
}

/// Equality without a call to memcmp: this is asked for every packet.
#[inline]
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    match (one, other) {
        (SocketAddr::V4(one), SocketAddr::V4(other)) => {
            one.port() == other.port() && one.ip().to_bits() == other.ip().to_bits()
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn source(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn lock(expected: Option<u32>, strict: bool) -> SourceLock {
        SourceLock::new(expected, strict, SECOND / 2, 3 * SECOND)
    }

    const NEW: Verdict = Verdict::AcceptNew {
        relocked: false,
        wrong_ssrc: false,
    };

    #[test]
    fn without_an_expected_ssrc_the_first_valid_packet_locks() {
        let mut lock = lock(None, false);
        assert_eq!(lock.judge(source(1), 7, 10 * SECOND), NEW);
        assert_eq!(lock.judge(source(1), 7, 10 * SECOND), Verdict::Accept);
        assert_eq!(lock.judge(source(2), 7, 10 * SECOND), Verdict::Stranger);
        assert_eq!(
            lock.judge(source(1), 8, 10 * SECOND),
            Verdict::WrongSsrc { first: false }
        );
    }

    #[test]
    fn another_ssrc_than_expected_is_taken_after_the_window() {
        let mut lock = lock(Some(7), false);
        assert_eq!(
            lock.judge(source(1), 9, 10 * SECOND),
            Verdict::WrongSsrc { first: true }
        );
        assert_eq!(
            lock.judge(source(1), 9, 10 * SECOND + SECOND / 2 - 1),
            Verdict::WrongSsrc { first: false }
        );
        assert_eq!(
            lock.judge(source(1), 9, 10 * SECOND + SECOND / 2),
            Verdict::AcceptNew {
                relocked: false,
                wrong_ssrc: true
            }
        );
    }

    #[test]
    fn the_expected_ssrc_locks_inside_the_window_and_replaces_a_wrong_one_later() {
        let mut lock = lock(Some(7), false);
        lock.judge(source(1), 9, 10 * SECOND);
        lock.judge(source(1), 9, 11 * SECOND);
        assert_eq!(lock.locked(), Some((source(1), 9)));
        assert_eq!(
            lock.judge(source(2), 7, 11 * SECOND),
            Verdict::AcceptNew {
                relocked: true,
                wrong_ssrc: false
            }
        );
        assert_eq!(lock.judge(source(1), 9, 11 * SECOND), Verdict::Stranger);
    }

    #[test]
    fn a_strict_lock_never_takes_another_ssrc() {
        let mut lock = lock(Some(7), true);
        for second in 10..100 {
            assert!(matches!(
                lock.judge(source(1), 9, second * SECOND),
                Verdict::WrongSsrc { .. }
            ));
        }
        assert_eq!(lock.judge(source(1), 7, 100 * SECOND), NEW);
    }

    #[test]
    fn a_new_source_is_taken_after_silence_or_a_closed_connection() {
        let mut lock = lock(None, false);
        lock.judge(source(1), 7, 10 * SECOND);
        assert_eq!(lock.judge(source(2), 7, 13 * SECOND - 1), Verdict::Stranger);
        let again = Verdict::AcceptNew {
            relocked: true,
            wrong_ssrc: false,
        };
        assert_eq!(lock.judge(source(2), 7, 13 * SECOND), again);
        lock.release_source();
        assert_eq!(lock.judge(source(3), 7, 13 * SECOND), again);
    }
}
