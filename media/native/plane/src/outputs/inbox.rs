//! What the receiving threads hand to the output thread.

use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};

use crate::sync::lock;
use crate::sys::eventfd::EventFd;
use crate::unit::{StreamConfig, Unit};

/// One thing for the viewers of a session, named by its key.
#[derive(Debug)]
pub(crate) enum Delivery {
    Config(u64, Arc<StreamConfig>),
    Unit(u64, Arc<Unit>),
    Ended(u64, String),
    /// Viewers with this tag have lost their right.
    Revoke(u64, String),
    Stop,
}

/// Bounded by its reader: units are posted only for sessions with viewers, and each viewer has a bound.
pub(crate) struct OutputInbox {
    deliveries: Mutex<Vec<Delivery>>,
    wake: EventFd,
}

impl OutputInbox {
    pub(crate) fn new() -> io::Result<OutputInbox> {
        Ok(OutputInbox {
            deliveries: Mutex::new(Vec::new()),
            wake: EventFd::new()?,
        })
    }

    /// Moves `batch` over and wakes the output thread, if there is anything.
    pub(crate) fn post(&self, batch: &mut Vec<Delivery>) {
        if batch.is_empty() {
            return;
        }
        lock(&self.deliveries).append(batch);
        self.wake.signal();
    }

    pub(crate) fn take(&self, into: &mut Vec<Delivery>) {
        self.wake.clear();
        into.append(&mut lock(&self.deliveries));
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.wake.raw()
    }
}
