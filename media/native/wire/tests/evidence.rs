//! Each format under each payload type that it does not belong to (Q94, GB-C124): the bytes decide.

mod support;

use support::nals::{
    H264_PPS, H264_SEI, H264_SPS, TestPicture, annexb, coded, h264_pictures, h265_pictures, idr,
    p_slice,
};
use support::ps::{H264, Muxer, pack_header, pes};
use support::rtp::{Sender, typed};
use support::ts::{TsMuxer, VIDEO};
use support::{audio, ingest, nals_of, run, units};
use tongshi_wire::ingest::{Ingest, IngestConfig, Label};
use tongshi_wire::nal::AnnexB;
use tongshi_wire::rtp_aac::AacFormat;
use tongshi_wire::{AudioCodec, MediaEvent, Unsupported, VideoCodec};

/// PS, TS, MPEG-4, H.264, SVAC, H.265, AAC, both kinds of G.711, and one that nothing says anything of.
const TYPES: [u8; 10] = [96, 33, 97, 98, 99, 100, 102, 8, 0, 110];

fn h264_payloads(picture: &TestPicture) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for nal in AnnexB::new(&picture.annexb) {
        if nal.len() <= 1_000 {
            payloads.push(nal.to_vec());
            continue;
        }
        let pieces: Vec<&[u8]> = nal[1..].chunks(1_000).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let start = u8::from(index == 0) << 7;
            let end = u8::from(index + 1 == pieces.len()) << 6;
            let head = [nal[0] & 0xE0 | 28, start | end | nal[0] & 0x1F];
            payloads.push([&head[..], piece].concat());
        }
    }
    payloads
}

fn h265_payloads(picture: &TestPicture) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for nal in AnnexB::new(&picture.annexb) {
        if nal.len() <= 1_000 {
            payloads.push(nal.to_vec());
            continue;
        }
        let pieces: Vec<&[u8]> = nal[2..].chunks(1_000).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let start = u8::from(index == 0) << 7;
            let end = u8::from(index + 1 == pieces.len()) << 6;
            let head = [49 << 1, 1, start | end | nal[0] >> 1];
            payloads.push([&head[..], piece].concat());
        }
    }
    payloads
}

fn chunks(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.chunks(7 * 188).map(<[u8]>::to_vec).collect()
}

fn packets(
    kind: u8,
    pictures: &[TestPicture],
    payloads: &mut dyn FnMut(&TestPicture) -> Vec<Vec<u8>>,
) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for picture in pictures {
        for payload in payloads(picture) {
            packets.push(typed(
                kind,
                packets.len() as u16,
                picture.pts as u32,
                false,
                &payload,
            ));
        }
    }
    packets
}

fn assert_same(events: &[MediaEvent], pictures: &[TestPicture], what: &str) {
    let found: Vec<_> = units(events).into_iter().map(nals_of).collect();
    let expected: Vec<_> = pictures.iter().map(|p| p.expected.clone()).collect();
    assert_eq!(found.len(), expected.len(), "pictures of {what}");
    assert!(found == expected, "bytes of {what}");
}

/// GB-C124, Q94.
#[test]
fn c124_pictures_come_out_whatever_the_payload_type_says() {
    let h264 = h264_pictures(9, 3, 5_000, 1_500);
    let h265 = h265_pictures(9, 3, 5_000, 1_500);
    for kind in TYPES {
        let muxer = Muxer::default();
        let ps = packets(kind, &h264, &mut |picture| chunks(&muxer.pack(picture)));
        assert_same(&ingest(&ps), &h264, &format!("PS under {kind}"));
        let mut muxer = TsMuxer::new(&[(H264, VIDEO)]);
        let ts = packets(kind, &h264, &mut |picture| chunks(&muxer.picture(picture)));
        assert_same(&ingest(&ts), &h264, &format!("TS under {kind}"));
        let bytes = packets(kind, &h264, &mut |picture| chunks(&picture.annexb));
        assert_same(&ingest(&bytes), &h264, &format!("Annex B under {kind}"));
        let raw = packets(kind, &h264, &mut h264_payloads);
        assert_same(&ingest(&raw), &h264, &format!("H.264 under {kind}"));
        let raw = packets(kind, &h265, &mut h265_payloads);
        assert_same(&ingest(&raw), &h265, &format!("H.265 under {kind}"));
    }
}

/// 40 packets of 20 ms.
fn sound(kind: u8, payload: impl Fn(u16) -> Vec<u8>, step: u32) -> Vec<Vec<u8>> {
    (0..40u16)
        .map(|n| typed(kind, n, u32::from(n) * step, false, &payload(n)))
        .collect()
}

fn adts(n: u16) -> Vec<u8> {
    let head = [0xFF, 0xF1, 0x6C, 0x40, 0x0D, 0x1F, 0xFC];
    [&head[..], &coded(&[], 97, u32::from(n) + 1)].concat()
}

fn rfc3640(n: u16) -> Vec<u8> {
    let unit = coded(&[], 90 + usize::from(n % 7), u32::from(n) + 1);
    let size = ((unit.len() as u16) << 3).to_be_bytes();
    [&[0, 16][..], &size, &unit].concat()
}

fn quiet(n: u16, mask: u8) -> Vec<u8> {
    (0..160u16)
        .map(|i| mask ^ (((n * 7 + i * 13) % 16) as u8) ^ ((i % 2) as u8) << 7)
        .collect()
}

/// GB-C124.
#[test]
fn c124_sound_comes_out_whatever_the_payload_type_says() {
    for kind in TYPES {
        for (name, packets, codec) in [
            (
                "A-law",
                sound(kind, |n| quiet(n, 0x55), 160),
                AudioCodec::G711A,
            ),
            (
                "mu-law",
                sound(kind, |n| quiet(n, 0x7F), 160),
                AudioCodec::G711U,
            ),
            ("ADTS", sound(kind, adts, 1_024), AudioCodec::Aac),
            ("RFC 3640", sound(kind, rfc3640, 1_024), AudioCodec::Aac),
        ] {
            let is_labelled_law = matches!(kind, 0 | 8) && codec != AudioCodec::Aac;
            let events = ingest(&packets);
            let frames = audio(&events);
            let heard = frames.iter().filter(|frame| {
                // Of the two laws the label is believed: nothing in the bytes proves which it is.
                frame.codec == codec || is_labelled_law && frame.codec != AudioCodec::Aac
            });
            let count = heard.count();
            assert!(count >= 28, "{name} under {kind}: {count} of 40");
            assert!(units(&events).is_empty(), "{name} under {kind}");
        }
    }
}

#[test]
fn sound_beside_a_program_stream_is_found_under_a_type_that_nothing_names() {
    let pictures = h264_pictures(60, 20, 3_000, 900);
    let mut packets = Vec::new();
    for (index, picture) in pictures.iter().enumerate() {
        for payload in chunks(&Muxer::default().pack(picture)) {
            packets.push(typed(
                96,
                packets.len() as u16,
                picture.pts as u32,
                false,
                &payload,
            ));
        }
        let payload = rfc3640(index as u16);
        packets.push(typed(
            104,
            packets.len() as u16,
            index as u32 * 1_024,
            true,
            &payload,
        ));
    }
    let events = ingest(&packets);
    assert_same(&events, &pictures, "PS beside AAC");
    assert!(audio(&events).len() >= 55);
}

#[test]
fn a_private_stream_of_g722_is_not_taken_for_g711() {
    let packets = sound(9, |n| quiet(n, 0x55), 160);
    let what = Unsupported::PayloadType(9);
    assert_eq!(ingest(&packets), [MediaEvent::Unsupported { what }]);
}

#[test]
fn the_session_description_names_payload_types() {
    let pictures = h264_pictures(6, 3, 5_000, 1_500);
    let mut reception = Ingest::new(IngestConfig::default());
    reception.name(105, Label::Video(VideoCodec::H264));
    reception.name(106, Label::G711(AudioCodec::G711U));
    let mut sent = packets(105, &pictures, &mut h264_payloads);
    sent.push(typed(106, sent.len() as u16, 0, true, &[0x7F; 160]));
    let events = run(&mut reception, &sent);
    assert_same(&events, &pictures, "named H.264");
    assert_eq!(audio(&events)[0].codec, AudioCodec::G711U);
}

#[test]
fn aac_is_read_by_the_lengths_and_the_configuration_of_its_description() {
    // 16 kHz mono, AAC-lbr: 6 bits of size, 2 of index.
    let format = AacFormat::new(&[0x14, 0x08], [6, 2, 2], 16_000).unwrap();
    let mut reception = Ingest::new(IngestConfig::default());
    reception.name(97, Label::Aac(format));
    let units = [coded(&[], 40, 1), coded(&[], 63, 2)];
    let payload = [&[0, 16, 40 << 2, 63 << 2][..], &units[0], &units[1]].concat();
    let sent: Vec<Vec<u8>> = (0..5u16)
        .map(|n| typed(97, n, u32::from(n) * 2_048, true, &payload))
        .collect();
    let events = run(&mut reception, &sent);
    let MediaEvent::AudioConfig(config) = &events[0] else {
        panic!("{:?}", events[0]);
    };
    assert_eq!(
        (config.sample_rate, &config.asc[..]),
        (16_000, &[0x14, 0x08][..])
    );
    let frames = audio(&events);
    assert_eq!(frames.len(), 10);
    assert_eq!(frames[1].data, units[1]);
    assert_eq!(
        frames[2].pts_90k - frames[0].pts_90k,
        2 * 1_024 * 90_000 / 16_000
    );
    assert!(AacFormat::new(&[0; 65], [13, 3, 3], 0).is_err());
    assert!(AacFormat::new(&[], [0, 3, 3], 0).is_err());
    assert!(AacFormat::new(&[], [13, 33, 3], 0).is_err());
}

#[test]
fn latm_is_refused_by_its_name() {
    let pictures = h264_pictures(3, 3, 2_000, 900);
    let muxer = Muxer {
        map: Some(H264),
        audio_type: Some(0x11),
    };
    let mut sender = Sender::new(1_400);
    for picture in &pictures {
        let mut bytes = muxer.pack(picture);
        bytes.extend(pes(
            0xC0,
            Some(picture.pts),
            None,
            &[0x56, 0xE0, 0x10, 1, 2, 3, 4],
        ));
        sender.send(picture.pts, &bytes);
    }
    let events = ingest(&sender.packets);
    assert_same(&events, &pictures, "PS beside LATM");
    let what = Unsupported::AudioType(0x11);
    assert!(events.contains(&MediaEvent::Unsupported { what }));
    assert_eq!(what.to_string(), "AAC in LATM");
    let mut named = Ingest::new(IngestConfig::default());
    named.name(103, Label::Refused(what));
    let events = run(&mut named, &[typed(103, 1, 0, true, &[1; 80])]);
    assert_eq!(events, [MediaEvent::Unsupported { what }]);
}

/// Rule 5: SVC extension units, delimiters, SEI of any kind and units of unknown type change nothing.
#[test]
fn odd_units_beside_the_slices_do_not_cut_pictures() {
    let mut sender = Sender::new(1_400);
    let mut expected = Vec::new();
    for index in 0..8u64 {
        let key = index % 4 == 0;
        let slice = if key {
            idr(900, index as u32)
        } else {
            p_slice(600, index as u32)
        };
        let prefix = coded(&[0x6E, 0x80, 0x40, 0x27], 8, 7);
        let extension = coded(&[0x74, 0x80, 0x40, 0x27], 60, 8);
        let filler = [0x0C, 0xFF, 0xFF, 0x80];
        let mut nals: Vec<&[u8]> = vec![&[0x09, 0xF0], H264_SEI];
        if key {
            nals.extend([H264_SPS, H264_PPS]);
        }
        nals.extend([H264_SEI, &prefix, &slice, &extension, &filler]);
        let pts = 900_000 + 3_600 * index;
        sender.send(
            pts,
            &[pack_header(pts), pes(0xE0, Some(pts), None, &annexb(&nals))].concat(),
        );
        let kept: Vec<Vec<u8>> = [H264_SEI, H264_SEI, &prefix, &slice, &extension]
            .iter()
            .map(|nal| nal.to_vec())
            .collect();
        expected.push(kept);
    }
    let found: Vec<_> = units(&ingest(&sender.packets))
        .into_iter()
        .map(nals_of)
        .collect();
    let sizes = |pictures: &[Vec<Vec<u8>>]| -> Vec<Vec<usize>> {
        pictures
            .iter()
            .map(|nals| nals.iter().map(Vec::len).collect())
            .collect()
    };
    assert_eq!(sizes(&found), sizes(&expected));
    assert!(found == expected);
}

/// One piece that is both the first and the last: against RFC 6184 section 5.8 and RFC 7798 section 4.4.3, and readable.
#[test]
fn units_in_a_single_fragment_are_read() {
    let h264 = |picture: &TestPicture| -> Vec<Vec<u8>> {
        AnnexB::new(&picture.annexb)
            .map(|nal| [&[nal[0] & 0xE0 | 28, 0xC0 | nal[0] & 0x1F], &nal[1..]].concat())
            .collect()
    };
    let h265 = |picture: &TestPicture| -> Vec<Vec<u8>> {
        AnnexB::new(&picture.annexb)
            .map(|nal| [&[49 << 1, 1, 0xC0 | nal[0] >> 1], &nal[2..]].concat())
            .collect()
    };
    for (kind, other) in [(96, 96), (98, 100), (110, 110)] {
        let pictures = h264_pictures(30, 10, 700, 200);
        let events = ingest(&packets(kind, &pictures, &mut { h264 }));
        assert_eq!(units(&events).len(), 30, "H.264 under {kind}");
        let pictures = h265_pictures(30, 10, 700, 200);
        let events = ingest(&packets(other, &pictures, &mut { h265 }));
        assert_eq!(units(&events).len(), 30, "H.265 under {other}");
    }
}
