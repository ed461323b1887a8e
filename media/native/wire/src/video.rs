//! Pictures to access units: codec, parameter sets, key frames, what to drop after a loss.

use crate::access_unit::{Assembler, Picture};
use crate::convert::to_length_prefixed;
use crate::media::{AccessUnit, DamageCause, MediaEvent, VideoCodec};
use crate::nal::{self, NalKind};
use crate::parameter_sets::ParameterSets;
use crate::stats::IngestStats;
use crate::tape::{PictureMark, PictureMarks};
use crate::timeline::Timeline;

/// What the video counts. All counters only rise.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    access_units: u64,
    keyframes: u64,
    dropped_damaged: u64,
    passed_damaged: u64,
    dropped_before_keyframe: u64,
    dropped_too_large: u64,
    /// Of any kind, those that are dropped included.
    pictures: u64,
    headless: u64,
}

/// Why pictures are held back until the next key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Waiting {
    /// None has come yet.
    #[default]
    First,
    /// Something was lost.
    Damaged,
    /// Not waiting.
    No,
}

/// The video of one reception.
#[derive(Debug, Default)]
pub(crate) struct VideoTrack {
    pub(crate) assembler: Assembler,
    sets: ParameterSets,
    /// The codec that the data proved.
    codec: Option<VideoCodec>,
    /// The codec that the program stream map or the SDP named.
    declared: Option<VideoCodec>,
    configured: bool,
    waiting: Waiting,
    pass_corrupt: bool,
    idr_seen: bool,
    /// Leading pictures of this random access point refer to what was not sent.
    skip_leading: bool,
    pieces: Vec<(usize, usize)>,
    /// Where the newest pictures began.
    pub(crate) marks: PictureMarks,
    counts: Counts,
}

/// What the NAL units of one picture are.
#[derive(Debug, Default)]
struct Content {
    has_slice: bool,
    has_first: bool,
    key: bool,
    clean_random_access: bool,
    skipped_leading: bool,
    recovery_point: bool,
}

impl VideoTrack {
    pub(crate) fn new(pass_corrupt: bool) -> Self {
        Self {
            pass_corrupt,
            ..Self::default()
        }
    }

    /// The codec that somebody says it is. Data that proves another wins (Q87).
    pub(crate) fn declare(&mut self, codec: Option<VideoCodec>) {
        self.declared = codec.or(self.declared);
        if let Some(codec) = codec {
            self.assembler.declare(codec);
        }
    }

    /// Parameter sets from outside the stream, until it brings its own. Those of another codec, and what is
    /// no parameter set, are passed over.
    pub(crate) fn offer_sets(&mut self, codec: VideoCodec, sets: &[Vec<u8>]) {
        if self.configured || self.codec.is_some_and(|proved| proved != codec) {
            return;
        }
        for set in sets {
            let set = nal::trim_zeros(set);
            self.sets.put(codec, nal::classify(codec, set), set);
        }
    }

    /// Whether the data has proved what it is.
    pub(crate) const fn has_codec(&self) -> bool {
        self.codec.is_some()
    }

    /// Whether parameter sets have described it.
    pub(crate) const fn is_configured(&self) -> bool {
        self.configured
    }

    /// What to do with damaged pictures from now on.
    pub(crate) const fn pass_corrupt(&mut self, pass: bool) {
        self.pass_corrupt = pass;
    }

    /// Whether somebody, or the data, has said what it is.
    pub(crate) const fn is_expected(&self) -> bool {
        self.codec.is_some() || self.declared.is_some()
    }

    /// Packets were lost.
    pub(crate) fn lost(&mut self) {
        let dropped = self.assembler.lost(self.pass_corrupt);
        self.counts.dropped_damaged += u64::from(dropped);
        self.damage();
    }

    /// The source began anew; `complete` says that nothing of the last picture is missing.
    pub(crate) fn restart(
        &mut self,
        complete: bool,
        timeline: &mut Timeline,
        out: &mut Vec<MediaEvent>,
    ) {
        if complete {
            self.finish(timeline, out);
        } else {
            self.assembler.clear();
        }
        self.damage();
    }

    /// Ends the current picture.
    pub(crate) fn finish(&mut self, timeline: &mut Timeline, out: &mut Vec<MediaEvent>) {
        self.assembler.finish();
        self.drain(timeline, out);
    }

    /// Hands out the pictures that are complete.
    pub(crate) fn drain(&mut self, timeline: &mut Timeline, out: &mut Vec<MediaEvent>) {
        while let Some(picture) = self.assembler.take_finished() {
            self.close(picture, timeline, out);
        }
    }

    /// Pictures that were completed, and those of them that had no beginning.
    pub(crate) const fn completed(&self) -> (u64, u64) {
        (self.counts.pictures, self.counts.headless)
    }

    pub(crate) const fn count(&self, stats: &mut IngestStats) {
        stats.access_units = self.counts.access_units;
        stats.keyframes = self.counts.keyframes;
        stats.dropped_damaged = self.counts.dropped_damaged;
        stats.passed_damaged = self.counts.passed_damaged;
        stats.dropped_before_keyframe = self.counts.dropped_before_keyframe;
        stats.dropped_too_large = self.counts.dropped_too_large;
    }

    fn damage(&mut self) {
        if self.waiting == Waiting::No {
            self.waiting = Waiting::Damaged;
        }
    }

    fn close(&mut self, picture: Picture, timeline: &mut Timeline, out: &mut Vec<MediaEvent>) {
        if picture.too_large {
            self.counts.dropped_too_large += 1;
            self.damage();
            out.push(MediaEvent::Damaged {
                cause: DamageCause::TooLarge,
                lost_packets: 0,
            });
            self.reuse(picture);
            return;
        }
        let Some(codec) = self.settle_codec(picture.evidence) else {
            self.counts.dropped_before_keyframe += 1;
            self.reuse(picture);
            return;
        };
        let content = self.read(codec, &picture);
        self.configure(codec, out);
        if !content.has_slice {
            self.reuse(picture);
            return;
        }
        self.counts.pictures += 1;
        self.counts.headless += u64::from(!content.has_first);
        let times = timeline.video(&picture.stamp);
        let damaged = picture.damaged || !content.has_first;
        let Some((keyframe, corrupt)) = self.admit(&content, damaged) else {
            self.reuse(picture);
            return;
        };
        let Picture {
            bytes: mut nals,
            nals: positions,
            ..
        } = picture;
        self.assembler.recycle_nals(positions);
        to_length_prefixed(&mut nals, &self.pieces);
        if nals.capacity() - nals.len() > nals.len() / 8 + 1_024 {
            // Caches and queues hold it for seconds: what is not filled would be a third of all memory. Allocators
            // shrink where it stands only what has become much smaller, so it is copied.
            nals = nals.as_slice().into();
        }
        self.counts.access_units += 1;
        self.counts.keyframes += u64::from(keyframe);
        self.counts.passed_damaged += u64::from(corrupt);
        self.marks.push(PictureMark {
            dts_90k: times.dts_90k,
            pts_90k: times.pts_90k,
            source_pts: picture.stamp.pts,
            packet: picture.stamp.packet,
            sounds: timeline.sounds(),
        });
        out.push(MediaEvent::Video(AccessUnit {
            codec,
            nals,
            pts_90k: times.pts_90k,
            dts_90k: times.dts_90k,
            keyframe,
            corrupt,
        }));
    }

    fn reuse(&mut self, picture: Picture) {
        self.assembler.recycle(picture.bytes);
        self.assembler.recycle_nals(picture.nals);
    }

    /// Data decides, then what was found before, then what was declared (rule 5).
    fn settle_codec(&mut self, evidence: Option<VideoCodec>) -> Option<VideoCodec> {
        if evidence.is_some() && evidence != self.codec {
            if self.codec.is_some() {
                self.sets.clear();
                self.configured = false;
                self.idr_seen = false;
                self.waiting = Waiting::First;
            }
            self.codec = evidence;
        }
        self.codec.or(self.declared)
    }

    /// Sorts the NAL units: parameter sets to the store, what a player needs to `pieces`.
    fn read(&mut self, codec: VideoCodec, picture: &Picture) -> Content {
        let mut content = Content::default();
        self.pieces.clear();
        for (index, &start) in picture.nals.iter().enumerate() {
            let start = start as usize;
            let limit = match picture.nals.get(index + 1) {
                Some(&next) => next as usize - 3,
                None => picture.bytes.len(),
            };
            let unit = nal::trim_zeros(&picture.bytes[start.min(limit)..limit]);
            let kind = nal::classify(codec, unit);
            match kind {
                NalKind::Vps | NalKind::Sps | NalKind::Pps => {
                    self.sets.put(codec, kind, unit);
                    continue;
                }
                NalKind::Delimiter | NalKind::Void | NalKind::Invalid => continue,
                NalKind::Slice { first, key } => {
                    content.has_slice = true;
                    content.has_first |= first;
                    content.key |= key;
                    if codec == VideoCodec::H265 {
                        content.clean_random_access |= nal::is_clean_random_access(unit);
                        content.skipped_leading |= nal::is_skipped_leading(unit);
                    }
                }
                NalKind::Sei => content.recovery_point |= nal::is_recovery_point(codec, unit),
                NalKind::Other | NalKind::Prefix => {}
            }
            self.pieces.push((start, start + unit.len()));
        }
        content
    }

    fn configure(&mut self, codec: VideoCodec, out: &mut Vec<MediaEvent>) {
        let Some(config) = self.sets.take_changed(codec) else {
            return;
        };
        self.codec = Some(codec);
        self.configured = true;
        out.push(MediaEvent::VideoConfig(config));
    }

    /// Decides whether a picture goes out; says whether it is a key frame and whether it is
    /// corrupt.
    fn admit(&mut self, content: &Content, damaged: bool) -> Option<(bool, bool)> {
        self.idr_seen |= content.key;
        let keyframe = content.key || content.recovery_point && !self.idr_seen;
        if keyframe && !damaged && self.configured {
            self.skip_leading = content.clean_random_access && self.waiting != Waiting::No;
            self.waiting = Waiting::No;
            return Some((true, false));
        }
        if content.skipped_leading && self.skip_leading {
            self.counts.dropped_before_keyframe += 1;
            return None;
        }
        if damaged {
            self.damage();
        }
        match self.waiting {
            Waiting::No => Some((false, false)),
            Waiting::Damaged if self.pass_corrupt => Some((keyframe, true)),
            Waiting::Damaged => {
                self.counts.dropped_damaged += 1;
                None
            }
            Waiting::First => {
                self.counts.dropped_before_keyframe += 1;
                None
            }
        }
    }
}
