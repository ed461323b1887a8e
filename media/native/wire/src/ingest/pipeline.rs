//! Ordered packets to events: which reader takes a payload, and what a loss means to it.

mod reading;

use super::IngestConfig;
use super::endings::Endings;
use super::labels::{Label, Labels};
use super::program::{Program, Streams};
use super::reader::{Reader, Search};
use super::sound::{Route, Sounds};
use super::tracks::Tracks;
use super::transport::Pids;
use crate::access_unit::Assembler;
use crate::audio::AudioTrack;
use crate::media::{DamageCause, MediaEvent, Unsupported, VideoCodec};
use crate::probe::{PayloadHint, Probe, Verdict, is_program_stream, look_at_start};
use crate::ps::PsDemuxer;
use crate::reorder::Delivery;
use crate::rtp::RtpPacket;
use crate::rtp_h264::NalSink;
use crate::stats::IngestStats;
use crate::tape::{PayloadTape, PictureMarks};
use crate::timeline::{Stamp, Timeline};
use crate::ts::TsDemuxer;
use crate::video::VideoTrack;

/// Everything behind the reorder window.
#[derive(Debug)]
pub(super) struct Pipeline {
    labels: Labels,
    sounds: Sounds,
    reader: Reader,
    search: Search,
    demuxer: PsDemuxer,
    transport: TsDemuxer,
    pids: Pids,
    streams: Streams,
    video: VideoTrack,
    audio: AudioTrack,
    timeline: Timeline,
    endings: Endings,
    refused: Vec<Unsupported>,
    tape: PayloadTape,
    /// Marker bit of the packet being read.
    marker: bool,
    pass_corrupt: bool,
    /// The payload type that the reader's payloads have.
    main_type: Option<u8>,
    /// RTP timestamp of the newest payload of an elementary stream.
    timestamp: Option<u32>,
}

impl NalSink for Assembler {
    fn begin_nal(&mut self, parts: [&[u8]; 2]) {
        Self::begin_nal(self, parts);
    }

    fn continue_nal(&mut self, data: &[u8]) {
        Self::continue_nal(self, data);
    }
}

impl Pipeline {
    pub(super) fn new(config: &IngestConfig) -> Self {
        let mut pipeline = Self {
            labels: Labels::default(),
            sounds: Sounds::default(),
            reader: Reader::Probing(Vec::new()),
            search: Search::default(),
            demuxer: PsDemuxer::new(),
            transport: TsDemuxer::new(),
            pids: Pids::default(),
            streams: Streams::default(),
            video: VideoTrack::new(config.pass_corrupt),
            audio: AudioTrack::default(),
            timeline: Timeline::default(),
            endings: Endings::default(),
            refused: Vec::new(),
            tape: PayloadTape::default(),
            marker: false,
            pass_corrupt: config.pass_corrupt,
            main_type: None,
            timestamp: None,
        };
        match config.hint {
            PayloadHint::Probe => {}
            PayloadHint::H264 => pipeline.expect(VideoCodec::H264),
            PayloadHint::H265 => pipeline.expect(VideoCodec::H265),
        }
        pipeline
    }

    /// The session description says what a payload type is.
    pub(super) fn name(&mut self, payload_type: u8, label: Label) {
        self.labels.name(payload_type, label);
        self.sounds.clear();
    }

    /// See [`super::Ingest::offer_sets`].
    pub(super) fn offer_sets(&mut self, codec: VideoCodec, sets: &[Vec<u8>]) {
        self.video.offer_sets(codec, sets);
    }

    /// What to do with damaged pictures from now on.
    pub(super) const fn pass_corrupt(&mut self, pass: bool) {
        self.pass_corrupt = pass;
        self.video.pass_corrupt(pass);
    }

    pub(super) fn deliver(&mut self, delivery: Delivery<'_>, out: &mut Vec<MediaEvent>) {
        match delivery {
            Delivery::Packet(packet, arrival_us) => self.receive(&packet, arrival_us, out),
            Delivery::Gap(0) => {}
            Delivery::Gap(lost_packets) => {
                self.video.lost();
                self.lose(out);
                out.push(MediaEvent::Damaged {
                    cause: DamageCause::Loss,
                    lost_packets,
                });
            }
            Delivery::Restart => {
                let complete = self.demuxer.is_between_units();
                self.video.restart(complete, &mut self.timeline, out);
                self.lose(out);
                // Another sender, perhaps: what it sends is found out anew.
                self.search = Search::default();
                self.sounds.clear();
                self.main_type = None;
                out.push(MediaEvent::Damaged {
                    cause: DamageCause::Restart,
                    lost_packets: 0,
                });
            }
        }
    }

    /// Takes a packet of sound that has a source of its own beside that of the picture.
    pub(super) fn receive_sound(
        &mut self,
        packet: &RtpPacket<'_>,
        arrival_us: u64,
        out: &mut Vec<MediaEvent>,
    ) {
        let stamp = stamp_of(packet, arrival_us);
        match self
            .sounds
            .route(packet, self.labels.of(packet.payload_type))
        {
            Route::Main => {}
            route => self.hear(route, packet, stamp, out),
        }
    }

    pub(super) fn retime(&mut self, by_arrival: bool, now_us: u64) {
        self.timeline.retime(by_arrival, now_us);
    }

    pub(super) fn flush(&mut self, out: &mut Vec<MediaEvent>) {
        self.tape.finish();
        self.with_transport(Stamp::default(), out, |transport, sink| {
            transport.flush(sink);
        });
        self.video.finish(&mut self.timeline, out);
    }

    pub(super) fn has_taped(&self) -> bool {
        !self.tape.is_empty()
    }

    pub(super) const fn tape(&mut self) -> (&mut PayloadTape, &PictureMarks) {
        (&mut self.tape, &self.video.marks)
    }

    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        self.video.assembler.recycle(buffer);
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.reader.held_bytes()
            + self.demuxer.held_bytes()
            + self.transport.held_bytes()
            + self.tape.held_bytes()
            + self.video.assembler.held_bytes()
            + self.audio.held_bytes()
    }

    pub(super) const fn tracks(&self) -> Tracks {
        Tracks {
            listed: self.streams.listed,
            video: self.reader.is_elementary()
                || self.streams.has_video()
                || self.video.has_codec(),
            audio: self.streams.has_audio() || self.audio.has_config(),
        }
    }

    pub(super) const fn count(&self, stats: &mut IngestStats) {
        self.video.count(stats);
        let demuxer = self.demuxer.stats();
        stats.packs = demuxer.packs;
        stats.ps_resyncs = demuxer.resyncs;
        stats.pes_length_errors = demuxer.length_errors;
        let transport = self.transport.stats();
        stats.ts_packets = transport.packets;
        stats.ts_gaps = transport.gaps;
        stats.ts_resyncs = transport.resyncs;
        stats.audio_frames = self.audio.frames();
        let timeline = self.timeline.stats();
        stats.rebases = timeline.rebases;
        stats.clock_changes = timeline.clock_changes;
        stats.format = self.format();
    }

    pub(super) const fn format(&self) -> &'static str {
        match self.reader {
            Reader::Probing(_) => "",
            Reader::Ps => "ps",
            Reader::Ts => "ts",
            Reader::AnnexB => "annexb",
            Reader::H264(_) => "h264",
            Reader::H265(_) => "h265",
            Reader::Refused => "refused",
        }
    }

    fn receive(&mut self, packet: &RtpPacket<'_>, arrival_us: u64, out: &mut Vec<MediaEvent>) {
        if packet.payload.is_empty() {
            return;
        }
        let (pictures, headless) = self.video.completed();
        self.take(packet, arrival_us, out);
        let (now, cut) = self.video.completed();
        let (marker, timestamp) = (packet.marker, packet.timestamp);
        let ends = self
            .endings
            .packet(marker, timestamp, now - pictures, cut > headless);
        if ends && self.reader.reads_at_once() && self.video.assembler.has_slice() {
            self.video.finish(&mut self.timeline, out);
            self.endings.ended(self.video.completed().1 > cut);
        }
    }

    fn take(&mut self, packet: &RtpPacket<'_>, arrival_us: u64, out: &mut Vec<MediaEvent>) {
        let stamp = stamp_of(packet, arrival_us);
        self.marker = packet.marker;
        if self.search.is_over && self.main_type == Some(packet.payload_type) {
            self.read(packet.payload, stamp, out);
            return;
        }
        if is_program_stream(packet.payload) {
            self.main_type = Some(packet.payload_type);
            self.sounds.mark_main(packet.payload_type);
            self.read(packet.payload, stamp, out);
            return;
        }
        let label = self.labels.of(packet.payload_type);
        match self.sounds.route(packet, label) {
            // Beside a stream that is known, another payload type is sound or nothing.
            Route::Main if self.is_beside(packet.payload_type) => {}
            Route::Main => {
                if let Some(payload) = self.admit(packet, out) {
                    self.read(payload, stamp, out);
                    if self.search.is_over {
                        self.main_type = Some(packet.payload_type);
                    }
                }
            }
            route => self.hear(route, packet, stamp, out),
        }
    }

    fn is_beside(&self, payload_type: u8) -> bool {
        self.search.is_over && self.main_type.is_some_and(|main| main != payload_type)
    }

    fn hear(
        &mut self,
        route: Route,
        packet: &RtpPacket<'_>,
        stamp: Stamp,
        out: &mut Vec<MediaEvent>,
    ) {
        let (audio, timeline) = (&mut self.audio, &mut self.timeline);
        match route {
            Route::Main => return,
            Route::G711(codec) => audio.receive_g711(codec, packet.payload, stamp, timeline, out),
            Route::Aac(format) => {
                audio.receive_rtp_aac(packet.payload, &format, stamp, timeline, out);
            }
            Route::Refused(what) => self.refuse(what, out),
        }
        // Sound beside the program stream: passing that on alone would leave it out.
        self.tape.receive_other();
    }

    /// What the label of the payload type says, while the bytes have not said anything.
    fn admit<'a>(&mut self, packet: &RtpPacket<'a>, out: &mut Vec<MediaEvent>) -> Option<&'a [u8]> {
        if self.search.is_over || !matches!(self.reader, Reader::Probing(_)) {
            return Some(packet.payload);
        }
        let verdict = look_at_start(packet.payload);
        match self.labels.of(packet.payload_type) {
            Label::Video(codec) if verdict == Verdict::Unsure => {
                let codec = *codec;
                // What waits has come under another label, or none.
                let kept = std::mem::replace(&mut self.reader, Reader::Probing(Vec::new()));
                self.expect(codec);
                if let Reader::Probing(kept) = kept {
                    for (payload, stamp) in kept {
                        self.read(&payload, stamp, out);
                    }
                }
                Some(packet.payload)
            }
            Label::Refused(what) if verdict == Verdict::Unsure => {
                let what = *what;
                let found = self.search.probe.look(packet.payload);
                if found == Verdict::Unsure {
                    self.refuse(what, out);
                    return None;
                }
                self.choose(found, out);
                Some(packet.payload)
            }
            _ => Some(packet.payload),
        }
    }

    /// What came before the loss does not join what comes after it.
    fn lose(&mut self, out: &mut Vec<MediaEvent>) {
        self.audio.lost();
        self.tape.lost();
        self.endings.lost();
        match &mut self.reader {
            Reader::Ps => {
                let mut program = Program {
                    streams: &mut self.streams,
                    video: &mut self.video,
                    audio: &mut self.audio,
                    timeline: &mut self.timeline,
                    stamp: Stamp::default(),
                    out,
                };
                self.demuxer.lost(self.pass_corrupt, &mut program);
            }
            Reader::Ts => self.with_transport(Stamp::default(), out, |transport, sink| {
                transport.lost(sink);
            }),
            Reader::H264(reader) => reader.lost(),
            Reader::H265(reader) => reader.lost(),
            Reader::Probing(kept) => {
                self.search.probe = Probe::default();
                kept.clear();
            }
            Reader::AnnexB | Reader::Refused => {}
        }
        self.timestamp = None;
    }

    fn refuse(&mut self, what: Unsupported, out: &mut Vec<MediaEvent>) {
        if !self.refused.contains(&what) {
            self.refused.push(what);
            out.push(MediaEvent::Unsupported { what });
        }
    }
}

const fn stamp_of(packet: &RtpPacket<'_>, arrival_us: u64) -> Stamp {
    Stamp {
        pts: None,
        dts: None,
        rtp: packet.timestamp,
        arrival_us,
        packet: 0,
    }
}
