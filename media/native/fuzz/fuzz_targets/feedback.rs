//! RTCP of a receiver, and NAL units of a stranger given to the multiplexer: no panic, whole packs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::ps::{PsMuxer, PsPicture};
use tongshi_wire::rtp_send::parse_feedback;

fuzz_target!(|input: &[u8]| {
    let wall_us = 1_714_521_600_000_000;
    let _ = parse_feedback(input, 0x0102_0304, wall_us);
    let mut pack = Vec::new();
    let picture = PsPicture {
        nals: input,
        pts_90k: 1,
        dts_90k: 0,
        keyframe: true,
    };
    PsMuxer::new(None, None, 0).write_picture(&picture, &mut pack);
    assert!(pack.len() <= 2 * input.len() + 200);
});
