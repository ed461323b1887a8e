//! A reader in the hands of a program: it takes units when it likes, and a bound keeps it from holding them all.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::sync::lock;
use crate::sys::eventfd::EventFd;
use crate::unit::{StreamConfig, Unit};

/// One thing that a tap is given, in the order of the stream.
#[derive(Clone, Debug)]
pub enum Tapped {
    /// From here on the stream is this.
    Described(Arc<StreamConfig>),
    /// The next picture with its sound.
    Unit(Arc<Unit>),
    /// So many units were left out before the key frame that follows: nobody had taken them in time.
    Skipped(u64),
    /// The session has ended; nothing follows.
    Ended(String),
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Tapped>,
    /// Bytes of the units that wait, without those given at the start.
    bytes: usize,
    /// Units left out since the last one that was given; some = a key frame is waited for.
    skipped: Option<u64>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: EventFd,
    closed: AtomicBool,
    max_bytes: usize,
}

/// The program's end. Dropping it ends the reading.
pub struct Tap(Arc<Shared>);

/// The receiving thread's end.
pub(crate) struct TapPort(Arc<Shared>);

/// Both ends of a new tap, in which at most `max_bytes` wait.
pub(crate) fn open(max_bytes: usize) -> io::Result<(Tap, TapPort)> {
    let shared = Arc::new(Shared {
        queue: Mutex::default(),
        wake: EventFd::new()?,
        closed: AtomicBool::new(false),
        max_bytes,
    });
    Ok((Tap(Arc::clone(&shared)), TapPort(shared)))
}

impl Tap {
    /// Readable while something waits.
    pub fn raw_fd(&self) -> i32 {
        self.0.wake.raw()
    }

    /// Everything that waits.
    pub fn take(&self) -> Vec<Tapped> {
        self.0.wake.clear();
        let mut queue = lock(&self.0.queue);
        queue.bytes = 0;
        queue.items.drain(..).collect()
    }

    /// Ends the reading; nothing waits any more.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
        lock(&self.0.queue).items.clear();
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.close();
    }
}

impl TapPort {
    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed)
    }

    /// The stream as it is now: its description and the pictures since the last key frame.
    pub(crate) fn join(&self, config: Option<Arc<StreamConfig>>, units: Vec<Arc<Unit>>) {
        let mut queue = lock(&self.0.queue);
        queue.items.extend(config.map(Tapped::Described));
        if units.is_empty() {
            queue.skipped = Some(0);
        }
        queue.items.extend(units.into_iter().map(Tapped::Unit));
        self.0.wake.signal();
    }

    pub(crate) fn describe(&self, config: &Arc<StreamConfig>) {
        self.push(Tapped::Described(Arc::clone(config)));
    }

    pub(crate) fn offer(&self, unit: &Arc<Unit>) {
        if self.is_closed() {
            return;
        }
        let mut queue = lock(&self.0.queue);
        let size = unit.size_bytes();
        if queue.skipped.is_none() && queue.bytes + size > self.0.max_bytes {
            queue.forget_units();
        }
        if let Some(skipped) = &mut queue.skipped {
            // A key frame larger than the bound is given all the same: without it nothing would ever be.
            if !unit.is_key() {
                *skipped += 1;
                return;
            }
            let skipped = queue.skipped.take().unwrap_or(0);
            if skipped > 0 {
                queue.items.push_back(Tapped::Skipped(skipped));
            }
        }
        queue.bytes += size;
        queue.items.push_back(Tapped::Unit(Arc::clone(unit)));
        drop(queue);
        self.0.wake.signal();
    }

    pub(crate) fn end(&self, reason: &str) {
        self.push(Tapped::Ended(reason.to_owned()));
    }

    fn push(&self, item: Tapped) {
        if !self.is_closed() {
            lock(&self.0.queue).items.push_back(item);
            self.0.wake.signal();
        }
    }
}

impl Queue {
    /// What waits is old: its reader goes on with the next key frame.
    fn forget_units(&mut self) {
        let mut skipped = 0;
        self.items.retain(|item| match item {
            Tapped::Unit(_) => {
                skipped += 1;
                false
            }
            Tapped::Skipped(count) => {
                skipped += count;
                false
            }
            Tapped::Described(_) | Tapped::Ended(_) => true,
        });
        self.bytes = 0;
        self.skipped = Some(skipped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unit;

    fn shown(tap: &Tap) -> Vec<String> {
        let text = |item: Tapped| match item {
            Tapped::Described(_) => "described".to_owned(),
            Tapped::Unit(unit) => unit.sequence.to_string(),
            Tapped::Skipped(count) => format!("skipped {count}"),
            Tapped::Ended(reason) => reason,
        };
        tap.take().into_iter().map(text).collect()
    }

    #[test]
    fn a_reader_begins_with_the_newest_key_frame_and_hears_the_end() {
        let (tap, port) = open(1_000).unwrap();
        let first = unit(1, true, 10);
        port.join(Some(Arc::clone(&first.config)), vec![first]);
        port.offer(&unit(2, false, 10));
        port.end("BYE");
        assert_eq!(shown(&tap), ["described", "1", "2", "BYE"]);
        assert!(shown(&tap).is_empty());
    }

    #[test]
    fn without_a_key_frame_nothing_is_given_until_one_comes() {
        let (tap, port) = open(1_000).unwrap();
        port.join(None, Vec::new());
        port.offer(&unit(1, false, 10));
        port.offer(&unit(2, true, 10));
        assert_eq!(shown(&tap), ["skipped 1", "2"]);
    }

    #[test]
    fn a_reader_that_does_not_take_goes_on_with_a_key_frame_and_is_told_what_it_missed() {
        let (tap, port) = open(100).unwrap();
        for sequence in 1..=7 {
            port.offer(&unit(sequence, sequence == 6, 40));
        }
        assert_eq!(shown(&tap), ["skipped 5", "6", "7"]);
        for sequence in 8..=10 {
            port.offer(&unit(sequence, false, 40));
        }
        port.offer(&unit(11, true, 400));
        assert_eq!(shown(&tap), ["skipped 3", "11"]);
    }

    #[test]
    fn a_closed_tap_holds_nothing() {
        let (tap, port) = open(100).unwrap();
        port.offer(&unit(1, true, 40));
        tap.close();
        port.offer(&unit(2, false, 40));
        port.end("over");
        assert!(tap.take().is_empty() && port.is_closed());
    }
}
