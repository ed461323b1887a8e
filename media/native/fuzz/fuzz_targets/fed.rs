//! Whole frames with any bytes and any times, as a push or a program would give them.
//!
//! Each frame is: kind, length, step of the clock, body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::fed::{Fed, Feeder};
use tongshi_wire::ingest::MAX_ACCESS_UNIT_BYTES;
use tongshi_wire::{AudioCodec, MediaEvent, VideoCodec};

const AUDIO: [AudioCodec; 3] = [AudioCodec::G711A, AudioCodec::G711U, AudioCodec::Aac];

fuzz_target!(|input: &[u8]| {
    let mut feeder = Feeder::default();
    let mut events = Vec::new();
    let (mut clock, mut now_us, mut rest) = (0i64, 0u64, input);
    while let [kind, length, step, after @ ..] = rest {
        let length = usize::from(*length).min(after.len());
        let (body, next) = after.split_at(length);
        rest = next;
        now_us += 40_000;
        clock = clock.wrapping_add(i64::from(*step as i8) << (kind >> 2));
        let fed = if kind & 1 == 0 {
            Fed::Video {
                codec: [VideoCodec::H264, VideoCodec::H265][usize::from(kind & 2 != 0)],
                annexb: body.to_vec(),
                pts_90k: clock,
                dts_90k: clock.wrapping_sub(i64::from(kind >> 6) * 3_600),
            }
        } else {
            let (asc, data) = body.split_at(usize::from(kind >> 5).min(body.len()));
            Fed::Audio {
                codec: AUDIO[usize::from(kind >> 1) % 3],
                data: data.to_vec(),
                pts_90k: clock,
                asc: asc.to_vec(),
                sample_rate: 8_000,
                channels: 1,
            }
        };
        feeder.receive(&fed, now_us, &mut events);
        if *kind == 0xFF {
            feeder.lost();
        }
    }
    feeder.flush(&mut events);
    assert!(feeder.held_bytes() < 4 * MAX_ACCESS_UNIT_BYTES);
    let mut last = i64::MIN;
    for event in events {
        if let MediaEvent::Video(unit) = event {
            assert!(unit.dts_90k > last, "decoding times rise");
            last = unit.dts_90k;
        }
    }
});
