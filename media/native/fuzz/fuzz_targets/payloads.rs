//! Payloads under labels of their own: AAC by any lengths, elementary streams, sound with a source of its own.
//!
//! Six bytes choose the labels. Then each packet is: length, flags, payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::ingest::{Ingest, IngestConfig, Label, MAX_ACCESS_UNIT_BYTES};
use tongshi_wire::rtp::RtpPacket;
use tongshi_wire::rtp_aac::{self, AacFormat};
use tongshi_wire::{AudioCodec, VideoCodec};

const TYPES: [u8; 8] = [96, 98, 100, 102, 8, 0, 104, 33];

fuzz_target!(|input: &[u8]| {
    let [a, b, c, choice, x, y, rest @ ..] = input else {
        return;
    };
    let mut ingest = Ingest::new(IngestConfig {
        pass_corrupt: choice & 1 != 0,
        ..IngestConfig::default()
    });
    if let Ok(format) = AacFormat::new(&[*x, *y], [*a, *b, *c], u32::from(*x) * 100) {
        let _ = rtp_aac::is_whole(rest, &format);
        ingest.name(104, Label::Aac(format));
    }
    match choice >> 6 {
        0 => ingest.name(96, Label::Video(VideoCodec::H265)),
        1 => ingest.name(96, Label::G711(AudioCodec::G711U)),
        2 => ingest.name(96, Label::Video(VideoCodec::H264)),
        _ => {}
    }
    let mut events = Vec::new();
    let (mut rest, mut sequence) = (rest, 0u16);
    while let [length, flags, after @ ..] = rest {
        let length = (4 * usize::from(*length)).min(after.len());
        let (payload, left) = after.split_at(length);
        let packet = RtpPacket {
            marker: flags & 0x80 != 0,
            payload_type: TYPES[usize::from(flags & 7)],
            sequence,
            timestamp: u32::from(sequence) * u32::from(flags >> 4) * 160,
            ssrc: 1,
            payload,
        };
        sequence = sequence.wrapping_add(1);
        if flags & 8 != 0 {
            ingest.receive_sound(&packet, u64::from(sequence) * 1_000, &mut events);
        } else {
            let mut bytes = vec![0x80, packet.payload_type];
            bytes.extend(sequence.to_be_bytes());
            bytes.extend(packet.timestamp.to_be_bytes());
            bytes.extend([0, 0, 0, 1]);
            bytes.extend(payload);
            ingest.receive(&bytes, u64::from(sequence) * 1_000, &mut events);
        }
        events.clear();
        rest = left;
    }
    ingest.flush(&mut events);
    assert!(ingest.held_bytes() < 4 * MAX_ACCESS_UNIT_BYTES);
});
