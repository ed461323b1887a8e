//! Bytes of a file cut into tags, and the frames in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::fed::Feeder;
use tongshi_wire::flv::{FlvDemuxer, FlvFrames};

fuzz_target!(|input: &[u8]| {
    let (mut demuxer, mut frames) = (FlvDemuxer::default(), FlvFrames::default());
    let (mut fed, mut feeder, mut events) = (Vec::new(), Feeder::default(), Vec::new());
    for piece in input.chunks(97) {
        if demuxer
            .receive(piece, |kind, at, body| {
                frames.receive(kind, at, body, &mut fed)
            })
            .is_err()
        {
            break;
        }
    }
    for frame in &fed {
        feeder.receive(frame, 0, &mut events);
    }
});
