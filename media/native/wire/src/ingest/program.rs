//! The streams of a program stream, given to the video and the audio.

use crate::audio::AudioTrack;
use crate::media::{MediaEvent, Unsupported, VideoCodec};
use crate::ps::{MapEntry, PesHeader, PsSink, Reading, Stop};
use crate::timeline::{Stamp, Timeline};
use crate::video::VideoTrack;

/// Which stream ids carry the video and the audio that are read: the first of each kind, until
/// a map names others.
#[derive(Debug, Default)]
pub(super) struct Streams {
    video: Option<u8>,
    audio: Option<u8>,
    /// The map lists private stream 1 as audio (rule 8).
    private_audio: bool,
    refused: Option<Unsupported>,
    /// A map has come.
    pub(super) listed: bool,
    lists_video: bool,
    lists_audio: bool,
}

impl Streams {
    /// Whether there is video of a kind that can be carried, as far as the map tells.
    pub(super) const fn has_video(&self) -> bool {
        (self.video.is_some() || self.lists_video) && self.refused.is_none()
    }

    /// A table has listed these tracks, by other names than stream ids.
    pub(super) const fn list(&mut self, video: bool, audio: bool) {
        self.listed = true;
        self.lists_video = video;
        self.lists_audio = audio;
    }

    /// Whether a kind of video that is not carried was not known before.
    pub(super) fn refuse(&mut self, what: Unsupported) -> bool {
        self.refused.replace(what) != Some(what)
    }

    /// Whether there is audio.
    pub(super) const fn has_audio(&self) -> bool {
        self.audio.is_some() || self.private_audio || self.lists_audio
    }
}

/// One program stream for the time of one payload.
pub(super) struct Program<'a> {
    pub(super) streams: &'a mut Streams,
    pub(super) video: &'a mut VideoTrack,
    pub(super) audio: &'a mut AudioTrack,
    pub(super) timeline: &'a mut Timeline,
    /// RTP timestamp and arrival of the packet being read.
    pub(super) stamp: Stamp,
    pub(super) out: &'a mut Vec<MediaEvent>,
}

/// The codec of a video stream_type.
pub(super) const fn video_codec(stream_type: u8) -> Option<VideoCodec> {
    match stream_type {
        0x1B => Some(VideoCodec::H264),
        0x24 => Some(VideoCodec::H265),
        _ => None,
    }
}

/// Whether two map entries name the same kind of thing.
fn is_listed(entries: &[MapEntry], stream_id: Option<u8>) -> bool {
    entries
        .iter()
        .any(|entry| Some(entry.stream_id) == stream_id)
}

impl Program<'_> {
    fn take_video_entry(&mut self, entry: MapEntry) {
        match video_codec(entry.stream_type) {
            Some(codec) => self.video.declare(Some(codec)),
            None => {
                // Data may still prove that it is H.264 or H.265 under a wrong label.
                let what = Unsupported::VideoType(entry.stream_type);
                if self.streams.refuse(what) {
                    self.out.push(MediaEvent::Unsupported { what });
                }
            }
        }
    }
}

impl PsSink for Program<'_> {
    fn pack(&mut self) {
        self.video.assembler.pack();
    }

    fn program_map(&mut self, entries: &[MapEntry]) {
        let video = |entry: &&MapEntry| (0xE0..=0xEF).contains(&entry.stream_id);
        let audio = |entry: &&MapEntry| {
            (0xC0..=0xDF).contains(&entry.stream_id)
                || entry.stream_id == 0xBD && AudioTrack::is_audio_type(entry.stream_type)
        };
        self.streams.listed = true;
        if let Some(&entry) = entries.iter().find(video) {
            if !is_listed(entries, self.streams.video) {
                self.streams.video = Some(entry.stream_id);
            }
            self.take_video_entry(entry);
        }
        if let Some(&entry) = entries.iter().find(audio) {
            if !is_listed(entries, self.streams.audio) {
                self.streams.audio = Some(entry.stream_id);
            }
            self.streams.private_audio = entry.stream_id == 0xBD;
            self.audio.declare(entry.stream_type);
        }
    }

    fn pes(&mut self, header: &PesHeader) -> Reading {
        let stamp = Stamp {
            pts: header.pts,
            dts: header.dts,
            ..self.stamp
        };
        match header.stream_id {
            id @ 0xE0..=0xEF if *self.streams.video.get_or_insert(id) == id => {
                self.video.assembler.begin(stamp);
                Reading::Video
            }
            id @ 0xC0..=0xDF if *self.streams.audio.get_or_insert(id) == id => {
                self.audio.begin(stamp);
                Reading::Audio
            }
            0xBD if self.streams.private_audio => {
                self.audio.begin(stamp);
                Reading::Audio
            }
            _ => Reading::Skip,
        }
    }

    fn video(&mut self, data: &[u8]) -> Option<Stop> {
        let stop = self.video.assembler.append(data);
        self.video.drain(self.timeline, self.out);
        stop
    }

    fn audio(&mut self, data: &[u8]) {
        self.audio.append(data);
    }

    fn audio_end(&mut self, excess: usize) {
        self.audio.end(excess, self.timeline, self.out);
    }
}
