//! Packets with any header fields and any payload, in any order, through the whole reception.
//!
//! The first byte chooses the configuration. Then each packet is: payload length, sequence step,
//! flags, payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::MediaEvent;
use tongshi_wire::ingest::{Ingest, IngestConfig, MAX_ACCESS_UNIT_BYTES};

const PAYLOAD_TYPES: [u8; 8] = [96, 96, 96, 98, 100, 8, 102, 99];

fuzz_target!(|input: &[u8]| {
    let Some((&choice, mut rest)) = input.split_first() else {
        return;
    };
    let mut ingest = Ingest::new(IngestConfig {
        ordered: choice & 1 != 0,
        pass_corrupt: choice & 2 != 0,
        ..IngestConfig::default()
    });
    let mut events = Vec::new();
    let (mut sequence, mut timestamp, mut now_us) = (0u16, 900_000u32, 0u64);
    while let [length, step, flags, after @ ..] = rest {
        let length = usize::from(*length).min(after.len());
        sequence = sequence.wrapping_add((i16::from(*step as i8) + 1) as u16);
        timestamp = timestamp.wrapping_add(u32::from(flags >> 4) * 1_800);
        now_us += u64::from(flags & 8) * 10_000;
        let mut packet = vec![0x80, PAYLOAD_TYPES[usize::from(flags & 7)]];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend([1, 2, 3, 4]);
        packet.extend(&after[..length]);
        ingest.receive(&packet, now_us, &mut events);
        rest = &after[length..];
    }
    ingest.flush(&mut events);
    assert!(ingest.held_bytes() < 4 * MAX_ACCESS_UNIT_BYTES);
    let mut last = i64::MIN;
    for event in events {
        if let MediaEvent::Video(unit) = event {
            assert!(unit.dts_90k > last, "decoding times rise");
            last = unit.dts_90k;
        }
    }
});
