//! From the events of the wire to units that readers share. No sockets, no clock.

use std::sync::Arc;

use tongshi_wire::{AccessUnit, AudioConfig, AudioFrame, MediaEvent, VideoConfig};

use crate::audio_track::AudioTrack;
use crate::unit::{AudioSample, StreamConfig, Unit, VIDEO_CLOCK};

/// A track that fell silent for so long is left out of the next description: a player waits for the
/// slower of its tracks, so dead sound would stop the picture.
const AUDIO_GONE_US: u64 = 3_000_000;
/// Longest time that one picture stands.
const MAX_DURATION: i64 = 10 * VIDEO_CLOCK;
/// Pictures held while a first audio frame is waited for.
const MAX_HELD: usize = 250;
const DEFAULT_DURATION: u32 = 3_600;

/// What readers are given.
#[derive(Debug)]
pub enum Published {
    /// From here on the stream is this.
    Config(Arc<StreamConfig>),
    /// The next picture with its sound.
    Unit(Arc<Unit>),
}

struct Pending {
    picture: AccessUnit,
    audio: Vec<AudioSample>,
    wall_us: i64,
}

/// Gives each picture its duration (known when the next one comes), its sound and its description.
pub struct Publisher {
    audio_wait_us: u64,
    video: Option<VideoConfig>,
    audio: Option<AudioTrack>,
    config: Option<Arc<StreamConfig>>,
    /// Since when a first audio frame is waited for.
    waiting_since_us: Option<u64>,
    held: Vec<(Pending, u32)>,
    pending: Option<Pending>,
    origin_90k: Option<i64>,
    last_duration: u32,
    sequence: u64,
}

impl Publisher {
    /// `audio_wait_us`: how long the first description waits for sound.
    pub fn new(audio_wait_us: u64) -> Publisher {
        Publisher {
            audio_wait_us,
            video: None,
            audio: None,
            config: None,
            waiting_since_us: None,
            held: Vec::new(),
            pending: None,
            origin_90k: None,
            last_duration: DEFAULT_DURATION,
            sequence: 0,
        }
    }

    /// Takes one event; events that are no media are the caller's.
    pub fn receive(
        &mut self,
        event: MediaEvent,
        now_us: u64,
        wall_us: i64,
        out: &mut Vec<Published>,
    ) {
        match event {
            MediaEvent::VideoConfig(config) => self.video = Some(config),
            MediaEvent::Video(picture) => self.receive_picture(picture, now_us, wall_us, out),
            MediaEvent::AudioConfig(config) => self.receive_audio_config(config, now_us),
            MediaEvent::Audio(frame) => self.receive_audio(&frame, now_us, out),
            MediaEvent::Damaged { .. } | MediaEvent::Unsupported { .. } => {}
        }
    }

    /// Publishes what waited for sound in vain.
    pub fn handle_timer(&mut self, now_us: u64, out: &mut Vec<Published>) {
        let waited = self
            .waiting_since_us
            .map(|since| now_us.saturating_sub(since));
        if waited.is_some_and(|waited| waited >= self.audio_wait_us) {
            self.describe_first(now_us, out);
        }
    }

    /// The stream is over: the last picture stands as long as the one before it.
    pub fn end(&mut self, now_us: u64, out: &mut Vec<Published>) {
        if self.waiting_since_us.is_some() {
            self.describe_first(now_us, out);
        }
        if let Some(last) = self.pending.take() {
            self.finish(last, self.last_duration, out);
        }
    }

    fn receive_picture(
        &mut self,
        picture: AccessUnit,
        now_us: u64,
        wall_us: i64,
        out: &mut Vec<Published>,
    ) {
        if let Some(former) = self.pending.take() {
            let apart = (picture.dts_90k - former.picture.dts_90k).clamp(1, MAX_DURATION);
            self.last_duration = apart as u32;
            self.finish(former, apart as u32, out);
        }
        if picture.keyframe {
            self.begin_gop(&picture, now_us, out);
        }
        if self.config.is_some() || self.waiting_since_us.is_some() {
            self.pending = Some(Pending {
                picture,
                audio: Vec::new(),
                wall_us,
            });
        }
    }

    fn begin_gop(&mut self, picture: &AccessUnit, now_us: u64, out: &mut Vec<Published>) {
        if self.video.is_none() {
            return;
        }
        self.origin_90k.get_or_insert(picture.dts_90k);
        if self.config.is_some() {
            self.describe_again(now_us, out);
        } else if self.audio.is_some() {
            self.describe_first(now_us, out);
        } else {
            self.waiting_since_us.get_or_insert(now_us);
        }
    }

    fn receive_audio_config(&mut self, config: AudioConfig, now_us: u64) {
        if self
            .audio
            .as_ref()
            .is_none_or(|track| track.config != config)
        {
            self.audio = Some(AudioTrack::new(config, now_us));
        }
    }

    fn receive_audio(&mut self, frame: &AudioFrame, now_us: u64, out: &mut Vec<Published>) {
        if self.waiting_since_us.is_some() && self.audio.is_some() {
            self.describe_first(now_us, out);
        }
        let (Some(track), Some(origin)) = (&mut self.audio, self.origin_90k) else {
            return;
        };
        track.last_at_us = now_us;
        let described = self
            .config
            .as_ref()
            .and_then(|config| config.audio.as_ref());
        if let (Some(pending), true) = (&mut self.pending, described == Some(&track.config)) {
            track.code(frame, origin, &mut pending.audio);
        }
    }

    fn wanted_audio(&self, now_us: u64) -> Option<AudioConfig> {
        let track = self.audio.as_ref()?;
        (now_us.saturating_sub(track.last_at_us) < AUDIO_GONE_US).then(|| track.config.clone())
    }

    fn describe_first(&mut self, now_us: u64, out: &mut Vec<Published>) {
        self.waiting_since_us = None;
        let Some(video) = self.video.clone() else {
            return;
        };
        self.describe(video, self.wanted_audio(now_us), out);
        for (held, duration) in std::mem::take(&mut self.held) {
            self.finish(held, duration, out);
        }
    }

    fn describe_again(&mut self, now_us: u64, out: &mut Vec<Published>) {
        let audio = self.wanted_audio(now_us);
        let (Some(video), Some(config)) = (&self.video, &self.config) else {
            return;
        };
        if config.video == *video && config.audio == audio {
            return;
        }
        self.describe(video.clone(), audio, out);
    }

    /// Parameter sets that cannot be read change nothing: the pictures go on under the last description.
    fn describe(
        &mut self,
        video: VideoConfig,
        audio: Option<AudioConfig>,
        out: &mut Vec<Published>,
    ) {
        let Ok(config) = StreamConfig::new(video, audio) else {
            return;
        };
        let config = Arc::new(config);
        self.config = Some(Arc::clone(&config));
        out.push(Published::Config(config));
    }

    fn finish(&mut self, pending: Pending, duration: u32, out: &mut Vec<Published>) {
        let Some(config) = &self.config else {
            if self.held.len() < MAX_HELD {
                self.held.push((pending, duration));
            }
            return;
        };
        let origin = self.origin_90k.unwrap_or(pending.picture.dts_90k);
        let time = pending.picture.dts_90k - origin;
        self.sequence += 1;
        let Pending {
            picture,
            audio,
            wall_us,
        } = pending;
        let unit = Unit::new(
            self.sequence,
            Arc::clone(config),
            picture,
            (time, duration),
            audio,
            wall_us,
        );
        out.push(Published::Unit(Arc::new(unit)));
    }
}

#[cfg(test)]
mod tests {
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
    fn a_stream_without_sound_is_described_after_the_wait_and_loses_no_picture() {
        let mut run = Run::new();
        run.feed(MediaEvent::VideoConfig(video_config(64)));
        run.pictures(0..12, 25);
        assert!(run.out.is_empty());
        run.pictures(12..26, 25);
        assert_eq!(run.configs(), [false]);
        let times: Vec<i64> = run.units().iter().map(|unit| unit.time).collect();
        assert_eq!(
            times,
            (0..25).map(|index| index * 3_600).collect::<Vec<_>>()
        );
        assert!(run.units().iter().all(|unit| unit.duration == 3_600));
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
        assert_eq!(run.units()[1].audio.len(), 1);
        assert_eq!(run.units()[1].audio[0].time, 320);
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
            (units[24].config.video.width, units[25].config.video.width),
            (64, 128)
        );
    }

    #[test]
    fn nothing_is_published_before_a_key_frame_and_the_last_picture_is_flushed() {
        let mut run = Run::new();
        run.feed(MediaEvent::VideoConfig(video_config(64)));
        run.pictures(1..25, 25);
        assert!(run.out.is_empty());
        run.pictures(25..27, 25);
        run.publisher.end(run.now_us, &mut run.out);
        assert_eq!(run.units().len(), 2);
        assert_eq!(run.units()[1].duration, 3_600);
    }
}
