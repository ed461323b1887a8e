//! The payloads of a program stream on their way to other platforms: every frame is made of whole payloads in a row.
//!
//! Each packet is: length, flags (marker, timestamp step, gap, pack header before it, take, stop or start), payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::ingest::{Ingest, IngestConfig, MAX_ACCESS_UNIT_BYTES};
use tongshi_wire::tape::Taped;

const PACK: [u8; 14] = [0, 0, 1, 0xBA, 0x44, 0, 4, 0, 4, 1, 0, 0x7F, 0xFF, 0xF8];

/// Takes what waits; every frame has to be these payloads, and none of them twice.
fn take_all(ingest: &mut Ingest, payloads: &[Vec<u8>], next: &mut u64) {
    while let Some(taped) = ingest.tape().0.take() {
        let frame = match taped {
            Taped::Gap(at) => {
                assert!(at < payloads.len() as u64);
                continue;
            }
            Taped::Frame(frame) => frame,
        };
        assert!(frame.packet >= *next, "in order, and nothing twice");
        let (mut rest, mut at) = (&frame.bytes[..], frame.packet);
        while !rest.is_empty() {
            let payload = &payloads[at as usize];
            rest = rest.strip_prefix(&payload[..]).expect("a payload as it came");
            at += 1;
        }
        *next = at;
        ingest.tape().0.recycle(frame.bytes);
    }
}

fuzz_target!(|input: &[u8]| {
    let mut ingest = Ingest::new(IngestConfig {
        ordered: true,
        ..IngestConfig::default()
    });
    ingest.tape().0.start();
    // Numbers of payloads begin with 1.
    let (mut payloads, mut next) = (vec![Vec::new()], 0);
    let (mut events, mut rest) = (Vec::new(), input);
    let (mut sequence, mut timestamp, mut first) = (0u16, 0u32, true);
    while let [length, flags, after @ ..] = rest {
        let length = (usize::from(*length) + 1).min(after.len());
        let (body, left) = after.split_at(length);
        rest = left;
        sequence = sequence.wrapping_add(1 + u16::from(flags & 4 != 0));
        timestamp = timestamp.wrapping_add(u32::from(flags & 2) * 1_800);
        let mut payload = Vec::new();
        if std::mem::take(&mut first) || flags & 8 != 0 {
            payload.extend(PACK);
        }
        payload.extend(body);
        let mut packet = vec![0x80, 96 | flags << 7];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend([1, 2, 3, 4]);
        packet.extend(&payload);
        let before = ingest.tape().0.packet();
        ingest.receive(&packet, u64::from(sequence) * 1_000, &mut events);
        events.clear();
        match ingest.tape().0.packet() - before {
            0 => {}
            1 => payloads.push(payload),
            // Payloads were kept until their format was known: which they were is not seen here.
            _ => return,
        }
        match flags >> 4 {
            0 => ingest.tape().0.stop(),
            1 => ingest.tape().0.start(),
            2..8 => take_all(&mut ingest, &payloads, &mut next),
            _ => {}
        }
        assert!(ingest.held_bytes() < 8 * MAX_ACCESS_UNIT_BYTES);
    }
    ingest.flush(&mut events);
    take_all(&mut ingest, &payloads, &mut next);
});
