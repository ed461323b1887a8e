//! Descriptions, waits and sound alone.

use super::*;
use crate::testing::{picture, video_config};
use tongshi_wire::AudioCodec;

const FRAME_US: u64 = 40_000;

fn alaw() -> AudioConfig {
    AudioConfig {
        codec: AudioCodec::G711A,
        sample_rate: 8_000,
        channels: 1,
        asc: Vec::new(),
    }
}

fn sound(pts_90k: i64) -> MediaEvent {
    MediaEvent::Audio(AudioFrame {
        codec: AudioCodec::G711A,
        data: vec![0xD5; 320],
        pts_90k,
    })
}

struct Run {
    publisher: Publisher,
    out: Vec<Published>,
    now_us: u64,
}

impl Run {
    fn new() -> Run {
        Run {
            publisher: Publisher::new(500_000),
            out: Vec::new(),
            now_us: 0,
        }
    }

    fn feed(&mut self, event: MediaEvent) {
        self.publisher
            .receive(event, self.now_us, self.now_us as i64, &mut self.out);
    }

    fn pictures(&mut self, range: std::ops::Range<i64>, gop: i64) {
        for index in range {
            self.now_us = index as u64 * FRAME_US;
            self.publisher.handle_timer(self.now_us, &mut self.out);
            self.feed(MediaEvent::Video(picture(
                index * 3_600,
                index % gop == 0,
                10,
            )));
        }
    }

    fn sounds(&mut self, range: std::ops::Range<i64>) {
        for index in range {
            self.now_us = index as u64 * FRAME_US;
            self.publisher.handle_timer(self.now_us, &mut self.out);
            self.feed(sound(index * 3_600));
        }
    }

    fn listed(&mut self, video: bool, audio: bool) {
        self.publisher.expect(Tracks {
            listed: true,
            video,
            audio,
        });
    }

    fn configs(&self) -> Vec<bool> {
        let configs = self.out.iter().filter_map(|published| match published {
            Published::Config(config) => Some(config.audio.is_some()),
            Published::Unit(_) => None,
        });
        configs.collect()
    }

    fn units(&self) -> Vec<&Unit> {
        let units = self.out.iter().filter_map(|published| match published {
            Published::Unit(unit) => Some(&**unit),
            Published::Config(_) => None,
        });
        units.collect()
    }
}

#[test]
fn where_sound_may_come_a_few_pictures_wait_for_it_and_none_is_lost() {
    let mut run = Run::new();
    run.feed(MediaEvent::VideoConfig(video_config(64)));
    run.pictures(0..4, 25);
    assert!(run.out.is_empty());
    run.pictures(4..25, 25);
    assert_eq!(run.configs(), [false]);
    let times: Vec<i64> = run.units().iter().map(|unit| unit.time).collect();
    assert_eq!(
        times,
        (0..25).map(|index| index * 3_600).collect::<Vec<_>>()
    );
    assert!(run.units().iter().all(|unit| unit.duration == 3_600));
}

#[test]
fn slow_pictures_wait_by_the_clock() {
    let mut run = Run::new();
    run.feed(MediaEvent::VideoConfig(video_config(64)));
    run.pictures(0..1, 25);
    run.publisher.handle_timer(499_999, &mut run.out);
    assert!(run.out.is_empty());
    run.publisher.handle_timer(500_000, &mut run.out);
    assert_eq!(run.configs(), [false]);
}

#[test]
fn a_map_without_sound_ends_the_wait_before_it_begins() {
    let mut run = Run::new();
    run.listed(true, false);
    run.feed(MediaEvent::VideoConfig(video_config(64)));
    run.pictures(0..2, 25);
    assert_eq!(run.configs(), [false]);
    assert_eq!(run.units().len(), 2);
}

#[test]
fn sound_alone_is_sent_out_in_units_of_its_own() {
    for (is_listed, first_unit) in [(true, 0), (false, 25)] {
        let mut run = Run::new();
        if is_listed {
            run.listed(false, true);
        }
        run.feed(MediaEvent::AudioConfig(alaw()));
        run.sounds(0..50);
        assert_eq!(run.configs(), [true]);
        let units = run.units();
        assert_eq!(units.len(), 50 - first_unit);
        assert!(
            units
                .iter()
                .all(|unit| unit.picture.is_none() && unit.is_key())
        );
        for (index, unit) in units.iter().enumerate() {
            assert_eq!((unit.time, unit.duration), (index as i64 * 3_600, 3_600));
        }
        assert!(units[0].config.info.mime.starts_with("audio/mp4"));
    }
}

#[test]
fn pictures_join_sound_alone_at_their_key_frame_on_the_same_time_line() {
    let mut run = Run::new();
    run.listed(false, true);
    run.feed(MediaEvent::AudioConfig(alaw()));
    run.sounds(0..50);
    run.feed(MediaEvent::VideoConfig(video_config(64)));
    run.pictures(50..53, 25);
    let shown: Vec<bool> = run
        .units()
        .iter()
        .map(|unit| unit.config.video.is_some())
        .collect();
    assert_eq!(shown.iter().filter(|&&shown| shown).count(), 3);
    let times: Vec<i64> = run.units().iter().map(|unit| unit.time).collect();
    assert!(times.is_sorted());
    assert_eq!(times[50], 50 * 3_600);
}

#[test]
fn sound_waits_for_video_that_is_on_its_way() {
    let mut run = Run::new();
    run.listed(true, true);
    run.feed(MediaEvent::AudioConfig(alaw()));
    run.sounds(0..100);
    assert!(run.out.is_empty());
}

#[test]
fn sound_goes_on_without_a_picture_that_stands_too_long() {
    let mut run = Run::new();
    run.feed(MediaEvent::AudioConfig(alaw()));
    run.feed(MediaEvent::VideoConfig(video_config(64)));
    run.pictures(0..2, 25);
    run.sounds(1..300);
    let units = run.units();
    let pictures = units.iter().filter(|unit| unit.picture.is_some()).count();
    assert_eq!(pictures, 2);
    assert!(units.len() > 40, "{} units", units.len());
    let alone = units.last().unwrap();
    assert!(alone.picture.is_none() && !alone.is_key());
    assert!(alone.config.video.is_some());
}

#[test]
fn early_sound_ends_the_wait() {
    let mut run = Run::new();
    run.feed(MediaEvent::VideoConfig(video_config(64)));
    run.pictures(0..2, 25);
    run.feed(MediaEvent::AudioConfig(alaw()));
    run.feed(sound(3_600));
    run.pictures(2..4, 25);
    assert_eq!(run.configs(), [true]);
    assert_eq!(run.units()[2].audio.len(), 1);
    assert_eq!(run.units()[2].audio[0].time, 320);
}

#[test]
fn late_sound_joins_at_the_next_key_frame_and_dead_sound_leaves_at_one() {
    let mut run = Run::new();
    run.feed(MediaEvent::VideoConfig(video_config(64)));
    run.pictures(0..30, 25);
    run.feed(MediaEvent::AudioConfig(alaw()));
    run.feed(sound(29 * 3_600));
    assert_eq!(run.configs(), [false]);
    run.pictures(30..51, 25);
    assert_eq!(run.configs(), [false, true]);
    run.pictures(51..126, 25);
    assert_eq!(run.configs(), [false, true, false]);
}

#[test]
fn a_new_picture_size_is_a_new_description_at_its_key_frame() {
    let mut run = Run::new();
    run.feed(MediaEvent::VideoConfig(video_config(64)));
    run.pictures(0..25, 25);
    run.feed(MediaEvent::VideoConfig(video_config(128)));
    run.pictures(25..27, 25);
    let units = run.units();
    assert_eq!(
        [24, 25].map(|index: usize| units[index].config.info.width),
        [64, 128]
    );
}

#[test]
fn nothing_is_published_before_a_key_frame_and_each_picture_at_once() {
    let mut run = Run::new();
    run.feed(MediaEvent::VideoConfig(video_config(64)));
    run.pictures(1..25, 25);
    assert!(run.out.is_empty());
    run.pictures(25..27, 25);
    run.publisher.end(run.now_us, 0, &mut run.out);
    assert_eq!(run.units().len(), 2);
    assert_eq!(run.units()[1].duration, 3_600);
}
