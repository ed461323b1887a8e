//! Senders to other platforms, in the rounds of the worker of their session.

use super::Worker;
use crate::guard::{self, caught};
use crate::receiver::Receiver;
use crate::senders::{Order, Relay, RelayScene, SenderEnd, Token};

impl Worker {
    pub(super) fn sender_ready(&mut self, token: Token, now_us: u64, wall_us: i64) {
        let ready = |relay: &mut Relay, bitrate_bps, poller: &_| {
            let scene = RelayScene {
                now_us,
                wall_us,
                poller,
                bitrate_bps,
            };
            relay.ready(token, &scene);
        };
        if let Some(index) = self.index_of(token.session) {
            self.with_slot(index, |slot, poller, _, _, _| {
                let bitrate_bps = slot.receiver.stats.bitrate_bps;
                if let Some(relay) = &mut slot.receiver.relay {
                    ready(relay, bitrate_bps, poller);
                }
            });
            return;
        }
        let is_it = |relay: &&mut Relay| relay.session() == token.session;
        if let Some(relay) = self.lingering.iter_mut().find(is_it) {
            ready(relay, 0, &self.poller);
        }
    }

    pub(super) fn order_relay(&mut self, key: u64, order: Order, now_us: u64, wall_us: i64) {
        if let Some(index) = self.index_of(key) {
            if !self.relaying.contains(&index) {
                self.relaying.push(index);
            }
            self.with_slot(index, |slot, poller, _, _, _| {
                let receiver = &mut *slot.receiver;
                let scene = RelayScene {
                    now_us,
                    wall_us,
                    poller,
                    bitrate_bps: receiver.stats.bitrate_bps,
                };
                receiver.relay().obey(order, &scene);
            });
            return;
        }
        let is_it = |relay: &&mut Relay| relay.session() == key;
        if let Some(relay) = self.lingering.iter_mut().find(is_it) {
            let scene = RelayScene {
                now_us,
                wall_us,
                poller: &self.poller,
                bitrate_bps: 0,
            };
            relay.obey(order, &scene);
        }
    }

    /// Gives every relay that has something to do its turn.
    pub(super) fn run_relays(&mut self, now_us: u64, wall_us: i64) {
        let mut next_us = u64::MAX;
        let mut relaying = std::mem::take(&mut self.relaying);
        relaying.retain(|&index| {
            let Some(Some(slot)) = self.slots.get(index) else {
                return false;
            };
            if slot.receiver.is_relay_due(now_us) {
                self.with_slot(index, |slot, poller, _, _, _| {
                    slot.receiver.run_relay(now_us, wall_us, poller);
                });
            }
            let slot = self.slots[index].as_ref();
            let relay = slot.and_then(|slot| slot.receiver.relay.as_ref());
            next_us = next_us.min(relay.map_or(u64::MAX, |relay| relay.next_timer()));
            relay.is_some()
        });
        self.relaying = relaying;
        let scene = RelayScene {
            now_us,
            wall_us,
            poller: &self.poller,
            bitrate_bps: 0,
        };
        self.lingering.retain_mut(|relay| {
            if let Err(message) = caught(|| relay.run(None, &scene)) {
                guard::tell("media-in", message, &self.facts);
                relay.abandon(SenderEnd::InternalError, guard::REASON, None);
                return false;
            }
            next_us = next_us.min(relay.next_timer());
            !relay.is_empty()
        });
        self.relay_at_us = next_us;
    }

    /// The session has ended: its senders send what they have.
    pub(super) fn release_relay(&mut self, index: usize, reason: &str, now_us: u64, wall_us: i64) {
        let mut released = None;
        self.with_slot(index, |slot, poller, _, _, _| {
            let receiver = &mut *slot.receiver;
            receiver.run_relay(now_us, wall_us, poller);
            let Some(mut relay) = receiver.relay.take() else {
                return;
            };
            let scene = RelayScene {
                now_us,
                wall_us,
                poller,
                bitrate_bps: receiver.stats.bitrate_bps,
            };
            relay.end(reason, &scene);
            released = Some(relay);
        });
        let released = released.map(|relay: Box<Relay>| *relay);
        self.lingering
            .extend(released.filter(|relay| !relay.is_empty()));
    }

    /// The thread ends: nobody waits for receivers any more.
    pub(super) fn abandon_lingering(&mut self, wall_us: i64) {
        for mut relay in self.lingering.drain(..) {
            relay.abandon(SenderEnd::SourceEnded, "server stopping", Some(wall_us));
        }
    }
}

impl Receiver {
    fn relay(&mut self) -> &mut Relay {
        let (shared, facts) = (&self.shared, &self.facts);
        self.relay
            .get_or_insert_with(|| Box::new(Relay::new(shared.clone(), facts.clone())))
    }

    fn is_relay_due(&self, now_us: u64) -> bool {
        let relay = self.relay.as_ref();
        relay.is_some_and(|relay| relay.is_due(&self.reading, now_us))
    }

    fn run_relay(&mut self, now_us: u64, wall_us: i64, poller: &crate::sys::epoll::Poller) {
        let Some(relay) = &mut self.relay else { return };
        let scene = RelayScene {
            now_us,
            wall_us,
            poller,
            bitrate_bps: self.stats.bitrate_bps,
        };
        relay.run(Some(&mut self.reading), &scene);
        if relay.is_empty() {
            self.relay = None;
            self.reading.stop_tape();
        }
    }

    pub(super) fn abandon_relay(&mut self, reason: &str) {
        if let Some(mut relay) = self.relay.take() {
            relay.abandon(SenderEnd::InternalError, reason, None);
        }
    }
}
