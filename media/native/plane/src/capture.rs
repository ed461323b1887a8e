//! What arrives for one session, written down: a pcap of the packets, and their payload as a file of its own.
//!
//! The receiving thread hands copies over and never waits; a thread of the capture's own writes. Both are bounded
//! in bytes and time, and every end has a reason.

mod payload;
mod pcap;
mod writer;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;

use crate::clock;
use crate::error::PlaneError;
use crate::facts::FactQueue;

/// Copies that may wait for the disk.
const MAX_WAITING: usize = 8_192;
/// Bytes of them.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// What a capture is started with.
#[derive(Clone, Debug)]
pub struct CaptureRequest {
    /// Names the files: `<capture_id>.pcap` and `<capture_id>.ps` (or `.ts`, `.es`).
    pub capture_id: String,
    /// Where they are put; it exists.
    pub directory: PathBuf,
    /// Both files together are not longer.
    pub max_bytes: u64,
    /// The capture does not last longer.
    pub max_us: u64,
}

/// One thing for the writer.
enum Item {
    /// A datagram as it arrived.
    Datagram(SocketAddr, i64, Vec<u8>),
    /// Bytes of a connection.
    Bytes(SocketAddr, i64, Vec<u8>),
    /// A packet that belongs to the session, and what it was found to carry.
    Packet(&'static str, Vec<u8>),
    End(&'static str),
    /// Tests only: what happens when the code panics.
    #[cfg(test)]
    Panic,
}

/// What both ends see.
#[derive(Debug, Default)]
struct Shared {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
    is_over: AtomicBool,
}

/// The receiving thread's end.
pub(crate) struct CapturePort {
    to: SyncSender<Item>,
    shared: Arc<Shared>,
    until_us: u64,
    /// Packets come as datagrams; else the bytes of the connection are written.
    datagrams: bool,
    /// Wall clock less monotonic clock.
    wall_offset_us: i64,
}

impl CapturePort {
    /// Makes the files and starts the thread that writes them. `local` is where the session receives.
    pub(crate) fn open(
        request: CaptureRequest,
        session_id: &str,
        local: SocketAddr,
        datagrams: bool,
        facts: Arc<FactQueue>,
    ) -> Result<(CapturePort, JoinHandle<()>), PlaneError> {
        let now_us = clock::monotonic_us();
        let until_us = now_us.saturating_add(request.max_us);
        let (to, from) = mpsc::sync_channel(MAX_WAITING);
        let shared = Arc::new(Shared::default());
        let writer = writer::Writer::create(request, session_id, local, Arc::clone(&shared), facts)
            .map_err(|error| PlaneError::system("capture", error))?;
        let handle = std::thread::Builder::new()
            .name("media-capture".into())
            .spawn(move || writer.run(&from))
            .map_err(|error| PlaneError::system("thread", error))?;
        let port = CapturePort {
            to,
            shared,
            until_us,
            datagrams,
            wall_offset_us: clock::wall_us().saturating_sub_unsigned(now_us),
        };
        Ok((port, handle))
    }

    /// Whether it is over: by its own thread, or by the clock.
    pub(crate) fn ends_by(&self, now_us: u64) -> Option<&'static str> {
        if self.shared.is_over.load(Ordering::Relaxed) {
            return Some("over");
        }
        (now_us >= self.until_us).then_some("time limit")
    }

    pub(crate) fn datagram(&self, source: SocketAddr, bytes: &[u8], now_us: u64) {
        if self.datagrams {
            let at_us = self.wall_offset_us.saturating_add_unsigned(now_us);
            self.send(bytes.len(), || {
                Item::Datagram(source, at_us, bytes.to_vec())
            });
        }
    }

    pub(crate) fn bytes(&self, source: SocketAddr, bytes: &[u8]) {
        if !self.datagrams {
            let at_us = clock::wall_us();
            self.send(bytes.len(), || Item::Bytes(source, at_us, bytes.to_vec()));
        }
    }

    pub(crate) fn packet(&self, format: &'static str, packet: &[u8]) {
        self.send(packet.len(), || Item::Packet(format, packet.to_vec()));
    }

    pub(crate) fn end(self, reason: &'static str) {
        // Where the queue is full the thread still ends: it hears that this end is gone.
        let _ = self.to.try_send(Item::End(reason));
    }

    fn send(&self, bytes: usize, item: impl FnOnce() -> Item) {
        let waiting = self.shared.waiting_bytes.load(Ordering::Relaxed);
        if waiting + bytes <= MAX_WAITING_BYTES {
            self.shared
                .waiting_bytes
                .fetch_add(bytes, Ordering::Relaxed);
            if self.to.try_send(item()).is_ok() {
                return;
            }
            self.shared
                .waiting_bytes
                .fetch_sub(bytes, Ordering::Relaxed);
        }
        self.shared.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::facts::FactKind;

    #[test]
    fn a_panic_ends_the_capture_and_is_its_reason() {
        let name = format!("tongshi-capture-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let request = CaptureRequest {
            capture_id: "c".into(),
            directory: directory.clone(),
            max_bytes: 1 << 20,
            max_us: 1_000_000,
        };
        let facts = Arc::new(FactQueue::new().unwrap());
        let local = (Ipv4Addr::LOCALHOST, 1).into();
        let opened = CapturePort::open(request, "a", local, true, Arc::clone(&facts));
        let (port, thread) = opened.unwrap();
        port.datagram(local, &[1, 2, 3], 0);
        port.to.send(Item::Panic).unwrap();
        thread.join().unwrap();
        assert_eq!(port.ends_by(0), Some("over"));
        let told = facts.drain().0.pop().unwrap();
        assert!(
            matches!(&told.kind, FactKind::CaptureEnded { reason, packets: 1, .. }
                if reason == "internal error: asked for by a test"),
            "{told:?}"
        );
        std::fs::remove_dir_all(directory).unwrap();
    }
}
