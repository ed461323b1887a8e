//! Recorded files, whole and damaged: every sample lies inside of its file, and the scanner comes to an end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::flac::decode_frame;
use tongshi_wire::fmp4::read::{Found, Scanner};

fuzz_target!(|input: &[u8]| {
    let mut scanner = Scanner::new(input.len() as u64 / 2);
    for limit in [input.len() as u64 / 2, input.len() as u64] {
        scanner.grow(limit);
        while let Some(wanted) = scanner.wanted() {
            let start = wanted.offset as usize;
            match scanner.receive(&input[start..start + wanted.bytes]) {
                Ok(Some(Found::Fragment(at, fragment))) => {
                    for sample in fragment.video.iter().chain(&fragment.audio) {
                        let start = (at.offset + sample.offset) as usize;
                        let data = &input[start..start + sample.size as usize];
                        let mut pcm = Vec::new();
                        let _ = decode_frame(data, &mut pcm);
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
});
