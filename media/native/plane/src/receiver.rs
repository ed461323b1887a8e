//! One reception inside its worker thread: from judged packets to readers and statistics.

mod asking;
mod figures;
mod readers;

use std::net::SocketAddr;
use std::sync::Arc;

use tongshi_wire::MediaEvent;
use tongshi_wire::ingest::{Ingest, IngestConfig};

pub(crate) use self::asking::Ask;
use crate::capture::CapturePort;
use crate::clock;
use crate::companion::Companion;
use crate::config::PlaneConfig;
use crate::facts::{FactKind, FactQueue};
use crate::feed::{Feed, Reading};
use crate::former::Former;
use crate::outputs::inbox::Deliveries;
use crate::publisher::{Published, Publisher};
use crate::rates::Rates;
use crate::recorder::port::RecorderPort;
use crate::recordings::Played;
use crate::rtcp::{self, Reception};
use crate::senders::Relay;
use crate::session::{SessionShared, SessionStats, Transport};
use crate::source_lock::{SourceLock, Verdict};
use crate::sync::lock;
use crate::tap::TapPort;
use crate::watchdog::Watchdog;

/// Time between two looks of others at the statistics.
const STATS_US: u64 = 200_000;

/// What a packet needs from its surroundings.
pub(crate) struct Scene<'a> {
    pub(crate) now_us: u64,
    pub(crate) wall_us: i64,
    pub(crate) deliveries: &'a mut Deliveries,
}

/// The state of one reception that only its worker touches.
pub(crate) struct Receiver {
    pub(crate) shared: Arc<SessionShared>,
    pub(crate) source_lock: SourceLock,
    /// The last sender of the port.
    pub(crate) former: Option<Former>,
    pub(crate) reception: Reception,
    pub(crate) sender_report: Option<rtcp::SenderReport>,
    pub(crate) stats: SessionStats,
    pub(crate) facts: Arc<FactQueue>,
    pub(crate) reading: Reading,
    pub(crate) relay: Option<Box<Relay>>,
    publisher: Publisher,
    rates: Rates,
    recorders: Vec<RecorderPort>,
    taps: Vec<TapPort>,
    companion: Companion,
    capture: Option<Box<CapturePort>>,
    watchdog: Watchdog,
    events: Vec<MediaEvent>,
    published: Vec<Published>,
    stats_at_us: u64,
    silence_us: u64,
    silent: bool,
    started: bool,
    /// Decoding time of the first picture.
    first_90k: Option<i64>,
    /// Pictures come at another speed than 1: sound has no place beside them.
    by_arrival: bool,
}

impl Receiver {
    pub(crate) fn new(
        shared: Arc<SessionShared>,
        source_lock: SourceLock,
        facts: Arc<FactQueue>,
        config: &PlaneConfig,
    ) -> Receiver {
        let reading = match shared.transport {
            Transport::Fed => Reading::Frames(Box::default()),
            Transport::Recorded => Reading::Recordings(Box::default()),
            transport => Reading::Packets(Box::new(Ingest::new(IngestConfig {
                reorder_packets: config.reorder_packets,
                reorder_us: config.reorder_us,
                ordered: transport == Transport::TcpPassive,
                pass_corrupt: config.pass_damaged,
                ..IngestConfig::default()
            }))),
        };
        let mut stats = lock(&shared.stats).clone();
        stats.passes_damaged = config.pass_damaged;
        let ordered = shared.transport == Transport::TcpPassive;
        Receiver {
            shared,
            source_lock,
            former: None,
            reception: Reception::default(),
            sender_report: None,
            stats,
            facts,
            reading,
            relay: None,
            publisher: Publisher::new(config.audio_wait_us),
            rates: Rates::default(),
            recorders: Vec::new(),
            taps: Vec::new(),
            companion: Companion::new(config.reorder_packets, config.reorder_us, ordered),
            capture: None,
            watchdog: Watchdog::new(config.stall_us),
            events: Vec::new(),
            published: Vec::new(),
            stats_at_us: 0,
            silence_us: config.silence_us,
            silent: false,
            started: false,
            first_90k: None,
            by_arrival: false,
        }
    }

    pub(crate) fn report(&self, kind: FactKind) {
        self.facts.push(&self.shared.session_id, kind);
    }

    /// Judges and takes one packet. [`Receiver::settle`] follows after each batch.
    #[inline]
    pub(crate) fn receive(&mut self, source: SocketAddr, packet: &[u8], now_us: u64) {
        if let Some(capture) = &self.capture {
            capture.datagram(source, packet, now_us);
        }
        let Some(&[first, kind, s0, s1, t0, t1, t2, t3, a, b, c, d]) = packet.first_chunk::<12>()
        else {
            self.receive_short(source, packet, now_us);
            return;
        };
        if first >> 6 != 2 {
            self.stats.malformed += 1;
            return;
        }
        if rtcp::is_rtcp(kind) {
            self.receive_rtcp(source, packet, now_us);
            return;
        }
        let ssrc = u32::from_be_bytes([a, b, c, d]);
        if self.former.is_some() && self.is_former((source, ssrc), [t0, t1, t2, t3], now_us) {
            self.stats.stranger += 1;
            return;
        }
        match self.source_lock.judge(source, ssrc, now_us) {
            Verdict::Accept => {}
            verdict => {
                let verdict = self.judge_beside(verdict, source, (kind, ssrc), now_us);
                if verdict == Verdict::Beside {
                    self.hear_beside(packet, now_us);
                    return;
                }
                if !self.admit(verdict, source, ssrc) {
                    return;
                }
            }
        }
        self.companion.note(kind);
        self.stats.packets += 1;
        self.stats.bytes += packet.len() as u64;
        self.stats.packet_at_us = Some(now_us);
        let sequence = u16::from_be_bytes([s0, s1]);
        self.reception
            .receive(sequence, u32::from_be_bytes([t0, t1, t2, t3]), now_us);
        if let Reading::Packets(ingest) = &mut self.reading {
            ingest.receive(packet, now_us, &mut self.events);
            if let Some(capture) = &self.capture {
                capture.packet(ingest.format(), packet);
            }
        }
    }

    /// Too short for RTP; a goodbye is.
    #[cold]
    fn receive_short(&mut self, source: SocketAddr, packet: &[u8], now_us: u64) {
        if rtcp::ssrc_of(packet).is_some() {
            self.receive_rtcp(source, packet, now_us);
        } else {
            self.stats.malformed += 1;
        }
    }

    /// Whether the port's last sender goes on. What was agreed for this session is taken from anybody.
    #[cold]
    fn is_former(
        &mut self,
        (source, ssrc): (SocketAddr, u32),
        timestamp: [u8; 4],
        now_us: u64,
    ) -> bool {
        let timestamp = u32::from_be_bytes(timestamp);
        self.source_lock.expected() != Some(ssrc)
            && self
                .former
                .as_mut()
                .is_some_and(|former| former.goes_on(source, ssrc, timestamp, now_us))
    }

    /// Takes frames of a session without a socket, and hands on what they complete.
    pub(crate) fn receive_feed(&mut self, feed: &Feed, scene: &mut Scene<'_>) {
        self.shared.feed.taken(feed);
        let Reading::Frames(feeder) = &mut self.reading else {
            return;
        };
        if feed.fresh {
            feeder.restart(scene.now_us);
        } else if feed.lost {
            feeder.lost();
        }
        for frame in &feed.frames {
            feeder.receive(frame, scene.now_us, &mut self.events);
        }
        self.stats.packets = feeder.stats().packets;
        self.stats.bytes = feeder.stats().bytes;
        self.stats.packet_at_us = Some(scene.now_us);
        self.settle(scene);
    }

    /// Takes pictures of our own recordings.
    pub(crate) fn receive_played(&mut self, played: Played, scene: &mut Scene<'_>) {
        self.stats.packet_at_us = Some(scene.now_us);
        for item in played.items {
            if let (Published::Unit(unit), Reading::Recordings(stats)) = (&item, &mut self.reading)
            {
                self.stats.packets += 1;
                self.stats.bytes += unit.size_bytes() as u64;
                self.stats.media_90k = unit.time;
                stats.access_units += 1;
                stats.keyframes += u64::from(unit.is_key());
                stats.audio_frames += unit.audio.len() as u64;
                self.rates.picture(unit.is_key(), scene.now_us);
            }
            self.published.push(item);
        }
        self.publish(scene);
        if let Some(ended) = played.ended {
            self.report(ended);
        }
    }

    /// Sender reports of the locked source. From anywhere else RTCP is refused; what else it can say (descriptions,
    /// goodbyes) is counted, and ends nothing: the signalling does that.
    pub(crate) fn receive_rtcp(&mut self, source: SocketAddr, packet: &[u8], now_us: u64) -> bool {
        self.stats.rtcp += 1;
        let locked = self.source_lock.locked();
        let Some((_, ssrc)) = locked.filter(|(locked, _)| locked.ip() == source.ip()) else {
            self.stats.rtcp_refused += 1;
            return false;
        };
        let report = rtcp::parse_sender_report(packet, ssrc, now_us);
        if let Some(report) = report {
            self.sender_report = Some(report);
            self.stats.sender_clock_offset_us =
                Some(report.wall_us.saturating_sub(clock::wall_us()));
        }
        report.is_some()
    }

    fn admit(&mut self, verdict: Verdict, source: SocketAddr, ssrc: u32) -> bool {
        let expected = self.source_lock.expected();
        match verdict {
            Verdict::Accept => true,
            Verdict::AcceptNew {
                relocked,
                wrong_ssrc,
            } => {
                self.stats.source = Some(source);
                self.stats.ssrc = Some(ssrc);
                self.stats.ssrc_mismatch = wrong_ssrc;
                self.sender_report = None;
                if let (true, Some(expected)) = (wrong_ssrc, expected) {
                    self.stats.wrong_ssrc += 1;
                    self.report(FactKind::WrongSsrc {
                        expected,
                        received: ssrc,
                        accepted: true,
                    });
                }
                self.report(FactKind::SourceLocked {
                    source,
                    ssrc,
                    relocked,
                });
                true
            }
            Verdict::Beside => false,
            Verdict::WrongSsrc { first } => {
                self.stats.wrong_ssrc += 1;
                if let (true, Some(expected)) = (first, expected) {
                    self.report(FactKind::WrongSsrc {
                        expected,
                        received: ssrc,
                        accepted: false,
                    });
                }
                false
            }
            Verdict::Stranger => {
                self.stats.stranger += 1;
                false
            }
        }
    }

    /// Timers, silence and statistics; called several times a second.
    pub(crate) fn tick(&mut self, scene: &mut Scene<'_>) {
        let now_us = scene.now_us;
        if self.reading.next_timer().is_some_and(|at| at <= now_us) {
            self.reading.handle_timer(now_us, &mut self.events);
            self.settle(scene);
        }
        if let Reading::Packets(ingest) = &mut self.reading {
            self.companion
                .handle_timer(now_us, ingest, &mut self.events);
        }
        self.publisher.handle_timer(now_us, &mut self.published);
        self.publish(scene);
        if let Some(reason) = self
            .capture
            .as_ref()
            .and_then(|capture| capture.ends_by(now_us))
        {
            self.end_capture(reason);
        }
        self.watch(now_us);
        self.recorders.retain(|recorder| !recorder.is_finished());
        self.taps.retain(|tap| !tap.is_closed());
        self.watch_silence(now_us);
        // Who waits for the first picture looks for what keeps it.
        if now_us >= self.stats_at_us || !self.started {
            self.stats_at_us = now_us + STATS_US;
            self.publish_stats(now_us);
        }
    }

    /// The device was asked for another position or speed.
    pub(crate) fn retime(&mut self, by_arrival: bool, now_us: u64) {
        self.by_arrival = by_arrival;
        self.reading.retime(by_arrival, now_us);
    }
}
