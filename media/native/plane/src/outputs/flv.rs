//! The stream as FLV tags, and as the messages of RTMP that have the same bodies.

use tongshi_wire::flv::{self, TagKind, milliseconds};

use crate::outputs::form::Form;
use crate::timing::rescale;
use crate::unit::{AudioSample, StreamConfig, Unit, VIDEO_CLOCK};

/// The description of a stream in FLV: before the first tag, and between two of them.
#[derive(Debug, Default)]
pub(crate) struct FlvHeads {
    pub(crate) start: Vec<u8>,
    pub(crate) change: Vec<u8>,
}

impl FlvHeads {
    pub(crate) fn new(config: &StreamConfig) -> FlvHeads {
        let timestamp_ms = milliseconds(config.since);
        let mut change = Vec::with_capacity(512);
        for (kind, body) in description(config) {
            flv::write_tag(kind, timestamp_ms, &[&body], &mut change);
        }
        let mut start = Vec::with_capacity(change.len() + 16);
        flv::write_header(config.video.is_some(), config.audio.is_some(), &mut start);
        start.extend_from_slice(&change);
        FlvHeads { start, change }
    }
}

/// Metadata and sequence headers. Parameter sets that cannot be read make no description at all.
pub(crate) fn description(config: &StreamConfig) -> Vec<(TagKind, Vec<u8>)> {
    let (video, audio) = (config.video.as_ref(), config.audio.as_ref());
    let mut bodies = vec![(TagKind::Script, flv::metadata(video, audio))];
    bodies.extend(flv::sequence_headers(video, audio).unwrap_or_default());
    bodies
}

/// The unit as tags.
pub(crate) fn tags(unit: &Unit) -> Form {
    let sound: usize = unit
        .audio
        .iter()
        .map(|sample| 24 + sample.original().len())
        .sum();
    let mut bytes = Vec::with_capacity(40 + sound);
    let (mut split, mut has_picture) = (0, false);
    for_each_body(unit, |kind, time, [head, data]| {
        let length = head.len() + data.len();
        if !flv::write_tag_head(kind, milliseconds(time), length, &mut bytes) {
            return;
        }
        bytes.extend_from_slice(head);
        if kind == TagKind::Video {
            (split, has_picture) = (bytes.len(), true);
        } else {
            bytes.extend_from_slice(data);
        }
        flv::write_tag_end(length, &mut bytes);
    });
    Form::new(bytes, split, has_picture)
}

/// Calls `body` with kind, time (90 kHz, from 0) and the two parts of each body: the picture, if
/// there is one, then the sound.
pub(crate) fn for_each_body(unit: &Unit, mut body: impl FnMut(TagKind, i64, [&[u8]; 2])) {
    if let Some(picture) = &unit.picture {
        let shift = picture.pts_90k - picture.dts_90k;
        let shown = unit.time.saturating_add(shift);
        let head = flv::video_head(picture.codec, picture.keyframe, unit.time, shown);
        body(TagKind::Video, unit.time, [head.bytes(), &picture.nals]);
    }
    let Some(audio) = &unit.config.audio else {
        return;
    };
    let head = flv::audio_head(audio.codec);
    for sample in &unit.audio {
        // Sound from before the first picture has no time here.
        if let Some(time) = ticks(sample, audio.sample_rate) {
            body(TagKind::Audio, time, [head.bytes(), sample.original()]);
        }
    }
}

fn ticks(sample: &AudioSample, sample_rate: u32) -> Option<i64> {
    let time = rescale(sample.time, VIDEO_CLOCK, i64::from(sample_rate));
    (time >= 0).then_some(time)
}
