//! Ordered packets to events: which reader takes a payload, and what a loss means to it.

use super::IngestConfig;
use crate::access_unit::Assembler;
use crate::audio::AudioTrack;
use crate::media::{AudioCodec, DamageCause, MediaEvent, Unsupported, VideoCodec};
use crate::probe::{PayloadHint, Probe, Verdict, look_at_start};
use crate::ps::PsDemuxer;
use crate::reorder::Delivery;
use crate::rtp::RtpPacket;
use crate::rtp_h264::{H264Depacketizer, NalSink};
use crate::rtp_h265::H265Depacketizer;
use crate::stats::IngestStats;
use crate::timeline::{Stamp, Timeline};
use crate::video::VideoTrack;

use super::program::{Program, Streams};
use super::tracks::Tracks;

/// Payloads kept while it is not clear what they are.
const MAX_PROBED: usize = 32;

/// What reads the payloads that are not plain audio.
#[derive(Debug)]
enum Reader {
    Probing(Probe, Vec<(Vec<u8>, Stamp)>),
    Ps,
    /// Nothing else fits, but no unit of a program stream has been found either.
    PresumedPs(Probe),
    AnnexB,
    H264(H264Depacketizer),
    H265(H265Depacketizer),
    Refused,
}

/// Everything behind the reorder window.
#[derive(Debug)]
pub(super) struct Pipeline {
    reader: Reader,
    demuxer: PsDemuxer,
    streams: Streams,
    video: VideoTrack,
    audio: AudioTrack,
    timeline: Timeline,
    refused: Vec<Unsupported>,
    pass_corrupt: bool,
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
            reader: Reader::Probing(Probe::default(), Vec::new()),
            demuxer: PsDemuxer::new(),
            streams: Streams::default(),
            video: VideoTrack::new(config.pass_corrupt),
            audio: AudioTrack::default(),
            timeline: Timeline::default(),
            refused: Vec::new(),
            pass_corrupt: config.pass_corrupt,
            timestamp: None,
        };
        match config.hint {
            PayloadHint::Probe => {}
            PayloadHint::H264 => pipeline.expect(VideoCodec::H264),
            PayloadHint::H265 => pipeline.expect(VideoCodec::H265),
        }
        pipeline
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
                out.push(MediaEvent::Damaged {
                    cause: DamageCause::Restart,
                    lost_packets: 0,
                });
            }
        }
    }

    pub(super) fn retime(&mut self, by_arrival: bool, now_us: u64) {
        self.timeline.retime(by_arrival, now_us);
    }

    pub(super) fn flush(&mut self, out: &mut Vec<MediaEvent>) {
        self.video.finish(&mut self.timeline, out);
    }

    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        self.video.assembler.recycle(buffer);
    }

    pub(super) fn held_bytes(&self) -> usize {
        let kept = match &self.reader {
            Reader::Probing(_, kept) => kept.iter().map(|(payload, _)| payload.capacity()).sum(),
            _ => 0,
        };
        kept + self.demuxer.held_bytes()
            + self.video.assembler.held_bytes()
            + self.audio.held_bytes()
    }

    pub(super) const fn tracks(&self) -> Tracks {
        let elementary = matches!(
            self.reader,
            Reader::AnnexB | Reader::H264(_) | Reader::H265(_)
        );
        Tracks {
            listed: self.streams.listed,
            video: elementary || self.streams.has_video() || self.video.has_codec(),
            audio: self.streams.has_audio() || self.audio.has_config(),
        }
    }

    pub(super) const fn count(&self, stats: &mut IngestStats) {
        self.video.count(stats);
        let demuxer = self.demuxer.stats();
        stats.packs = demuxer.packs;
        stats.ps_resyncs = demuxer.resyncs;
        stats.pes_length_errors = demuxer.length_errors;
        stats.audio_frames = self.audio.frames();
        let timeline = self.timeline.stats();
        stats.rebases = timeline.rebases;
        stats.clock_changes = timeline.clock_changes;
    }

    fn receive(&mut self, packet: &RtpPacket<'_>, arrival_us: u64, out: &mut Vec<MediaEvent>) {
        if packet.payload.is_empty() {
            return;
        }
        let stamp = Stamp {
            pts: None,
            dts: None,
            rtp: packet.timestamp,
            arrival_us,
        };
        let plain = look_at_start(packet.payload);
        match (packet.payload_type, plain) {
            (_, Verdict::Ps) => self.read(packet.payload, stamp, out),
            (8, _) => self.receive_g711(AudioCodec::G711A, packet.payload, stamp, out),
            (0, _) => self.receive_g711(AudioCodec::G711U, packet.payload, stamp, out),
            (102, _) => {
                self.audio
                    .receive_rtp_aac(packet.payload, stamp, &mut self.timeline, out);
            }
            (kind @ (4 | 9 | 18 | 20), _) => self.refuse(Unsupported::PayloadType(kind), out),
            (98, Verdict::Unsure) if self.is_probing() => {
                self.expect(VideoCodec::H264);
                self.read(packet.payload, stamp, out);
            }
            (100, Verdict::Unsure) if self.is_probing() => {
                self.expect(VideoCodec::H265);
                self.read(packet.payload, stamp, out);
            }
            (kind @ (97 | 99), Verdict::Unsure) if self.is_probing() => {
                self.refuse(Unsupported::PayloadType(kind), out);
            }
            _ => self.read(packet.payload, stamp, out),
        }
    }

    fn receive_g711(
        &mut self,
        codec: AudioCodec,
        payload: &[u8],
        stamp: Stamp,
        out: &mut Vec<MediaEvent>,
    ) {
        self.audio
            .receive_g711(codec, payload, stamp, &mut self.timeline, out);
    }

    const fn is_probing(&self) -> bool {
        matches!(self.reader, Reader::Probing(..) | Reader::PresumedPs(_))
    }

    /// The payload is said to be an elementary stream in RTP.
    fn expect(&mut self, codec: VideoCodec) {
        self.video.declare(Some(codec));
        self.reader = match codec {
            VideoCodec::H264 => Reader::H264(H264Depacketizer::default()),
            VideoCodec::H265 => Reader::H265(H265Depacketizer::default()),
        };
    }

    fn read(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
        match &mut self.reader {
            Reader::Ps => self.read_ps(payload, stamp, out),
            Reader::Probing(..) => self.probe(payload, stamp, out),
            Reader::PresumedPs(_) => self.presume(payload, stamp, out),
            // No other reader can take a payload that begins with a pack header for its own.
            _ if payload.starts_with(&[0, 0, 1, 0xBA]) => {
                self.video.assembler.set_elementary(false);
                self.reader = Reader::Ps;
                self.read_ps(payload, stamp, out);
            }
            Reader::AnnexB => self.read_annexb(payload, stamp, out),
            Reader::H264(_) | Reader::H265(_) => self.read_nals(payload, stamp, out),
            Reader::Refused => {}
        }
    }

    fn probe(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
        let Reader::Probing(probe, kept) = &mut self.reader else {
            return;
        };
        let verdict = probe.look(payload);
        let presume = probe.is_no_elementary_stream() || kept.len() >= MAX_PROBED;
        if verdict == Verdict::Unsure && !presume {
            kept.push((payload.to_vec(), stamp));
            return;
        }
        let kept = std::mem::take(kept);
        self.reader = Reader::PresumedPs(std::mem::take(probe));
        self.choose(verdict, out);
        for (payload, stamp) in kept {
            self.read(&payload, stamp, out);
        }
        self.read(payload, stamp, out);
    }

    /// Reads as a program stream until the bytes prove that it is one, or something else.
    fn presume(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
        let Reader::PresumedPs(probe) = &mut self.reader else {
            return;
        };
        let verdict = probe.look(payload);
        self.choose(verdict, out);
        if !matches!(self.reader, Reader::PresumedPs(_)) {
            self.read(payload, stamp, out);
            return;
        }
        self.read_ps(payload, stamp, out);
        if self.demuxer.stats().packs > 0 {
            self.reader = Reader::Ps;
        }
    }

    fn choose(&mut self, verdict: Verdict, out: &mut Vec<MediaEvent>) {
        match verdict {
            Verdict::Unsure => {}
            Verdict::Ps => self.reader = Reader::Ps,
            Verdict::AnnexB => {
                self.video.assembler.set_elementary(true);
                self.reader = Reader::AnnexB;
            }
            Verdict::H264 => self.expect(VideoCodec::H264),
            Verdict::H265 => self.expect(VideoCodec::H265),
            Verdict::Refused(what) => {
                self.reader = Reader::Refused;
                self.refuse(what, out);
            }
        }
    }

    fn read_ps(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
        let mut program = Program {
            streams: &mut self.streams,
            video: &mut self.video,
            audio: &mut self.audio,
            timeline: &mut self.timeline,
            stamp,
            out,
        };
        self.demuxer.push(payload, &mut program);
    }

    fn read_annexb(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
        self.begin_timestamp(stamp);
        let mut rest = payload;
        // A system code inside means nothing here: what lies between is dropped.
        while let Some(stop) = self.video.assembler.append(rest) {
            rest = &rest[stop.resume..];
        }
        self.video.drain(&mut self.timeline, out);
    }

    fn read_nals(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
        self.begin_timestamp(stamp);
        let assembler = &mut self.video.assembler;
        // Payloads that are not understood are passed over, as RFC 6184 5.3 asks.
        let _ = match &mut self.reader {
            Reader::H264(reader) => reader.push(payload, assembler),
            Reader::H265(reader) => reader.push(payload, assembler),
            _ => Ok(()),
        };
        self.video.drain(&mut self.timeline, out);
    }

    /// All packets of one picture have one RTP timestamp.
    fn begin_timestamp(&mut self, stamp: Stamp) {
        if self.timestamp != Some(stamp.rtp) {
            self.timestamp = Some(stamp.rtp);
            self.video.assembler.begin(stamp);
        }
    }

    /// What came before the loss does not join what comes after it.
    fn lose(&mut self, out: &mut Vec<MediaEvent>) {
        self.audio.lost();
        match &mut self.reader {
            Reader::Ps | Reader::PresumedPs(_) => {
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
            Reader::H264(reader) => reader.lost(),
            Reader::H265(reader) => reader.lost(),
            Reader::Probing(probe, kept) => {
                *probe = Probe::default();
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
