//! TCP framing (protocol notes 7.3; Q96, Q97, Q98; C119, C120, C127).

mod support;

use proptest::prelude::*;
use support::rtp::{framed, interleaved, packet};
use tongshi_wire::framing::{FramingKind, MAX_HELD_BYTES, TcpFramer};

/// Feeds `bytes` in pieces of `size`; returns the packets.
fn feed(framer: &mut TcpFramer, bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for piece in bytes.chunks(size) {
        framer.feed(piece, &mut |packet| packets.push(packet.to_vec()));
    }
    packets
}

fn stream(count: u16) -> Vec<Vec<u8>> {
    let body = |n: u16| vec![n as u8 | 0x80; 40 + usize::from(n) * 13 % 300];
    (0..count)
        .map(|n| packet(n, u32::from(n) * 3_600, false, &body(n)))
        .collect()
}

fn join(packets: &[Vec<u8>], frame: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    packets.iter().flat_map(|packet| frame(packet)).collect()
}

/// GB-C120.
#[test]
fn the_examples_of_7_3_are_told_apart() {
    let body = packet(1, 900_000, false, &[7; 1_388]);
    assert_eq!(framed(&body)[..6], [0x05, 0x78, 0x80, 0x60, 0x00, 0x01]);
    let mut framer = TcpFramer::new();
    assert_eq!(feed(&mut framer, &framed(&body), 9_999), [&body[..]]);
    assert_eq!(framer.stats().kind, FramingKind::Rfc4571);
    assert_eq!(
        interleaved(&body)[..6],
        [0x24, 0x00, 0x05, 0x78, 0x80, 0x60]
    );
    let mut framer = TcpFramer::new();
    assert_eq!(feed(&mut framer, &interleaved(&body), 9_999), [&body[..]]);
    assert_eq!(framer.stats().kind, FramingKind::Interleaved);
}

/// GB-C119.
#[test]
fn c119_packets_split_at_any_byte_come_out_whole() {
    let packets = stream(12);
    for frame in [framed, interleaved] {
        let bytes = join(&packets, frame);
        for size in [1, 2, 3, 5, 17, 100, 4_096, bytes.len()] {
            let mut framer = TcpFramer::new();
            assert_eq!(feed(&mut framer, &bytes, size), packets, "pieces of {size}");
            assert_eq!(framer.stats().resyncs, 0);
            assert_eq!(framer.held_bytes(), 0);
        }
    }
}

/// GB-C120.
#[test]
fn c120_q97_a_private_header_and_a_stray_cr_are_skipped_once() {
    let packets = stream(8);
    let private: Vec<u8> = (0..256u16).map(|n| n as u8).collect();
    for (prefix, skipped) in [(&private[..], 256), (b"\r", 1)] {
        for frame in [framed, interleaved] {
            let bytes = [prefix, &join(&packets, frame)].concat();
            for size in [1, 7, 1_000, bytes.len()] {
                let mut framer = TcpFramer::new();
                assert_eq!(feed(&mut framer, &bytes, size), packets);
                assert_eq!(framer.stats().skipped_bytes, skipped);
            }
        }
    }
}

#[test]
fn q96_a_length_that_looks_like_a_dollar_later_is_no_other_framing() {
    let mut packets = stream(3);
    packets.push(packet(3, 0, false, &vec![1; 0x2400 - 12]));
    packets.push(packet(4, 0, false, &[2; 50]));
    let mut framer = TcpFramer::new();
    assert_eq!(feed(&mut framer, &join(&packets, framed), 1_000), packets);
}

/// GB-C127.
#[test]
fn c127_q98_a_cut_packet_costs_no_more_than_its_neighbours() {
    let packets = stream(20);
    for frame in [framed, interleaved] {
        for cut in [1, 2, 5, 13, 40] {
            let mut bytes = join(&packets[..10], frame);
            bytes.truncate(bytes.len() - cut);
            bytes.extend(join(&packets[10..], frame));
            for size in [3, 1_000, bytes.len()] {
                let mut framer = TcpFramer::new();
                let found = feed(&mut framer, &bytes, size);
                assert_eq!(framer.stats().resyncs, 1);
                assert!(
                    packets[..9]
                        .iter()
                        .chain(&packets[12..])
                        .all(|p| found.contains(p))
                );
            }
        }
    }
}

#[test]
fn a_length_of_zero_and_garbage_are_searched_through() {
    let packets = stream(10);
    let mut bytes = join(&packets[..5], framed);
    bytes.extend([0, 0]);
    bytes.extend(join(&packets[5..7], framed));
    bytes.extend([0x13; 777]);
    bytes.extend(join(&packets[7..], framed));
    for size in [1, 50, bytes.len()] {
        let mut framer = TcpFramer::new();
        assert_eq!(feed(&mut framer, &bytes, size), packets);
        assert_eq!(framer.stats().resyncs, 2);
    }
}

#[test]
fn rtcp_between_rtp_comes_out_too() {
    let mut packets = stream(4);
    packets.insert(
        2,
        vec![
            0x80, 200, 0, 6, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
    );
    let mut framer = TcpFramer::new();
    assert_eq!(feed(&mut framer, &join(&packets, framed), 11), packets);
}

#[test]
fn a_source_that_takes_another_ssrc_is_followed() {
    let mut packets = stream(6);
    for packet in &mut packets[3..] {
        packet[8..12].copy_from_slice(&[9, 9, 9, 9]);
    }
    packets.push(packets[5].clone());
    let mut framer = TcpFramer::new();
    assert_eq!(feed(&mut framer, &join(&packets, framed), 64), packets);
    assert_eq!(framer.stats().resyncs, 0);
}

proptest! {
    #[test]
    fn any_cut_of_the_stream_gives_the_same_packets(
        damage in prop::collection::vec((any::<prop::sample::Index>(), 1usize..30), 0..4),
        sizes in prop::collection::vec(1usize..500, 1..40),
    ) {
        let mut bytes = join(&stream(30), framed);
        for (index, count) in damage {
            let at = index.index(bytes.len());
            bytes.drain(at..(at + count).min(bytes.len()));
        }
        let mut whole = TcpFramer::new();
        let expected = feed(&mut whole, &bytes, bytes.len());
        let mut framer = TcpFramer::new();
        let mut found = Vec::new();
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            framer.feed(piece, &mut |packet| found.push(packet.to_vec()));
            rest = after;
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(framer.stats(), whole.stats());
    }

    #[test]
    fn any_bytes_end_in_packets_or_nothing_and_memory_is_bounded(
        bytes in prop::collection::vec(any::<u8>(), 0..3_000),
        size in 1usize..700,
    ) {
        let mut framer = TcpFramer::new();
        for _ in 0..3 {
            feed(&mut framer, &bytes, size);
            prop_assert!(framer.held_bytes() <= MAX_HELD_BYTES);
        }
    }
}
