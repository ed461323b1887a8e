//! From the events of the wire to units that readers share. No sockets, no clock.

use std::sync::Arc;

use tongshi_wire::ingest::Tracks;
use tongshi_wire::{AccessUnit, AudioConfig, AudioFrame, MediaEvent, VideoConfig};

use crate::audio_track::AudioTrack;
use crate::pace::Pace;
use crate::timing::{bounded, rescale};
use crate::unit::{AudioSample, StreamConfig, Unit, VIDEO_CLOCK};

/// A track that fell silent for so long is left out of the next description: a player waits for the
/// slower of its tracks, so dead sound would stop the picture.
const AUDIO_GONE_US: u64 = 3_000_000;
/// Sound is sent out alone when no sign of video has come for so long. A map without video ends the wait at once.
const ALONE_AFTER_US: u64 = 1_000_000;
/// Longest sound of one unit, 90 kHz.
const MAX_SOUND: i64 = 10 * VIDEO_CLOCK;
/// Time without a picture after which sound goes on alone, 90 kHz.
const SOUND_WAIT: i64 = VIDEO_CLOCK;
/// Pictures after the first key frame for which a first piece of sound is waited for, where one may come.
const MAX_HELD: usize = 5;

/// What readers are given.
#[derive(Debug)]
pub enum Published {
    /// From here on the stream is this.
    Config(Arc<StreamConfig>),
    /// The next picture with its sound, or sound alone.
    Unit(Arc<Unit>),
}

struct Pending {
    picture: AccessUnit,
    audio: Vec<AudioSample>,
    wall_us: i64,
}

/// Gives each picture its duration, the sound since the one before it, and its description.
///
/// A picture is published as soon as it is there: how long it stands is known only when the next one comes, so its
/// duration is what the pictures before it say, and the [`Pace`] keeps the line of viewers even. Times are exact.
///
/// The first description waits for sound only where sound may come: not when a map lists none, else for
/// [`MAX_HELD`] pictures and `audio_wait_us` at most. Sound that comes later joins at a key frame.
pub struct Publisher {
    audio_wait_us: u64,
    tracks: Tracks,
    video: Option<VideoConfig>,
    audio: Option<AudioTrack>,
    config: Option<Arc<StreamConfig>>,
    /// Since when a first audio frame is waited for.
    waiting_since_us: Option<u64>,
    /// When the first sound came, while there is no picture.
    sound_since_us: Option<u64>,
    held: Vec<Pending>,
    /// Sound since the newest picture.
    sounds: Vec<AudioSample>,
    newest_dts_90k: Option<i64>,
    pace: Pace,
    origin_90k: Option<i64>,
    /// Of the newest key frame, or sound alone, on the stream's time line.
    time: i64,
    sequence: u64,
}

impl Publisher {
    /// `audio_wait_us`: how long the first description waits for sound.
    pub fn new(audio_wait_us: u64) -> Publisher {
        Publisher {
            audio_wait_us,
            tracks: Tracks::default(),
            video: None,
            audio: None,
            config: None,
            waiting_since_us: None,
            sound_since_us: None,
            held: Vec::new(),
            sounds: Vec::new(),
            newest_dts_90k: None,
            pace: Pace::default(),
            origin_90k: None,
            time: 0,
            sequence: 0,
        }
    }

    /// What is known of the tracks by now.
    pub fn expect(&mut self, tracks: Tracks) {
        self.tracks = tracks;
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
            MediaEvent::Video(mut picture) => {
                picture.pts_90k = bounded(picture.pts_90k);
                picture.dts_90k = bounded(picture.dts_90k);
                self.receive_picture(picture, now_us, wall_us, out);
            }
            MediaEvent::AudioConfig(config) => self.receive_audio_config(config, now_us, out),
            MediaEvent::Audio(mut frame) => {
                frame.pts_90k = bounded(frame.pts_90k);
                self.receive_audio(frame, now_us, wall_us, out);
            }
            MediaEvent::Damaged { .. } | MediaEvent::Unsupported { .. } => {}
        }
    }

    /// Publishes what waited for sound in vain.
    pub fn handle_timer(&mut self, now_us: u64, out: &mut Vec<Published>) {
        let waited = self
            .waiting_since_us
            .map(|since| now_us.saturating_sub(since));
        if waited.is_some_and(|waited| waited >= self.audio_wait_us || !self.may_sound()) {
            self.describe_first(now_us, out);
        }
    }

    /// The stream is over: what waits goes out.
    pub fn end(&mut self, now_us: u64, wall_us: i64, out: &mut Vec<Published>) {
        if self.waiting_since_us.is_some() {
            self.describe_first(now_us, out);
        }
        self.publish_sounds(wall_us, out);
    }

    fn receive_picture(
        &mut self,
        picture: AccessUnit,
        now_us: u64,
        wall_us: i64,
        out: &mut Vec<Published>,
    ) {
        self.handle_timer(now_us, out);
        self.newest_dts_90k = Some(picture.dts_90k);
        if picture.keyframe {
            self.begin_gop(&picture, now_us, wall_us, out);
        }
        if self.shows_pictures() || self.waiting_since_us.is_some() {
            let audio = std::mem::take(&mut self.sounds);
            self.finish(
                Pending {
                    picture,
                    audio,
                    wall_us,
                },
                out,
            );
        }
    }

    /// Whether the stream is described as one with pictures.
    fn shows_pictures(&self) -> bool {
        self.config
            .as_ref()
            .is_some_and(|config| config.video.is_some())
    }

    fn begin_gop(
        &mut self,
        picture: &AccessUnit,
        now_us: u64,
        wall_us: i64,
        out: &mut Vec<Published>,
    ) {
        if self.video.is_none() {
            return;
        }
        let origin = *self.origin_90k.get_or_insert(picture.dts_90k);
        self.time = picture.dts_90k - origin;
        if self.config.is_some() {
            self.describe_again(now_us, wall_us, out);
        } else if self.audio.is_some() || !self.may_sound() {
            self.describe_first(now_us, out);
        } else {
            self.waiting_since_us.get_or_insert(now_us);
        }
    }

    /// A map that lists no sound is believed until sound comes.
    const fn may_sound(&self) -> bool {
        self.audio_wait_us > 0 && (self.tracks.audio || !self.tracks.listed)
    }

    fn receive_audio_config(&mut self, config: AudioConfig, now_us: u64, out: &mut Vec<Published>) {
        let known = self.audio.as_ref().map(|track| &track.config);
        if known == Some(&config) {
            return;
        }
        self.audio = Some(AudioTrack::new(config, now_us));
        self.sounds.clear();
        if self.config.is_some() && !self.shows_pictures() {
            self.describe_sound(out);
        }
    }

    fn receive_audio(
        &mut self,
        frame: AudioFrame,
        now_us: u64,
        wall_us: i64,
        out: &mut Vec<Published>,
    ) {
        if self.waiting_since_us.is_some() && self.audio.is_some() {
            self.describe_first(now_us, out);
        }
        self.begin_sound(&frame, now_us, out);
        let (Some(track), Some(origin)) = (&mut self.audio, self.origin_90k) else {
            return;
        };
        track.last_at_us = now_us;
        let described = self
            .config
            .as_ref()
            .and_then(|config| config.audio.as_ref());
        if described != Some(&track.config) {
            return;
        }
        let pts_90k = frame.pts_90k;
        track.code(frame, origin, &mut self.sounds);
        // A picture takes the sound before it along; where none comes the sound does not wait.
        let since = self.newest_dts_90k.map(|dts| pts_90k - dts);
        let waits = self.shows_pictures() && since.is_some_and(|since| since <= SOUND_WAIT);
        if !waits {
            self.publish_sounds(wall_us, out);
        }
    }

    /// Sound goes out alone when there is no sign of video.
    fn begin_sound(&mut self, frame: &AudioFrame, now_us: u64, out: &mut Vec<Published>) {
        if self.config.is_some() || self.waiting_since_us.is_some() || self.tracks.video {
            return;
        }
        let since = *self.sound_since_us.get_or_insert(now_us);
        if self.tracks.listed || now_us.saturating_sub(since) >= ALONE_AFTER_US {
            self.origin_90k.get_or_insert(frame.pts_90k);
            self.describe_sound(out);
        }
    }

    fn describe_sound(&mut self, out: &mut Vec<Published>) {
        let audio = self.audio.as_ref().map(|track| track.config.clone());
        self.describe(None, audio, out);
    }

    /// Sound without a picture, in a unit of its own.
    fn publish_sounds(&mut self, wall_us: i64, out: &mut Vec<Published>) {
        let samples = std::mem::take(&mut self.sounds);
        let (Some(config), Some(first)) = (&self.config, samples.first()) else {
            return;
        };
        let rate = config
            .audio
            .as_ref()
            .map_or(1, |audio| i64::from(audio.sample_rate.max(1)));
        let length: i64 = samples
            .iter()
            .map(|sample| i64::from(sample.duration))
            .sum();
        let timing = (
            rescale(first.time, VIDEO_CLOCK, rate),
            rescale(length, VIDEO_CLOCK, rate).clamp(1, MAX_SOUND) as u32,
        );
        self.sequence += 1;
        self.time = timing.0;
        let pts_90k = timing.0 + self.origin_90k.unwrap_or(0);
        let config = Arc::clone(config);
        let unit = Unit::of_sound(self.sequence, config, pts_90k, timing, samples, wall_us);
        out.push(Published::Unit(Arc::new(unit)));
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
        self.describe(Some(video), self.wanted_audio(now_us), out);
        for held in std::mem::take(&mut self.held) {
            self.finish(held, out);
        }
    }

    fn describe_again(&mut self, now_us: u64, wall_us: i64, out: &mut Vec<Published>) {
        let audio = self.wanted_audio(now_us);
        let Some(config) = &self.config else {
            return;
        };
        if config.video == self.video && config.audio == audio {
            return;
        }
        // Sound under the old description does not fit the new one.
        self.publish_sounds(wall_us, out);
        self.describe(self.video.clone(), audio, out);
    }

    /// Parameter sets that cannot be read change nothing: the pictures go on under the last description.
    fn describe(
        &mut self,
        video: Option<VideoConfig>,
        audio: Option<AudioConfig>,
        out: &mut Vec<Published>,
    ) {
        let Ok(config) = StreamConfig::new(video, audio) else {
            return;
        };
        let config = Arc::new(config.since(self.time));
        self.config = Some(Arc::clone(&config));
        out.push(Published::Config(config));
    }

    fn finish(&mut self, pending: Pending, out: &mut Vec<Published>) {
        let Some(config) = &self.config else {
            self.held.push(pending);
            if self.held.len() >= MAX_HELD {
                self.describe_held(out);
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
        let (duration, shown) = self.pace.next(time, picture.keyframe);
        let unit = Unit::new(
            self.sequence,
            Arc::clone(config),
            picture,
            (time, duration),
            audio,
            wall_us,
        );
        let unit = unit.shown_at(shown);
        out.push(Published::Unit(Arc::new(unit)));
    }

    /// Enough pictures have come without sound.
    fn describe_held(&mut self, out: &mut Vec<Published>) {
        self.waiting_since_us = None;
        self.describe(self.video.clone(), None, out);
        let held = std::mem::take(&mut self.held);
        if self.config.is_some() {
            for held in held {
                self.finish(held, out);
            }
        }
    }
}

#[cfg(test)]
#[path = "publisher_tests.rs"]
mod tests;
