//! Elementary streams in RTP and other payloads (protocol notes 7.5, payload type tricks; Q94, C124).

mod support;

use support::nals::{self, TestPicture, h264_pictures, h265_pictures};
use support::ps::Muxer;
use support::rtp::{Sender, typed};
use support::{audio, configs, ingest, ingest_with, nals_of, units};
use tongshi_wire::ingest::{IngestConfig, PayloadHint};
use tongshi_wire::{AudioCodec, MediaEvent, Unsupported, VideoCodec};

/// NAL units of an Annex B stream, start codes of 4 bytes.
fn split(annexb: &[u8]) -> Vec<&[u8]> {
    tongshi_wire::nal::AnnexB::new(annexb).collect()
}

/// RFC 6184: parameter sets in one STAP-A, slices as FU-A.
fn h264_payloads(picture: &TestPicture) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut stap = vec![0x78];
    for nal in split(&picture.annexb) {
        match nal[0] & 0x1F {
            7 | 8 => {
                stap.extend((nal.len() as u16).to_be_bytes());
                stap.extend_from_slice(nal);
            }
            _ => {
                let pieces: Vec<&[u8]> = nal[1..].chunks(1_000).collect();
                for (index, piece) in pieces.iter().enumerate() {
                    let start = u8::from(index == 0) << 7;
                    let end = u8::from(index + 1 == pieces.len()) << 6;
                    let head = [nal[0] & 0xE0 | 28, start | end | nal[0] & 0x1F];
                    payloads.push([&head[..], piece].concat());
                }
            }
        }
    }
    if stap.len() > 1 {
        payloads.insert(0, stap);
    }
    payloads
}

/// RFC 7798: parameter sets alone, slices as FU.
fn h265_payloads(picture: &TestPicture) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for nal in split(&picture.annexb) {
        let kind = nal[0] >> 1;
        if kind >= 32 {
            payloads.push(nal.to_vec());
            continue;
        }
        let pieces: Vec<&[u8]> = nal[2..].chunks(1_000).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let start = u8::from(index == 0) << 7;
            let end = u8::from(index + 1 == pieces.len()) << 6;
            payloads.push([&[49 << 1, 1, start | end | kind][..], piece].concat());
        }
    }
    payloads
}

fn packets(
    kind: u8,
    pictures: &[TestPicture],
    payloads: fn(&TestPicture) -> Vec<Vec<u8>>,
) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for picture in pictures {
        for payload in payloads(picture) {
            let sequence = packets.len() as u16;
            packets.push(typed(kind, sequence, picture.pts as u32, false, &payload));
        }
    }
    packets
}

fn assert_pictures(events: &[MediaEvent], pictures: &[TestPicture]) {
    let found: Vec<_> = units(events).into_iter().map(nals_of).collect();
    let expected: Vec<_> = pictures.iter().map(|p| p.expected.clone()).collect();
    assert_eq!(found.len(), expected.len());
    assert_eq!(found, expected);
    for (unit, picture) in units(events).iter().zip(pictures) {
        assert_eq!(unit.dts_90k, picture.pts as i64);
        assert_eq!(unit.keyframe, picture.keyframe);
    }
}

/// GB-C124.
#[test]
fn c124_raw_h264_is_read_under_its_own_type_and_under_96() {
    let pictures = h264_pictures(6, 3, 5_000, 1_500);
    for kind in [96, 98] {
        assert_pictures(&ingest(&packets(kind, &pictures, h264_payloads)), &pictures);
    }
}

/// GB-C124.
#[test]
fn c124_raw_h265_is_read_under_its_own_type_and_under_96() {
    let pictures = h265_pictures(6, 3, 5_000, 1_500);
    for kind in [96, 100] {
        let events = ingest(&packets(kind, &pictures, h265_payloads));
        assert_pictures(&events, &pictures);
        assert_eq!(configs(&events)[0].codec, VideoCodec::H265);
    }
}

#[test]
fn raw_h264_joined_between_parameter_sets_is_found_by_its_shape() {
    let pictures = h264_pictures(40, 30, 5_000, 3_500);
    let events = ingest(&packets(96, &pictures[5..], h264_payloads));
    assert_pictures(&events, &pictures[30..]);
}

#[test]
fn the_rtpmap_spares_the_probe() {
    let pictures = h264_pictures(4, 2, 5_000, 1_500);
    let config = IngestConfig {
        hint: PayloadHint::H264,
        ..IngestConfig::default()
    };
    let events = ingest_with(config, &packets(97, &pictures, h264_payloads));
    assert_pictures(&events, &pictures);
}

#[test]
fn a_lost_fragment_costs_its_picture_and_all_up_to_the_next_key_frame() {
    let pictures = h264_pictures(9, 3, 5_000, 2_500);
    let mut all = packets(98, &pictures, h264_payloads);
    // STAP-A and 5 fragments of the key frame, then 3 of the next picture.
    all.remove(7);
    let events = ingest(&all);
    let kept = [&pictures[..1], &pictures[3..]].concat();
    assert_pictures(&events, &kept);
}

#[test]
fn an_annex_b_stream_under_96_is_cut_into_pictures_by_its_nal_units() {
    let pictures = h264_pictures(6, 3, 5_000, 1_500);
    let mut sender = Sender::new(1_200);
    for picture in &pictures {
        let delimited = [&[0, 0, 0, 1, 0x09, 0xF0][..], &picture.annexb].concat();
        sender.send(picture.pts, &delimited);
    }
    assert_pictures(&ingest(&sender.packets), &pictures);
}

#[test]
fn ps_under_a_type_for_raw_video_is_still_ps() {
    let pictures = h264_pictures(4, 2, 5_000, 1_500);
    let mut sender = Sender::new(1_200);
    for picture in &pictures {
        sender.send(picture.pts, &Muxer::default().pack(picture));
    }
    for kind in [97, 98, 100] {
        let mut packets = sender.packets.clone();
        for packet in &mut packets {
            packet[1] = kind;
        }
        assert_pictures(&ingest(&packets), &pictures);
    }
}

#[test]
fn ps_joined_in_the_middle_of_a_picture_begins_at_the_next_key_frame() {
    let pictures = h264_pictures(9, 4, 5_000, 1_500);
    let mut sender = Sender::new(1_200);
    for picture in &pictures {
        sender.send(picture.pts, &Muxer::default().pack(picture));
    }
    for skip in 1..6 {
        let events = ingest(&sender.packets[skip..]);
        assert_pictures(&events, &pictures[4..]);
    }
}

#[test]
fn g711_in_rtp_without_ps_is_read_by_its_payload_type() {
    for (kind, codec) in [(8, AudioCodec::G711A), (0, AudioCodec::G711U)] {
        let packets: Vec<Vec<u8>> = (0..5u16)
            .map(|n| typed(kind, n, u32::from(n) * 160, false, &[0xD5; 160]))
            .collect();
        let events = ingest(&packets);
        let frames = audio(&events);
        assert_eq!(frames.len(), 5);
        assert!(frames.iter().all(|frame| frame.codec == codec));
        assert_eq!(frames[1].pts_90k - frames[0].pts_90k, 1_800);
    }
}

#[test]
fn aac_in_rtp_comes_out_by_access_units() {
    let first = nals::coded(&[], 60, 1);
    let second = nals::coded(&[], 70, 2);
    let mut payload = vec![0, 32];
    payload.extend((60u16 << 3).to_be_bytes());
    payload.extend((70u16 << 3).to_be_bytes());
    payload.extend(&first);
    payload.extend(&second);
    let events = ingest(&[typed(102, 1, 0, true, &payload)]);
    let found: Vec<&[u8]> = audio(&events).iter().map(|frame| &frame.data[..]).collect();
    assert_eq!(found, [&first[..], &second]);
    assert!(matches!(&events[0], MediaEvent::AudioConfig(c) if c.sample_rate == 8_000));
}

#[test]
fn payload_types_that_are_not_carried_are_refused_once() {
    for kind in [4, 9, 18, 20, 97, 99] {
        let packets: Vec<Vec<u8>> = (0..3).map(|n| typed(kind, n, 0, false, &[5; 90])).collect();
        let what = Unsupported::PayloadType(kind);
        assert_eq!(ingest(&packets), [MediaEvent::Unsupported { what }]);
    }
}

#[test]
fn q95_private_formats_under_pt_96_are_refused_by_name() {
    for (payload, what) in [
        (b"IMKH\x01\x01\0\0".to_vec(), Unsupported::Hikvision),
        (b"DHAV\xFC\0\0\0".to_vec(), Unsupported::Dahua),
    ] {
        let events = ingest(&[
            typed(96, 1, 0, false, &payload),
            typed(96, 2, 0, false, &payload),
        ]);
        assert_eq!(events, [MediaEvent::Unsupported { what }]);
    }
}
