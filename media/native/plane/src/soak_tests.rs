//! A day of a camera in seconds: packets in, units out, by a clock of the test's own.
//!
//! `TONGSHI_SOAK_HOURS=24 cargo test --release -p tongshi-plane soak` is the whole day; without it an hour. Numbers of
//! packets wrap all the time, RTP stamps (13 h) and PTS (26 h) soon after the start, and the camera's clock is set
//! forward and back on the way.

use std::sync::Arc;

use tongshi_wire::ingest::{Ingest, IngestConfig};
use tongshi_wire::ps::{PsMuxer, PsPicture};
use tongshi_wire::rtp_send::{RtpNumbering, UDP_PAYLOAD_BYTES};
use tongshi_wire::{AudioCodec, AudioConfig};

use crate::gop::GopCache;
use crate::publisher::{Published, Publisher};
use crate::testing::video_config;
use crate::unit::{Unit, VIDEO_CLOCK};

const PICTURE_90K: i64 = 3_600;
const GOP: i64 = 50;
const RATE: i64 = 8_000;
const FRAME_SAMPLES: i64 = 320;
/// Greatest distance of sound and picture of one moment, in 90 kHz: 40 ms.
const MAX_DRIFT_90K: i64 = 3_600;
/// The camera's clock begins ten minutes before both the RTP stamps and the PTS wrap.
const FIRST_PTS: i64 = (1 << 33) - 600 * VIDEO_CLOCK;

/// A camera whose sound is counted by a crystal of its own.
struct Camera {
    muxer: PsMuxer,
    numbering: RtpNumbering,
    pictures: i64,
    sounds: i64,
    /// How much faster than 8,000 samples a second it counts.
    ppm: i64,
    /// What its clock was set by so far.
    set_90k: i64,
    pack: Vec<u8>,
}

impl Camera {
    fn new(ppm: i64) -> Camera {
        let audio = AudioConfig {
            codec: AudioCodec::G711A,
            sample_rate: RATE as u32,
            channels: 1,
            asc: Vec::new(),
        };
        Camera {
            muxer: PsMuxer::new(Some(&video_config(64)), Some(&audio), 0),
            numbering: RtpNumbering::new(1, 96, 65_000),
            pictures: 0,
            sounds: 0,
            ppm,
            set_90k: 0,
            pack: Vec::new(),
        }
    }

    /// When sound number `number` begins, on the camera's own clock from 0.
    fn sound_at(&self, number: i64) -> i64 {
        number * FRAME_SAMPLES * VIDEO_CLOCK / RATE * 1_000_000 / (1_000_000 + self.ppm)
    }

    /// The packets of the next picture, and of the sound until then.
    fn next(&mut self, mut send: impl FnMut(&[u8])) {
        let at = self.pictures * PICTURE_90K;
        let keyframe = self.pictures % GOP == 0;
        let mut nals = vec![0, 0, 0, 12, if keyframe { 0x65 } else { 0x41 }, 0x88];
        nals.extend(self.pictures.to_be_bytes().map(|byte| byte | 0x40));
        nals.extend([0x55, 0x55]);
        let stamp = FIRST_PTS + at + self.set_90k;
        self.pack.clear();
        let picture = PsPicture {
            nals: &nals,
            pts_90k: stamp,
            dts_90k: stamp,
            keyframe,
        };
        self.muxer.write_picture(&picture, &mut self.pack);
        while self.sound_at(self.sounds) <= at {
            let mut sound = [0xD5; FRAME_SAMPLES as usize];
            // Which sound it is, in the middle, where nothing is cut off.
            sound[160..168].copy_from_slice(&self.sounds.to_be_bytes());
            let begins = FIRST_PTS + self.sound_at(self.sounds) + self.set_90k;
            self.muxer.write_audio(&sound, begins, &mut self.pack);
            self.sounds += 1;
        }
        self.pictures += 1;
        for (head, payload) in self
            .numbering
            .packets(&self.pack, stamp as u32, UDP_PAYLOAD_BYTES)
        {
            send(&[&head[..], payload].concat());
        }
    }
}

/// What the units of a run showed.
#[derive(Default)]
struct Watched {
    units: i64,
    last_time: Option<i64>,
    worst_drift_90k: i64,
    largest_step_90k: i64,
    last_sound_end: i64,
    sounds: i64,
}

impl Watched {
    /// `leapt_90k`: what setting its clock has moved the camera's time by, which the time line leaves out.
    fn unit(&mut self, unit: &Unit, camera: &Camera) {
        if let Some(last) = self.last_time {
            assert!(unit.time > last, "{} after {last}", unit.time);
            self.largest_step_90k = self.largest_step_90k.max(unit.time - last);
        }
        self.last_time = Some(unit.time);
        let number = self.units;
        self.units += 1;
        for sample in &unit.audio {
            assert!(sample.time >= self.last_sound_end, "sound overlaps");
            self.last_sound_end = sample.time + i64::from(sample.duration);
            self.sounds += 1;
            let mark: [u8; 8] = sample.original()[160..168].try_into().unwrap();
            let captured = camera.sound_at(i64::from_be_bytes(mark));
            // Pictures are stamped as they are captured: this is how far the pictures' time line is from it.
            let shift = unit.time - number * PICTURE_90K;
            let shown = sample.time * VIDEO_CLOCK / RATE - shift;
            self.worst_drift_90k = self.worst_drift_90k.max((shown - captured).abs());
        }
    }
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    pages * 4_096
}

fn soak(ppm: i64, hours: f64) {
    let mut camera = Camera::new(ppm);
    let mut ingest = Ingest::new(IngestConfig::default());
    let mut publisher = Publisher::new(200_000);
    let mut gop = GopCache::new(8 << 20, 1_500);
    let (mut events, mut published) = (Vec::new(), Vec::new());
    let mut watched = Watched::default();
    let pictures = (hours * 3_600.0 * 25.0) as i64;
    let mut early = (0, 0);
    for number in 0..pictures {
        if number == pictures / 4 {
            camera.set_90k += 3_600 * VIDEO_CLOCK;
        } else if number == pictures / 2 {
            camera.set_90k -= 7_200 * VIDEO_CLOCK;
        }
        let now_us = 1_000_000 + number as u64 * 40_000;
        camera.next(|packet| ingest.receive(packet, now_us, &mut events));
        publisher.expect(ingest.tracks());
        for event in events.drain(..) {
            publisher.receive(event, now_us, now_us as i64, &mut published);
        }
        for item in published.drain(..) {
            if let Published::Unit(unit) = item {
                watched.unit(&unit, &camera);
                gop.push(&Arc::clone(&unit));
            }
        }
        if number == pictures / 10 {
            early = (ingest.held_bytes(), resident_bytes());
        }
    }
    let grown = resident_bytes().saturating_sub(early.1);
    println!(
        "{hours} h at {ppm} ppm: {} units, {} sounds, drift {:.1} ms at worst, largest step {} ms, {} bytes held, {} KiB grown",
        watched.units,
        watched.sounds,
        watched.worst_drift_90k as f64 / 90.0,
        watched.largest_step_90k / 90,
        ingest.held_bytes(),
        grown >> 10
    );
    assert!(
        watched.units >= pictures - 2,
        "{} of {pictures}",
        watched.units
    );
    assert!(
        watched.worst_drift_90k <= MAX_DRIFT_90K,
        "{}",
        watched.worst_drift_90k
    );
    assert!(ingest.held_bytes() <= early.0 + 65_536);
    assert!(
        grown < 8 << 20,
        "{grown} bytes more than after a tenth of the time"
    );
}

fn hours() -> f64 {
    let text = std::env::var("TONGSHI_SOAK_HOURS").unwrap_or_default();
    text.parse().unwrap_or(1.0)
}

#[test]
fn soak_of_a_steady_camera() {
    soak(0, hours());
}

#[test]
fn soak_of_a_camera_whose_sound_runs_fast() {
    soak(300, hours());
}

#[test]
fn soak_of_a_camera_whose_sound_runs_slow() {
    soak(-300, hours());
}
