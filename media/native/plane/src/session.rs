//! What the threads share about one reception.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::clock;
use crate::config::PlaneConfig;
use crate::facts::MediaInfo;
use crate::feed::FeedGate;
use crate::gop::GopCache;
use crate::outputs::gauge::Gauge;
use crate::outputs::inbox::{Desk, ViewerCounts};
use crate::outputs::signed_url::{Cut, Pass};
use crate::recordings::{Backlog, PlaybackSnapshot};
use crate::senders::SenderShared;
use crate::sync::lock;
use crate::unit::{StreamConfig, Unit};

/// Longest life of a signed URL; `media/outputs/signed.py` keeps to it.
const MAX_TTL_S: i64 = 86_400;

/// How a session receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// RTP datagrams.
    Udp,
    /// The device connects to us.
    TcpPassive,
    /// No socket: frames are given ([`Plane::feed`](crate::Plane::feed)).
    Fed,
    /// Our own recordings ([`Plane::open_recordings`](crate::Plane::open_recordings)).
    Recorded,
}

/// Counters and gauges of one session.
#[derive(Clone, Debug, Default)]
#[allow(
    missing_docs,
    reason = "the field names say it, and media/stats.py documents them for their reader"
)]
pub struct SessionStats {
    pub packets: u64,
    pub bytes: u64,
    pub expected: u64,
    pub lost: u64,
    pub reordered: u64,
    pub duplicates: u64,
    pub late: u64,
    pub resets: u64,
    pub malformed: u64,
    pub rtcp: u64,
    pub rtcp_refused: u64,
    pub wrong_ssrc: u64,
    pub stranger: u64,
    pub jitter_us: u64,
    pub sender_clock_offset_us: Option<i64>,
    pub packs: u64,
    pub access_units: u64,
    pub keyframes: u64,
    pub dropped_damaged: u64,
    pub dropped_before_keyframe: u64,
    pub audio_frames: u64,
    pub passed_damaged: u64,
    pub passes_damaged: bool,
    pub format: &'static str,
    pub sound_packets: u64,
    pub connected: bool,
    pub stall: Option<&'static str>,
    pub fps: f64,
    pub bitrate_bps: u64,
    pub gop_pictures: u64,
    pub gop_us: u64,
    pub media_90k: i64,
    pub rtp_timestamp: u32,
    pub keyframe_at_us: Option<u64>,
    pub packet_at_us: Option<u64>,
    pub opened_at_us: u64,
    pub framing: &'static str,
    pub framing_resyncs: u64,
    pub framing_skipped_bytes: u64,
    pub connections: u64,
    pub source: Option<SocketAddr>,
    pub ssrc: Option<u32>,
    pub ssrc_mismatch: bool,
    pub unsupported: Option<String>,
    pub receive_buffer_bytes: usize,
    pub feed_dropped: u64,
}

/// A copy of everything worth showing about a session.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "see SessionStats")]
pub struct SessionSnapshot {
    pub session_id: String,
    pub transport: Transport,
    pub port: u16,
    pub stats: SessionStats,
    pub info: Option<MediaInfo>,
    pub viewers: u32,
    pub recorders: u32,
    pub senders: u32,
    pub now_us: u64,
}

/// What viewers join.
pub(crate) struct Stream {
    pub(crate) config: Option<Arc<StreamConfig>>,
    pub(crate) gop: GopCache,
    pub(crate) viewers: ViewerCounts,
    pub(crate) gauges: Vec<Arc<Gauge>>,
    pub(crate) recorders: u32,
    pub(crate) ended: bool,
    /// Who was cut off, and when (seconds since 1970).
    pub(crate) revoked: HashMap<Cut, i64>,
}

impl Stream {
    /// A viewer comes to a desk; how many there are now in all.
    pub(crate) fn join(&mut self, desk: Desk, gauge: &Arc<Gauge>) -> u32 {
        self.gauges.push(Arc::clone(gauge));
        self.viewers.join(desk)
    }

    /// It leaves; how many are left in all.
    pub(crate) fn leave(&mut self, desk: Desk, gauge: &Arc<Gauge>) -> u32 {
        self.gauges.retain(|other| !Arc::ptr_eq(other, gauge));
        self.viewers.leave(desk)
    }

    /// The bearer of the pass was cut off.
    pub(crate) fn refuses(&self, pass: &Pass) -> bool {
        self.revoked.keys().any(|cut| cut.hits(pass))
    }

    /// Refuses these bearers from now on. What was cut so long ago that its URLs have expired is forgotten.
    pub(crate) fn cut(&mut self, cut: Cut, now_unix_s: i64) {
        self.revoked
            .retain(|_, at_unix_s| now_unix_s - *at_unix_s <= MAX_TTL_S);
        self.revoked.insert(cut, now_unix_s);
    }
}

/// One reception, as all threads see it.
pub(crate) struct SessionShared {
    pub(crate) session_id: String,
    pub(crate) key: u64,
    pub(crate) worker: usize,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
    pub(crate) stream: Mutex<Stream>,
    pub(crate) stats: Mutex<SessionStats>,
    /// Frames on their way to the worker of a fed session.
    pub(crate) feed: FeedGate,
    /// Where a playback of recordings stands.
    pub(crate) playback: Mutex<PlaybackSnapshot>,
    /// Pictures of a playback that somebody holds.
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) senders: Mutex<Vec<Arc<SenderShared>>>,
}

impl SessionShared {
    pub(crate) fn new(
        session_id: String,
        key: u64,
        worker: usize,
        (transport, port): (Transport, u16),
        config: &PlaneConfig,
    ) -> SessionShared {
        SessionShared {
            session_id,
            key,
            worker,
            transport,
            port,
            stream: Mutex::new(Stream {
                config: None,
                gop: GopCache::new(config.gop_bytes, config.gop_pictures),
                viewers: ViewerCounts::default(),
                gauges: Vec::new(),
                recorders: 0,
                ended: false,
                revoked: HashMap::new(),
            }),
            stats: Mutex::new(SessionStats {
                opened_at_us: clock::monotonic_us(),
                ..SessionStats::default()
            }),
            feed: FeedGate::new(config.feed_queue_bytes),
            playback: Mutex::default(),
            backlog: Arc::default(),
            senders: Mutex::default(),
        }
    }

    pub(crate) fn snapshot(&self) -> SessionSnapshot {
        let mut stats = lock(&self.stats).clone();
        stats.feed_dropped = self.feed.dropped();
        if self.transport == Transport::Fed {
            stats.source = self.feed.source();
        }
        let stream = lock(&self.stream);
        SessionSnapshot {
            session_id: self.session_id.clone(),
            transport: self.transport,
            port: self.port,
            stats,
            info: stream.config.as_ref().map(|config| config.info.clone()),
            viewers: stream.viewers.total(),
            recorders: stream.recorders,
            senders: lock(&self.senders).len() as u32,
            now_us: clock::monotonic_us(),
        }
    }

    /// Bytes of a playback that its readers have not taken yet: what is only kept for new viewers does not count.
    pub(crate) fn untaken_bytes(&self) -> usize {
        let kept = lock(&self.stream).gop.idle_bytes();
        self.backlog.held_bytes().saturating_sub(kept) + self.backlog.unsent_bytes()
    }

    /// The newest key frame as an Annex B byte stream with its parameter sets.
    pub(crate) fn keyframe(&self) -> Option<(&'static str, Vec<u8>)> {
        let unit: Arc<Unit> = Arc::clone(lock(&self.stream).gop.keyframe()?);
        let picture = unit.picture.as_ref()?;
        let mut bytes = unit.config.video.as_ref()?.to_annexb();
        tongshi_wire::nal::append_annexb(&picture.nals, &mut bytes);
        Some((picture.codec.name(), bytes))
    }
}
