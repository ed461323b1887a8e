//! The readers at work, and the search for the right one.

use super::Pipeline;
use crate::ingest::program::Program;
use crate::ingest::reader::{MAX_PROBED, Reader};
use crate::ingest::transport::Transport;
use crate::media::{DamageCause, MediaEvent, VideoCodec};
use crate::probe::Verdict;
use crate::rtp_h264::H264Depacketizer;
use crate::rtp_h265::H265Depacketizer;
use crate::timeline::Stamp;
use crate::ts::TsDemuxer;

/// Packets of a transport stream without a map after which it is believed to be one.
const ENOUGH_TS_PACKETS: u64 = 64;

impl Pipeline {
    /// The payload is said, or found, to be an elementary stream in RTP.
    pub(super) fn expect(&mut self, codec: VideoCodec) {
        self.video.declare(Some(codec));
        self.reader = match codec {
            VideoCodec::H264 => Reader::H264(H264Depacketizer::default()),
            VideoCodec::H265 => Reader::H265(H265Depacketizer::default()),
        };
    }

    pub(super) fn read(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
        if !self.search.is_over && !self.search_on(payload, stamp, out) {
            return;
        }
        match &mut self.reader {
            Reader::Ps => self.read_ps(payload, stamp, out),
            // No other reader can take such a payload for its own.
            _ if payload.starts_with(&[0, 0, 1, 0xBA]) => {
                self.change(Verdict::Ps, out);
                self.read_ps(payload, stamp, out);
            }
            Reader::Ts => self.read_ts(payload, stamp, out),
            Reader::AnnexB => self.read_annexb(payload, stamp, out),
            Reader::H264(_) | Reader::H265(_) => self.read_nals(payload, stamp, out),
            Reader::Probing(_) | Reader::Refused => {}
        }
    }

    /// Looks for what the payloads are; false when this one waits until that is clear.
    pub(super) fn search_on(
        &mut self,
        payload: &[u8],
        stamp: Stamp,
        out: &mut Vec<MediaEvent>,
    ) -> bool {
        let verdict = self.search.probe.look(payload);
        // A start code at the start of a payload says nothing against a container.
        let is_proven = self.is_proven();
        if let Reader::Probing(kept) = &mut self.reader {
            let presume = self.search.probe.is_no_elementary_stream() || kept.len() >= MAX_PROBED;
            if verdict == Verdict::Unsure && !presume {
                kept.push((payload.to_vec(), stamp));
                return false;
            }
            let kept = std::mem::take(kept);
            // Where nothing else fits it is read as a program stream, and the search goes on.
            self.reader = Reader::Ps;
            self.choose(verdict, out);
            for (payload, stamp) in kept {
                self.read(&payload, stamp, out);
            }
        } else if !(self.reader.is(verdict) || is_proven && verdict == Verdict::AnnexB) {
            self.change(verdict, out);
        }
        self.search.is_over = verdict == Verdict::Ps || self.is_proven();
        true
    }

    /// Whether the reader has found what only it can find.
    pub(super) const fn is_proven(&self) -> bool {
        match self.reader {
            Reader::Probing(_) => false,
            Reader::Refused => true,
            Reader::Ps => self.demuxer.stats().packs > 0,
            Reader::Ts => {
                let stats = self.transport.stats();
                stats.maps > 0 || stats.packets >= ENOUGH_TS_PACKETS
            }
            Reader::AnnexB | Reader::H264(_) | Reader::H265(_) => self.video.is_configured(),
        }
    }

    /// Another reader takes over: what the former one has begun has no end.
    pub(super) fn change(&mut self, verdict: Verdict, out: &mut Vec<MediaEvent>) {
        self.lose(out);
        self.video.assembler.clear();
        self.choose(verdict, out);
    }

    pub(super) fn choose(&mut self, verdict: Verdict, out: &mut Vec<MediaEvent>) {
        self.video
            .assembler
            .set_elementary(verdict == Verdict::AnnexB);
        match verdict {
            Verdict::Unsure => {}
            Verdict::Ps => self.reader = Reader::Ps,
            Verdict::Ts => self.reader = Reader::Ts,
            Verdict::AnnexB => self.reader = Reader::AnnexB,
            Verdict::H264 => self.expect(VideoCodec::H264),
            Verdict::H265 => self.expect(VideoCodec::H265),
            Verdict::Refused(what) => {
                self.reader = Reader::Refused;
                self.refuse(what, out);
            }
        }
    }

    pub(super) fn read_ps(&mut self, payload: &[u8], mut stamp: Stamp, out: &mut Vec<MediaEvent>) {
        let sounds = self.timeline.sounds();
        stamp.packet = self.tape.receive(payload, stamp.rtp, self.marker, sounds);
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

    pub(super) fn read_ts(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
        let gap = self.with_transport(stamp, out, |transport, sink| {
            transport.push(payload, sink);
            std::mem::take(&mut sink.gap)
        });
        if gap {
            out.push(MediaEvent::Damaged {
                cause: DamageCause::Loss,
                lost_packets: 0,
            });
        }
    }

    pub(super) fn with_transport<T>(
        &mut self,
        stamp: Stamp,
        out: &mut Vec<MediaEvent>,
        work: impl FnOnce(&mut TsDemuxer, &mut Transport<'_>) -> T,
    ) -> T {
        let mut sink = Transport {
            pids: &mut self.pids,
            streams: &mut self.streams,
            video: &mut self.video,
            audio: &mut self.audio,
            timeline: &mut self.timeline,
            stamp,
            out,
            gap: false,
        };
        work(&mut self.transport, &mut sink)
    }

    pub(super) fn read_annexb(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
        self.begin_timestamp(stamp);
        let mut rest = payload;
        // A system code inside means nothing here: what lies between is dropped.
        while let Some(stop) = self.video.assembler.append(rest) {
            rest = &rest[stop.resume..];
        }
        self.video.drain(&mut self.timeline, out);
    }

    pub(super) fn read_nals(&mut self, payload: &[u8], stamp: Stamp, out: &mut Vec<MediaEvent>) {
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
    pub(super) fn begin_timestamp(&mut self, stamp: Stamp) {
        if self.timestamp != Some(stamp.rtp) {
            self.timestamp = Some(stamp.rtp);
            self.video.assembler.begin(stamp);
        }
    }
}
