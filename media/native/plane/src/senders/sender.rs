//! One receiver: its queue, its pace and its numbers.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;

use tongshi_wire::AudioConfig;
use tongshi_wire::pacer::Pacer;
use tongshi_wire::rtp::HEADER_BYTES;
use tongshi_wire::rtp_send::RtpNumbering;

use crate::facts::FactKind;
use crate::senders::link::Link;
use crate::senders::muxer::SessionMuxer;
use crate::senders::piece::{Item, Piece, Sound};
use crate::senders::supervision::Supervision;
use crate::senders::{RelayConfig, SenderEnd, SenderRequest, SenderShared, SenderStats};
use crate::sys::epoll::Interest;
use crate::sys::transmit::{BATCH, MAX_RUN_BYTES};

/// Least rate of a pacer, bytes for each second.
const LEAST_RATE: u64 = 250_000;
/// A sender that was held back by pace or by the system is not woken before.
const LEAST_WAIT_US: u64 = 2_000;
/// A pacer is waited for until it lets so many packets pass: fewer wake-ups.
const PACKETS_AT_ONCE: usize = 8;

/// What a sender is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing: the link is not open.
    Nothing,
    /// Units, packed by us.
    Units,
    /// Frames as the source sent them.
    Passed,
    /// Nothing before a key frame behind this unit and this payload.
    Waiting { unit: u64, packet: u64 },
}

/// How far a sender has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its owner has not started it.
    Waiting,
    /// The link is being opened.
    Opening,
    Sending,
    /// The session has ended; the rest is sent until then.
    Draining(u64, SenderEnd, String),
    Ended(SenderEnd, String),
}

pub(crate) struct RtpSender {
    pub(crate) shared: Arc<SenderShared>,
    pub(crate) request: SenderRequest,
    pub(crate) config: Arc<RelayConfig>,
    pub(crate) link: Link,
    pub(crate) stage: Stage,
    pub(crate) form: Form,
    /// What the descriptors of the link are watched for.
    pub(crate) interest: Interest,
    pub(crate) numbering: RtpNumbering,
    pub(crate) supervision: Supervision,
    pub(crate) stats: SenderStats,
    pub(crate) facts: Vec<FactKind>,
    /// The link has opened and nothing was queued yet.
    pub(crate) opened: bool,
    /// When it must be pumped again.
    pub(crate) wake_at_us: Option<u64>,
    /// RTP timestamp of the newest frame and the wall clock when that came.
    pub(crate) clock: Option<(u32, i64)>,
    pacer: Pacer,
    queue: VecDeque<Item>,
    queue_limit: usize,
    /// Bytes of the first piece that have been sent.
    cursor: usize,
}

impl RtpSender {
    pub(crate) fn new(
        request: SenderRequest,
        config: Arc<RelayConfig>,
        link: Link,
        shared: Arc<SenderShared>,
        now_us: u64,
    ) -> RtpSender {
        let numbering =
            RtpNumbering::new(request.ssrc, request.payload_type, request.first_sequence);
        let stats = crate::sync::lock(&shared.stats).clone();
        RtpSender {
            pacer: Pacer::new(config.burst_bytes, config.peak_bytes_per_ms),
            queue_limit: config.queue_bytes,
            supervision: Supervision::new(now_us),
            shared,
            request,
            config,
            link,
            stage: Stage::Waiting,
            form: Form::Nothing,
            interest: Interest::Read,
            numbering,
            stats,
            facts: Vec::new(),
            opened: false,
            wake_at_us: None,
            clock: None,
            queue: VecDeque::new(),
            cursor: 0,
        }
    }

    /// What of the sound the receiver is given.
    pub(crate) fn sound(&self, audio: Option<&AudioConfig>) -> Sound {
        match audio {
            Some(audio) if !self.request.audio.contains(&audio.codec) => Sound::Never,
            _ => Sound::Whole,
        }
    }

    pub(crate) fn is_sending(&self) -> bool {
        matches!(self.stage, Stage::Sending | Stage::Draining(..))
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(..))
    }

    /// Makes room for a start of `bytes` beside what may wait anyway.
    pub(crate) fn begin(&mut self, form: Form, bytes: usize) {
        self.form = form;
        self.queue_limit = self.config.queue_bytes + bytes;
    }

    /// Queues one thing. When the queue is full all that waits is dropped, and false says so: the sender goes on
    /// at a key frame.
    pub(crate) fn push(&mut self, item: Item) -> bool {
        let bytes = item.size_bytes();
        if bytes == 0 {
            return true;
        }
        if self.queue.is_empty() {
            self.supervision.progress_at_us = None;
        } else if self.stats.queued_bytes + bytes > self.queue_limit {
            self.drop_queue();
            return false;
        }
        self.stats.queued_bytes += bytes;
        self.queue.push_back(item);
        true
    }

    /// A frame that has begun is finished: the receiver could not read its half.
    fn drop_queue(&mut self) {
        let keep = usize::from(self.cursor > 0);
        let dropped = self.queue.len() - keep;
        self.queue.truncate(keep);
        self.stats.queued_bytes = self.queue.iter().map(Item::size_bytes).sum();
        // The one that found no room is lost too.
        self.stats.dropped_frames += dropped as u64 + 1;
        self.stats.drops += 1;
    }

    /// The pace: a multiple of the stream's own rate, and never so slow that what waits takes over a second.
    pub(crate) fn set_pace(&mut self, bitrate_bps: u64, now_us: u64) {
        let wanted = (bitrate_bps as f64 / 8.0 * self.config.rate_factor) as u64;
        let rate = wanted.max(self.stats.queued_bytes as u64).max(LEAST_RATE);
        self.pacer.set_rate(rate, now_us);
    }

    /// Sends what pace and network allow.
    pub(crate) fn pump(&mut self, muxer: &mut SessionMuxer, now_us: u64) {
        self.wake_at_us = None;
        if !self.is_sending() {
            return;
        }
        if let Link::Connected(tcp) = &mut self.link {
            match tcp.send_rest() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.lose(&error),
            }
        }
        while let Some(piece) = self.front(muxer) {
            let left = piece.bytes.len() - self.cursor;
            let allowed = self.pacer.allowance(now_us);
            if allowed < left.min(self.config.payload_bytes) {
                let wanted = left.min(PACKETS_AT_ONCE * self.config.payload_bytes);
                self.wait_until(self.pacer.ready_at(wanted), now_us);
                return;
            }
            let sent = self.send_run(&piece, allowed, now_us);
            if sent == 0 {
                return;
            }
            self.advance(&piece, sent, now_us);
        }
    }

    fn advance(&mut self, piece: &Piece, sent: usize, now_us: u64) {
        self.pacer.spend(sent);
        self.supervision.progress_at_us = Some(now_us);
        self.cursor += sent;
        self.clock = Some((piece.timestamp, piece.wall_us));
        if self.stats.first_sent_at_us.is_none() {
            self.stats.first_sent_at_us = Some(now_us);
            self.facts.push(FactKind::SenderStarted {
                sender_id: self.shared.sender_id.clone(),
            });
        }
        if self.cursor >= piece.bytes.len() {
            self.cursor = 0;
            self.queue.pop_front();
            self.stats.queued_bytes = self.stats.queued_bytes.saturating_sub(piece.bytes.len());
            self.stats.frames += 1;
            self.stats.passed_frames += u64::from(piece.passed);
        }
    }

    pub(crate) fn wait_until(&mut self, at_us: u64, now_us: u64) {
        self.wake_at_us = Some(at_us.max(now_us + LEAST_WAIT_US));
    }

    pub(crate) fn is_drained(&self) -> bool {
        let unsent = matches!(&self.link, Link::Connected(tcp) if tcp.blocked);
        self.queue.is_empty() && !unsent
    }

    /// The first thing in the queue, packed.
    fn front(&mut self, muxer: &mut SessionMuxer) -> Option<Arc<Piece>> {
        let first = self.queue.front_mut()?;
        match first {
            Item::Piece(piece) => Some(Arc::clone(piece)),
            Item::Unpacked(unpacked) => {
                let piece = muxer.pack(unpacked);
                let before = first.size_bytes();
                *first = Item::Piece(Arc::clone(&piece));
                self.stats.queued_bytes =
                    (self.stats.queued_bytes + piece.bytes.len()).saturating_sub(before);
                Some(piece)
            }
        }
    }

    /// Numbers and sends a run of packets of the first piece; the bytes of it that went.
    fn send_run(&mut self, piece: &Piece, allowed: usize, now_us: u64) -> usize {
        let size = self.config.payload_bytes;
        let most = BATCH
            .min(MAX_RUN_BYTES / (size + HEADER_BYTES))
            .min(allowed / size)
            .max(1);
        let rest = &piece.bytes[self.cursor..];
        let run = &rest[..rest.len().min(most * size)];
        let is_last = run.len() == rest.len();
        let count = run.len().div_ceil(size);
        let mut headers = [[0u8; HEADER_BYTES]; BATCH];
        for (index, (header, payload)) in headers.iter_mut().zip(run.chunks(size)).enumerate() {
            let marker = is_last && index + 1 == count;
            *header = self
                .numbering
                .next_header(piece.timestamp, marker, payload.len());
        }
        let sent = self.send_packets(&headers[..count], run, now_us);
        let bytes = run.len().min(sent * size);
        self.numbering.take_back(count - sent, run.len() - bytes);
        bytes
    }

    /// How many packets went.
    fn send_packets(&mut self, headers: &[[u8; HEADER_BYTES]], run: &[u8], now_us: u64) -> usize {
        let size = self.config.payload_bytes;
        let outcome = match &mut self.link {
            Link::Udp(udp) => match udp.send(headers, run, size) {
                // The answer to an earlier datagram; this one was not tried yet.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    self.supervision.refused(now_us);
                    self.stats.refusals += 1;
                    udp.send(headers, run, size)
                }
                outcome => outcome,
            },
            Link::Connected(tcp) => tcp.send(headers, run, size),
            _ => return 0,
        };
        match outcome {
            Ok(sent) => {
                self.supervision.failing_since_us = None;
                sent
            }
            Err(error) if matches!(self.link, Link::Connected(_)) => {
                self.lose(&error);
                0
            }
            Err(error) => self.bear(&error, headers.len(), now_us),
        }
    }

    /// A datagram was refused by the system: full buffers are waited for, anything else counts as lost on the way.
    fn bear(&mut self, error: &std::io::Error, packets: usize, now_us: u64) -> usize {
        let full = error.kind() == ErrorKind::WouldBlock
            || error.raw_os_error() == Some(libc::ENOBUFS)
            || error.kind() == ErrorKind::Interrupted;
        if full {
            self.wait_until(now_us, now_us);
            return 0;
        }
        if error.kind() == ErrorKind::ConnectionRefused {
            return packets;
        }
        self.stats.refusals += 1;
        self.supervision.failed(error, now_us);
        packets
    }

    /// The connection is gone.
    pub(crate) fn lose(&mut self, error: &std::io::Error) {
        let detail = match error.raw_os_error() {
            None => error.to_string(),
            Some(_) => format!("{error}"),
        };
        self.end(SenderEnd::ConnectionLost, detail);
    }

    pub(crate) fn end(&mut self, end: SenderEnd, detail: impl Into<String>) {
        if !self.has_ended() {
            self.stage = Stage::Ended(end, detail.into());
            self.queue.clear();
            self.stats.queued_bytes = 0;
            self.form = Form::Nothing;
            self.wake_at_us = None;
        }
    }

    /// The session has ended: what waits is sent, for a while.
    pub(crate) fn drain(&mut self, detail: &str, now_us: u64) {
        match self.stage {
            Stage::Sending => {
                let until = now_us + self.config.linger_us;
                self.stage = Stage::Draining(until, SenderEnd::SourceEnded, detail.to_owned());
                self.form = Form::Nothing;
            }
            Stage::Waiting | Stage::Opening => self.end(SenderEnd::SourceEnded, detail),
            Stage::Draining(..) | Stage::Ended(..) => {}
        }
    }

    /// Copies the gauges for others.
    pub(crate) fn publish(&mut self, now_us: u64) {
        let stats = &mut self.stats;
        stats.state = match self.stage {
            Stage::Waiting => "waiting",
            Stage::Opening => "opening",
            Stage::Sending => "sending",
            Stage::Draining(..) => "draining",
            Stage::Ended(..) => "ended",
        };
        stats.form = match self.form {
            Form::Nothing => "none",
            Form::Units => "remuxed",
            Form::Passed => "passed",
            Form::Waiting { .. } => "waiting_for_keyframe",
        };
        stats.packets = self.numbering.packet_count();
        stats.payload_bytes = self.numbering.octet_count();
        stats.now_us = now_us;
        crate::sync::lock(&self.shared.stats).clone_from(stats);
    }
}
