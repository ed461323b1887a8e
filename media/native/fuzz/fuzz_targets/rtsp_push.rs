//! An announcement and the packets that follow it: any bytes, tracks and order.
//!
//! The announcement ends at the first zero byte. Then each packet is: track and kind, payload length, payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::ingest::{IngestConfig, MAX_ACCESS_UNIT_BYTES};
use tongshi_wire::rtsp::{Pushed, sdp};

fuzz_target!(|input: &[u8]| {
    let end = input
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(input.len());
    let (announcement, mut rest) = input.split_at(end);
    let tracks = sdp::parse(announcement);
    let mut pushed = Pushed::new(&tracks, IngestConfig::default());
    let (mut now_us, mut frames) = (1_000_000, Vec::new());
    while let [kind, length, after @ ..] = rest {
        let (payload, after) = after.split_at(after.len().min(usize::from(*length)));
        let track = usize::from(kind & 3);
        if kind & 4 != 0 {
            pushed.receive_control(track, payload);
        } else {
            pushed.receive(track, payload, now_us, &mut frames);
        }
        now_us += u64::from(*kind) * 1_000;
        if pushed.next_timer().is_some_and(|at| at <= now_us) {
            pushed.handle_timer(now_us, &mut frames);
        }
        rest = after;
    }
    pushed.flush(&mut frames);
    assert!(
        frames
            .iter()
            .all(|fed| fed.size_bytes() <= MAX_ACCESS_UNIT_BYTES + (1 << 20))
    );
});
