//! What the receiving threads hand to the threads that write to viewers.

use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};

use crate::outputs::signed_url::Cut;
use crate::sync::lock;
use crate::sys::eventfd::EventFd;
use crate::unit::{StreamConfig, Unit};

/// A thread that writes to viewers, with its own listener and protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Desk {
    /// HTTP and WebSocket.
    Http,
    /// RTSP.
    Rtsp,
    /// RTMP.
    Rtmp,
}

impl Desk {
    pub(crate) const ALL: [Desk; 3] = [Desk::Http, Desk::Rtsp, Desk::Rtmp];

    /// The name in facts and URLs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Desk::Http => "http",
            Desk::Rtsp => "rtsp",
            Desk::Rtmp => "rtmp",
        }
    }
}

/// One thing for the viewers of a session, named by its key.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    Config(u64, Arc<StreamConfig>),
    Unit(u64, Arc<Unit>),
    Ended(u64, String),
    /// These viewers have lost their right.
    Revoke(u64, Cut),
    /// The answer to a wish to push, named by its token: a session, or why not.
    PublishAnswer(u64, Result<String, String>),
    Stop,
}

impl Delivery {
    /// The session that it is about.
    pub(crate) fn session(&self) -> Option<u64> {
        match self {
            Delivery::Config(key, _)
            | Delivery::Unit(key, _)
            | Delivery::Ended(key, _)
            | Delivery::Revoke(key, _) => Some(*key),
            Delivery::PublishAnswer(..) | Delivery::Stop => None,
        }
    }
}

/// Viewers of a session, by desk. A desk with none is given nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ViewerCounts([u32; Desk::ALL.len()]);

impl ViewerCounts {
    /// One more; how many there are in all.
    pub(crate) fn join(&mut self, desk: Desk) -> u32 {
        self.0[desk as usize] += 1;
        self.total()
    }

    /// One less; how many are left in all.
    pub(crate) fn leave(&mut self, desk: Desk) -> u32 {
        self.0[desk as usize] = self.0[desk as usize].saturating_sub(1);
        self.total()
    }

    pub(crate) fn total(&self) -> u32 {
        self.0.iter().sum()
    }
}

/// What one round of a receiving thread has for each desk.
#[derive(Debug, Default)]
pub(crate) struct Deliveries([Vec<Delivery>; Desk::ALL.len()]);

impl Deliveries {
    /// To each desk that has viewers of the session.
    pub(crate) fn push(&mut self, viewers: ViewerCounts, delivery: Delivery) {
        for (waiting, count) in self.0.iter_mut().zip(viewers.0) {
            if count > 0 {
                waiting.push(delivery.clone());
            }
        }
    }
}

impl Deliveries {
    /// To one desk.
    pub(crate) fn push_to(&mut self, desk: Desk, delivery: Delivery) {
        self.0[desk as usize].push(delivery);
    }
}

/// Bounded by its reader: units are posted only for sessions with viewers, and each viewer has a bound.
pub(crate) struct OutputInbox {
    deliveries: Mutex<Vec<Delivery>>,
    wake: EventFd,
}

impl OutputInbox {
    fn new() -> io::Result<OutputInbox> {
        Ok(OutputInbox {
            deliveries: Mutex::new(Vec::new()),
            wake: EventFd::new()?,
        })
    }

    /// Moves `batch` over and wakes the desk, if there is anything.
    fn post(&self, batch: &mut Vec<Delivery>) {
        if batch.is_empty() {
            return;
        }
        let mut deliveries = lock(&self.deliveries);
        let was_empty = deliveries.is_empty();
        deliveries.append(batch);
        drop(deliveries);
        // The desk clears the signal before it takes them: while some wait, it is still to come.
        if was_empty {
            self.wake.signal();
        }
    }

    pub(crate) fn take(&self, into: &mut Vec<Delivery>) {
        self.wake.clear();
        into.append(&mut lock(&self.deliveries));
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.wake.raw()
    }
}

/// The inboxes of all desks.
pub(crate) struct Desks([Arc<OutputInbox>; Desk::ALL.len()]);

impl Desks {
    pub(crate) fn new() -> io::Result<Desks> {
        let inbox = || OutputInbox::new().map(Arc::new);
        Ok(Desks([inbox()?, inbox()?, inbox()?]))
    }

    pub(crate) fn inbox(&self, desk: Desk) -> Arc<OutputInbox> {
        Arc::clone(&self.0[desk as usize])
    }

    /// Moves everything over and wakes the desks that are given something.
    pub(crate) fn post(&self, deliveries: &mut Deliveries) {
        for (inbox, batch) in self.0.iter().zip(&mut deliveries.0) {
            inbox.post(batch);
        }
    }

    /// Ends all desks.
    pub(crate) fn stop(&self) {
        for inbox in &self.0 {
            inbox.post(&mut vec![Delivery::Stop]);
        }
    }
}
