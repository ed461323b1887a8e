//! The streams of a transport stream, given to the video and the audio.

use super::program::{Streams, video_codec};
use crate::audio::AudioTrack;
use crate::media::{MediaEvent, Unsupported};
use crate::ps::{PesHeader, Reading};
use crate::timeline::{Stamp, Timeline};
use crate::ts::{TsEntry, TsSink};
use crate::video::VideoTrack;

/// Which PIDs carry the video and the audio that are read: those of the map, or until there is one
/// the first of each kind.
#[derive(Debug, Default)]
pub(super) struct Pids {
    video: Option<u16>,
    audio: Option<u16>,
    has_map: bool,
}

/// One transport stream for the time of one payload.
pub(super) struct Transport<'a> {
    pub(super) pids: &'a mut Pids,
    pub(super) streams: &'a mut Streams,
    pub(super) video: &'a mut VideoTrack,
    pub(super) audio: &'a mut AudioTrack,
    pub(super) timeline: &'a mut Timeline,
    /// RTP timestamp and arrival of the packet being read.
    pub(super) stamp: Stamp,
    pub(super) out: &'a mut Vec<MediaEvent>,
    /// Packets are missing inside, though none of RTP are.
    pub(super) gap: bool,
}

/// stream_types of video, those that are not carried included.
const fn is_video_type(stream_type: u8) -> bool {
    matches!(stream_type, 0x01 | 0x02 | 0x10 | 0x1B | 0x24 | 0x80 | 0xEA)
}

impl Transport<'_> {
    fn take_video(&mut self, entries: &[TsEntry]) {
        let carried = entries
            .iter()
            .find(|entry| video_codec(entry.stream_type).is_some());
        let any = || {
            entries
                .iter()
                .find(|entry| is_video_type(entry.stream_type))
        };
        let entry = carried.or_else(any);
        self.pids.video = entry.map(|entry| entry.pid);
        if let Some(entry) = entry {
            match video_codec(entry.stream_type) {
                Some(codec) => self.video.declare(Some(codec)),
                None => self.refuse(Unsupported::VideoType(entry.stream_type)),
            }
        }
    }

    fn take_audio(&mut self, entries: &[TsEntry]) {
        let entry = entries
            .iter()
            .filter(|entry| AudioTrack::is_audio_type(entry.stream_type))
            .min_by_key(|entry| !AudioTrack::is_carried_type(entry.stream_type));
        self.pids.audio = entry.map(|entry| entry.pid);
        if let Some(entry) = entry {
            self.audio.declare(entry.stream_type);
        }
    }

    fn refuse(&mut self, what: Unsupported) {
        if self.streams.refuse(what) {
            self.out.push(MediaEvent::Unsupported { what });
        }
    }

    fn begin(&mut self, header: &PesHeader, is_video: bool) -> Reading {
        let stamp = Stamp {
            pts: header.pts,
            dts: header.dts,
            ..self.stamp
        };
        if is_video {
            self.video.assembler.pack();
            self.video.assembler.begin(stamp);
            Reading::Video
        } else {
            self.audio.begin(stamp);
            Reading::Audio
        }
    }
}

impl TsSink for Transport<'_> {
    fn program_map(&mut self, entries: &[TsEntry]) {
        self.pids.has_map = true;
        self.take_video(entries);
        self.take_audio(entries);
        self.streams
            .list(self.pids.video.is_some(), self.pids.audio.is_some());
    }

    fn pes(&mut self, pid: u16, header: &PesHeader) -> Reading {
        if self.pids.has_map {
            return match Some(pid) {
                video if video == self.pids.video => self.begin(header, true),
                audio if audio == self.pids.audio => self.begin(header, false),
                _ => Reading::Skip,
            };
        }
        match header.stream_id {
            0xE0..=0xEF if *self.pids.video.get_or_insert(pid) == pid => self.begin(header, true),
            0xC0..=0xDF if *self.pids.audio.get_or_insert(pid) == pid => self.begin(header, false),
            _ => Reading::Skip,
        }
    }

    fn video(&mut self, data: &[u8]) {
        let mut rest = data;
        // There are no system codes in a transport stream: what looks like one is dropped.
        while let Some(stop) = self.video.assembler.append(rest) {
            rest = rest.get(stop.resume..).unwrap_or_default();
        }
        self.video.drain(self.timeline, self.out);
    }

    fn audio(&mut self, data: &[u8]) {
        self.audio.append(data);
    }

    fn audio_end(&mut self) {
        self.audio.end(0, self.timeline, self.out);
    }

    fn lost(&mut self, reading: Reading) {
        match reading {
            Reading::Video => {
                self.video.lost();
                self.gap = true;
            }
            Reading::Audio => self.audio.lost(),
            Reading::Skip => {}
        }
    }
}
