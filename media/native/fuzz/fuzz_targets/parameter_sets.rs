//! Parameter sets, SEI and the records made of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::{VideoCodec, fmp4, nal};

fuzz_target!(|input: &[u8]| {
    let _ = nal::h264::parse_pps_id(input);
    let _ = nal::h265::parse_pps_id(input);
    let _ = nal::h265::parse_vps_id(input);
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let _ = nal::is_recovery_point(codec, input);
        let sets = vec![input.to_vec()];
        let config = nal::video_config(codec, sets.clone(), sets.clone(), sets);
        if let Ok(config) = config {
            assert!(config.width > 0 && config.height > 0);
            assert!(fmp4::init_segment(&config, None, None, true).is_ok());
        }
    }
});
