//! From pictures of files to units of a session.

use std::collections::VecDeque;
use std::sync::Arc;

use tongshi_wire::AccessUnit;

use crate::publisher::Published;
use crate::recordings::Backlog;
use crate::recordings::chunk::{Form, Shot};
use crate::recordings::clock::OutClock;
use crate::recordings::file::Sound;
use crate::unit::{AudioSample, StreamConfig, Unit, VIDEO_CLOCK};

/// Stamps of pictures begin here: B pictures may be shown before the first one is decoded.
const ORIGIN_90K: i64 = VIDEO_CLOCK;

/// What readers of the session have been given.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) clock: OutClock,
    config: Option<Arc<StreamConfig>>,
    shown: Option<(Arc<Form>, bool)>,
    sequence: u64,
    backlog: Arc<Backlog>,
}

impl Stage {
    pub(super) fn new(pace: f64, backlog: Arc<Backlog>) -> Stage {
        Stage {
            clock: OutClock::new(pace),
            config: None,
            shown: None,
            sequence: 0,
            backlog,
        }
    }

    /// What follows is of this form. Nothing is told when it is that of before.
    pub(super) fn describe(&mut self, form: &Arc<Form>, sound: bool, out: &mut Vec<Published>) {
        let is_same = |shown: &(Arc<Form>, bool)| {
            shown.1 == sound && (Arc::ptr_eq(&shown.0, form) || *shown.0 == **form)
        };
        if self.shown.as_ref().is_some_and(is_same) {
            return;
        }
        self.shown = Some((Arc::clone(form), sound));
        let audio = form.audio.clone().filter(|_| sound);
        let is_known = self.config.as_ref().is_some_and(|config| {
            config.video.as_ref() == Some(&form.video) && config.audio == audio
        });
        if is_known {
            return;
        }
        self.clock.cut_sound();
        // Parameter sets that cannot be read change nothing: the pictures go on under the last description.
        if let Ok(config) = StreamConfig::new(form.video.clone(), audio) {
            let config = Arc::new(config);
            self.config = Some(Arc::clone(&config));
            out.push(Published::Config(config));
        }
    }

    /// Gives a picture and its sound their places.
    pub(super) fn show(
        &mut self,
        shot: Shot,
        sounds: &mut VecDeque<Sound>,
        is_last: bool,
        out: &mut Vec<Published>,
    ) {
        let Some(config) = self.config.clone() else {
            return;
        };
        let Shot {
            picture,
            wall_us,
            preroll,
        } = shot;
        let (time, duration) = self.clock.picture(picture.duration, preroll);
        let until = picture.time + i64::from(picture.duration);
        let mut audio = Vec::new();
        while sounds
            .front()
            .is_some_and(|sound| is_last || sound.time < until)
        {
            let Some(sound) = sounds.pop_front() else {
                break;
            };
            let Some(track) = config.audio.as_ref().filter(|_| !preroll) else {
                continue;
            };
            let offset = sound.time - picture.time;
            let place = self
                .clock
                .sound(time, offset, sound.samples, track.sample_rate);
            audio.push(AudioSample::new(
                sound.data,
                sound.law,
                place,
                sound.samples,
            ));
        }
        self.sequence += 1;
        let dts_90k = ORIGIN_90K + time;
        let unit = Unit::new(
            self.sequence,
            Arc::clone(&config),
            AccessUnit {
                codec: config
                    .video
                    .as_ref()
                    .map_or(tongshi_wire::VideoCodec::H264, |video| video.codec),
                nals: picture.nals,
                pts_90k: dts_90k + self.clock.scaled(picture.cts),
                dts_90k,
                keyframe: picture.key,
                corrupt: false,
            },
            (time, duration),
            audio,
            wall_us,
        );
        out.push(Published::Unit(Arc::new(unit.counted(&self.backlog))));
    }
}
