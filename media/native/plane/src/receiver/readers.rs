//! Who reads the stream: what each is given, how one joins, and the goodbye.

use std::sync::Arc;

use tongshi_wire::MediaEvent;

use super::{Receiver, Scene};
use crate::facts::FactKind;
use crate::outputs::inbox::{Deliveries, Delivery};
use crate::publisher::Published;
use crate::recorder::port::RecorderPort;
use crate::sync::lock;
use crate::tap::TapPort;
use crate::unit::{StreamConfig, Unit};

impl Receiver {
    /// Hands what the packets completed to the readers.
    pub(crate) fn settle(&mut self, scene: &mut Scene<'_>) {
        if self.events.is_empty() {
            return;
        }
        self.publisher.expect(self.reading.tracks());
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match &event {
                MediaEvent::Video(picture) => {
                    self.rates.picture(picture.keyframe, scene.now_us);
                    let first = *self.first_90k.get_or_insert(picture.dts_90k);
                    self.stats.media_90k = picture.dts_90k - first;
                }
                MediaEvent::Audio(_) if self.by_arrival => continue,
                MediaEvent::Unsupported { what } => {
                    let what = what.to_string();
                    self.stats.unsupported = Some(what.clone());
                    self.report(FactKind::Unsupported { what });
                }
                _ => {}
            }
            self.publisher
                .receive(event, scene.now_us, scene.wall_us, &mut self.published);
        }
        self.events = events;
        self.publish(scene);
    }

    pub(super) fn publish(&mut self, scene: &mut Scene<'_>) {
        let mut published = std::mem::take(&mut self.published);
        for item in published.drain(..) {
            match item {
                Published::Config(config) => self.publish_config(config, scene),
                Published::Unit(unit) => self.publish_unit(unit, scene),
            }
        }
        self.published = published;
    }

    fn publish_config(&mut self, config: Arc<StreamConfig>, scene: &mut Scene<'_>) {
        let info = config.info.clone();
        for tap in &self.taps {
            tap.describe(&config);
        }
        let mut stream = lock(&self.shared.stream);
        stream.config = Some(Arc::clone(&config));
        stream.gop.clear();
        scene
            .deliveries
            .push(stream.viewers, Delivery::Config(self.shared.key, config));
        drop(stream);
        if self.started {
            self.report(FactKind::ConfigChanged { info });
        }
    }

    fn publish_unit(&mut self, unit: Arc<Unit>, scene: &mut Scene<'_>) {
        if unit.picture.is_some() || unit.config.video.is_none() {
            self.watchdog.progress();
        }
        let mut stream = lock(&self.shared.stream);
        stream.gop.push(&unit);
        scene.deliveries.push(
            stream.viewers,
            Delivery::Unit(self.shared.key, Arc::clone(&unit)),
        );
        drop(stream);
        for recorder in &mut self.recorders {
            recorder.push(&unit);
        }
        for tap in &self.taps {
            tap.offer(&unit);
        }
        if let Some(relay) = &mut self.relay {
            relay.take_unit(&unit);
        }
        if !self.started {
            self.started = true;
            self.publish_stats(scene.now_us);
            self.report(FactKind::MediaStarted {
                info: unit.config.info.clone(),
            });
        }
    }

    /// Gives the stream to a recorder, from the newest key frame on.
    pub(crate) fn attach(&mut self, mut recorder: RecorderPort) {
        let units = {
            let mut stream = lock(&self.shared.stream);
            stream.recorders += 1;
            stream.gop.whole().to_vec()
        };
        recorder.open();
        for unit in &units {
            recorder.push(unit);
        }
        self.recorders.push(recorder);
    }

    /// Gives the stream to a tap, from the newest key frame on.
    pub(crate) fn tap(&mut self, tap: TapPort) {
        let stream = lock(&self.shared.stream);
        tap.join(stream.config.clone(), stream.gop.whole().to_vec());
        drop(stream);
        self.taps.push(tap);
    }

    pub(crate) fn detach(&mut self, recorder_id: &str, reason: &'static str) {
        self.recorders.retain_mut(|recorder| {
            let stays = recorder.recorder_id() != recorder_id;
            if !stays {
                recorder.close(reason);
            }
            stays
        });
    }

    /// Publishes what is still inside and says goodbye to all readers.
    pub(crate) fn end(&mut self, reason: &str, scene: &mut Scene<'_>) {
        self.reading.flush(&mut self.events);
        self.settle(scene);
        self.publisher
            .end(scene.now_us, scene.wall_us, &mut self.published);
        self.publish(scene);
        self.publish_stats(scene.now_us);
        self.abandon(reason, scene.deliveries);
    }

    /// The goodbye alone, for a reception whose state cannot be trusted any more.
    pub(crate) fn abandon(&mut self, reason: &str, deliveries: &mut Deliveries) {
        for recorder in &mut self.recorders {
            recorder.close("session closed");
        }
        self.recorders.clear();
        self.end_capture("session closed");
        self.taps.drain(..).for_each(|tap| tap.end(reason));
        let mut stream = lock(&self.shared.stream);
        stream.ended = true;
        deliveries.push(
            stream.viewers,
            Delivery::Ended(self.shared.key, reason.to_owned()),
        );
    }
}
