//! Viewers of endless streams: how they join, are given pictures, and leave.

use std::sync::Arc;

use super::{Server, THREAD};
use crate::clock;
use crate::facts::FactKind;
use crate::guard::{self, caught};
use crate::outputs::admission;
use crate::outputs::connection::{Phase, Viewing};
use crate::outputs::format::Way;
use crate::outputs::gauge::Gauge;
use crate::outputs::http::Problem;
use crate::outputs::inbox::{Delivery, Desk};
use crate::outputs::signed_url::Pass;
use crate::outputs::viewer::Viewer;
use crate::session::SessionShared;
use crate::sync::lock;

impl Server {
    pub(super) fn watch(
        &mut self,
        id: u64,
        session: Arc<SessionShared>,
        pass: Pass,
        way: Way,
        head: Vec<u8>,
        now_us: u64,
    ) -> Result<(), Problem> {
        if self.viewers >= self.config.max_viewers {
            return Err(admission::CROWDED);
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return Ok(());
        };
        let gauge = Arc::new(Gauge::new(way.name(), &pass, connection.source, now_us));
        let mut stream = lock(&session.stream);
        if stream.ended {
            return Err(admission::NOT_FOUND);
        }
        if stream.refuses(&pass) {
            return Err(admission::REVOKED);
        }
        // Under the lock: every unit is in the cache now or delivered later; one that is both is taken once.
        let viewers = stream.join(Desk::Http, &gauge);
        let (config, units) = (stream.config.clone(), stream.gop.whole().to_vec());
        drop(stream);
        let mut viewer = Viewer::new(way, head, self.config.viewer_queue_bytes);
        viewer.join(config.as_ref(), &units);
        let fact = FactKind::ViewerOpened {
            tag: pass.tag.clone(),
            user: pass.user.clone(),
            way: way.name(),
            viewers,
        };
        self.facts.push(&session.session_id, fact);
        self.viewers += 1;
        let audience = self.audiences.entry(session.key).or_default();
        audience.viewers.push(id);
        connection.phase = Phase::Viewing(Box::new(Viewing {
            viewer,
            session,
            pass,
            gauge,
        }));
        self.connections.prove(id);
        self.mark(id);
        Ok(())
    }

    /// A panic costs all viewers of the session: which of them it was for is not known.
    pub(super) fn deliver_guarded(&mut self, delivery: &Delivery, now_us: u64) {
        let Err(message) = caught(|| self.deliver(delivery, now_us)) else {
            return;
        };
        guard::tell(THREAD, message, &self.facts);
        let Some(audience) = delivery.session().and_then(|key| self.audiences.get(&key)) else {
            return;
        };
        for id in audience.viewers.clone() {
            self.close(id, guard::REASON);
        }
    }

    fn deliver(&mut self, delivery: &Delivery, now_us: u64) {
        let key = match delivery {
            Delivery::Config(key, _)
            | Delivery::Unit(key, _)
            | Delivery::Ended(key, _)
            | Delivery::Revoke(key, _) => *key,
            Delivery::PublishAnswer(..) => return,
            Delivery::Stop => return self.stop(now_us),
        };
        let Some(audience) = self.audiences.get(&key) else {
            return;
        };
        for &id in &audience.viewers {
            let Some(connection) = self.connections.get_mut(id) else {
                continue;
            };
            let Phase::Viewing(viewing) = &mut connection.phase else {
                continue;
            };
            let viewer = &mut viewing.viewer;
            match delivery {
                Delivery::Config(_, config) => viewer.describe(config),
                Delivery::Unit(_, unit) => {
                    viewer.offer(unit);
                }
                Delivery::Ended(_, reason) => viewer.end(reason),
                Delivery::Revoke(_, cut) if cut.hits(&viewing.pass) => viewer.end("revoked"),
                _ => continue,
            }
            if !std::mem::replace(&mut connection.is_dirty, true) {
                self.dirty.push(id);
            }
        }
        if audience.hls.is_some() {
            self.deliver_hls(key, delivery, now_us);
        }
    }

    /// Ends the connections whose pass says so.
    pub(super) fn end_passes(&mut self) {
        let now_unix_s = clock::wall_us() / 1_000_000;
        let ids: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| {
                matches!(&connection.phase, Phase::Viewing(viewing)
                    if viewing.pass.is_over(now_unix_s) && !viewing.viewer.is_ending)
            })
            .map(|(id, _)| id)
            .collect();
        for id in ids {
            if let Some(Phase::Viewing(viewing)) =
                self.connections.get_mut(id).map(|open| &mut open.phase)
            {
                viewing.viewer.end("pass ended");
            }
            self.mark(id);
        }
    }

    pub(super) fn leave(&mut self, id: u64, viewing: Viewing, reason: &'static str) {
        let Viewing {
            viewer,
            session,
            pass,
            gauge,
        } = viewing;
        self.viewers -= 1;
        if let Some(audience) = self.audiences.get_mut(&session.key) {
            if let Some(index) = audience.viewers.iter().position(|&other| other == id) {
                audience.viewers.swap_remove(index);
            }
            if audience.is_empty() {
                self.audiences.remove(&session.key);
            }
        }
        let viewers = lock(&session.stream).leave(Desk::Http, &gauge);
        let fact = FactKind::ViewerClosed {
            tag: pass.tag,
            user: pass.user,
            way: viewer.way.name(),
            viewers,
            reason,
            sent_bytes: viewer.sent_bytes,
            skipped: viewer.skipped,
        };
        self.facts.push(&session.session_id, fact);
    }
}
