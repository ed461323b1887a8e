//! One transport stream, cut in two ways: the pictures and the sound must be the same. And its tables alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::MediaEvent;
use tongshi_wire::ingest::{Ingest, IngestConfig, MAX_ACCESS_UNIT_BYTES};
use tongshi_wire::ts;

/// Two packets that are nothing but stuffing, so that every input is read as a transport stream.
fn known() -> Vec<u8> {
    let mut packet = vec![0x47, 0x1F, 0xFF, 0x10];
    packet.resize(ts::PACKET_BYTES, 0xFF);
    packet.repeat(2)
}

fn events(stream: &[u8], size: usize) -> Vec<MediaEvent> {
    let mut ingest = Ingest::new(IngestConfig::default());
    let mut events = Vec::new();
    let known = known();
    let pieces = std::iter::once(known.as_slice()).chain(stream.chunks(size));
    for (sequence, piece) in pieces.enumerate() {
        let mut packet = vec![0x80, 96];
        packet.extend((sequence as u16).to_be_bytes());
        packet.extend([0, 0, 0, 0, 1, 2, 3, 4]);
        packet.extend(piece);
        ingest.receive(&packet, 0, &mut events);
    }
    ingest.flush(&mut events);
    assert!(ingest.held_bytes() < 4 * MAX_ACCESS_UNIT_BYTES);
    events
}

fuzz_target!(|input: &[u8]| {
    let _ = ts::parse_packet(input);
    let _ = ts::parse_program_association(input);
    let _ = ts::parse_program_map(input);
    let Some((&size, stream)) = input.split_first() else {
        return;
    };
    let whole = stream.len() / ts::PACKET_BYTES * ts::PACKET_BYTES;
    let found = events(stream, usize::from(size) + 1);
    // Where the place of packets is lost, or a payload begins like another format, the cut matters.
    let clean = stream[..whole]
        .chunks(ts::PACKET_BYTES)
        .all(|packet| packet[0] == ts::SYNC)
        && !stream.windows(3).any(|code| code == [0, 0, 1]);
    if clean && whole == stream.len() {
        let same = events(stream, ts::PACKET_BYTES);
        assert_eq!(found, same);
    }
});
