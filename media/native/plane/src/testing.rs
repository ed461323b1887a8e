//! Small streams for the unit tests of this crate.

use std::sync::Arc;

use tongshi_wire::{AccessUnit, VideoCodec, VideoConfig};

use crate::unit::{StreamConfig, Unit};

/// H.264 Baseline, level 1; the size is only claimed.
pub fn video_config(width: u32) -> VideoConfig {
    VideoConfig {
        codec: VideoCodec::H264,
        vps: Vec::new(),
        sps: vec![vec![
            0x67,
            0x42,
            0xC0,
            0x0A,
            0xDA,
            0x11,
            0xA6,
            0xA0,
            0x20,
            0x20,
            0x20,
            width as u8,
        ]],
        pps: vec![vec![0x68, 0xCE, 0x38, 0x80]],
        width,
        height: 64,
        profile: "avc1.42c00a".into(),
        frame_rate: None,
    }
}

/// A coded picture of `bytes` bytes at `dts_90k`.
pub fn picture(dts_90k: i64, keyframe: bool, bytes: usize) -> AccessUnit {
    AccessUnit {
        codec: VideoCodec::H264,
        nals: vec![0; bytes],
        pts_90k: dts_90k,
        dts_90k,
        keyframe,
        corrupt: false,
    }
}

/// The `sequence`th unit of a stream with 25 pictures a second.
pub fn unit(sequence: u64, keyframe: bool, bytes: usize) -> Arc<Unit> {
    let config = Arc::new(StreamConfig::new(video_config(64), None).expect("the sets are good"));
    unit_of(&config, sequence, keyframe, bytes)
}

/// The same under a given description.
pub fn unit_of(
    config: &Arc<StreamConfig>,
    sequence: u64,
    keyframe: bool,
    bytes: usize,
) -> Arc<Unit> {
    let time = (sequence as i64 - 1) * 3_600;
    let wall_us = 1_700_000_000_000_000 + (sequence as i64 - 1) * 40_000;
    let picture = picture(time + 900_000, keyframe, bytes);
    Arc::new(Unit::new(
        sequence,
        Arc::clone(config),
        picture,
        (time, 3_600),
        Vec::new(),
        wall_us,
    ))
}

/// The same with one NAL unit of `bytes` bytes in the picture.
pub fn coded_unit(sequence: u64, keyframe: bool, bytes: usize) -> Arc<Unit> {
    let config = Arc::new(StreamConfig::new(video_config(64), None).expect("the sets are good"));
    let time = (sequence as i64 - 1) * 3_600;
    let mut picture = picture(time, keyframe, 0);
    picture.nals = (bytes as u32).to_be_bytes().to_vec();
    picture.nals.push(if keyframe { 0x65 } else { 0x41 });
    picture.nals.resize(4 + bytes, 1);
    let audio = Vec::new();
    Arc::new(Unit::new(
        sequence,
        config,
        picture,
        (time, 3_600),
        audio,
        0,
    ))
}
