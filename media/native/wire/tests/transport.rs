//! Transport streams in RTP (Q94, GB-C124).

mod support;

use proptest::prelude::*;
use support::nals::{H264_SEI, TestPicture, annexb, h264_pictures, h265_pictures};
use support::ps::{AAC, G711A, G711U, H264, H265};
use support::rtp::{Sender, typed};
use support::ts::{AUDIO, TsMuxer, VIDEO, section};
use support::{assert_pictures, assert_timed, audio, configs, ingest, ingest_with, run, units};
use tongshi_wire::ingest::{Ingest, IngestConfig};
use tongshi_wire::ts::{find_packets, parse_program_association, parse_program_map};
use tongshi_wire::{AudioCodec, MediaEvent, Unsupported, VideoCodec};

/// Seven packets of a transport stream in each of RTP.
const SEVEN: usize = 7 * 188;

fn send(pictures: &[TestPicture], muxer: &mut TsMuxer, mtu: usize) -> Vec<Vec<u8>> {
    let mut sender = Sender::new(mtu);
    for picture in pictures {
        sender.send(picture.pts, &muxer.picture(picture));
    }
    sender.packets
}

fn h264() -> TsMuxer {
    TsMuxer::new(&[(H264, VIDEO)])
}

/// GB-C124, Q94.
#[test]
fn q94_c124_a_transport_stream_gives_each_picture_once_with_its_time() {
    for kind in [96, 33, 98, 100] {
        let pictures = h264_pictures(9, 3, 6_000, 1_500);
        let mut packets = send(&pictures, &mut h264(), SEVEN);
        packets.iter_mut().for_each(|packet| packet[1] = kind);
        let events = ingest(&packets);
        assert_pictures(&events, &pictures);
        assert_timed(&events, &pictures);
        assert!(matches!(events[0], MediaEvent::VideoConfig(_)));
    }
    let pictures = h265_pictures(9, 3, 6_000, 1_500);
    let events = ingest(&send(&pictures, &mut TsMuxer::new(&[(H265, VIDEO)]), SEVEN));
    assert_pictures(&events, &pictures);
    assert_eq!(configs(&events)[0].codec, VideoCodec::H265);
}

#[test]
fn sound_is_read_by_the_type_that_the_map_gives() {
    let adts = [&[0xFF, 0xF1, 0x6C, 0x40, 0x0D, 0x1F, 0xFC][..], &[5; 97]].concat();
    for (kind, data, codec, bytes) in [
        (G711A, vec![0xD5; 320], AudioCodec::G711A, 320),
        (G711U, vec![0x7F; 320], AudioCodec::G711U, 320),
        (AAC, adts, AudioCodec::Aac, 97),
    ] {
        let pictures = h264_pictures(6, 3, 6_000, 1_500);
        let mut muxer = TsMuxer::new(&[(H264, VIDEO), (kind, AUDIO)]);
        let mut sender = Sender::new(SEVEN);
        for picture in &pictures {
            let mut bytes = muxer.picture(picture);
            bytes.extend(muxer.sound(picture.pts, &data));
            sender.send(picture.pts, &bytes);
        }
        let events = ingest(&sender.packets);
        assert_pictures(&events, &pictures);
        let frames = audio(&events);
        assert_eq!(frames.len(), 6);
        for (frame, picture) in frames.iter().zip(&pictures) {
            assert_eq!((frame.codec, frame.data.len()), (codec, bytes));
            assert_eq!(frame.pts_90k, picture.pts as i64);
        }
    }
}

#[test]
fn without_tables_the_pes_packets_tell() {
    let pictures = h264_pictures(6, 3, 6_000, 1_500);
    let mut muxer = h264();
    let mut sender = Sender::new(SEVEN);
    for picture in &pictures {
        let bytes = muxer.picture(picture);
        let tables = if picture.keyframe { 2 * 188 } else { 0 };
        sender.send(picture.pts, &bytes[tables..]);
    }
    assert_pictures(&ingest(&sender.packets), &pictures);
}

#[test]
fn tables_that_come_late_or_change_their_version_cost_nothing() {
    let pictures = h264_pictures(6, 3, 6_000, 1_500);
    let mut muxer = h264();
    let mut sender = Sender::new(SEVEN);
    for (index, picture) in pictures.iter().enumerate() {
        let bytes = muxer.picture(picture);
        let tables = if picture.keyframe && index == 0 {
            2 * 188
        } else {
            0
        };
        sender.send(picture.pts, &bytes[tables..]);
    }
    assert_pictures(&ingest(&sender.packets), &pictures);
}

#[test]
fn one_packet_in_each_of_rtp_is_enough() {
    let pictures = h264_pictures(6, 3, 6_000, 1_500);
    assert_pictures(&ingest(&send(&pictures, &mut h264(), 188)), &pictures);
}

#[test]
fn packets_that_rtp_cuts_anywhere_are_put_together() {
    let pictures = h264_pictures(6, 3, 6_000, 1_500);
    let mut muxer = h264();
    let stream: Vec<u8> = pictures.iter().flat_map(|p| muxer.picture(p)).collect();
    let mut sender = Sender::new(1_400);
    sender.send(900_000, &stream);
    let events = ingest(&sender.packets);
    assert_pictures(&events, &pictures);
    // Joined in the middle of a packet, too: of a table, and of a picture.
    for (skipped, first) in [(100, 0), (3_000, 3)] {
        let mut joined = Sender::new(1_400);
        joined.send(900_000, &stream[skipped..]);
        assert_pictures(&ingest(&joined.packets), &pictures[first..]);
    }
}

#[test]
fn a_lost_rtp_packet_costs_its_picture_and_all_up_to_the_next_key_frame() {
    let pictures = h264_pictures(9, 3, 6_000, 2_500);
    let mut packets = send(&pictures, &mut h264(), SEVEN);
    packets.remove(7);
    let events = ingest(&packets);
    let kept = [&pictures[..1], &pictures[3..]].concat();
    assert_pictures(&events, &kept);
    assert_timed(&events, &kept);
}

#[test]
fn a_gap_of_the_counter_alone_is_damage_too() {
    let pictures = h264_pictures(9, 3, 6_000, 2_500);
    let mut muxer = h264();
    let mut sender = Sender::new(SEVEN);
    for (index, picture) in pictures.iter().enumerate() {
        let mut bytes = muxer.picture(picture);
        if index == 1 {
            bytes.drain(188..376);
        }
        sender.send(picture.pts, &bytes);
    }
    let mut ingest = Ingest::new(IngestConfig::default());
    let events = run(&mut ingest, &sender.packets);
    assert_pictures(&events, &[&pictures[..1], &pictures[3..]].concat());
    assert_eq!(ingest.stats().ts_gaps, 1);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, MediaEvent::Damaged { .. }))
    );
    let passed = ingest_with(
        IngestConfig {
            pass_corrupt: true,
            ..IngestConfig::default()
        },
        &sender.packets,
    );
    let corrupt: Vec<bool> = units(&passed).iter().map(|unit| unit.corrupt).collect();
    assert_eq!(
        corrupt,
        [false, true, true, false, false, false, false, false, false]
    );
}

#[test]
fn repeated_packets_are_dropped_and_a_counter_that_stands_still_is_forgiven() {
    let pictures = h264_pictures(9, 3, 6_000, 2_500);
    let mut muxer = h264();
    let stream: Vec<u8> = pictures.iter().flat_map(|p| muxer.picture(p)).collect();
    let doubled: Vec<u8> = stream
        .chunks(188)
        .flat_map(|packet| [packet, packet].concat())
        .collect();
    let mut sender = Sender::new(SEVEN);
    sender.send(900_000, &doubled);
    assert_pictures(&ingest(&sender.packets), &pictures);
    let mut still = stream;
    still.chunks_mut(188).for_each(|packet| packet[3] &= 0xF0);
    let mut sender = Sender::new(SEVEN);
    sender.send(900_000, &still);
    let events = ingest(&sender.packets);
    assert_eq!(
        support::nals_of(units(&events).last().unwrap()),
        pictures[8].expected
    );
}

#[test]
fn stamps_go_on_through_the_wrap_of_33_bits() {
    let mut pictures = h264_pictures(9, 3, 6_000, 1_500);
    let first = (1u64 << 33) - 3 * 3_600;
    for (index, picture) in pictures.iter_mut().enumerate() {
        picture.pts = (first + 3_600 * index as u64) & ((1 << 33) - 1);
    }
    let events = ingest(&send(&pictures, &mut h264(), SEVEN));
    let times: Vec<i64> = units(&events).iter().map(|unit| unit.dts_90k).collect();
    let expected: Vec<i64> = (0..9).map(|index| first as i64 + 3_600 * index).collect();
    assert_eq!(times, expected);
}

#[test]
fn types_that_are_not_carried_are_named() {
    let pictures = h264_pictures(3, 3, 6_000, 1_500);
    let mut muxer = TsMuxer::new(&[(0x80, VIDEO), (0x92, AUDIO)]);
    let mut sender = Sender::new(SEVEN);
    for picture in &pictures {
        let mut bytes = muxer.picture(picture);
        bytes.extend(muxer.sound(picture.pts, &[1; 60]));
        sender.send(picture.pts, &bytes);
    }
    let events = ingest(&sender.packets);
    for what in [Unsupported::VideoType(0x80), Unsupported::AudioType(0x92)] {
        let named = events
            .iter()
            .filter(|event| **event == MediaEvent::Unsupported { what });
        assert_eq!(named.count(), 1, "{what}");
    }
    // The label was wrong: the data proves H.264.
    assert_pictures(&events, &pictures);
}

#[test]
fn scrambled_and_damaged_packets_are_counted_and_passed_over() {
    let pictures = h264_pictures(3, 3, 6_000, 1_500);
    let mut packets = send(&pictures, &mut h264(), SEVEN);
    for packet in &mut packets {
        for ts in packet[12..].chunks_mut(188) {
            ts[3] |= 0x80;
        }
    }
    let mut ingest = Ingest::new(IngestConfig::default());
    assert!(units(&run(&mut ingest, &packets)).is_empty());
    assert!(ingest.stats().ts_packets > 0);
}

#[test]
fn a_device_that_changes_to_a_program_stream_is_followed() {
    let pictures = h264_pictures(6, 3, 6_000, 1_500);
    let mut packets = send(&pictures[..3], &mut h264(), SEVEN);
    let mut sender = Sender::new(1_400);
    for picture in &pictures[3..] {
        sender.send(picture.pts, &support::ps::Muxer::default().pack(picture));
    }
    for (index, packet) in sender.packets.iter().enumerate() {
        let sequence = (packets.len() + index) as u16;
        let timestamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
        packets.push(typed(96, sequence, timestamp, false, &packet[12..]));
        // Sequence numbers follow on, so that nothing but the bytes tells the change.
        if index + 1 == sender.packets.len() {
            break;
        }
    }
    let renumbered: Vec<Vec<u8>> = packets
        .into_iter()
        .enumerate()
        .map(|(index, mut packet)| {
            packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
            packet
        })
        .collect();
    let found = ingest(&renumbered);
    let shown = units(&found).len();
    assert!((5..=6).contains(&shown), "{shown} pictures");
}

#[test]
fn tables_are_read_inside_their_bounds() {
    let association = section(0, &[0, 0, 0xE0, 0x10, 0, 1, 0xE1, 0]);
    assert_eq!(parse_program_association(&association[1..]), Some(0x100));
    let map = section(2, &[0xE1, 1, 0xF0, 2, 9, 9, 0x1B, 0xE1, 1, 0xF0, 99]);
    let entries = parse_program_map(&map[1..]).unwrap();
    assert_eq!(
        (entries[0].stream_type, entries[0].pid, entries.len()),
        (0x1B, 0x101, 1)
    );
    assert_eq!(parse_program_map(&[2, 0xB0, 3]), None);
    assert_eq!(find_packets(&[0x47; 10], 1), Some(0));
    assert_eq!(find_packets(&[0x46; 400], 1), None);
}

fn media(events: Vec<MediaEvent>) -> Vec<MediaEvent> {
    events
        .into_iter()
        .filter(|event| !matches!(event, MediaEvent::Damaged { .. }))
        .collect()
}

proptest! {
    #[test]
    fn any_cut_of_a_stream_gives_the_same_pictures(
        sizes in proptest::collection::vec(1usize..1_400, 1..60),
    ) {
        let sei = annexb(&[H264_SEI]);
        let mut pictures = h264_pictures(5, 3, 4_000, 900);
        pictures[1].annexb = [sei, pictures[1].annexb.clone()].concat();
        pictures[1].expected.insert(0, H264_SEI.to_vec());
        let mut muxer = h264();
        let stream: Vec<u8> = pictures.iter().flat_map(|p| muxer.picture(p)).collect();
        // The first payload is long enough to be known by.
        let mut rest = stream.as_slice();
        let mut packets = Vec::new();
        let first = [SEVEN];
        for size in first.into_iter().chain(sizes.into_iter().cycle()) {
            if rest.is_empty() {
                break;
            }
            let (head, tail) = rest.split_at(size.min(rest.len()));
            packets.push(typed(96, packets.len() as u16, 900_000, false, head));
            rest = tail;
        }
        let events = media(ingest(&packets));
        assert_pictures(&events, &pictures);
    }

    #[test]
    fn damaged_streams_do_no_harm_and_the_next_group_is_whole(
        at in 0usize..20_000, length in 1usize..700, byte in any::<u8>(),
    ) {
        let pictures = h264_pictures(12, 3, 4_000, 900);
        let mut muxer = h264();
        let mut stream: Vec<u8> = pictures[..6].iter().flat_map(|p| muxer.picture(p)).collect();
        let at = at % stream.len();
        let end = (at + length).min(stream.len());
        stream[at..end].fill(byte);
        stream.extend(pictures[6..].iter().flat_map(|p| muxer.picture(p)));
        let mut sender = Sender::new(SEVEN);
        sender.send(900_000, &stream);
        let events = ingest(&sender.packets);
        let found = units(&events);
        let last: Vec<_> = found.iter().rev().take(3).rev().map(|u| support::nals_of(u)).collect();
        let expected: Vec<_> = pictures[9..].iter().map(|p| p.expected.clone()).collect();
        prop_assert_eq!(last, expected);
    }
}
