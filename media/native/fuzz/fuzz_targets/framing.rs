//! One TCP stream, cut in two ways: the packets must be the same, and memory bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::framing::{MAX_HELD_BYTES, TcpFramer};

fn packets(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut framer = TcpFramer::new();
    let mut packets = Vec::new();
    for piece in stream.chunks(size) {
        framer.feed(piece, &mut |packet| packets.push(packet.to_vec()));
        assert!(framer.held_bytes() <= MAX_HELD_BYTES);
    }
    packets
}

fuzz_target!(|input: &[u8]| {
    if let Some((&size, stream)) = input.split_first() {
        assert_eq!(
            packets(stream, usize::from(size) + 1),
            packets(stream, usize::MAX)
        );
    }
});
