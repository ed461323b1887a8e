//! Playbacks over files that the recorder wrote, without threads: each wish is read at once.

mod command;
mod order;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tongshi_wire::g711::Law;
use tongshi_wire::{AccessUnit, AudioCodec, AudioConfig, VideoCodec};

use crate::publisher::Published;
use crate::recorder::segment::Segment;
use crate::recordings::player::{Player, Turn};
use crate::recordings::{Control, PlayState, RecordingsRequest, SegmentRef, Stamps};
use crate::testing::video_config;
use crate::unit::{AudioSample, StreamConfig, Unit};

const START_US: i64 = 1_767_225_600_000_000;
const FRAME_US: i64 = 40_000;
const FRAME: i64 = 3_600;

/// Files in a directory of their own.
struct Film {
    directory: PathBuf,
    segments: Vec<SegmentRef>,
}

impl Film {
    fn new(name: &str) -> Film {
        let name = format!("tongshi-play-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        Film {
            directory,
            segments: Vec::new(),
        }
    }

    /// A file of pictures `first..last`, 25 a second, a key frame each `gop`, fragments of one second.
    fn file(&mut self, first: i64, last: i64, gop: i64, sound: bool) -> &mut Film {
        let config = Arc::new(StreamConfig::new(video_config(64), sound.then(g711)).unwrap());
        let name = format!("ab-{first:06}");
        let head = unit(&config, first, gop, sound);
        let mut segment = Segment::create(&self.directory, name.clone(), b"{}", &head).unwrap();
        for index in first..last {
            if (index - first) % 25 == 0 {
                segment.write_fragment(None).unwrap();
            }
            segment.hold(Arc::new(unit(&config, index, gop, sound)));
        }
        segment.close(None).1.unwrap();
        self.segments.push(SegmentRef {
            path: self.directory.join(format!("{name}.mp4")),
            start_us: START_US + first * FRAME_US,
            end_us: START_US + last * FRAME_US,
            law: None,
        });
        self
    }

    fn request(&self) -> RecordingsRequest {
        RecordingsRequest {
            session_id: "s".into(),
            segments: self.segments.clone(),
            begin_us: self.segments.first().unwrap().start_us,
            end_us: self.segments.last().unwrap().end_us,
            scale: 1.0,
            download: false,
            stamps: Stamps::Rescaled,
            whole_groups: false,
            paused: false,
            exact: false,
        }
    }

    fn path(&self, index: usize) -> &Path {
        &self.segments[index].path
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn g711() -> AudioConfig {
    AudioConfig {
        codec: AudioCodec::G711A,
        sample_rate: 8_000,
        channels: 1,
        asc: Vec::new(),
    }
}

fn unit(config: &Arc<StreamConfig>, index: i64, gop: i64, sound: bool) -> Unit {
    let mut nals = vec![0, 0, 0, 6, 0x65, 0];
    nals.extend_from_slice(&(index as u32).to_be_bytes());
    let picture = AccessUnit {
        codec: VideoCodec::H264,
        nals,
        pts_90k: index * FRAME,
        dts_90k: index * FRAME,
        keyframe: index % gop == 0,
        corrupt: false,
    };
    let pieces = sound.then(|| {
        let law: Vec<u8> = (0..320).map(|n| (n + index) as u8).collect();
        AudioSample::new(law, Some(Law::A), index * 320, 320)
    });
    Unit::new(
        index as u64,
        Arc::clone(config),
        picture,
        (index * FRAME, FRAME as u32),
        pieces.into_iter().collect(),
        START_US + index * FRAME_US,
    )
}

/// A picture that came out.
#[derive(Clone, Debug)]
struct Seen {
    at_us: u64,
    index: i64,
    unit: Arc<Unit>,
}

/// A playback that is run with a clock of its own.
struct Run {
    player: Player,
    now_us: u64,
    seen: Vec<Seen>,
    configs: Vec<bool>,
    skipped: Vec<String>,
    ended: Option<&'static str>,
    most_held: usize,
    backlog: usize,
}

impl Run {
    fn new(request: RecordingsRequest) -> Run {
        Run {
            player: Player::new(request, Arc::default(), 0),
            now_us: 0,
            seen: Vec::new(),
            configs: Vec::new(),
            skipped: Vec::new(),
            ended: None,
            most_held: 0,
            backlog: 0,
        }
    }

    fn step(&mut self) -> Option<u64> {
        let mut turn = Turn::default();
        let backlog = self.backlog;
        self.player.advance(self.now_us, &|| backlog, &mut turn);
        for item in turn.out {
            match item {
                Published::Config(config) => self.configs.push(config.audio.is_some()),
                Published::Unit(unit) => {
                    let nals = &unit.picture.as_ref().unwrap().nals;
                    let index = i64::from(u32::from_be_bytes(nals[6..10].try_into().unwrap()));
                    let at_us = self.now_us;
                    self.seen.push(Seen { at_us, index, unit });
                }
            }
        }
        self.ended = self.ended.or(turn.ended);
        let mut next_us = turn.next_us;
        if let Some(mut reader) = self.player.take_reader() {
            let chunk = reader.next_chunk(&mut Vec::new());
            let skipped = self.player.receive(reader, chunk, self.now_us);
            self.skipped
                .extend(skipped.into_iter().map(|skip| skip.reason));
            next_us = Some(self.now_us);
        }
        self.most_held = self.most_held.max(self.player.snapshot().held_bytes);
        next_us
    }

    /// Until `until_us`, the end, or until nothing moves.
    fn until(&mut self, until_us: u64) -> &mut Run {
        for _ in 0..100_000 {
            let Some(next_us) = self.step() else {
                break;
            };
            if next_us > until_us {
                self.now_us = until_us;
                return self;
            }
            self.now_us = next_us;
        }
        self
    }

    fn finish(&mut self) -> &mut Run {
        self.until(u64::MAX - 1)
    }

    fn indexes(&self) -> Vec<i64> {
        self.seen.iter().map(|seen| seen.index).collect()
    }

    /// Times on the stream's line go on without a hole or a step back.
    fn assert_continuous(&self) {
        for pair in self.seen.windows(2) {
            let (former, latter) = (&pair[0].unit, &pair[1].unit);
            assert_eq!(latter.time, former.time + i64::from(former.duration));
            assert!(latter.time > former.time);
            assert_eq!(latter.sequence, former.sequence + 1);
            let dts = |unit: &Unit| unit.picture.as_ref().unwrap().dts_90k;
            assert!(dts(latter) > dts(former));
        }
    }
}
