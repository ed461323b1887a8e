//! ADTS, AAC in RTP, and FLAC of any samples.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::g711::Law;
use tongshi_wire::{aac, flac, rtp_aac};

fuzz_target!(|input: &[u8]| {
    let mut splitter = aac::AdtsSplitter::default();
    for piece in input.chunks(97) {
        splitter.receive(piece, |header, data| {
            assert_eq!(header.frame_bytes, header.header_bytes + data.len());
        });
        assert!(splitter.pending_bytes() < 8_192 + 97);
    }
    let _ = aac::parse_audio_specific_config(input);
    let _ = rtp_aac::for_each_unit(input, |unit| {
        assert!(!unit.is_empty())
    });
    let mut out = Vec::new();
    for piece in input.chunks(320) {
        assert!(flac::encode_g711(Law::Mu, piece, 0, &mut out).is_ok());
    }
    assert!(out.len() <= 2 * input.len() + 32 * (1 + input.len() / 320));
});
