//! Readers of HLS: each pass is a viewer for as long as it asks now and then.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Audience, Server};
use crate::clock;
use crate::facts::FactKind;
use crate::outputs::admission;
use crate::outputs::connection::{Phase, Waiting};
use crate::outputs::format::Body;
use crate::outputs::gauge::Gauge;
use crate::outputs::hls::request::{self, Wanted};
use crate::outputs::hls::stream::{Answer, HlsStream, Outcome, Reader};
use crate::outputs::hls::window::Limits;
use crate::outputs::http::{self, Problem, Request};
use crate::outputs::inbox::{Delivery, Desk};
use crate::outputs::signed_url::{Pass, parameter};
use crate::session::SessionShared;
use crate::sync::lock;
use crate::unit::VIDEO_CLOCK;

const WAY: &str = "hls";

/// Whether the bearer of this pass has asked a moment ago.
pub(super) fn is_known(audiences: &HashMap<u64, Audience>, request: &Request) -> bool {
    parameter(&request.query, "sig").is_some_and(|signature| {
        let mut streams = audiences
            .values()
            .filter_map(|audience| audience.hls.as_ref());
        streams.any(|stream| stream.readers.contains_key(signature))
    })
}

impl Server {
    pub(super) fn fetch(
        &mut self,
        id: u64,
        session: Arc<SessionShared>,
        pass: Pass,
        file: &str,
        asked: &Request,
        now_us: u64,
    ) -> Result<(), Problem> {
        let wanted = request::parse(file, &asked.query).ok_or(admission::GONE)?;
        let reader = parameter(&asked.query, "sig").unwrap_or_default();
        let key = session.key;
        self.meet_reader(id, session, pass, reader, now_us)?;
        self.connections.prove(id);
        let waiting = Waiting {
            session_key: key,
            reader: reader.to_owned(),
            wanted,
            pass: request::pass_of(&asked.query),
            head_only: asked.method == "HEAD",
            keep_alive: asked.keep_alive,
        };
        self.try_answer(id, waiting, now_us);
        Ok(())
    }

    /// Finds the reader of this pass, or lets it in.
    fn meet_reader(
        &mut self,
        id: u64,
        session: Arc<SessionShared>,
        pass: Pass,
        reader: &str,
        now_us: u64,
    ) -> Result<(), Problem> {
        let known = self
            .audiences
            .get_mut(&session.key)
            .and_then(|audience| audience.hls.as_mut())
            .and_then(|stream| stream.readers.get_mut(reader));
        if let Some(known) = known {
            known.asked_at_us = now_us;
            return Ok(());
        }
        if self.viewers >= self.config.max_viewers {
            return Err(admission::CROWDED);
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return Ok(());
        };
        let gauge = Arc::new(Gauge::new(WAY, &pass, connection.source, now_us));
        let mut stream = lock(&session.stream);
        if stream.ended {
            return Err(admission::NOT_FOUND);
        }
        if stream.refuses(&pass) {
            return Err(admission::REVOKED);
        }
        let viewers = stream.join(Desk::Http, &gauge);
        let (config, units) = (stream.config.clone(), stream.gop.whole().to_vec());
        drop(stream);
        let audience = self.audiences.entry(session.key).or_default();
        if audience.hls.is_none() {
            let limits = Limits {
                segment_90k: (self.config.hls_segment_us * 9 / 100) as i64,
                part_90k: (self.config.hls_part_us * 9 / 100) as i64,
                segments: self.config.hls_segments,
                bytes: self.config.hls_bytes,
            };
            let mut made = HlsStream::new(Arc::clone(&session), limits, pace(&session));
            if let Some(config) = &config {
                made.describe(config);
            }
            units.iter().for_each(|unit| made.push(unit));
            audience.hls = Some(Box::new(made));
        }
        let fact = FactKind::ViewerOpened {
            tag: pass.tag.clone(),
            user: pass.user.clone(),
            way: WAY,
            viewers,
        };
        self.facts.push(&session.session_id, fact);
        self.viewers += 1;
        if let Some(stream) = &mut audience.hls {
            let met = Reader {
                pass,
                asked_at_us: now_us,
                gauge,
            };
            stream.readers.insert(reader.to_owned(), met);
        }
        Ok(())
    }

    /// Answers now, or lets the request wait.
    fn try_answer(&mut self, id: u64, waiting: Waiting, now_us: u64) {
        let audience = self.audiences.get_mut(&waiting.session_key);
        let Some(stream) = audience.and_then(|audience| audience.hls.as_mut()) else {
            return self.refuse(id, admission::NOT_FOUND, now_us);
        };
        let Some(reader) = stream.readers.get_mut(&waiting.reader) else {
            return self.refuse(id, admission::REVOKED, now_us);
        };
        // Who waits is still there.
        reader.asked_at_us = now_us;
        match stream.answer(waiting.wanted, &waiting.pass) {
            Outcome::Ready(answer) => self.send(id, &waiting, answer, now_us),
            Outcome::Refused(problem) => self.refuse(id, problem, now_us),
            Outcome::Wait => {
                let patience_us = stream.patience_us();
                let Some(connection) = self.connections.get_mut(id) else {
                    return;
                };
                if !matches!(connection.phase, Phase::Waiting(_)) {
                    connection.deadline_us = now_us + patience_us;
                }
                stream.waiting.push(id);
                connection.phase = Phase::Waiting(Box::new(waiting));
            }
        }
    }

    fn send(&mut self, id: u64, waiting: &Waiting, answer: Answer, now_us: u64) {
        let length = answer.bodies.iter().map(Body::length).sum();
        let head = http::file_head(
            answer.media_type,
            answer.caching,
            length,
            waiting.keep_alive,
        );
        let bodies = if waiting.head_only {
            Vec::new()
        } else {
            answer.bodies
        };
        let audience = self.audiences.get(&waiting.session_key);
        if let Some(reader) = audience
            .and_then(|audience| audience.hls.as_ref())
            .and_then(|stream| stream.readers.get(&waiting.reader))
            && !bodies.is_empty()
        {
            reader.gauge.sent(length as u64);
        }
        self.answer(id, head, bodies, waiting.keep_alive, now_us);
    }

    pub(super) fn deliver_hls(&mut self, key: u64, delivery: &Delivery, now_us: u64) {
        let Some(stream) = self.hls(key) else { return };
        match delivery {
            Delivery::Config(_, config) => stream.describe(config),
            Delivery::Unit(_, unit) => stream.push(unit),
            Delivery::Ended(..) => stream.end(),
            Delivery::Revoke(_, cut) => {
                let revoked: Vec<String> = stream
                    .readers
                    .iter()
                    .filter(|(_, reader)| cut.hits(&reader.pass))
                    .map(|(signature, _)| signature.clone())
                    .collect();
                for signature in revoked {
                    self.forget_reader(key, &signature, "revoked");
                }
            }
            Delivery::PublishAnswer(..) | Delivery::Stop => {}
        }
        self.retry(key, now_us);
        if matches!(delivery, Delivery::Ended(..)) {
            self.forget_stream(key, "ended");
        }
    }

    /// The requests that wait are tried again.
    fn retry(&mut self, key: u64, now_us: u64) {
        let Some(stream) = self.hls(key) else { return };
        for id in std::mem::take(&mut stream.waiting) {
            let Some(connection) = self.connections.get_mut(id) else {
                continue;
            };
            match std::mem::replace(&mut connection.phase, Phase::Asking) {
                Phase::Waiting(waiting) if waiting.session_key == key => {
                    let wanted = waiting.wanted;
                    self.resume(id, *waiting, wanted, now_us);
                }
                other => connection.phase = other,
            }
        }
    }

    fn resume(&mut self, id: u64, waiting: Waiting, wanted: Wanted, now_us: u64) {
        let deadline_us = self.connections.get_mut(id).map(|open| open.deadline_us);
        self.try_answer(id, Waiting { wanted, ..waiting }, now_us);
        // Waiting again is not waiting anew.
        if let (Some(connection), Some(deadline_us)) = (self.connections.get_mut(id), deadline_us)
            && matches!(connection.phase, Phase::Waiting(_))
        {
            connection.deadline_us = deadline_us;
        }
    }

    fn hls(&mut self, key: u64) -> Option<&mut HlsStream> {
        self.audiences.get_mut(&key)?.hls.as_deref_mut()
    }

    /// Readers that have not asked for long are gone, and so is a stream without readers.
    pub(super) fn forget_readers(&mut self, now_us: u64) {
        let now_unix_s = clock::wall_us() / 1_000_000;
        let idle_us = self.config.hls_idle_us;
        let mut gone: Vec<(u64, String, &'static str)> = Vec::new();
        for (&key, audience) in &self.audiences {
            let Some(stream) = &audience.hls else {
                continue;
            };
            let patience_us = idle_us.max(stream.patience_us());
            for (signature, reader) in &stream.readers {
                if reader.pass.is_over(now_unix_s) {
                    gone.push((key, signature.clone(), "pass ended"));
                } else if now_us.saturating_sub(reader.asked_at_us) >= patience_us {
                    gone.push((key, signature.clone(), "asks no more"));
                }
            }
        }
        for (key, signature, reason) in gone {
            self.forget_reader(key, &signature, reason);
            self.retry(key, now_us);
        }
    }

    pub(super) fn forget_all_readers(&mut self, reason: &'static str) {
        let keys: Vec<u64> = self.audiences.keys().copied().collect();
        for key in keys {
            self.forget_stream(key, reason);
        }
    }

    fn forget_stream(&mut self, key: u64, reason: &'static str) {
        let Some(stream) = self.hls(key) else { return };
        let readers: Vec<String> = stream.readers.keys().cloned().collect();
        for signature in readers {
            self.forget_reader(key, &signature, reason);
        }
    }

    fn forget_reader(&mut self, key: u64, signature: &str, reason: &'static str) {
        let Some(stream) = self.hls(key) else { return };
        let Some(Reader { pass, gauge, .. }) = stream.readers.remove(signature) else {
            return;
        };
        let session = Arc::clone(&stream.session);
        let waiting = if stream.readers.is_empty() {
            std::mem::take(&mut stream.waiting)
        } else {
            Vec::new()
        };
        let is_last = stream.readers.is_empty();
        self.viewers -= 1;
        let viewers = lock(&session.stream).leave(Desk::Http, &gauge);
        let fact = FactKind::ViewerClosed {
            tag: pass.tag,
            user: pass.user,
            way: WAY,
            viewers,
            reason,
            sent_bytes: gauge.sent_bytes(),
            skipped: 0,
        };
        self.facts.push(&session.session_id, fact);
        if is_last && let Some(audience) = self.audiences.get_mut(&key) {
            audience.hls = None;
            if audience.is_empty() {
                self.audiences.remove(&key);
            }
        }
        let now_us = clock::monotonic_us();
        for id in waiting {
            if let Some(connection) = self.connections.get_mut(id)
                && matches!(&connection.phase, Phase::Waiting(waiting) if waiting.session_key == key)
            {
                self.refuse(id, admission::REVOKED, now_us);
            }
        }
    }
}

/// Distance of key frames and of pictures, 90 kHz, as far as they are known.
fn pace(session: &SessionShared) -> (i64, i64) {
    let stats = lock(&session.stats);
    let gop_90k = (stats.gop_us as i64).saturating_mul(9) / 100;
    let picture_90k = if stats.fps > 0.5 {
        (VIDEO_CLOCK as f64 / stats.fps) as i64
    } else {
        0
    };
    (gop_90k, picture_90k)
}
