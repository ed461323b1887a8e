//! Interlaced H.264: frames in fields, several of them in one PES packet (GB-C121).

mod support;

use support::nals::{H264_AUD, H264_FIELD_SPS, H264_PPS, annexb, coded};
use support::ps::{pack_header, pes};
use support::rtp::Sender;
use support::{MTU, ingest, nals_of, units};

/// A first slice with a true head: frame_num in 4 bits, as [`H264_FIELD_SPS`] says. `parity`: bottom
/// field or top field; none is a frame.
fn slice(idr: bool, frame_number: u32, parity: Option<bool>, length: usize, seed: u32) -> Vec<u8> {
    // first_mb_in_slice 0, slice_type 7 (I) or 5 (P), pic_parameter_set_id 0
    let (mut bits, mut count): (u32, u32) = if idr {
        (0b1000_10001, 9)
    } else {
        (0b100_1101, 7)
    };
    bits = bits << 4 | frame_number & 0xF;
    count += 4;
    bits = bits << 1 | u32::from(parity.is_some());
    count += 1;
    if let Some(bottom) = parity {
        bits = bits << 1 | u32::from(bottom);
        count += 1;
    }
    let bits = bits << (32 - count) | 0x5555;
    let head = [&[if idr { 0x65 } else { 0x41 }][..], &bits.to_be_bytes()].concat();
    coded(&head, length, seed)
}

/// Two fields of one frame.
fn pair(index: u32, length: usize) -> Vec<Vec<u8>> {
    let (key, number) = (index % 4 == 0, index % 4);
    vec![
        slice(key, number, Some(false), length, index),
        slice(false, number, Some(true), length, index + 50),
    ]
}

fn frame(index: u32, length: usize) -> Vec<Vec<u8>> {
    vec![slice(index % 4 == 0, index % 4, None, length, index)]
}

/// Parameter sets before the first frame of four, and `before` each coded picture.
fn bytes_of(index: u32, pictures: &[Vec<u8>], before: &[&[u8]]) -> Vec<u8> {
    let mut nals: Vec<&[u8]> = Vec::new();
    for (number, picture) in pictures.iter().enumerate() {
        nals.extend(before);
        if index % 4 == 0 && number == 0 {
            nals.extend([H264_FIELD_SPS, H264_PPS]);
        }
        nals.push(picture);
    }
    annexb(&nals)
}

/// Without the bytes: they would fill pages.
fn assert_frames(packets: &[Vec<u8>], frames: &[Vec<Vec<u8>>], what: &str) {
    let pictures = found(packets);
    let sizes =
        |pictures: &[Vec<Vec<u8>>]| -> Vec<usize> { pictures.iter().map(Vec::len).collect() };
    assert_eq!(
        sizes(&pictures),
        sizes(frames),
        "coded pictures of each, {what}"
    );
    assert!(pictures == frames, "bytes, {what}");
}

fn found(packets: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    units(&ingest(packets)).into_iter().map(nals_of).collect()
}

/// Frames, so many in one PES packet.
fn send(frames: &[Vec<Vec<u8>>], in_one: usize, before: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut sender = Sender::new(MTU);
    for (number, group) in frames.chunks(in_one).enumerate() {
        let pts = 900_000 + 3_600 * (number * in_one) as u64;
        let bytes: Vec<u8> = group
            .iter()
            .enumerate()
            .flat_map(|(at, frame)| bytes_of((number * in_one + at) as u32, frame, before))
            .collect();
        sender.send(
            pts,
            &[pack_header(pts), pes(0xE0, Some(pts), None, &bytes)].concat(),
        );
    }
    sender.packets
}

#[test]
fn several_frames_of_two_fields_in_one_pes_packet_are_several_pictures() {
    for length in [12, 40, 700] {
        let frames: Vec<_> = (0..12).map(|index| pair(index, length)).collect();
        for in_one in [1, 2, 3, 6] {
            for before in [&[][..], &[H264_AUD]] {
                let pictures = found(&send(&frames, in_one, before));
                assert_eq!(
                    pictures, frames,
                    "{in_one} in one, {length} bytes, {before:?}"
                );
            }
        }
    }
}

#[test]
fn several_interlaced_frames_in_one_pes_packet_are_several_pictures() {
    let frames: Vec<_> = (0..12).map(|index| frame(index, 300)).collect();
    for in_one in [1, 2, 5] {
        assert_eq!(
            found(&send(&frames, in_one, &[])),
            frames,
            "{in_one} in one"
        );
    }
}

#[test]
fn fields_and_frames_may_take_turns() {
    let frames: Vec<_> = (0..12)
        .map(|index| {
            if index % 3 == 1 {
                frame(index, 300)
            } else {
                pair(index, 200)
            }
        })
        .collect();
    assert_frames(&send(&frames, 4, &[]), &frames, "in turns");
}

#[test]
fn fields_in_pes_packets_of_their_own_are_one_picture() {
    for before in [&[][..], &[H264_AUD]] {
        let frames: Vec<_> = (0..8).map(|index| pair(index, 300)).collect();
        let mut sender = Sender::new(MTU);
        for (index, frame) in frames.iter().enumerate() {
            for (number, field) in frame.iter().enumerate() {
                let pts = 900_000 + 3_600 * index as u64 + 1_800 * number as u64;
                let with_sets = if number == 0 { index as u32 } else { 1 };
                let bytes = bytes_of(with_sets, std::slice::from_ref(field), before);
                sender.send(
                    pts,
                    &[pack_header(pts), pes(0xE0, Some(pts), None, &bytes)].concat(),
                );
            }
        }
        assert_frames(&sender.packets, &frames, &format!("{before:?}"));
        let events = ingest(&sender.packets);
        let times: Vec<i64> = units(&events).iter().map(|unit| unit.pts_90k).collect();
        assert_eq!(
            times,
            (0..8)
                .map(|index| 900_000 + 3_600 * index)
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_field_whose_partner_is_missing_stays_alone() {
    let mut frames: Vec<_> = (0..8).map(|index| pair(index, 300)).collect();
    frames[2].pop();
    assert_frames(&send(&frames, 4, &[]), &frames, "alone");
}
