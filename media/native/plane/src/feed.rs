//! Frames given to a session that has no socket: the way to its worker, and its bound.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tongshi_wire::MediaEvent;
use tongshi_wire::fed::{Fed, Feeder};
use tongshi_wire::ingest::{Ingest, Tracks};
use tongshi_wire::stats::IngestStats;

use crate::clock;
use crate::session::SessionShared;
use crate::sync::lock;
use crate::sys::memory::prefetch;
use crate::worker::{Command, WorkerBox};

/// Frames that may wait besides their bytes: each costs memory of its own.
const MAX_FRAMES: usize = 4_096;

/// Frames that belong together, in decoding order.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) frames: Vec<Fed>,
    /// Frames before these were left out.
    pub(crate) lost: bool,
    /// They come from another source than those before, with a clock of its own.
    pub(crate) fresh: bool,
}

impl Feed {
    fn size_bytes(&self) -> usize {
        self.frames.iter().map(Fed::size_bytes).sum()
    }
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: usize,
    frames: usize,
    /// Something was left out since the last frames that passed.
    lost: bool,
    /// The next frames are those of a new publisher.
    fresh: bool,
    dropped: u64,
    publisher: Option<Publisher>,
}

/// Who may give frames besides the owner of the plane: one connection at a time.
#[derive(Debug)]
struct Publisher {
    token: u64,
    source: SocketAddr,
    fed_at_us: u64,
}

/// What became of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Taken, or left out and counted.
    Taken,
    /// Another publisher has the session now.
    Replaced,
    /// The session has ended.
    Ended,
}

/// Bounds what waits for the worker. What does not fit is left out and counted; the pictures then go on at a
/// key frame.
#[derive(Debug)]
pub(crate) struct FeedGate {
    waiting: Mutex<Waiting>,
    max_bytes: usize,
}

impl FeedGate {
    pub(crate) fn new(max_bytes: usize) -> FeedGate {
        FeedGate {
            waiting: Mutex::default(),
            max_bytes,
        }
    }

    /// Sends frames on with `send`, in order, if there is room.
    fn pass(&self, frames: Vec<Fed>, send: impl FnOnce(Feed)) {
        self.admit(&mut lock(&self.waiting), frames, send);
    }

    /// The same for the publisher with this token; false when it is the publisher no more.
    fn pass_published(
        &self,
        (token, now_us): (u64, u64),
        frames: Vec<Fed>,
        send: impl FnOnce(Feed),
    ) -> bool {
        let mut waiting = lock(&self.waiting);
        match &mut waiting.publisher {
            Some(publisher) if publisher.token == token => publisher.fed_at_us = now_us,
            _ => return false,
        }
        self.admit(&mut waiting, frames, send);
        true
    }

    /// Makes this the publisher. Another one gives way when it may be replaced, or has been silent so long.
    fn claim(&self, token: u64, source: SocketAddr, (replace, idle_us): (bool, u64)) -> bool {
        let now_us = clock::monotonic_us();
        let mut waiting = lock(&self.waiting);
        let held = waiting.publisher.as_ref().is_some_and(|publisher| {
            !replace && now_us.saturating_sub(publisher.fed_at_us) < idle_us
        });
        if held {
            return false;
        }
        // What another one sent does not join what comes now.
        waiting.fresh = true;
        waiting.publisher = Some(Publisher {
            token,
            source,
            fed_at_us: now_us,
        });
        true
    }

    /// This publisher has left; false when it was none any more.
    fn release(&self, token: u64) -> bool {
        let mut waiting = lock(&self.waiting);
        let is_ours = waiting
            .publisher
            .as_ref()
            .is_some_and(|publisher| publisher.token == token);
        if is_ours {
            waiting.publisher = None;
        }
        is_ours
    }

    /// Where the frames come from, when a publisher gives them.
    pub(crate) fn source(&self) -> Option<SocketAddr> {
        let waiting = lock(&self.waiting);
        waiting.publisher.as_ref().map(|publisher| publisher.source)
    }

    fn admit(&self, waiting: &mut Waiting, frames: Vec<Fed>, send: impl FnOnce(Feed)) {
        let mut feed = Feed {
            frames,
            lost: false,
            fresh: false,
        };
        let (bytes, count) = (feed.size_bytes(), feed.frames.len());
        // One piece passes whatever its size when nothing waits: the wire part bounds a picture.
        let full = waiting.frames > 0
            && (waiting.bytes + bytes > self.max_bytes || waiting.frames + count > MAX_FRAMES);
        if full {
            waiting.lost = true;
            waiting.dropped += count as u64;
            return;
        }
        feed.lost = std::mem::take(&mut waiting.lost);
        feed.fresh = std::mem::take(&mut waiting.fresh);
        waiting.bytes += bytes;
        waiting.frames += count;
        send(feed);
    }

    /// The worker has taken these.
    pub(crate) fn taken(&self, feed: &Feed) {
        let mut waiting = lock(&self.waiting);
        waiting.bytes = waiting.bytes.saturating_sub(feed.size_bytes());
        waiting.frames = waiting.frames.saturating_sub(feed.frames.len());
    }

    /// Frames left out since the start.
    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.waiting).dropped
    }
}

/// The way into one fed session, for any thread that has frames for it.
#[derive(Clone)]
pub(crate) struct FeedPort {
    shared: Arc<SessionShared>,
    mailbox: Arc<WorkerBox>,
}

impl FeedPort {
    pub(crate) fn new(shared: Arc<SessionShared>, mailbox: Arc<WorkerBox>) -> FeedPort {
        FeedPort { shared, mailbox }
    }

    /// Gives frames in decoding order; false when the session has ended.
    pub(crate) fn feed(&self, frames: Vec<Fed>) -> bool {
        if lock(&self.shared.stream).ended {
            return false;
        }
        if !frames.is_empty() {
            let key = self.shared.key;
            self.shared
                .feed
                .pass(frames, |feed| self.mailbox.send(Command::Feed(key, feed)));
        }
        true
    }

    pub(crate) fn session_id(&self) -> &str {
        &self.shared.session_id
    }

    /// Becomes the way of one publisher. A former one gives way when it may be `replace`d or was silent for
    /// `idle_us`; otherwise there is none.
    pub(crate) fn claim(
        self,
        token: u64,
        source: SocketAddr,
        terms: (bool, u64),
    ) -> Option<PublishPort> {
        let claimed = self.shared.feed.claim(token, source, terms);
        claimed.then_some(PublishPort { port: self, token })
    }
}

/// The way into a session for the connection that publishes it. Dropping it makes room for another.
pub(crate) struct PublishPort {
    port: FeedPort,
    token: u64,
}

impl PublishPort {
    pub(crate) fn session_id(&self) -> &str {
        self.port.session_id()
    }

    /// Gives frames in decoding order.
    pub(crate) fn feed(&self, frames: Vec<Fed>, now_us: u64) -> Fate {
        let (shared, mailbox) = (&self.port.shared, &self.port.mailbox);
        if lock(&shared.stream).ended {
            return Fate::Ended;
        }
        if frames.is_empty() {
            return Fate::Taken;
        }
        let send = |feed| mailbox.send(Command::Feed(shared.key, feed));
        if shared
            .feed
            .pass_published((self.token, now_us), frames, send)
        {
            Fate::Taken
        } else {
            Fate::Replaced
        }
    }
}

impl Drop for PublishPort {
    fn drop(&mut self) {
        self.port.shared.feed.release(self.token);
    }
}

/// What turns the intake of a session into events: packets, or frames. Recordings are units already.
pub(crate) enum Reading {
    Packets(Box<Ingest>),
    Frames(Box<Feeder>),
    Recordings(Box<IngestStats>),
}

impl Reading {
    /// Has the processor fetch it: packets are about to come.
    #[inline]
    pub(crate) fn warm(&self) {
        if let Reading::Packets(ingest) = self {
            prefetch(&**ingest);
        }
    }

    /// What is known of the tracks; frames are not listed beforehand.
    pub(crate) fn tracks(&self) -> Tracks {
        match self {
            Reading::Packets(ingest) => ingest.tracks(),
            Reading::Frames(feeder) => feeder.tracks(),
            Reading::Recordings(_) => Tracks::default(),
        }
    }

    pub(crate) fn next_timer(&self) -> Option<u64> {
        match self {
            Reading::Packets(ingest) => ingest.next_timer(),
            Reading::Frames(_) | Reading::Recordings(_) => None,
        }
    }

    pub(crate) fn handle_timer(&mut self, now_us: u64, out: &mut Vec<MediaEvent>) {
        if let Reading::Packets(ingest) = self {
            ingest.handle_timer(now_us, out);
        }
    }

    pub(crate) fn flush(&mut self, out: &mut Vec<MediaEvent>) {
        match self {
            Reading::Packets(ingest) => ingest.flush(out),
            Reading::Frames(feeder) => feeder.flush(out),
            Reading::Recordings(_) => {}
        }
    }

    /// Nobody passes payloads on any more.
    pub(crate) fn stop_tape(&mut self) {
        if let Reading::Packets(ingest) = self {
            ingest.tape().0.stop();
        }
    }

    pub(crate) fn retime(&mut self, by_arrival: bool, now_us: u64) {
        match self {
            Reading::Packets(ingest) => ingest.retime(by_arrival, now_us),
            Reading::Frames(feeder) => feeder.retime(by_arrival, now_us),
            Reading::Recordings(_) => {}
        }
    }

    pub(crate) fn stats(&self) -> IngestStats {
        match self {
            Reading::Packets(ingest) => ingest.stats(),
            Reading::Frames(feeder) => *feeder.stats(),
            Reading::Recordings(stats) => **stats,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tongshi_wire::VideoCodec;

    fn picture(bytes: usize) -> Vec<Fed> {
        vec![Fed::Video {
            codec: VideoCodec::H264,
            annexb: vec![0; bytes],
            pts_90k: 0,
            dts_90k: 0,
        }]
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_next_frames_know_of_it() {
        let gate = FeedGate::new(1_000);
        let mut sent = Vec::new();
        for _ in 0..4 {
            gate.pass(picture(400), |feed| sent.push(feed));
        }
        assert_eq!((sent.len(), gate.dropped()), (2, 2));
        gate.taken(&sent[0]);
        gate.pass(picture(400), |feed| sent.push(feed));
        gate.taken(&sent[1]);
        gate.pass(picture(400), |feed| sent.push(feed));
        let lost: Vec<bool> = sent.iter().map(|feed| feed.lost).collect();
        assert_eq!(lost, [false, false, true, false]);
    }

    #[test]
    fn there_is_one_publisher_at_a_time() {
        let gate = FeedGate::new(1_000);
        let source: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let mut fresh = Vec::new();
        let mut pass =
            |token| gate.pass_published((token, 0), picture(1), |feed| fresh.push(feed.fresh));
        assert!(!pass(1));
        assert!(gate.claim(1, source, (false, u64::MAX)));
        assert!(pass(1));
        assert!(!gate.claim(2, source, (false, u64::MAX)));
        assert!(gate.claim(2, source, (true, u64::MAX)));
        assert!(!pass(1) && pass(2));
        assert!(
            gate.claim(3, source, (false, 0)),
            "the silent one gives way"
        );
        assert!(!gate.release(2) && gate.release(3));
        assert!(gate.claim(4, source, (false, u64::MAX)));
        assert!(pass(4));
        assert_eq!(fresh, [true, true, true]);
    }

    #[test]
    fn a_picture_larger_than_the_queue_passes_when_nothing_waits() {
        let gate = FeedGate::new(1_000);
        let mut passed = 0;
        gate.pass(picture(5_000), |_| passed += 1);
        gate.pass(picture(1), |_| passed += 1);
        assert_eq!((passed, gate.dropped()), (1, 1));
    }

    #[test]
    fn the_number_of_frames_is_bounded_too() {
        let gate = FeedGate::new(usize::MAX);
        for _ in 0..MAX_FRAMES + 5 {
            gate.pass(picture(0), |_| {});
        }
        assert_eq!(gate.dropped(), 5);
    }
}
