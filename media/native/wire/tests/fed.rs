//! Frames that come whole: what holds for good ones, and for any bytes.

mod support;

use proptest::prelude::*;
use support::nals::{h264_pictures, h265_pictures};
use tongshi_wire::fed::{Fed, Feeder};
use tongshi_wire::{AudioCodec, MediaEvent, VideoCodec};

fn picture(codec: VideoCodec, annexb: Vec<u8>, ticks: i64) -> Fed {
    Fed::Video {
        codec,
        annexb,
        pts_90k: ticks,
        dts_90k: ticks,
    }
}

fn run(frames: &[Fed]) -> (Vec<MediaEvent>, Feeder) {
    let mut feeder = Feeder::default();
    let mut events = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        feeder.receive(frame, index as u64 * 40_000, &mut events);
    }
    feeder.flush(&mut events);
    (events, feeder)
}

fn times(events: &[MediaEvent]) -> Vec<i64> {
    let times = events.iter().filter_map(|event| match event {
        MediaEvent::Video(unit) => Some(unit.dts_90k),
        _ => None,
    });
    times.collect()
}

#[test]
fn each_frame_is_a_picture_at_once_whatever_codec_is_claimed() {
    for (codec, pictures) in [
        (VideoCodec::H264, h264_pictures(12, 6, 700, 200)),
        (VideoCodec::H265, h265_pictures(12, 6, 700, 200)),
    ] {
        for claimed in [VideoCodec::H264, VideoCodec::H265] {
            let mut feeder = Feeder::default();
            for (index, coded) in pictures.iter().enumerate() {
                let mut events = Vec::new();
                let ticks = -7_200 + index as i64 * 3_600;
                let frame = picture(claimed, coded.annexb.clone(), ticks);
                feeder.receive(&frame, index as u64 * 40_000, &mut events);
                let units: Vec<_> = events
                    .iter()
                    .filter_map(|event| match event {
                        MediaEvent::Video(unit) => Some((unit.codec, unit.keyframe)),
                        _ => None,
                    })
                    .collect();
                assert_eq!(units, [(codec, index % 6 == 0)], "picture {index}");
            }
        }
    }
}

#[test]
fn a_wrap_goes_on_and_a_leap_is_taken_out() {
    let pictures = h264_pictures(12, 3, 300, 100);
    let frames: Vec<Fed> = pictures
        .iter()
        .zip(0i64..)
        .map(|(coded, index)| {
            let leap = if index >= 6 { 900_000_000 } else { 0 };
            let ticks = (1 << 33) - 3_600 + index * 3_600 + leap;
            picture(VideoCodec::H264, coded.annexb.clone(), ticks)
        })
        .collect();
    let (events, feeder) = run(&frames);
    let times = times(&events);
    assert_eq!(times.len(), 12);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 3_600));
    assert_eq!(feeder.stats().rebases, 1);
}

#[test]
fn after_a_loss_pictures_wait_for_a_key_frame() {
    let pictures = h264_pictures(9, 3, 300, 100);
    let mut feeder = Feeder::default();
    let mut events = Vec::new();
    for (index, coded) in pictures.iter().enumerate() {
        if index == 4 {
            feeder.lost();
        }
        let frame = picture(VideoCodec::H264, coded.annexb.clone(), index as i64 * 3_600);
        feeder.receive(&frame, 0, &mut events);
    }
    assert_eq!(
        times(&events),
        [0, 3_600, 7_200, 10_800, 21_600, 25_200, 28_800]
    );
    assert_eq!(feeder.stats().dropped_damaged, 2);
}

fn any_frame() -> impl Strategy<Value = Fed> {
    let bytes = prop::collection::vec(
        prop_oneof![Just(0u8), Just(1), Just(0x67), any::<u8>()],
        0..200,
    );
    (
        any::<u8>(),
        bytes,
        any::<i64>(),
        any::<i64>(),
        prop::collection::vec(any::<u8>(), 0..4),
    )
        .prop_map(|(kind, bytes, pts_90k, dts_90k, asc)| match kind % 5 {
            0 => Fed::Video {
                codec: VideoCodec::H264,
                annexb: bytes,
                pts_90k,
                dts_90k,
            },
            1 => Fed::Video {
                codec: VideoCodec::H265,
                annexb: bytes,
                pts_90k,
                dts_90k,
            },
            audio => Fed::Audio {
                codec: [AudioCodec::G711A, AudioCodec::G711U, AudioCodec::Aac]
                    [usize::from(audio) - 2],
                data: bytes,
                pts_90k,
                asc,
                sample_rate: if kind & 8 == 0 { 8_000 } else { 0 },
                channels: kind >> 7,
            },
        })
}

proptest! {
    #[test]
    fn any_frames_give_rising_times_and_no_panic(frames in prop::collection::vec(any_frame(), 0..40)) {
        let pictures = h264_pictures(4, 2, 300, 100);
        let mut all: Vec<Fed> = frames;
        for (coded, index) in pictures.iter().zip(0i64..) {
            let at = all.len() / 2;
            all.insert(at, picture(VideoCodec::H264, coded.annexb.clone(), index * 3_600));
        }
        let (events, feeder) = run(&all);
        let times = times(&events);
        prop_assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert_eq!(feeder.stats().packets, all.len() as u64);
    }
}
