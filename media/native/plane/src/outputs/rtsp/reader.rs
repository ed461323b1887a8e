//! One player: its tracks, what it has been given, and what is left out when it is slow.

use std::sync::Arc;

use tongshi_wire::rtp_send::RtpNumbering;

use super::numbered::{AUDIO, StreamNumbers, TRACKS, VIDEO};
use super::outbox::Outbox;
use super::udp::{Backlog, UdpPorts};
use super::ways::TrackWay;
use crate::outputs::gauge::Gauge;
use crate::outputs::signed_url::Pass;
use crate::session::SessionShared;
use crate::unit::{StreamConfig, Unit};

/// Time between sender reports.
const REPORT_US: u64 = 5_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Set up, or paused.
    Still,
    /// A key frame is next.
    NeedKey,
    Live,
    /// Pictures were dropped; a key frame is next.
    Skipping,
}

pub(crate) struct Track {
    pub(crate) way: TrackWay,
    /// Counts what this reader was sent, for its reports.
    counter: RtpNumbering,
}

/// A player and its session.
pub(crate) struct Reader {
    pub(crate) session: Arc<SessionShared>,
    pub(crate) pass: Pass,
    /// The RTSP session's name.
    pub(crate) name: String,
    /// What it was described; tracks cannot change.
    described: Arc<StreamConfig>,
    /// What units are described by now: as far as the tracks go, the same.
    current: Arc<StreamConfig>,
    tracks: [Option<Track>; TRACKS],
    state: State,
    last: u64,
    /// Bytes given at the start in one go; they do not count against the bound.
    joined_bytes: usize,
    max_bytes: usize,
    backlog: Backlog,
    report_at_us: u64,
    skipped: u64,
    sent_bytes: u64,
    /// What is shown of it while it plays.
    gauge: Option<Arc<Gauge>>,
}

impl Reader {
    pub(crate) fn new(
        session: Arc<SessionShared>,
        pass: Pass,
        name: String,
        described: Arc<StreamConfig>,
        max_bytes: usize,
    ) -> Reader {
        Reader {
            session,
            pass,
            name,
            current: Arc::clone(&described),
            described,
            tracks: [None, None],
            state: State::Still,
            last: 0,
            joined_bytes: 0,
            max_bytes,
            backlog: Backlog::default(),
            report_at_us: 0,
            skipped: 0,
            sent_bytes: 0,
            gauge: None,
        }
    }

    /// Tracks that the description has.
    pub(crate) fn described_tracks(config: &StreamConfig) -> impl Iterator<Item = usize> {
        let has = [config.video.is_some(), config.audio.is_some()];
        (0..TRACKS).filter(move |&track| has[track])
    }

    pub(crate) fn described(&self) -> &Arc<StreamConfig> {
        &self.described
    }

    pub(crate) fn ways(&self) -> impl Iterator<Item = (usize, TrackWay)> {
        let tracks = self.tracks.iter().enumerate();
        tracks.filter_map(|(index, track)| Some((index, track.as_ref()?.way)))
    }

    /// The way of all tracks; none before the first is set up.
    pub(crate) fn way(&self) -> Option<TrackWay> {
        self.ways().next().map(|(_, way)| way)
    }

    pub(crate) fn is_playing(&self) -> bool {
        self.state != State::Still
    }

    /// Sets a track up.
    pub(crate) fn set_up(&mut self, track: usize, way: TrackWay, ssrc: u32) {
        if let Some(slot) = self.tracks.get_mut(track) {
            let counter = RtpNumbering::new(ssrc, 0, 0);
            *slot = Some(Track { way, counter });
        }
    }

    /// Will play from the next unit on that it is given.
    pub(crate) fn wake(&mut self, gauge: Arc<Gauge>) {
        self.state = State::NeedKey;
        self.report_at_us = 0;
        self.gauge = Some(gauge);
        (self.skipped, self.sent_bytes) = (0, 0);
    }

    /// The pictures since the last key frame, numbered.
    pub(crate) fn start(&mut self, units: &[Arc<Unit>], outbox: &mut Outbox) {
        let before = outbox.queued_bytes();
        for unit in units {
            self.state = State::Live;
            self.give(unit, outbox);
        }
        self.joined_bytes = outbox.queued_bytes().saturating_sub(before) + self.backlog.bytes();
    }

    /// Stops until it plays again; what was shown of it.
    pub(crate) fn pause(&mut self, outbox: &mut Outbox) -> Option<Arc<Gauge>> {
        self.state = State::Still;
        outbox.drop_packets();
        self.backlog.clear();
        self.show(outbox);
        self.gauge.take()
    }

    /// Brings what is shown up to date.
    pub(crate) fn show(&self, outbox: &Outbox) {
        if let Some(gauge) = &self.gauge {
            let queued_bytes = outbox.queued_bytes() + self.backlog.bytes();
            gauge.set(queued_bytes, self.sent_bytes, self.skipped);
        }
    }

    /// The stream is described anew. False = its tracks are others, which this reader cannot be told. Parameter
    /// sets come with the key frames, and a track may fall silent.
    pub(crate) fn describe(&mut self, config: &Arc<StreamConfig>) -> bool {
        self.current = Arc::clone(config);
        let picture = |config: &StreamConfig| {
            let video = config.video.as_ref();
            video.map(|video| (video.codec, video.width, video.height))
        };
        let same_sound = config.audio.is_none() || config.audio == self.described.audio;
        picture(config) == picture(&self.described) && same_sound
    }

    /// The next unit, numbered. It is given once, however it comes.
    pub(crate) fn offer(&mut self, unit: &Arc<Unit>, outbox: &mut Outbox) {
        let is_described = Arc::ptr_eq(&self.current, &unit.config);
        if !self.is_playing() || unit.sequence <= self.last || !is_described {
            return;
        }
        if self.state == State::NeedKey && !unit.is_key() {
            return;
        }
        if self.state == State::Live && self.is_full(outbox) {
            self.state = State::Skipping;
            outbox.drop_packets();
            self.skipped += self.backlog.drop_waiting();
            self.joined_bytes = 0;
        }
        if self.state == State::Skipping && (!unit.is_key() || self.is_full(outbox)) {
            self.skipped += 1;
            return;
        }
        self.state = State::Live;
        self.give(unit, outbox);
    }

    fn is_full(&self, outbox: &Outbox) -> bool {
        outbox.queued_bytes() + self.backlog.bytes() > self.max_bytes + self.joined_bytes
    }

    fn give(&mut self, unit: &Arc<Unit>, outbox: &mut Outbox) {
        self.last = unit.sequence;
        let Some(packets) = unit.numbered() else {
            return;
        };
        let mut waits = false;
        for (index, track) in self.tracks.iter_mut().enumerate() {
            let Some(track) = track else { continue };
            let packets = packets.track(index);
            track.counter.count(packets.len(), packets.payload_bytes());
            match track.way {
                TrackWay::Tcp { rtp, .. } => outbox.push_packets(unit, index, rtp),
                TrackWay::Udp { .. } => waits = true,
            }
        }
        if waits {
            self.backlog.push(unit);
        }
    }

    /// The socket took so many bytes.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.joined_bytes = self.joined_bytes.saturating_sub(bytes);
        self.sent_bytes += bytes as u64;
    }

    /// Sends datagrams that wait. When to come again, if any are left.
    pub(crate) fn pump(&mut self, ports: &mut UdpPorts, now_us: u64) -> Option<u64> {
        let mut addresses = [None; TRACKS];
        for (index, way) in self.ways() {
            if let TrackWay::Udp { rtp, .. } = way {
                addresses[index] = Some(rtp);
            }
        }
        let sent = self.backlog.send(ports, addresses, now_us);
        self.wrote(sent);
        self.backlog.ready_at()
    }

    /// The reports that are due: what goes where.
    pub(crate) fn reports(
        &mut self,
        numbers: &StreamNumbers,
        now_us: u64,
    ) -> Vec<(TrackWay, Vec<u8>)> {
        if !self.is_playing() || !numbers.has_begun() || now_us < self.report_at_us {
            return Vec::new();
        }
        self.report_at_us = now_us + REPORT_US;
        self.compose(numbers, |counter, wall_us, timestamp, out| {
            counter.write_sender_report(wall_us, timestamp, out);
        })
    }

    /// The end of each track, with its reason (RFC 3550 section 6.6).
    pub(crate) fn goodbyes(
        &self,
        numbers: &StreamNumbers,
        reason: &str,
    ) -> Vec<(TrackWay, Vec<u8>)> {
        self.compose(numbers, |counter, wall_us, timestamp, out| {
            counter.write_goodbye(wall_us, timestamp, reason, out);
        })
    }

    fn compose(
        &self,
        numbers: &StreamNumbers,
        write: impl Fn(&RtpNumbering, i64, u32, &mut Vec<u8>),
    ) -> Vec<(TrackWay, Vec<u8>)> {
        let now = numbers.now();
        let mut out = Vec::new();
        for (index, track) in self.tracks.iter().enumerate() {
            let Some(track) = track else { continue };
            let timestamp = numbers.timestamp_at(index, now.time, &self.described);
            let mut packet = Vec::new();
            write(&track.counter, now.wall_us, timestamp, &mut packet);
            out.push((track.way, packet));
        }
        out
    }

    /// What RTP-Info says of a track: the number and time of the first packet after PLAY.
    pub(crate) fn start_of(
        &self,
        track: usize,
        first: &Unit,
        numbers: &StreamNumbers,
    ) -> Option<(u16, u32)> {
        let packets = first.numbered()?.track(track);
        let shift = match &first.picture {
            Some(picture) if track == VIDEO => picture.pts_90k - picture.dts_90k,
            _ => 0,
        };
        let timestamp = match first.audio.first() {
            Some(sample) if track == AUDIO => numbers.timestamp_of_sample(sample.time),
            _ => numbers.timestamp_at(track, first.time + shift, &first.config),
        };
        Some((packets.first_sequence(), timestamp))
    }
}
