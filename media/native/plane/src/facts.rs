//! What the threads report to the owner of the plane: one bounded queue with a descriptor to watch.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Mutex;

use crate::senders::SenderSnapshot;
use crate::sync::lock;
use crate::sys::eventfd::EventFd;

/// Facts that may wait; beyond it the newest are dropped and counted.
const CAPACITY: usize = 65_536;

/// What a stream carries.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaInfo {
    /// "H264" or "H265"; empty for sound alone.
    pub codec: &'static str,
    /// Picture width in pixels; 0 for sound alone.
    pub width: u32,
    /// Picture height in pixels; 0 for sound alone.
    pub height: u32,
    /// "G711A", "G711U", "AAC", or nothing.
    pub audio: Option<AudioInfo>,
    /// The MIME type of the fMP4 form, with its codecs.
    pub mime: String,
}

/// The sound of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioInfo {
    /// As the camera sends it.
    pub codec: &'static str,
    /// Samples for each second.
    pub sample_rate: u32,
    /// Channels of sound.
    pub channels: u32,
}

/// One finished or growing file.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentState {
    /// `<run>-<6 digits>`.
    pub segment_id: String,
    /// Bytes in the file, all of them whole boxes.
    pub size_bytes: u64,
    /// Length by the stream's own clock.
    pub duration_s: f64,
    /// Wall clock when its first access unit arrived, µs since 1970.
    pub start_wall_us: i64,
    /// Wall clock at its end.
    pub end_wall_us: i64,
    /// First and last time stamp of the camera, unwrapped, 90 kHz.
    pub first_pts_90k: i64,
    /// See `first_pts_90k`.
    pub last_pts_90k: i64,
    /// What it carries.
    pub info: MediaInfo,
}

/// One thing that happened. Each belongs to a session.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    missing_docs,
    reason = "the field names say it, and media/engine.py documents them for their reader"
)]
pub enum FactKind {
    SourceLocked {
        source: SocketAddr,
        ssrc: u32,
        relocked: bool,
    },
    WrongSsrc {
        expected: u32,
        received: u32,
        accepted: bool,
    },
    /// Of a shared port, and of no session.
    UnknownSsrc {
        ssrc: u32,
        source: SocketAddr,
        way: &'static str,
    },
    MediaStarted {
        info: MediaInfo,
    },
    ConfigChanged {
        info: MediaInfo,
    },
    Unsupported {
        what: String,
    },
    SilenceBegan {
        silence_us: u64,
    },
    SilenceEnded,
    Stalled {
        reason: &'static str,
        lasted_us: u64,
    },
    Resumed {
        lasted_us: u64,
    },
    CaptureEnded {
        capture_id: String,
        reason: String,
        packets: u64,
        size_bytes: u64,
        dropped: u64,
        files: Vec<String>,
    },
    ConnectionOpened {
        source: SocketAddr,
    },
    ConnectionClosed {
        source: SocketAddr,
        reason: String,
    },
    ViewerOpened {
        tag: String,
        user: String,
        way: &'static str,
        viewers: u32,
    },
    ViewerClosed {
        tag: String,
        user: String,
        way: &'static str,
        viewers: u32,
        reason: &'static str,
        sent_bytes: u64,
        skipped: u64,
    },
    SenderConnected {
        sender_id: String,
        peer: SocketAddr,
    },
    SenderStarted {
        sender_id: String,
    },
    SenderClosed {
        sender_id: String,
        reason: &'static str,
        detail: String,
        stats: Box<SenderSnapshot>,
    },
    SegmentOpened {
        recorder_id: String,
        segment_id: String,
        path: String,
        start_wall_us: i64,
    },
    SegmentGrown {
        recorder_id: String,
        state: SegmentState,
    },
    SegmentClosed {
        recorder_id: String,
        state: SegmentState,
        reason: &'static str,
    },
    RecorderFailed {
        recorder_id: String,
        errno: i32,
        message: String,
    },
    RecorderGap {
        recorder_id: String,
        dropped_pictures: u64,
        start_wall_us: i64,
        end_wall_us: i64,
        reason: &'static str,
    },
    RecorderDetached {
        recorder_id: String,
    },
    RecordingSkipped {
        file: String,
        start_wall_us: i64,
        reason: String,
    },
    RecordingEnded {
        reason: &'static str,
        position_wall_us: i64,
        seeks: u64,
    },
    SessionFailed {
        message: String,
    },
    /// Of the plane: our own code panicked; the thread goes on.
    ThreadPanicked {
        thread: String,
        message: String,
    },
    /// Of the plane: the certificate was read again; a message says why the old one stays.
    CertificateRead {
        message: String,
    },
    /// Somebody wants to push; of no session. Answered by [`Plane::answer_publish`](crate::Plane::answer_publish).
    PublishRequested {
        token: u64,
        desk: &'static str,
        path: String,
        query: String,
        source: SocketAddr,
    },
    PublishStarted {
        desk: &'static str,
        source: SocketAddr,
    },
    PushChanged {
        push_id: String,
        state: &'static str,
        reason: String,
    },
    PublishEnded {
        desk: &'static str,
        source: SocketAddr,
        reason: String,
    },
}

/// A fact with the session it is about (empty for the plane as a whole).
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The id given when the session was opened.
    pub session_id: String,
    /// What happened.
    pub kind: FactKind,
}

/// The queue. Any thread pushes; one reader drains when the descriptor is readable.
pub struct FactQueue {
    facts: Mutex<(VecDeque<Fact>, u64)>,
    wake: EventFd,
}

impl FactQueue {
    pub(crate) fn new() -> io::Result<FactQueue> {
        Ok(FactQueue {
            facts: Mutex::new((VecDeque::new(), 0)),
            wake: EventFd::new()?,
        })
    }

    /// Adds a fact and makes the descriptor readable.
    pub fn push(&self, session_id: &str, kind: FactKind) {
        let mut guard = lock(&self.facts);
        let was_empty = guard.0.is_empty();
        if guard.0.len() >= CAPACITY {
            guard.1 += 1;
            return;
        }
        guard.0.push_back(Fact {
            session_id: session_id.to_owned(),
            kind,
        });
        drop(guard);
        if was_empty {
            self.wake.signal();
        }
    }

    /// Takes all facts, and the number that were dropped since the last call because nobody drained.
    pub fn drain(&self) -> (Vec<Fact>, u64) {
        self.wake.clear();
        let mut guard = lock(&self.facts);
        let lost = std::mem::take(&mut guard.1);
        (guard.0.drain(..).collect(), lost)
    }

    /// Readable while facts wait.
    pub fn raw_fd(&self) -> RawFd {
        self.wake.raw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_counts_what_it_drops() {
        let queue = FactQueue::new().unwrap();
        for _ in 0..CAPACITY + 3 {
            queue.push("a", FactKind::SilenceEnded);
        }
        let (facts, lost) = queue.drain();
        assert_eq!((facts.len(), lost), (CAPACITY, 3));
        assert_eq!(queue.drain().0.len(), 0);
    }
}
