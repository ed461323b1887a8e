//! One test for each rule and quirk of program streams (protocol notes 7.4, 7.5, 10.4).

mod support;

use support::nals::{self, TestPicture, annexb, annexb_short, h264_pictures, h265_pictures};
use support::ps::{self, Muxer, pack_header, pes, pes_unbounded, program_map};
use support::rtp::Sender;
use support::{MTU, assert_pictures, assert_timed, audio, configs, ingest, nals_of, send, units};
use tongshi_wire::ingest::{Ingest, IngestConfig};
use tongshi_wire::{AudioCodec, MediaEvent, Unsupported, VideoCodec};

/// GB-C118.
#[test]
fn plain_ps_with_h264_gives_each_picture_once_with_its_time() {
    let pictures = h264_pictures(6, 3, 9_000, 2_000);
    let events = ingest(&send(&pictures, |p| Muxer::default().pack(p)));
    assert_pictures(&events, &pictures);
    assert_timed(&events, &pictures);
    let config = configs(&events)[0];
    assert_eq!((config.width, config.height), (1920, 1080));
    assert_eq!(config.codec, VideoCodec::H264);
    assert_eq!(config.profile, "avc1.4d4028");
    assert_eq!(configs(&events).len(), 1, "only on change");
    assert!(matches!(events[0], MediaEvent::VideoConfig(_)));
}

/// GB-C118.
#[test]
fn plain_ps_with_h265_gives_each_picture_once_with_its_time() {
    let pictures = h265_pictures(6, 3, 9_000, 2_000);
    let muxer = Muxer {
        map: Some(ps::H265),
        ..Muxer::default()
    };
    let events = ingest(&send(&pictures, |p| muxer.pack(p)));
    assert_pictures(&events, &pictures);
    assert_timed(&events, &pictures);
    let config = configs(&events)[0];
    assert_eq!((config.width, config.height), (1920, 1080));
    assert_eq!(config.profile, "hvc1.1.6.L120.90");
}

#[test]
fn the_byte_examples_of_7_4_are_read_as_they_are_written_there() {
    let pack = [
        0, 0, 1, 0xBA, 0x44, 0x00, 0xDD, 0xDD, 0x04, 0x01, 0x00, 0x7F, 0xFF, 0xF8,
    ];
    assert_eq!(pack_header(900_000), pack);
    let map = [
        0, 0, 1, 0xBC, 0, 0x12, 0xE0, 0xFF, 0, 0, 0, 8, 0x1B, 0xE0, 0, 0, 0x90, 0xC0, 0, 0, 0xFE,
        0xDF, 0xB1, 0xD7,
    ];
    assert_eq!(program_map(&[(0x1B, 0xE0), (0x90, 0xC0)]), map);
    let h265 = [
        0, 0, 1, 0xBC, 0, 0x0E, 0xE0, 0xFF, 0, 0, 0, 4, 0x24, 0xE0, 0, 0,
    ];
    assert_eq!(program_map(&[(0x24, 0xE0)])[..16], h265);
    assert_eq!(program_map(&[(0x24, 0xE0)])[16..], [0x0C, 0x49, 0xB0, 0x76]);
    let with_aac = program_map(&[(0x24, 0xE0), (0x0F, 0xC0)]);
    assert_eq!(with_aac[20..], [0xEA, 0xC5, 0xE4, 0x1D]);

    let slice = nals::idr(19, 1);
    let mut video = vec![
        0, 0, 1, 0xE0, 0, 0x1F, 0x84, 0x80, 5, 0x21, 0, 0x37, 0x77, 0x41,
    ];
    video.extend(annexb(&[&slice]));
    assert_eq!(video, pes(0xE0, Some(900_000), None, &annexb(&[&slice])));
    let mut both = vec![0, 0, 1, 0xE0, 0, 0x24, 0x84, 0xC0, 10];
    both.extend_from_slice(&[0x31, 0, 0x37, 0xAF, 0x81, 0x11, 0, 0x37, 0x93, 0x61]);
    both.extend(annexb(&[&nals::p_slice(19, 2)]));
    let mut sound = vec![
        0, 0, 1, 0xC0, 1, 0x48, 0x84, 0x80, 5, 0x21, 0, 0x37, 0x77, 0x41,
    ];
    sound.extend([0xD5; 320]);

    let sets = pes(
        0xE0,
        Some(900_000),
        None,
        &annexb(&[nals::H264_SPS, nals::H264_PPS]),
    );
    let mut sender = Sender::new(MTU);
    sender.send(900_000, &[&pack[..], &map, &sets, &video, &sound].concat());
    sender.send(907_200, &[&pack[..], &both].concat());
    let events = ingest(&sender.packets);
    let found = units(&events);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].pts_90k, found[0].dts_90k), (900_000, 900_000));
    assert_eq!((found[1].pts_90k, found[1].dts_90k), (907_200, 903_600));
    let sounds = audio(&events);
    assert_eq!(sounds.len(), 1);
    assert_eq!(sounds[0].codec, AudioCodec::G711A);
    assert_eq!((sounds[0].data.len(), sounds[0].pts_90k), (320, 900_000));
}

#[test]
fn rule_1_units_cut_at_every_byte_give_the_same_pictures() {
    let pictures = h264_pictures(3, 2, 300, 120);
    for mtu in [1, 2, 3, 4, 5, 7, 13, 64] {
        let mut sender = Sender::new(mtu);
        for picture in &pictures {
            sender.send(picture.pts, &Muxer::default().pack(picture));
        }
        assert_pictures(&ingest(&sender.packets), &pictures);
    }
}

#[test]
fn rule_2_garbage_between_packs_is_passed_over() {
    let pictures = h264_pictures(4, 2, 3_000, 500);
    let events = ingest(&send(&pictures, |picture| {
        let garbage = vec![0x5A; 33];
        [
            pes(0xBF, None, None, &[]),
            garbage,
            Muxer::default().pack(picture),
        ]
        .concat()
    }));
    assert_pictures(&events, &pictures);
}

/// GB-C121.
#[test]
fn q91_pes_length_0_runs_to_the_next_start_code() {
    let pictures = h264_pictures(5, 3, 90_000, 800);
    let events = ingest(&send(&pictures, |picture| {
        let video = pes_unbounded(0xE0, Some(picture.pts), &picture.annexb);
        [pack_header(picture.pts), video].concat()
    }));
    assert_pictures(&events, &pictures);
    assert_timed(&events, &pictures);
}

#[test]
fn rule_3_pes_length_too_small_or_too_large_loses_nothing() {
    let pictures = h264_pictures(6, 3, 5_000, 1_000);
    for change in [-700i32, -1, 1, 9, 500, 4_000] {
        let events = ingest(&send(&pictures, |picture| {
            let video = pes(0xE0, Some(picture.pts), None, &picture.annexb);
            let length = (video.len() as i32 - 6 + change) as u16;
            [pack_header(picture.pts), ps::with_length(video, length)].concat()
        }));
        assert_pictures(&events, &pictures);
    }
}

/// GB-C121.
#[test]
fn q86_sps_pps_sei_and_slice_in_pes_packets_of_their_own_make_one_picture() {
    let pictures = h264_pictures(4, 2, 3_000, 700);
    let events = ingest(&send(&pictures, |picture| {
        let mut bytes = pack_header(picture.pts);
        let mut pts = Some(picture.pts);
        if picture.keyframe {
            bytes.extend(pes(0xE0, pts.take(), None, &annexb(&[nals::H264_SPS])));
            bytes.extend(pes(0xE0, None, None, &annexb(&[nals::H264_PPS])));
            bytes.extend(pes(0xE0, None, None, &annexb(&[nals::H264_SEI])));
        }
        let slice = &picture.expected[0];
        let (first, second) = slice.split_at(slice.len() / 2);
        bytes.extend(pes(0xE0, pts, None, &annexb(&[first])));
        bytes.extend(pes(0xE0, None, None, second));
        bytes
    }));
    let with_sei: Vec<TestPicture> = pictures
        .iter()
        .cloned()
        .map(|mut picture| {
            if picture.keyframe {
                picture.expected.insert(0, nals::H264_SEI.to_vec());
            }
            picture
        })
        .collect();
    assert_pictures(&events, &with_sei);
    assert_timed(&events, &pictures);
}

#[test]
fn rule_4_a_picture_over_several_packs_stays_one_picture() {
    let pictures = h264_pictures(4, 2, 9_000, 2_500);
    let events = ingest(&send(&pictures, |picture| {
        let mut bytes = Vec::new();
        for (index, piece) in picture.annexb.chunks(1_000).enumerate() {
            let pts = if index % 2 == 0 {
                Some(picture.pts)
            } else {
                None
            };
            bytes.extend(pack_header(picture.pts));
            bytes.extend(pes(0xE0, pts, None, piece));
        }
        bytes
    }));
    assert_pictures(&events, &pictures);
}

#[test]
fn rule_4_several_slices_of_a_picture_stay_together() {
    let mut sender = Sender::new(MTU);
    let later = [nals::later_slice(700, 7), nals::later_slice(600, 8)];
    let mut expected = Vec::new();
    for index in 0..4u64 {
        let pts = 900_000 + 3_600 * index;
        let first = match index {
            0 => nals::idr(900, 1),
            _ => nals::p_slice(900, index as u32),
        };
        let mut bytes = pack_header(pts);
        if index == 0 {
            let sets = annexb(&[nals::H264_SPS, nals::H264_PPS]);
            bytes.extend(pes(0xE0, Some(pts), None, &sets));
        }
        for slice in [&first, &later[0], &later[1]] {
            bytes.extend(pes(0xE0, Some(pts), None, &annexb_short(&[slice])));
        }
        sender.send(pts, &bytes);
        expected.push(vec![first, later[0].clone(), later[1].clone()]);
    }
    let events = ingest(&sender.packets);
    let found: Vec<_> = units(&events).into_iter().map(nals_of).collect();
    assert_eq!(found, expected);
}

/// GB-C121.
#[test]
fn q90_without_a_map_the_nal_units_tell_the_codec() {
    let muxer = Muxer {
        map: None,
        ..Muxer::default()
    };
    let h264 = h264_pictures(4, 2, 2_000, 500);
    assert_pictures(&ingest(&send(&h264, |p| muxer.pack(p))), &h264);
    let h265 = h265_pictures(4, 2, 2_000, 500);
    let events = ingest(&send(&h265, |p| muxer.pack(p)));
    assert_pictures(&events, &h265);
    assert_eq!(configs(&events)[0].codec, VideoCodec::H265);
}

#[test]
fn q90_pictures_before_the_first_key_frame_do_not_spoil_it() {
    let muxer = Muxer {
        map: None,
        ..Muxer::default()
    };
    let pictures = h264_pictures(7, 4, 2_000, 500);
    let events = ingest(&send(&pictures[1..], |p| muxer.pack(p)));
    assert_pictures(&events, &pictures[4..]);
}

#[test]
fn q87_a_map_that_flips_between_h264_and_h265_does_not_change_the_codec() {
    let pictures = h264_pictures(8, 2, 2_000, 500);
    let events = ingest(&send(&pictures, |picture| {
        let odd = picture.pts / 7_200 % 2 == 1;
        let kind = if odd { ps::H265 } else { ps::H264 };
        let muxer = Muxer {
            map: Some(kind),
            ..Muxer::default()
        };
        muxer.pack(picture)
    }));
    assert_pictures(&events, &pictures);
    assert_eq!(configs(&events).len(), 1);
}

#[test]
fn a_true_change_of_codec_is_followed() {
    let mut pictures = h264_pictures(2, 2, 2_000, 500);
    let mut second = h265_pictures(2, 2, 2_000, 500);
    for picture in &mut second {
        picture.pts += 7_200;
    }
    pictures.extend(second);
    let events = ingest(&send(&pictures, |p| Muxer::default().pack(p)));
    assert_pictures(&events, &pictures);
    let codecs: Vec<_> = configs(&events).iter().map(|c| c.codec).collect();
    assert_eq!(codecs, [VideoCodec::H264, VideoCodec::H265]);
}

#[test]
fn q89_a_map_with_wrong_lengths_and_unknown_units_do_no_harm() {
    let pictures = h264_pictures(4, 2, 2_000, 500);
    for (outer, inner) in [(0x12, 0xFF), (0x30, 8), (0x0A, 8), (0x04, 8), (0x12, 0)] {
        let events = ingest(&send(&pictures, |picture| {
            let mut map = program_map(&[(ps::H264, 0xE0), (ps::G711A, 0xC0)]);
            map[5] = outer;
            map[11] = inner;
            let video = pes(0xE0, Some(picture.pts), None, &picture.annexb);
            let odd = vec![0, 0, 1, 0xAF, 0, 3, 1, 2, 3];
            [pack_header(picture.pts), map, odd, video].concat()
        }));
        assert_pictures(&events, &pictures);
    }
}

#[test]
fn rule_7_maps_once_at_each_picture_or_never_give_the_same() {
    let pictures = h264_pictures(6, 3, 2_000, 500);
    let often = ingest(&send(&pictures, |picture| {
        let video = pes(0xE0, Some(picture.pts), None, &picture.annexb);
        let heads = Muxer::default().key_headers();
        [pack_header(picture.pts), heads, video].concat()
    }));
    assert_pictures(&often, &pictures);
    let once = ingest(&send(&pictures, |picture| {
        let map = (picture.pts == 900_000).then_some(ps::H264);
        let muxer = Muxer {
            map,
            ..Muxer::default()
        };
        muxer.pack(picture)
    }));
    assert_pictures(&once, &pictures);
}

/// GB-C121.
#[test]
fn q84_private_data_is_passed_over_by_its_length_whatever_is_in_it() {
    let pictures = h264_pictures(5, 3, 2_000, 500);
    let secret = [pack_header(1), vec![0, 0, 1, 0xE0, 0, 0, 0x80, 0, 0, 9]].concat();
    let events = ingest(&send(&pictures, |picture| {
        let mut bytes = Muxer::default().pack(picture);
        bytes.extend(pes(0xBD, None, None, &secret));
        bytes.extend(pes(0xBF, None, None, &secret));
        bytes.extend([0, 0, 1, 0xF2, 0, 5, 0, 0, 1, 0xE0, 7]);
        bytes
    }));
    assert_pictures(&events, &pictures);
    assert!(audio(&events).is_empty());
}

#[test]
fn q82_pack_stuffing_may_hold_anything() {
    let pictures = h264_pictures(4, 2, 2_000, 500);
    let events = ingest(&send(&pictures, |picture| {
        let stuffed = ps::pack_header_stuffed(picture.pts, &[0, 0, 1, 0xE0, 0, 1]);
        let video = pes(0xE0, Some(picture.pts), None, &picture.annexb);
        [stuffed, video].concat()
    }));
    assert_pictures(&events, &pictures);
}

#[test]
fn mpeg_1_packs_and_pes_heads_are_read() {
    let pictures = h264_pictures(4, 2, 2_000, 500);
    let events = ingest(&send(&pictures, |picture| {
        let mpeg2 = pes(0xE0, Some(picture.pts), None, &picture.annexb);
        let length = (3 + 2 + 5 + picture.annexb.len()) as u16;
        let mut video = vec![0, 0, 1, 0xE0];
        video.extend(length.to_be_bytes());
        video.extend([0xFF, 0xFF, 0xFF, 0x60, 0x10]);
        video.extend(&mpeg2[9..]);
        [ps::mpeg1_pack_header(), video].concat()
    }));
    assert_pictures(&events, &pictures);
    assert_timed(&events, &pictures);
}

#[test]
fn q85_empty_packs_are_ignored() {
    let pictures = h265_pictures(4, 2, 2_000, 500);
    let events = ingest(&send(&pictures, |picture| {
        let empty = pes(0xE0, None, None, &[]);
        let video = pes(0xE0, Some(picture.pts), None, &picture.annexb);
        let head = pack_header(picture.pts);
        [&head[..], &head, &empty, &head, &video, &head, &empty].concat()
    }));
    assert_pictures(&events, &pictures);
    assert_timed(&events, &pictures);
}

#[test]
fn rule_12_trailing_zeros_are_stripped() {
    let pictures = h264_pictures(4, 2, 2_000, 500);
    let events = ingest(&send(&pictures, |picture| {
        let padded = [&picture.annexb[..], &[0; 5]].concat();
        let video = pes(0xE0, Some(picture.pts), None, &padded);
        [pack_header(picture.pts), video, vec![0; 3]].concat()
    }));
    assert_pictures(&events, &pictures);
}

/// GB-C122.
#[test]
fn q92_markers_on_all_packets_none_or_the_first_change_nothing() {
    let pictures = h264_pictures(5, 3, 5_000, 1_600);
    for style in 0..3 {
        let mut packets = send(&pictures, |p| Muxer::default().pack(p));
        for (index, packet) in packets.iter_mut().enumerate() {
            let marker = style == 0 || style == 2 && index % 3 == 0;
            packet[1] = 96 | u8::from(marker) << 7;
        }
        assert_pictures(&ingest(&packets), &pictures);
    }
}

#[test]
fn timestamps_that_change_with_each_packet_do_not_cut_pictures() {
    let pictures = h264_pictures(5, 3, 5_000, 1_600);
    let mut packets = send(&pictures, |p| Muxer::default().pack(p));
    for (index, packet) in packets.iter_mut().enumerate() {
        packet[4..8].copy_from_slice(&(900_000 + 90 * index as u32).to_be_bytes());
    }
    let events = ingest(&packets);
    assert_pictures(&events, &pictures);
    assert_timed(&events, &pictures);
}

#[test]
fn two_pictures_in_one_pes_packet_are_two_access_units() {
    let pictures = h264_pictures(6, 3, 2_000, 500);
    let mut sender = Sender::new(MTU);
    for pair in pictures.chunks(2) {
        let both = [&pair[0].annexb[..], &pair[1].annexb].concat();
        let video = pes(0xE0, Some(pair[0].pts), None, &both);
        sender.send(pair[0].pts, &[pack_header(pair[0].pts), video].concat());
    }
    assert_pictures(&ingest(&sender.packets), &pictures);
}

#[test]
fn rule_15_a_recovery_point_stands_in_for_idr_when_there_is_none() {
    let mut sender = Sender::new(MTU);
    for index in 0..8u64 {
        let pts = 900_000 + 3_600 * index;
        let slice = nals::p_slice(500, index as u32);
        let sets: &[&[u8]] = &[
            nals::H264_SPS,
            nals::H264_PPS,
            nals::H264_RECOVERY_SEI,
            &slice,
        ];
        let annexb = annexb(if index % 4 == 2 { sets } else { &sets[3..] });
        sender.send(
            pts,
            &[pack_header(pts), pes(0xE0, Some(pts), None, &annexb)].concat(),
        );
    }
    let events = ingest(&sender.packets);
    let keys: Vec<bool> = units(&events).iter().map(|unit| unit.keyframe).collect();
    assert_eq!(keys, [true, false, false, false, true, false]);
}

#[test]
fn video_of_a_type_that_is_not_carried_is_refused_once() {
    let mut sender = Sender::new(MTU);
    for index in 0..4u64 {
        let body = nals::coded(&[0, 0, 1, 0xB3], 900, 1);
        let map = program_map(&[(0x80, 0xE0)]);
        let video = pes(0xE0, Some(3_600 * index), None, &body);
        sender.send(3_600 * index, &[pack_header(0), map, video].concat());
    }
    let what = Unsupported::VideoType(0x80);
    assert_eq!(ingest(&sender.packets), [MediaEvent::Unsupported { what }]);
}

#[test]
fn a_picture_over_the_cap_is_dropped_and_memory_stays_bounded() {
    let mut ingest = Ingest::new(IngestConfig::default());
    let mut events = Vec::new();
    let mut sender = Sender::new(MTU);
    let pictures = h264_pictures(2, 1, 2_000, 0);
    sender.send(900_000, &Muxer::default().pack(&pictures[0]));
    let huge = nals::p_slice(9 << 20, 1);
    let endless = pes_unbounded(0xE0, Some(903_600), &annexb(&[&huge]));
    sender.send(903_600, &[pack_header(903_600), endless].concat());
    sender.send(907_200, &Muxer::default().pack(&pictures[1]));
    for (index, packet) in sender.packets.iter().enumerate() {
        ingest.receive(packet, index as u64 * 10, &mut events);
        assert!(ingest.held_bytes() < 16 << 20);
    }
    ingest.flush(&mut events);
    assert_eq!(units(&events).len(), 2);
    assert_eq!(ingest.stats().dropped_too_large, 1);
}
