//! Frames that come whole, with their times: from a connection of another protocol, or from a program.
//!
//! What is given is not trusted more than a camera: parameter sets are taken from the bytes, the
//! codec is the one that the bytes prove, key frames are looked for, and times go through the same
//! [`crate::timeline::Timeline`] as those of a reception, so that leaps and wraps are taken out.

use crate::audio::AudioTrack;
use crate::ingest::{IngestConfig, Tracks};
use crate::media::{AudioCodec, MediaEvent, Unsupported, VideoCodec};
use crate::stats::IngestStats;
use crate::timeline::{Stamp, Timeline};
use crate::video::VideoTrack;

/// Kinds of refused media that are reported.
const MAX_REFUSED: usize = 16;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fed {
    /// One picture in decoding order.
    Video {
        /// What it is coded with, unless its parameter sets prove the other codec.
        codec: VideoCodec,
        /// Annex B byte stream; key frames bring their parameter sets.
        annexb: Vec<u8>,
        /// Presentation time in ticks of 90 kHz, from any origin.
        pts_90k: i64,
        /// Decoding time in ticks of 90 kHz, on the same clock.
        dts_90k: i64,
    },
    /// A piece of audio.
    Audio {
        /// What it is coded with.
        codec: AudioCodec,
        /// G.711: any number of samples. AAC: one raw access unit, or whole ADTS frames.
        data: Vec<u8>,
        /// Time of its first sample in ticks of 90 kHz, on the clock of the video.
        pts_90k: i64,
        /// AudioSpecificConfig of raw AAC; empty for ADTS and for G.711.
        asc: Vec<u8>,
        /// Samples per second; read from the AudioSpecificConfig when there is one.
        sample_rate: u32,
        /// Channels; read from the AudioSpecificConfig when there is one.
        channels: u8,
    },
    /// Something that the source sends and that is not carried.
    Unsupported {
        /// What it is.
        what: Unsupported,
    },
}

impl Fed {
    /// Bytes of memory that it holds.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Video { annexb, .. } => annexb.len(),
            Self::Audio { data, asc, .. } => data.len() + asc.len(),
            Self::Unsupported { .. } => 0,
        }
    }

    /// Whether it is a picture.
    #[must_use]
    pub const fn is_video(&self) -> bool {
        matches!(self, Self::Video { .. })
    }
}

/// Everything between fed frames and their events.
///
/// Give each frame to [`Feeder::receive`]; call [`Feeder::flush`] once at the end.
#[derive(Debug)]
pub struct Feeder {
    video: VideoTrack,
    audio: AudioTrack,
    timeline: Timeline,
    refused: Vec<Unsupported>,
    stats: IngestStats,
}

impl Default for Feeder {
    fn default() -> Self {
        Self {
            video: VideoTrack::new(IngestConfig::default().pass_corrupt),
            audio: AudioTrack::default(),
            timeline: Timeline::default(),
            refused: Vec::new(),
            stats: IngestStats::default(),
        }
    }
}

impl Feeder {
    /// Takes one frame that came at `now_us`; appends what it completes to `out`.
    pub fn receive(&mut self, fed: &Fed, now_us: u64, out: &mut Vec<MediaEvent>) {
        self.stats.packets += 1;
        self.stats.bytes += fed.size_bytes() as u64;
        match fed {
            Fed::Video {
                codec,
                annexb,
                pts_90k,
                dts_90k,
            } => {
                let stamp = stamp_of(*pts_90k, Some(*dts_90k), now_us);
                self.receive_video(*codec, annexb, stamp, out);
            }
            Fed::Audio {
                codec,
                data,
                pts_90k,
                asc,
                sample_rate,
                channels,
            } => {
                let stamp = stamp_of(*pts_90k, None, now_us);
                let form = (*sample_rate, *channels, asc.as_slice());
                self.audio
                    .receive_fed(*codec, data, form, stamp, &mut self.timeline, out);
            }
            Fed::Unsupported { what } => {
                if !self.refused.contains(what) && self.refused.len() < MAX_REFUSED {
                    self.refused.push(*what);
                    out.push(MediaEvent::Unsupported { what: *what });
                }
            }
        }
        self.count();
    }

    /// The frames will go on from another position, or at another speed; see
    /// [`crate::timeline::Timeline::retime`].
    pub fn retime(&mut self, by_arrival: bool, now_us: u64) {
        self.timeline.retime(by_arrival, now_us);
    }

    /// Hands out what is whole at the end.
    pub fn flush(&mut self, out: &mut Vec<MediaEvent>) {
        self.video.finish(&mut self.timeline, out);
        self.count();
    }

    /// Frames were left out before this one: pictures wait for the next key frame.
    pub fn lost(&mut self) {
        self.video.lost();
    }

    /// Which tracks have come; nothing lists them beforehand.
    #[must_use]
    pub const fn tracks(&self) -> Tracks {
        Tracks {
            listed: false,
            video: self.video.is_expected(),
            audio: self.audio.has_config(),
        }
    }

    /// Another source gives the frames from here on: its clock is its own, and pictures wait for a key frame.
    pub fn restart(&mut self, now_us: u64) {
        self.video.lost();
        self.timeline.retime(false, now_us);
    }

    /// Counters and gauges, as of the last call. Packets are frames here.
    #[must_use]
    pub const fn stats(&self) -> &IngestStats {
        &self.stats
    }

    /// Bytes of memory kept in buffers.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.video.assembler.held_bytes() + self.audio.held_bytes()
    }

    fn receive_video(
        &mut self,
        codec: VideoCodec,
        annexb: &[u8],
        stamp: Stamp,
        out: &mut Vec<MediaEvent>,
    ) {
        self.video.declare(Some(codec));
        self.video.assembler.begin(stamp);
        let mut rest = annexb;
        // A system code inside means nothing here: what lies between is dropped.
        while let Some(stop) = self.video.assembler.append(rest) {
            rest = rest.get(stop.resume..).unwrap_or_default();
        }
        self.video.finish(&mut self.timeline, out);
    }

    const fn count(&mut self) {
        self.video.count(&mut self.stats);
        self.stats.audio_frames = self.audio.frames();
        let timeline = self.timeline.stats();
        self.stats.rebases = timeline.rebases;
        self.stats.clock_changes = timeline.clock_changes;
    }
}

/// The low bits are what the timeline unwraps; a difference of the clocks' origins is taken out there.
const fn stamp_of(pts_90k: i64, dts_90k: Option<i64>, arrival_us: u64) -> Stamp {
    Stamp {
        pts: Some(low_bits(pts_90k)),
        dts: match dts_90k {
            Some(dts) => Some(low_bits(dts)),
            None => None,
        },
        rtp: pts_90k as u32,
        arrival_us,
        packet: 0,
    }
}

const fn low_bits(ticks: i64) -> u64 {
    (ticks & ((1 << 33) - 1)) as u64
}
