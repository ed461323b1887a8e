//! What is lost, and what is kept from it (protocol notes 7.1, loss inside a video frame).

mod support;

use support::nals::{TestPicture, h264_pictures};
use support::ps::{Muxer, pack_header, pes};
use support::rtp::Sender;
use support::{ingest_with, nals_of, run, units};
use tongshi_wire::ingest::{Ingest, IngestConfig};
use tongshi_wire::{DamageCause, MediaEvent};

/// 20 pictures, a key frame every 5; the packets, and the picture that each belongs to.
fn stream() -> (Vec<TestPicture>, Vec<Vec<u8>>, Vec<usize>) {
    let pictures = h264_pictures(20, 5, 6_000, 3_000);
    let mut sender = Sender::new(1_000);
    let mut owners = Vec::new();
    for (index, picture) in pictures.iter().enumerate() {
        sender.send(picture.pts, &Muxer::default().pack(picture));
        owners.resize(sender.packets.len(), index);
    }
    (pictures, sender.packets, owners)
}

fn without(packets: &[Vec<u8>], lost: &[usize]) -> Vec<Vec<u8>> {
    let kept = packets
        .iter()
        .enumerate()
        .filter(|(i, _)| !lost.contains(i));
    kept.map(|(_, packet)| packet.clone()).collect()
}

#[test]
fn a_packet_lost_inside_a_picture_drops_all_up_to_the_next_key_frame() {
    let (pictures, packets, owners) = stream();
    let lost = owners.iter().position(|&owner| owner == 7).unwrap() + 1;
    for ordered in [false, true] {
        let config = IngestConfig {
            ordered,
            ..IngestConfig::default()
        };
        let mut ingest = Ingest::new(config);
        let events = run(&mut ingest, &without(&packets, &[lost]));
        let found: Vec<_> = units(&events).into_iter().map(nals_of).collect();
        let kept = pictures[..7].iter().chain(&pictures[10..]);
        let expected: Vec<_> = kept.map(|picture| picture.expected.clone()).collect();
        assert_eq!(found, expected);
        assert!(events.contains(&MediaEvent::Damaged {
            cause: DamageCause::Loss,
            lost_packets: 1,
        }));
        assert_eq!(ingest.stats().lost, 1);
        assert_eq!(ingest.stats().dropped_damaged, 3);
        assert!(units(&events).iter().all(|unit| !unit.corrupt));
    }
}

#[test]
fn a_lost_key_frame_costs_its_whole_group() {
    let (_, packets, owners) = stream();
    let lost = owners.iter().position(|&owner| owner == 5).unwrap() + 2;
    let events = ingest_with(IngestConfig::default(), &without(&packets, &[lost]));
    let keys: Vec<bool> = units(&events).iter().map(|unit| unit.keyframe).collect();
    assert_eq!(keys.len(), 15);
    assert!(keys[0] && keys[5] && keys[10]);
}

#[test]
fn damaged_pictures_are_passed_on_marked_when_asked_for() {
    let (pictures, packets, owners) = stream();
    let lost = owners.iter().position(|&owner| owner == 7).unwrap() + 1;
    let config = IngestConfig {
        pass_corrupt: true,
        ..IngestConfig::default()
    };
    let events = ingest_with(config, &without(&packets, &[lost]));
    let found = units(&events);
    assert_eq!(found.len(), 20);
    for (index, (unit, picture)) in found.iter().zip(&pictures).enumerate() {
        assert_eq!(unit.corrupt, (7..10).contains(&index), "picture {index}");
        assert_eq!(nals_of(unit) == picture.expected, index != 7);
    }
}

#[test]
fn whole_pictures_lost_leave_times_as_they_were() {
    let (pictures, packets, owners) = stream();
    let lost: Vec<usize> = (0..packets.len())
        .filter(|&i| (3..10).contains(&owners[i]))
        .collect();
    let events = ingest_with(IngestConfig::default(), &without(&packets, &lost));
    let times: Vec<i64> = units(&events).iter().map(|unit| unit.dts_90k).collect();
    // Whether picture 2 was whole cannot be known: its successor is missing.
    let kept = pictures[..2].iter().chain(&pictures[10..]);
    let expected: Vec<i64> = kept.map(|picture| picture.pts as i64).collect();
    assert_eq!(times, expected);
}

#[test]
fn numbers_that_begin_anew_at_each_key_frame_lose_no_picture() {
    let pictures = h264_pictures(15, 5, 6_000, 3_000);
    let mut sender = Sender::new(500);
    for picture in &pictures {
        if picture.keyframe {
            sender.sequence = 0;
        }
        sender.send(picture.pts, &Muxer::default().pack(picture));
    }
    let mut ingest = Ingest::new(IngestConfig::default());
    let events = run(&mut ingest, &sender.packets);
    assert_eq!(units(&events).len(), 15);
    assert_eq!(ingest.stats().resets, 2);
    assert_eq!(ingest.stats().lost, 0);
}

#[test]
fn lost_audio_bytes_do_not_join_what_follows() {
    let mut sender = Sender::new(100);
    for index in 0..3u64 {
        let pts = 900_000 + 3_600 * index;
        let audio = pes(0xC0, Some(pts), None, &[index as u8; 320]);
        sender.send(pts, &[pack_header(pts), audio].concat());
    }
    sender.packets.remove(5);
    let events = ingest_with(IngestConfig::default(), &sender.packets);
    let sounds: Vec<u8> = support::audio(&events).iter().map(|f| f.data[0]).collect();
    assert_eq!(sounds, [0, 2]);
}

#[test]
fn statistics_count_packets_bytes_rtcp_and_what_is_malformed() {
    let (_, packets, _) = stream();
    let mut ingest = Ingest::new(IngestConfig::default());
    let mut events = Vec::new();
    ingest.receive(&[0x80, 200, 0, 1, 0, 0, 0, 1], 0, &mut events);
    ingest.receive(&[1, 2, 3], 0, &mut events);
    run(&mut ingest, &packets);
    let stats = ingest.stats();
    assert_eq!((stats.rtcp, stats.malformed), (1, 1));
    assert_eq!(stats.packets, packets.len() as u64);
    assert_eq!(
        stats.bytes,
        packets.iter().map(|p| p.len() as u64).sum::<u64>()
    );
    assert_eq!(
        (stats.access_units, stats.keyframes, stats.packs),
        (20, 4, 20)
    );
}
