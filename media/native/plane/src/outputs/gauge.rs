//! What is counted about one viewer, for whoever asks.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::outputs::signed_url::Pass;

/// Shared by the thread that writes to a viewer and the statistics.
#[derive(Debug)]
pub(crate) struct Gauge {
    pub(crate) way: &'static str,
    pub(crate) tag: String,
    pub(crate) user: String,
    pub(crate) source: IpAddr,
    pub(crate) since_us: u64,
    queued_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    skipped: AtomicU64,
}

/// One viewer at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewerSnapshot {
    /// The name of its way out.
    pub way: &'static str,
    /// Of the grant.
    pub tag: String,
    /// Of the grant; may be empty.
    pub user: String,
    /// Address of the viewer, or of the proxy before it.
    pub source: IpAddr,
    /// Time since it joined.
    pub age_us: u64,
    /// Bytes that wait for it.
    pub queued_bytes: u64,
    /// Bytes it was sent.
    pub sent_bytes: u64,
    /// Pictures it lost for being slow.
    pub skipped: u64,
}

impl Gauge {
    pub(crate) fn new(way: &'static str, pass: &Pass, source: IpAddr, since_us: u64) -> Gauge {
        Gauge {
            way,
            tag: pass.tag.clone(),
            user: pass.user.clone(),
            source,
            since_us,
            queued_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        }
    }

    pub(crate) fn set(&self, queued_bytes: usize, sent_bytes: u64, skipped: u64) {
        self.queued_bytes
            .store(queued_bytes as u64, Ordering::Relaxed);
        self.sent_bytes.store(sent_bytes, Ordering::Relaxed);
        self.skipped.store(skipped, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn snapshot(&self, now_us: u64) -> ViewerSnapshot {
        ViewerSnapshot {
            way: self.way,
            tag: self.tag.clone(),
            user: self.user.clone(),
            source: self.source,
            age_us: now_us.saturating_sub(self.since_us),
            queued_bytes: self.queued_bytes.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
        }
    }
}
