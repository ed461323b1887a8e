use super::*;
use crate::ps::{Stamps, write_pack_header, write_pes_header};

fn frame(pts: i64, bytes: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    write_pack_header(pts, &mut frame);
    let stamps = Stamps {
        pts_90k: pts,
        dts_90k: pts,
    };
    write_pes_header(0xE0, Some(stamps), bytes, &mut frame);
    frame.resize(frame.len() + bytes, 7);
    frame
}

fn play(tape: &mut PayloadTape, frame: &[u8], timestamp: u32, markers: bool) {
    let count = frame.len().div_ceil(100);
    for (index, payload) in frame.chunks(100).enumerate() {
        tape.receive(payload, timestamp, markers && index + 1 == count, 0);
    }
}

fn drain(tape: &mut PayloadTape) -> Vec<Taped> {
    std::iter::from_fn(|| tape.take()).collect()
}

fn frames(tape: &mut PayloadTape) -> Vec<TapedFrame> {
    let frames = drain(tape).into_iter().filter_map(|item| match item {
        Taped::Frame(frame) => Some(frame),
        Taped::Gap(_) => None,
    });
    frames.collect()
}

#[test]
fn nothing_is_kept_before_the_start_but_payloads_are_numbered() {
    let mut tape = PayloadTape::default();
    play(&mut tape, &frame(9_000, 500), 0, true);
    assert_eq!((tape.packet(), tape.held_bytes()), (6, 0));
    tape.start();
    tape.receive(&[7; 10], 0, false, 0);
    play(&mut tape, &frame(9_000, 50), 5, false);
    tape.finish();
    let frames = frames(&mut tape);
    assert_eq!((frames.len(), frames[0].packet), (1, 8));
    assert_eq!((frames[0].timestamp, frames[0].begins_pack), (9_000, true));
}

#[test]
fn true_markers_end_a_frame_at_once_and_false_ones_are_seen_through() {
    for markers in [true, false] {
        let mut tape = PayloadTape::default();
        tape.start();
        let mut seen = Vec::new();
        for picture in 0..20u32 {
            play(&mut tape, &frame(i64::from(picture), 300), picture, markers);
            seen.push(drain(&mut tape).len());
        }
        let at_once = seen.iter().skip(10).all(|&count| count == 1);
        assert_eq!(seen.iter().sum::<usize>(), if markers { 20 } else { 19 });
        assert!(at_once);
    }
    let mut tape = PayloadTape::default();
    tape.start();
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    for picture in 0..40u32 {
        let bytes = frame(i64::from(picture), 300);
        expected.extend_from_slice(&bytes);
        for payload in bytes.chunks(100) {
            // From the twentieth frame on every packet is marked.
            let marker = picture >= 20 || payload.len() < 100;
            tape.receive(payload, picture, marker, 0);
        }
    }
    tape.finish();
    for frame in frames(&mut tape) {
        found.extend_from_slice(&frame.bytes);
    }
    assert!(found == expected, "every byte, in order");
}

#[test]
fn a_frame_that_lacks_a_packet_is_left_out() {
    let mut tape = PayloadTape::default();
    tape.start();
    play(&mut tape, &frame(0, 300), 0, false);
    play(&mut tape, &frame(3_600, 150), 1, false);
    tape.lost();
    tape.receive(&[7; 100], 1, false, 0);
    play(&mut tape, &frame(7_200, 300), 2, false);
    tape.finish();
    let items = drain(&mut tape);
    let stamps: Vec<Option<u32>> = items
        .iter()
        .map(|item| match item {
            Taped::Frame(frame) => Some(frame.timestamp),
            Taped::Gap(_) => None,
        })
        .collect();
    assert_eq!(stamps, [Some(0), None, Some(7_200)]);
}

#[test]
fn sound_without_a_pack_is_a_frame_of_its_own() {
    let mut tape = PayloadTape::default();
    tape.start();
    play(&mut tape, &frame(900, 150), 50, false);
    let mut sound = Vec::new();
    let stamps = Stamps {
        pts_90k: 1_700,
        dts_90k: 1_700,
    };
    write_pes_header(0xC0, Some(stamps), 40, &mut sound);
    sound.resize(sound.len() + 40, 0xD5);
    tape.receive(&sound, 850, false, 0);
    let mut without = Vec::new();
    write_pes_header(0xC0, None, 40, &mut without);
    without.resize(without.len() + 40, 0xD5);
    tape.receive(&without, 1_210, false, 0);
    tape.finish();
    let stamps: Vec<u32> = frames(&mut tape)
        .iter()
        .map(|frame| frame.timestamp)
        .collect();
    assert_eq!(stamps, [900, 1_700, 2_060]);
}

#[test]
fn bytes_that_never_begin_a_frame_do_not_pile_up() {
    let mut tape = PayloadTape::default();
    tape.start();
    play(&mut tape, &frame(0, 10), 0, false);
    for _ in 0..6_000 {
        tape.receive(&[7; 1_400], 0, false, 0);
    }
    assert!(tape.held_bytes() <= 2 * MAX_ACCESS_UNIT_BYTES + 4_096);
    let is_gap = |item: &Taped| matches!(item, Taped::Gap(_));
    assert!(drain(&mut tape).iter().any(is_gap));
}
