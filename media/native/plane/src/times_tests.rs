//! Whatever times a source claims, every form of its stream is made of them: nothing overflows, nothing is endless.

use std::collections::hash_map::RandomState;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use tongshi_wire::ingest::Tracks;
use tongshi_wire::{AudioCodec, AudioConfig, AudioFrame, MediaEvent};

use crate::gop::GopCache;
use crate::outputs::hls::playlist;
use crate::outputs::hls::window::{Limits, Window};
use crate::outputs::rtmp::messages::Maker;
use crate::outputs::rtsp::numbered::StreamNumbers;
use crate::publisher::{Published, Publisher};
use crate::recorder::segment::Segment;
use crate::senders::{SessionMuxer, Sound, Unpacked};
use crate::testing::{picture, video_config};
use crate::unit::{Unit, VIDEO_CLOCK};

/// Times near the edges of what a counter, a float or an `i64` holds, and ordinary ones.
fn time() -> impl Strategy<Value = i64> {
    let edges = vec![
        i64::MIN,
        i64::MAX,
        i64::MIN / 90_000,
        i64::MAX / 90_000,
        1 << 62,
        1 << 53,
        1 << 33,
        -(1 << 33),
        0,
    ];
    prop_oneof![
        any::<i64>(),
        -1_000_000i64..1_000_000,
        (prop::sample::select(edges), -4_000i64..4_000)
            .prop_map(|(edge, beside)| edge.saturating_add(beside)),
    ]
}

#[derive(Clone, Debug)]
enum Claim {
    Picture(i64, i64, bool),
    Sound(i64, usize),
    Format(u32, bool),
}

fn claim() -> impl Strategy<Value = Claim> {
    let rate = prop::sample::select(vec![0, 1, 8_000, 44_100, 0x00FF_FFFF, u32::MAX]);
    prop_oneof![
        4 => (time(), time(), any::<bool>()).prop_map(|(pts, dts, key)| Claim::Picture(pts, dts, key)),
        4 => (time(), 0usize..6_000).prop_map(|(pts, bytes)| Claim::Sound(pts, bytes)),
        1 => (rate, any::<bool>()).prop_map(|(rate, aac)| Claim::Format(rate, aac)),
    ]
}

/// All ways out of one stream.
struct Ways {
    gop: GopCache,
    numbers: StreamNumbers,
    window: Window,
    push: Maker,
    muxer: SessionMuxer,
    segment: Option<Segment>,
    directory: PathBuf,
    files: u32,
}

impl Ways {
    fn new() -> Ways {
        let limits = Limits {
            segment_90k: VIDEO_CLOCK,
            part_90k: VIDEO_CLOCK / 5,
            segments: 3,
            bytes: 1 << 20,
        };
        let name = format!("tongshi-times-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        Ways {
            gop: GopCache::new(1 << 20, 100),
            numbers: StreamNumbers::new(1, &RandomState::new()),
            window: Window::new(limits, VIDEO_CLOCK, 3_600),
            push: Maker::new(1, true),
            muxer: SessionMuxer::default(),
            segment: None,
            directory,
            files: 0,
        }
    }

    fn take(&mut self, item: &Published) {
        let unit = match item {
            Published::Config(config) => {
                self.window.describe(config);
                self.push.description(config);
                return assert!(!config.flv_header().is_empty());
            }
            Published::Unit(unit) => unit,
        };
        self.gop.push(unit);
        self.window.push(unit);
        assert!(unit.picture.is_none() || !unit.fragment().is_empty());
        unit.fragment();
        unit.flv_tags();
        unit.rtmp_messages();
        self.push.unit(unit);
        self.numbers.number(unit);
        self.numbers.now();
        for track in [0, 1] {
            self.numbers.timestamp_at(track, unit.time, &unit.config);
        }
        self.muxer.pack(&Unpacked {
            unit: Arc::clone(unit),
            shift_90k: 0,
            sound: Sound::Whole,
        });
        self.record(unit);
    }

    fn record(&mut self, unit: &Arc<Unit>) {
        if let Some(segment) = &mut self.segment {
            let ends = unit.time + i64::from(unit.duration);
            if segment.held_ticks(ends) > VIDEO_CLOCK {
                segment.write_fragment(Some(unit.time)).unwrap();
            }
            segment.hold(Arc::clone(unit));
        } else if unit.is_key() {
            self.files += 1;
            let name = format!("ab-{:06}", self.files);
            let segment = Segment::create(&self.directory, name, b"{}", unit);
            self.segment = segment.ok();
        }
    }

    fn end(mut self) {
        playlist::write(&self.window, "tag=a", false);
        if let Some(segment) = self.segment.take() {
            segment.close(None).1.unwrap();
        }
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

fn event(claim: Claim, codec: &mut AudioCodec) -> MediaEvent {
    match claim {
        Claim::Picture(pts_90k, dts_90k, keyframe) => {
            let mut picture = picture(dts_90k, keyframe, 40);
            picture.pts_90k = pts_90k;
            MediaEvent::Video(picture)
        }
        Claim::Sound(pts_90k, bytes) => MediaEvent::Audio(AudioFrame {
            codec: *codec,
            data: vec![0xD5; bytes],
            pts_90k,
        }),
        Claim::Format(sample_rate, is_aac) => {
            *codec = if is_aac {
                AudioCodec::Aac
            } else {
                AudioCodec::G711A
            };
            MediaEvent::AudioConfig(AudioConfig {
                codec: *codec,
                sample_rate,
                channels: 1,
                asc: vec![0x12, 0x10],
            })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_times_go_through_every_way_out(claims in prop::collection::vec(claim(), 1..60), alone in any::<bool>()) {
        let (mut publisher, mut out) = (Publisher::new(200_000), Vec::new());
        let (mut ways, mut codec) = (Ways::new(), AudioCodec::G711A);
        if alone {
            publisher.expect(Tracks { listed: true, video: false, audio: true });
        } else {
            publisher.receive(MediaEvent::VideoConfig(video_config(64)), 0, 0, &mut out);
        }
        let mut format = vec![Claim::Format(8_000, false)];
        format.extend(claims);
        for (index, claim) in format.into_iter().enumerate() {
            let now_us = index as u64 * 40_000;
            publisher.receive(event(claim, &mut codec), now_us, now_us as i64, &mut out);
            publisher.handle_timer(now_us, &mut out);
        }
        publisher.end(10_000_000, 10_000_000, &mut out);
        out.iter().for_each(|item| ways.take(item));
        ways.end();
    }
}
