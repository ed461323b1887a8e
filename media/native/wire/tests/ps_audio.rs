//! Audio in program streams (protocol notes 7.5 rules 8, 10, 11; Q83, Q88, Q101).

mod support;

use support::nals::{self, h264_pictures};
use support::ps::{self, Muxer, pack_header, pes, program_map};
use support::rtp::Sender;
use support::{MTU, assert_pictures, audio, ingest, send};
use tongshi_wire::{AudioCodec, MediaEvent};

/// One ADTS frame: AAC LC, 16 kHz, mono.
fn adts(length: usize, seed: u32) -> Vec<u8> {
    let total = length + 7;
    let mut frame = vec![0xFF, 0xF1, 0x60, 0x40 | (total >> 11) as u8];
    frame.extend([(total >> 3) as u8, (total << 5) as u8 | 0x1F, 0xFC]);
    frame.extend(nals::coded(&[], length, seed));
    frame
}

#[test]
fn rule_8_private_stream_1_is_audio_when_the_map_says_so() {
    let pictures = h264_pictures(3, 3, 2_000, 500);
    let events = ingest(&send(&pictures, |picture| {
        let map = program_map(&[(ps::H264, 0xE0), (ps::G711A, 0xBD)]);
        let video = pes(0xE0, Some(picture.pts), None, &picture.annexb);
        let audio = pes(0xBD, Some(picture.pts), None, &[0x55; 320]);
        [pack_header(picture.pts), map, video, audio].concat()
    }));
    assert_pictures(&events, &pictures);
    assert_eq!(audio(&events).len(), 3);
}

/// GB-C118.
#[test]
fn rule_10_audio_without_a_map_is_g711a_when_its_size_fits() {
    let pictures = h264_pictures(4, 4, 2_000, 500);
    let events = ingest(&send(&pictures, |picture| {
        let video = pes(0xE0, Some(picture.pts), None, &picture.annexb);
        let audio = pes(0xC0, Some(picture.pts), None, &[0xD5; 320]);
        [pack_header(picture.pts), video, audio].concat()
    }));
    let frames = audio(&events);
    assert_eq!(frames.len(), 4);
    for (frame, picture) in frames.iter().zip(&pictures) {
        assert_eq!(frame.codec, AudioCodec::G711A);
        assert_eq!(frame.pts_90k, picture.pts as i64);
    }
}

/// GB-C118.
#[test]
fn q88_aac_labelled_as_g711_is_found_by_its_sync_word() {
    let pictures = h264_pictures(4, 4, 2_000, 500);
    let muxer = Muxer {
        audio_type: Some(ps::G711A),
        ..Muxer::default()
    };
    let frames = [adts(100, 1), adts(120, 2)];
    let events = ingest(&send(&pictures, |picture| {
        let audio = pes(0xC0, Some(picture.pts), None, &frames.concat());
        [muxer.pack(picture), audio].concat()
    }));
    let found = audio(&events);
    assert_eq!(found.len(), 8, "several frames in one packet");
    assert!(found.iter().all(|frame| frame.codec == AudioCodec::Aac));
    assert_eq!(found[0].data, frames[0][7..]);
    assert_eq!(found[1].data, frames[1][7..]);
    assert_eq!(found[1].pts_90k - found[0].pts_90k, 5_760);
    let config = events.iter().find_map(|event| match event {
        MediaEvent::AudioConfig(config) => Some(config),
        _ => None,
    });
    let config = config.unwrap();
    assert_eq!((config.sample_rate, config.channels), (16_000, 1));
    assert_eq!(config.asc, [0x14, 0x08]);
}

#[test]
fn rule_10_aac_packets_may_begin_in_the_middle_of_a_frame() {
    let pictures = h264_pictures(8, 8, 2_000, 500);
    let muxer = Muxer {
        audio_type: Some(ps::AAC),
        ..Muxer::default()
    };
    let frames: Vec<Vec<u8>> = (0..8).map(|seed| adts(150, seed)).collect();
    let stream = frames.concat();
    let pieces: Vec<&[u8]> = stream.chunks(stream.len().div_ceil(8)).collect();
    let mut sender = Sender::new(MTU);
    for (picture, piece) in pictures.iter().zip(&pieces) {
        let (first, second) = piece.split_at(piece.len() / 3);
        let audio = [
            pes(0xC0, Some(picture.pts), None, first),
            pes(0xC0, None, None, second),
        ];
        sender.send(picture.pts, &[muxer.pack(picture), audio.concat()].concat());
    }
    let events = ingest(&sender.packets);
    let found: Vec<&[u8]> = audio(&events).iter().map(|frame| &frame.data[..]).collect();
    let expected: Vec<&[u8]> = frames.iter().map(|frame| &frame[7..]).collect();
    assert_eq!(found, expected);
    let times: Vec<i64> = audio(&events).iter().map(|frame| frame.pts_90k).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn q101_audio_without_a_pack_header_and_with_its_own_timestamp_is_read() {
    let pictures = h264_pictures(4, 4, 2_000, 500);
    let mut sender = Sender::new(MTU);
    for picture in &pictures {
        sender.send(picture.pts, &Muxer::default().pack(picture));
        sender.send(
            picture.pts + 77,
            &pes(0xC0, Some(picture.pts), None, &[0xD5; 320]),
        );
    }
    let events = ingest(&sender.packets);
    assert_pictures(&events, &pictures);
    assert_eq!(audio(&events).len(), 4);
}

#[test]
fn audio_only_streams_are_legal() {
    let mut sender = Sender::new(MTU);
    for index in 0..5u64 {
        let pts = 900_000 + 3_600 * index;
        let audio = pes(0xC0, Some(pts), None, &[0xD5; 320]);
        sender.send(pts, &[pack_header(pts), audio].concat());
    }
    assert_eq!(audio(&ingest(&sender.packets)).len(), 5);
}

/// GB-C121.
#[test]
fn q83_a_map_with_a_wrong_crc_counts() {
    let pictures = h264_pictures(3, 3, 2_000, 500);
    let sound = [0x11; 123];
    let events = ingest(&send(&pictures, |picture| {
        let mut map = program_map(&[(ps::H264, 0xE0), (ps::G711U, 0xC0)]);
        let end = map.len() - 4;
        map[end..].reverse();
        let video = pes(0xE0, Some(picture.pts), None, &picture.annexb);
        let audio = pes(0xC0, Some(picture.pts), None, &sound);
        [pack_header(picture.pts), map, video, audio].concat()
    }));
    assert_pictures(&events, &pictures);
    assert!(audio(&events).iter().all(|f| f.codec == AudioCodec::G711U));
    assert_eq!(audio(&events).len(), 3);
}
