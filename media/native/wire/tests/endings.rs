//! Pictures are given out with their last packet where the marker bit has proved true (Q92).

mod support;

use support::nals::{TestPicture, h264_pictures};
use support::ps::Muxer;
use support::rtp::{Sender, packet};
use support::{MTU, assert_pictures, assert_timed, send, units};
use tongshi_wire::MediaEvent;
use tongshi_wire::ingest::{Ingest, IngestConfig};

const PROOF: usize = 12;

/// The events after each packet.
fn step_by_step(packets: &[Vec<u8>]) -> (Vec<MediaEvent>, Vec<usize>) {
    let mut ingest = Ingest::new(IngestConfig::default());
    let (mut events, mut pictures) = (Vec::new(), Vec::new());
    for (index, packet) in packets.iter().enumerate() {
        ingest.receive(packet, 1_000_000 + index as u64 * 500, &mut events);
        pictures.push(units(&events).len());
    }
    ingest.flush(&mut events);
    (events, pictures)
}

/// How many pictures were out when the last packet of each had come.
fn out_in_time(pictures: &[TestPicture], packets: &[Vec<u8>], out: &[usize]) -> Vec<usize> {
    let stamp = |packet: &[u8]| u32::from_be_bytes(packet[4..8].try_into().unwrap());
    pictures
        .iter()
        .map(|picture| {
            let last = packets
                .iter()
                .rposition(|packet| stamp(packet) == picture.pts as u32)
                .unwrap();
            out[last]
        })
        .collect()
}

#[test]
fn a_picture_comes_with_its_last_packet_once_the_marker_has_proved_true() {
    let pictures = h264_pictures(60, 10, 9_000, 2_000);
    let packets = send(&pictures, |picture| Muxer::default().pack(picture));
    let (events, out) = step_by_step(&packets);
    assert_pictures(&events, &pictures);
    assert_timed(&events, &pictures);
    let in_time = out_in_time(&pictures, &packets, &out);
    for (index, &out) in in_time.iter().enumerate() {
        let is_early = index >= PROOF;
        assert_eq!(out, index + usize::from(is_early), "picture {index}");
    }
}

#[test]
fn without_markers_and_with_too_many_of_them_all_pictures_come_one_later() {
    let pictures = h264_pictures(60, 10, 9_000, 2_000);
    for marker in [false, true] {
        let mut sequence = 0;
        let mut packets = Vec::new();
        for picture in &pictures {
            for piece in Muxer::default().pack(picture).chunks(MTU) {
                packets.push(packet(sequence, picture.pts as u32, marker, piece));
                sequence += 1;
            }
        }
        let (events, out) = step_by_step(&packets);
        assert_pictures(&events, &pictures);
        let in_time = out_in_time(&pictures, &packets, &out);
        assert!(in_time.iter().enumerate().all(|(index, &out)| out == index));
    }
}

#[test]
fn a_marker_that_lies_after_it_was_believed_costs_pictures_up_to_a_key_frame_and_the_belief() {
    let pictures = h264_pictures(120, 10, 9_000, 9_000);
    let mut sender = Sender::new(MTU);
    for (index, picture) in pictures.iter().enumerate() {
        let before = sender.packets.len();
        sender.send(picture.pts, &Muxer::default().pack(picture));
        if index >= 40 {
            // From here on a bit stands in the middle of each picture too.
            sender.packets[before + 2][1] |= 0x80;
        }
    }
    let (events, _) = step_by_step(&sender.packets);
    let found: Vec<i64> = units(&events).iter().map(|unit| unit.pts_90k).collect();
    let expected: Vec<i64> = pictures.iter().map(|picture| picture.pts as i64).collect();
    assert_eq!(found[..40], expected[..40]);
    assert_eq!(found[found.len() - 60..], expected[60..]);
}
