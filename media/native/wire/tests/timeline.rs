//! Times that rise whatever the camera says (protocol notes 7.1; Q93, Q102; C123).

use proptest::prelude::*;
use tongshi_wire::timeline::{Stamp, Timeline, Times};

/// 25 pictures per second.
const FRAME: i64 = 3_600;
const FRAME_US: u64 = 40_000;

/// Times of pictures whose stamps `stamp` makes from their number, 25 per second on arrival.
fn times(count: u64, stamp: impl Fn(u64) -> Stamp) -> (Vec<Times>, Timeline) {
    let mut timeline = Timeline::default();
    let times = (0..count).map(|index| {
        let mut stamp = stamp(index);
        stamp.arrival_us = 5_000_000 + index * FRAME_US;
        timeline.video(&stamp)
    });
    (times.collect(), timeline)
}

fn pts(value: u64) -> Stamp {
    Stamp {
        pts: Some(value & 0x1_FFFF_FFFF),
        rtp: value as u32,
        ..Stamp::default()
    }
}

fn steps(times: &[Times]) -> Vec<i64> {
    let step = |pair: &[Times]| pair[1].dts_90k - pair[0].dts_90k;
    times.windows(2).map(step).collect()
}

/// GB-C123.
#[test]
fn good_stamps_are_kept_through_both_wraps() {
    for start in [900_000u64, (1 << 32) - 7_200, (1 << 33) - 7_200] {
        let (times, timeline) = times(10, |i| pts(start + i * 3_600));
        for (index, time) in times.iter().enumerate() {
            let expected = (start + index as u64 * 3_600) as i64;
            assert_eq!((time.pts_90k, time.dts_90k), (expected, expected));
        }
        assert_eq!(timeline.stats().rebases, 0);
        assert_eq!(timeline.stats().clock_changes, 0);
    }
}

#[test]
fn an_rtp_timestamp_alone_is_unwrapped() {
    let start = u64::from(u32::MAX) - 5_000;
    let (times, _) = times(10, |i| Stamp {
        rtp: (start + i * 3_600) as u32,
        ..Stamp::default()
    });
    assert!(steps(&times).iter().all(|&step| step == FRAME));
}

/// GB-C123.
#[test]
fn a_leap_forward_or_back_goes_on_with_the_average_interval() {
    for leap in [20 * 90_000i64, 5 * 3_600 * 90_000, -100_000, -800_000] {
        let (times, timeline) = times(50, |i| {
            let leapt = if i >= 25 { leap } else { 0 };
            pts((4_000_000 + i as i64 * FRAME + leapt) as u64)
        });
        assert!(steps(&times).iter().all(|&step| step == FRAME), "{leap}");
        assert_eq!(timeline.stats().rebases, 1);
    }
}

#[test]
fn a_clock_that_begins_anew_at_each_key_frame_goes_on() {
    let (times, _) = times(200, |i| pts(i % 50 * 3_600));
    assert!(steps(&times).iter().all(|&step| step == FRAME));
}

#[test]
fn a_pause_that_arrival_confirms_is_kept() {
    let mut timeline = Timeline::default();
    let mut last = 0;
    for (index, second) in [0u64, 1, 2, 32, 33].into_iter().enumerate() {
        let mut stamp = pts(second * 90_000);
        stamp.arrival_us = 1 + second * 1_000_000;
        let dts = timeline.video(&stamp).dts_90k;
        if index == 3 {
            assert_eq!(dts - last, 30 * 90_000);
        }
        last = dts;
    }
    assert_eq!(timeline.stats().rebases, 0);
}

#[test]
fn q93_constant_pts_falls_back_to_the_rtp_timestamp() {
    let (times, timeline) = times(50, |i| Stamp {
        pts: Some(0),
        rtp: 7_000 + i as u32 * 3_600,
        ..Stamp::default()
    });
    let steps = steps(&times);
    assert!(steps.iter().all(|&step| step > 0));
    assert!(steps[3..].iter().all(|&step| step == FRAME));
    assert_eq!(timeline.stats().clock_changes, 1);
}

/// GB-C123.
#[test]
fn q93_constant_stamps_fall_back_to_arrival() {
    let (times, timeline) = times(50, |_| pts(0));
    let steps = steps(&times);
    assert!(steps.iter().all(|&step| step > 0));
    assert!(steps[4..].iter().all(|&step| step == FRAME));
    assert_eq!(timeline.stats().clock_changes, 1);
}

#[test]
fn q93_milliseconds_are_found_and_scaled() {
    let (times, _) = times(60, |i| Stamp {
        rtp: 1_234_567 + 40 * i as u32,
        ..Stamp::default()
    });
    let steps = steps(&times);
    assert!(steps.iter().all(|&step| step > 0));
    assert!(steps[10..].iter().all(|&step| step == FRAME));
}

#[test]
fn two_pictures_with_one_stamp_share_the_interval() {
    let (times, _) = times(30, |i| pts(if i == 11 { 10 * 3_600 } else { i * 3_600 }));
    assert_eq!(times[11].dts_90k - times[10].dts_90k, FRAME / 2);
    assert_eq!(times[12].dts_90k, 12 * FRAME);
}

#[test]
fn rule_14_b_pictures_without_dts_get_rising_decoding_times() {
    // Decoding order I0 P3 B1 B2 P6 B4 B5 ...
    let order = |i: u64| match i {
        0 => 0,
        _ => (i - 1) / 3 * 3 + [3, 1, 2][((i - 1) % 3) as usize],
    };
    let (times, timeline) = times(31, |i| pts(1_000_000 + order(i) * 3_600));
    assert!(steps(&times).iter().all(|&step| step > 0));
    for (index, time) in times.iter().enumerate() {
        let shown = 1_000_000 + order(index as u64) as i64 * FRAME;
        assert_eq!(time.pts_90k, shown);
        if index > 5 {
            assert!(time.dts_90k <= time.pts_90k, "picture {index}");
        }
    }
    assert_eq!(timeline.stats().rebases, 0);
}

#[test]
fn dts_of_the_stream_is_used_and_where_it_is_absent_equals_pts() {
    let (times, _) = times(20, |i| {
        let mut stamp = pts(900_000 + i * 3_600);
        if i % 2 == 0 {
            stamp.pts = Some(900_000 + i * 3_600 + 7_200);
            stamp.dts = Some(900_000 + i * 3_600);
        }
        stamp
    });
    assert!(steps(&times).iter().all(|&step| step == FRAME));
    assert_eq!(times[2].pts_90k - times[2].dts_90k, 7_200);
}

#[test]
fn a_picture_without_pts_follows_the_one_before() {
    let (times, timeline) = times(20, |i| {
        let mut stamp = pts(900_000 + i * 3_600);
        stamp.pts = stamp.pts.filter(|_| i % 4 != 3);
        stamp.rtp = 77;
        stamp
    });
    assert!(steps(&times).iter().all(|&step| step == FRAME));
    assert_eq!(timeline.stats().clock_changes, 0);
}

#[test]
fn audio_on_another_base_is_put_beside_the_video() {
    let mut timeline = Timeline::default();
    for index in 0..50u64 {
        let mut video = pts(9_000_000_000 + index * 3_600);
        video.arrival_us = 1 + index * FRAME_US;
        let shown = timeline.video(&video).pts_90k;
        let mut audio = pts(500 + index * 3_600);
        audio.arrival_us = video.arrival_us;
        let heard = timeline.audio(&audio, FRAME, 90_000);
        assert!((shown - heard).abs() <= FRAME);
    }
    assert_eq!(timeline.stats().rebases, 0);
}

#[test]
fn audio_and_video_leap_together() {
    let mut timeline = Timeline::default();
    for index in 0..100u64 {
        let leap = if index >= 50 { 90_000 * 3_600 } else { 0 };
        let mut stamp = pts(900_000 + leap + index * 3_600);
        stamp.arrival_us = 1 + index * FRAME_US;
        let shown = timeline.video(&stamp).pts_90k;
        let heard = timeline.audio(&stamp, FRAME, 90_000);
        assert_eq!(shown, heard, "picture {index}");
    }
}

#[test]
fn audio_without_stamps_follows_its_own_length() {
    let mut timeline = Timeline::default();
    timeline.video(&pts(900_000));
    let mut times = Vec::new();
    for index in 0..5u64 {
        let mut stamp = pts(900_000);
        stamp.pts = stamp.pts.filter(|_| index == 0);
        times.push(timeline.audio(&stamp, 1_800, 90_000));
    }
    assert_eq!(times, [900_000, 901_800, 903_600, 905_400, 907_200]);
}

proptest! {
    #[test]
    fn decoding_times_rise_whatever_the_stamps_are(
        stamps in prop::collection::vec(
            (any::<Option<u64>>(), any::<Option<u64>>(), any::<u32>(), 0u64..2_000_000), 1..200),
    ) {
        let mut timeline = Timeline::default();
        let (mut video, mut audio) = (i64::MIN, i64::MIN);
        let mut arrival_us = 0;
        for (index, (pts, dts, rtp, step_us)) in stamps.into_iter().enumerate() {
            arrival_us += step_us;
            let mask = |v: u64| v & 0x1_FFFF_FFFF;
            let stamp = Stamp { pts: pts.map(mask), dts: dts.map(mask), rtp, arrival_us, packet: 0 };
            if index % 3 == 2 {
                let time = timeline.audio(&stamp, 1_800, 8_000);
                prop_assert!(time > audio);
                audio = time;
            } else {
                let time = timeline.video(&stamp);
                prop_assert!(time.dts_90k > video);
                video = time.dts_90k;
            }
        }
    }
}

/// Stamps before and after a change of position, 25 pictures per second on arrival.
fn retimed(by_arrival: bool, after: impl Fn(u64) -> u64) -> (Vec<Times>, Timeline) {
    let mut timeline = Timeline::default();
    let mut times = Vec::new();
    for index in 0..60u64 {
        let arrival_us = 5_000_000 + index * FRAME_US;
        if index == 30 {
            timeline.retime(by_arrival, arrival_us);
        }
        let value = if index < 33 {
            900_000 + index * 3_600
        } else {
            after(index)
        };
        let stamp = Stamp {
            arrival_us,
            ..pts(value)
        };
        times.push(timeline.video(&stamp));
    }
    (times, timeline)
}

/// Protocol notes 6.8: pictures of the old position still arrive, then the stamps jump in either direction.
#[test]
fn a_jump_that_was_asked_for_is_taken_out_however_small() {
    for target in [900_000u64 + 5 * 90_000, 900_000, 900_000 + 3_600 * 90_000] {
        let (times, timeline) = retimed(false, |index| target + (index - 33) * 3_600);
        assert!(steps(&times).iter().all(|&step| step == FRAME), "{target}");
        assert_eq!(timeline.stats().rebases, 1);
    }
}

/// At another speed the same pictures come with stamps that run faster, or not.
#[test]
fn at_another_speed_times_are_those_of_arrival() {
    for speed in [1u64, 4] {
        let (times, _) = retimed(true, |index| {
            900_000 + 33 * 3_600 + (index - 33) * 3_600 * speed
        });
        assert!(
            steps(&times).iter().all(|&step| (step - FRAME).abs() <= 1),
            "{speed}"
        );
    }
}

#[test]
fn sound_joins_the_pictures_after_a_jump() {
    let mut timeline = Timeline::default();
    let mut both = |from: u64, index: u64| {
        let arrival_us = 5_000_000 + index * FRAME_US;
        let stamp = Stamp {
            arrival_us,
            ..pts(from)
        };
        (
            timeline.video(&stamp).pts_90k,
            timeline.audio(&stamp, FRAME, 8_000),
        )
    };
    for index in 0..30 {
        both(900_000 + index * 3_600, index);
    }
    timeline.retime(false, 5_000_000 + 30 * FRAME_US);
    let mut both = |from: u64, index: u64| {
        let arrival_us = 5_000_000 + index * FRAME_US;
        let stamp = Stamp {
            arrival_us,
            ..pts(from)
        };
        (
            timeline.video(&stamp).pts_90k,
            timeline.audio(&stamp, FRAME, 8_000),
        )
    };
    for index in 30..60 {
        let (picture, sound) = both(1_350_000 + index * 3_600, index);
        assert!((picture - sound).abs() <= FRAME, "{picture} {sound}");
    }
}

/// A minute of an attacker's packets: every stamp as far from the one before as a counter can say.
#[test]
fn leaps_without_end_overflow_nothing() {
    for (step, rate) in [
        ((1u64 << 32) - 1, 1),
        (1 << 32, 8_000),
        ((1 << 31) - 1, u32::MAX),
    ] {
        let mut timeline = Timeline::default();
        let (mut video, mut audio) = (i64::MIN, i64::MIN);
        for index in 0..100_000 {
            let mut stamp = pts(index * step);
            let times = timeline.video(&stamp);
            assert!(times.dts_90k > video);
            video = times.dts_90k;
            // Every third piece of sound has a PTS: sources that change are leaps too.
            stamp.pts = stamp.pts.filter(|_| index % 3 == 0);
            let time = timeline.audio(&stamp, 1_800, rate);
            assert!(time > audio);
            audio = time;
        }
    }
}
