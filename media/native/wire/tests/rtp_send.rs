//! Numbers, reports and pace of an outgoing stream.

mod support;

use proptest::prelude::*;
use tongshi_wire::pacer::Pacer;
use tongshi_wire::rtp;
use tongshi_wire::rtp_send::{RtpNumbering, UDP_PAYLOAD_BYTES, parse_feedback};

const SSRC: u32 = 200_000_001;
const WALL_US: i64 = 1_714_521_600_500_000;

/// GB-C126.
#[test]
fn a_frame_has_one_timestamp_and_its_marker_at_the_end() {
    let mut numbering = RtpNumbering::new(SSRC, 96, 65_534);
    let frame = vec![7; 3 * UDP_PAYLOAD_BYTES + 1];
    let packets: Vec<Vec<u8>> = numbering
        .packets(&frame, 3_600, UDP_PAYLOAD_BYTES)
        .map(|(header, payload)| [&header[..], payload].concat())
        .collect();
    let parsed: Vec<_> = packets
        .iter()
        .map(|packet| rtp::parse(packet).unwrap())
        .collect();
    let sequences: Vec<u16> = parsed.iter().map(|packet| packet.sequence).collect();
    assert_eq!(sequences, [65_534, 65_535, 0, 1]);
    let markers: Vec<bool> = parsed.iter().map(|packet| packet.marker).collect();
    assert_eq!(markers, [false, false, false, true]);
    assert!(
        parsed
            .iter()
            .all(|packet| (packet.ssrc, packet.timestamp) == (SSRC, 3_600))
    );
    assert!(
        packets
            .iter()
            .all(|packet| packet.len() <= UDP_PAYLOAD_BYTES + 12)
    );
    assert_eq!(
        (numbering.packet_count(), numbering.octet_count()),
        (4, frame.len() as u64)
    );
    numbering.take_back(1, 1);
    assert_eq!(numbering.next_header(0, false, 0)[2..4], [0, 1]);
}

#[test]
fn a_sender_report_relates_the_wall_clock_to_the_rtp_clock() {
    let mut numbering = RtpNumbering::new(SSRC, 96, 0);
    numbering.next_header(0, false, 100);
    let mut packet = Vec::new();
    numbering.write_sender_report(WALL_US, 77, &mut packet);
    assert_eq!(packet[..8], [0x80, 200, 0, 6, 0x0B, 0xEB, 0xC2, 0x01]);
    let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
    assert_eq!(word(8), (1_714_521_600u64 + 2_208_988_800) as u32);
    assert_eq!(word(12), 1 << 31);
    assert_eq!((word(16), word(20), word(24)), (77, 1, 100));
    assert_eq!(packet[28..32], [0x81, 202, 0, 6]);
    assert_eq!(packet.len(), 28 + 4 + 24);
    let mut goodbye = Vec::new();
    numbering.write_goodbye(WALL_US, 77, "source ended", &mut goodbye);
    assert_eq!(goodbye[..packet.len()], packet);
    assert_eq!(goodbye[packet.len()..packet.len() + 4], [0x81, 203, 0, 5]);
    assert_eq!(goodbye.len() % 4, 0);
    assert_eq!(&goodbye[packet.len() + 9..][..12], b"source ended");
    assert!(parse_feedback(&goodbye, SSRC, WALL_US).goodbye);
}

fn receiver_report(ssrc: u32, last: u32, delay: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 202, 0, 1, 0, 0, 0, 9, 0x81, 201, 0, 7, 0, 0, 0, 9];
    for word in [ssrc, 64 << 24 | 0xFF_FFFE, 70_000, 900, last, delay] {
        packet.extend_from_slice(&word.to_be_bytes());
    }
    packet
}

#[test]
fn a_receiver_report_tells_loss_jitter_and_round_trip() {
    let middle = 0x8000u32 | ((1_714_521_600u64 + 2_208_988_800) as u32) << 16;
    let packet = receiver_report(SSRC, middle, 65_536);
    let report = parse_feedback(&packet, SSRC, WALL_US + 1_250_000)
        .report
        .unwrap();
    assert_eq!(
        (report.fraction_lost, report.lost, report.jitter_ticks),
        (64, -2, 900)
    );
    assert_eq!(report.round_trip_us, Some(250_000));
    assert_eq!(parse_feedback(&packet, SSRC + 1, WALL_US).report, None);
    let unheard = parse_feedback(&receiver_report(SSRC, 0, 0), SSRC, WALL_US);
    assert_eq!(unheard.report.unwrap().round_trip_us, None);
    let absurd = parse_feedback(&receiver_report(SSRC, middle, 65_536), SSRC, WALL_US);
    assert_eq!(absurd.report.unwrap().round_trip_us, None);
    for cut in 0..packet.len() {
        assert_eq!(parse_feedback(&packet[..cut], SSRC, WALL_US).report, None);
    }
}

#[test]
fn a_stream_below_its_rate_is_never_held_back() {
    let mut pacer = Pacer::new(64_000, 64_000);
    pacer.set_rate(2_000_000, 0);
    for picture in 0u64..1_000 {
        let bytes = if picture % 50 == 0 { 60_000 } else { 18_000 };
        assert!(
            pacer.allowance(picture * 40_000) >= bytes,
            "picture {picture}"
        );
        pacer.spend(bytes);
    }
}

#[test]
fn a_group_of_pictures_at_the_start_is_spread_by_the_rate() {
    let mut pacer = Pacer::new(64_000, 32_000);
    pacer.set_rate(2_000_000, 0);
    let (mut left, mut now_us) = (700 * 1_412usize, 0u64);
    let mut most = 0;
    while left > 0 {
        let bytes = pacer.allowance(now_us).min(left) / 1_412 * 1_412;
        most = most.max(bytes);
        pacer.spend(bytes);
        left -= bytes;
        now_us = pacer.ready_at(1_412).max(now_us + 1_000);
    }
    assert!(
        (440_000..520_000).contains(&now_us),
        "{now_us} us for 924 kB over the burst"
    );
    assert!(most <= 32_000, "{most} bytes at once");
}

proptest! {
    #[test]
    fn no_window_holds_more_than_burst_and_rate_or_the_peak(
        burst in 1_500usize..200_000,
        peak in 1_500usize..100_000,
        rate in 1_000u64..20_000_000,
        steps in prop::collection::vec((0u64..20_000, 1usize..100_000), 1..200),
    ) {
        let mut pacer = Pacer::new(burst, peak);
        pacer.set_rate(rate, 0);
        let mut now_us = 0;
        let mut sent: Vec<(u64, u64)> = Vec::new();
        for (wait, wanted) in steps {
            now_us += wait;
            let bytes = pacer.allowance(now_us).min(wanted);
            pacer.spend(bytes);
            sent.push((now_us, bytes as u64));
        }
        for first in 0..sent.len() {
            let mut total = 0u128;
            for &(at, bytes) in &sent[first..] {
                total += u128::from(bytes);
                let window = u128::from(at - sent[first].0);
                let by_rate = burst as u128 + (window * u128::from(rate)).div_ceil(1_000_000);
                let by_peak = peak as u128 + (window * peak as u128).div_ceil(1_000);
                prop_assert!(total <= by_rate && total <= by_peak);
            }
        }
    }

    #[test]
    fn when_the_pacer_is_ready_the_bytes_may_go(
        rate in 1_000u64..20_000_000,
        spent in 0usize..64_000,
        wanted in 1usize..64_000,
    ) {
        let mut pacer = Pacer::new(64_000, 64_000);
        pacer.set_rate(rate, 0);
        pacer.allowance(0);
        pacer.spend(spent);
        let at = pacer.ready_at(wanted);
        prop_assert!(pacer.allowance(at) >= wanted);
    }

    #[test]
    fn any_bytes_as_feedback_do_no_harm(packet in prop::collection::vec(any::<u8>(), 0..200)) {
        for wall_us in [WALL_US, i64::MIN, i64::MAX] {
            let _ = parse_feedback(&packet, SSRC, wall_us);
        }
    }
}
