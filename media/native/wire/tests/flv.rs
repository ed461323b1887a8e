//! FLV: what is written is read back, cut anywhere, in both forms; and any bytes are survived.

mod support;

use proptest::prelude::*;
use support::nals::{h264_pictures, h265_pictures};
use tongshi_wire::amf::{self, Amf};
use tongshi_wire::fed::{Fed, Feeder};
use tongshi_wire::flv::{self, FlvDemuxer, FlvFrames, TagKind};
use tongshi_wire::{AudioCodec, AudioConfig, MediaEvent, Unsupported, VideoCodec};

fn events(codec: VideoCodec) -> Vec<MediaEvent> {
    let pictures = match codec {
        VideoCodec::H264 => h264_pictures(6, 3, 700, 200),
        VideoCodec::H265 => h265_pictures(6, 3, 700, 200),
    };
    let mut feeder = Feeder::default();
    let mut events = Vec::new();
    for picture in pictures {
        let fed = Fed::Video {
            codec,
            annexb: picture.annexb,
            pts_90k: picture.pts as i64 + 7_200,
            dts_90k: picture.pts as i64,
        };
        feeder.receive(&fed, 0, &mut events);
    }
    events
}

/// The stream as an FLV file that begins at 0, and its pictures.
fn file(events: &[MediaEvent]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flv::write_header(true, false, &mut bytes);
    for event in events {
        match event {
            MediaEvent::VideoConfig(config) => {
                let metadata = flv::metadata(Some(config), None);
                flv::write_tag(TagKind::Script, 0, &[&metadata], &mut bytes);
                for (kind, body) in flv::sequence_headers(Some(config), None).unwrap() {
                    flv::write_tag(kind, 0, &[&body], &mut bytes);
                }
            }
            MediaEvent::Video(unit) => {
                let head = flv::video_head(unit.codec, unit.keyframe, unit.dts_90k, unit.pts_90k);
                let at = flv::milliseconds(unit.dts_90k);
                flv::write_tag(TagKind::Video, at, &[head.bytes(), &unit.nals], &mut bytes);
            }
            _ => {}
        }
    }
    bytes
}

fn read(bytes: &[u8], sizes: &[usize]) -> Vec<Fed> {
    let (mut demuxer, mut frames, mut out) =
        (FlvDemuxer::default(), FlvFrames::default(), Vec::new());
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        rest = after;
        demuxer
            .receive(piece, |kind, at, body| {
                frames.receive(kind, at, body, &mut out)
            })
            .unwrap();
    }
    assert_eq!(frames.stats().malformed, 0);
    out
}

fn pictures(events: &[MediaEvent]) -> Vec<(&[u8], i64, i64, bool)> {
    let pictures = events.iter().filter_map(|event| match event {
        MediaEvent::Video(unit) => Some((
            unit.nals.as_slice(),
            unit.pts_90k,
            unit.dts_90k,
            unit.keyframe,
        )),
        _ => None,
    });
    pictures.collect()
}

#[test]
fn pictures_come_back_with_their_times_and_parameter_sets() {
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let written = events(codec);
        let mut feeder = Feeder::default();
        let mut again = Vec::new();
        for fed in read(&file(&written), &[1_000_000]) {
            feeder.receive(&fed, 0, &mut again);
        }
        assert_eq!(pictures(&written), pictures(&again));
        assert_eq!(written[0], again[0]);
    }
}

#[test]
fn metadata_says_what_the_stream_is() {
    let MediaEvent::VideoConfig(config) = &events(VideoCodec::H265)[0] else {
        panic!("a description comes first");
    };
    let audio = AudioConfig {
        codec: AudioCodec::Aac,
        sample_rate: 48_000,
        channels: 2,
        asc: vec![0x11, 0x90],
    };
    let values = amf::read_all(&flv::metadata(Some(config), Some(&audio))).unwrap();
    assert_eq!(values[0], Amf::String("onMetaData".into()));
    for (name, value) in [
        ("width", 1_920.0),
        ("height", 1_080.0),
        ("framerate", 25.0),
        ("videocodecid", f64::from(u32::from_be_bytes(*b"hvc1"))),
        ("audiocodecid", 10.0),
        ("audiosamplerate", 48_000.0),
    ] {
        assert_eq!(
            values[1].get(name).and_then(Amf::as_number),
            Some(value),
            "{name}"
        );
    }
    assert_eq!(values[1].get("stereo"), Some(&Amf::Boolean(true)));
    let headers = flv::sequence_headers(None, Some(&audio)).unwrap();
    assert_eq!(headers, [(TagKind::Audio, vec![0xAF, 0, 0x11, 0x90])]);
}

fn frames_of(bodies: &[(TagKind, &[u8])]) -> (Vec<Fed>, FlvFrames) {
    let (mut frames, mut out) = (FlvFrames::default(), Vec::new());
    for &(kind, body) in bodies {
        frames.receive(kind, 1_000, body, &mut out);
    }
    (out, frames)
}

#[test]
fn sound_is_read_in_both_forms_and_waits_for_its_configuration() {
    let (out, frames) = frames_of(&[
        (TagKind::Audio, &[0xAF, 1, 9, 9]),
        (TagKind::Audio, &[0xAF, 0, 0x14, 0x08]),
        (TagKind::Audio, &[0xAF, 1, 1, 2]),
        (TagKind::Audio, b"\x90mp4a\x11\x90"),
        (TagKind::Audio, b"\x91mp4a\x03\x04"),
        (TagKind::Audio, &[0x72, 0xD5, 0xD5]),
        (TagKind::Audio, &[0x82, 0xFF]),
        (TagKind::Audio, &[0x2F, 0xFF]),
        (TagKind::Audio, b"\x91Opus\x03"),
    ]);
    assert_eq!(frames.stats().unconfigured, 1);
    let found: Vec<_> = out
        .iter()
        .map(|fed| match fed {
            Fed::Audio {
                codec,
                data,
                asc,
                pts_90k,
                ..
            } => {
                assert_eq!(*pts_90k, 90_000);
                format!("{codec} {data:?} {asc:?}")
            }
            Fed::Unsupported { what } => what.to_string(),
            Fed::Video { .. } => "video".into(),
        })
        .collect();
    assert_eq!(
        found,
        [
            "AAC [1, 2] [20, 8]",
            "AAC [3, 4] [17, 144]",
            "G711A [213, 213] []",
            "G711U [255] []",
            "MP3 audio",
            "the codec Opus",
        ]
    );
}

#[test]
fn modifiers_are_passed_over_and_what_is_not_carried_is_named() {
    let picture = b"\xa3hvc1\x00\x00\x00\x02\x02\x01";
    let MediaEvent::VideoConfig(config) = &events(VideoCodec::H265)[0] else {
        panic!("a description comes first");
    };
    let header = flv::sequence_headers(Some(config), None).unwrap();
    // Three bytes of nanoseconds, type 0, before coded frames without composition time.
    let modified = b"\xa7\x02\x01\x02\x03\x03hvc1\x00\x00\x00\x02\x02\x01";
    let (out, frames) = frames_of(&[
        (TagKind::Video, picture),
        (TagKind::Video, &header[0].1),
        (TagKind::Video, picture),
        (TagKind::Video, modified),
        (TagKind::Video, b"\x93av01\x12"),
        (TagKind::Video, b"\x96\x00hvc1"),
        (TagKind::Video, &[0x22, 0, 0, 0, 0]),
        (TagKind::Video, &[0x57, 0, 0, 0, 0]),
        (TagKind::Video, &[]),
        (TagKind::Video, &[0x17, 1]),
        (TagKind::Video, b"\xa3hvc1\x00\x00\x00\x09\x02"),
    ]);
    assert_eq!(frames.stats().unconfigured, 1);
    assert_eq!(frames.stats().malformed, 2);
    assert_eq!(out.len(), 5);
    assert_eq!(out[0], out[1]);
    let refused: Vec<Unsupported> = out[2..]
        .iter()
        .filter_map(|fed| match fed {
            Fed::Unsupported { what } => Some(*what),
            _ => None,
        })
        .collect();
    assert_eq!(
        refused,
        [
            Unsupported::FourCc(*b"av01"),
            Unsupported::FlvTracks,
            Unsupported::FlvVideo(2)
        ]
    );
}

#[test]
fn the_number_twelve_is_h265_and_annex_b_inside_is_taken() {
    let MediaEvent::VideoConfig(config) = &events(VideoCodec::H265)[0] else {
        panic!("a description comes first");
    };
    let header = flv::sequence_headers(Some(config), None).unwrap();
    let mut classic = vec![0x1C, 0, 0, 0, 0];
    classic.extend_from_slice(&header[0].1[5..]);
    let (out, _) = frames_of(&[
        (TagKind::Video, &classic),
        (
            TagKind::Video,
            &[0x2C, 1, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0x02, 0x01, 0xD0],
        ),
    ]);
    let [
        Fed::Video {
            codec,
            annexb,
            pts_90k,
            dts_90k,
        },
    ] = out.as_slice()
    else {
        panic!("one picture: {out:?}");
    };
    assert_eq!((*codec, *dts_90k - *pts_90k), (VideoCodec::H265, 90));
    assert_eq!(annexb, &[0, 0, 0, 1, 0x02, 0x01, 0xD0]);
}

#[test]
fn milliseconds_of_an_rtmp_clock_wrap() {
    let mut frames = FlvFrames::default();
    let mut out = Vec::new();
    for at in [u32::MAX - 19, 20] {
        frames.receive(TagKind::Audio, at, &[0x72, 0xD5], &mut out);
    }
    let times: Vec<i64> = out
        .iter()
        .filter_map(|fed| match fed {
            Fed::Audio { pts_90k, .. } => Some(*pts_90k),
            _ => None,
        })
        .collect();
    assert_eq!(times[1] - times[0], 40 * 90);
}

#[test]
fn a_file_that_is_none_is_refused_and_a_tag_that_claims_too_much_too() {
    let mut demuxer = FlvDemuxer::default();
    assert!(demuxer.receive(b"HTTP/1.1 404", |_, _, _| {}).is_err());
    let mut demuxer = FlvDemuxer::default();
    let mut bytes = Vec::new();
    flv::write_header(true, true, &mut bytes);
    bytes.extend_from_slice(&[9, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0]);
    assert!(demuxer.receive(&bytes, |_, _, _| {}).is_err());
}

fn any_amf() -> impl Strategy<Value = Amf> {
    let leaf = prop_oneof![
        any::<f64>()
            .prop_filter("equals itself", |n| !n.is_nan())
            .prop_map(Amf::Number),
        any::<bool>().prop_map(Amf::Boolean),
        ".{0,12}".prop_map(Amf::String),
        Just(Amf::Null),
        Just(Amf::Undefined),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec((".{1,8}", inner.clone()), 0..6).prop_map(Amf::Object),
            prop::collection::vec(inner, 0..6).prop_map(Amf::Array),
        ]
    })
}

proptest! {
    #[test]
    fn any_cut_of_a_file_gives_the_same_frames(sizes in prop::collection::vec(1usize..200, 1..30)) {
        let bytes = file(&events(VideoCodec::H264));
        prop_assert_eq!(read(&bytes, &sizes), read(&bytes, &[usize::MAX]));
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        bodies in prop::collection::vec((any::<bool>(), prop::collection::vec(
            prop_oneof![Just(0x17u8), Just(0x90), Just(0xA1), Just(b'h'), Just(b'v'), any::<u8>()], 0..60)), 0..20),
    ) {
        let mut demuxer = FlvDemuxer::default();
        let _ = demuxer.receive(&bytes, |_, _, _| {});
        let (mut frames, mut out) = (FlvFrames::default(), Vec::new());
        for (video, body) in bodies {
            let kind = if video { TagKind::Video } else { TagKind::Audio };
            frames.receive(kind, 0, &body, &mut out);
        }
        let _ = amf::read_all(&bytes);
    }

    #[test]
    fn values_come_back(value in any_amf()) {
        let mut bytes = Vec::new();
        amf::put(&mut bytes, &value);
        prop_assert_eq!(amf::read_all(&bytes).unwrap(), [value]);
    }
}

#[test]
fn nesting_and_numbers_of_values_are_bounded() {
    let deep: Vec<u8> = [3, 0, 1, b'a'].repeat(amf::MAX_DEPTH + 2);
    assert!(amf::read_all(&deep).is_err());
    assert!(amf::read_all(&[5; amf::MAX_VALUES]).is_ok());
    assert!(amf::read_all(&[5; amf::MAX_VALUES + 1]).is_err());
    let mut many = vec![10, 0xFF, 0xFF, 0xFF, 0xFF];
    many.extend_from_slice(&[5; 10]);
    assert!(amf::read_all(&many).is_err());
}
