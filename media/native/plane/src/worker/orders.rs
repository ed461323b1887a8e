//! What the owner of the plane asks of a worker, and how it is done.

use super::{Command, Slot, Worker, token};
use crate::facts::FactKind;
use crate::feed::Feed;
use crate::intake::{Door, Intake};
use crate::receiver::{Receiver, Scene};
use crate::recordings::Played;
use crate::shared::doorman::Arrival;
use crate::sync::lock;

impl Worker {
    pub(super) fn run_commands(&mut self, now_us: u64, wall_us: i64) {
        self.mailbox.wake.clear();
        let commands = std::mem::take(&mut *lock(&self.mailbox.commands));
        for command in commands {
            self.guarded(|worker| worker.obey(command, now_us, wall_us));
        }
    }

    fn obey(&mut self, command: Command, now_us: u64, wall_us: i64) {
        match command {
            Command::Open(receiver, intake) => self.open(receiver, *intake),
            Command::ExpectSsrc(key, ssrc) => {
                self.with_session(key, |slot| slot.receiver.source_lock.expect(ssrc))
            }
            Command::Adopt(key, arrival) => self.adopt(key, *arrival, now_us, wall_us),
            Command::Retime(key, by_arrival) => {
                self.with_session(key, |slot| slot.receiver.retime(by_arrival, now_us));
            }
            Command::Ask(key, ask) => {
                self.with_session(key, |slot| slot.receiver.answer(ask));
            }
            Command::Feed(key, feed) => self.feed(key, &feed, now_us, wall_us),
            Command::Play(key, played) => self.play(key, *played, now_us, wall_us),
            Command::Tap(key, port) => {
                self.with_session(key, |slot| slot.receiver.tap(port));
            }
            Command::Attach(key, port) => {
                self.with_session(key, |slot| slot.receiver.attach(*port))
            }
            Command::Detach(key, recorder_id) => {
                self.with_session(key, |slot| slot.receiver.detach(&recorder_id, "detached"));
            }
            Command::Relay(key, order) => self.order_relay(key, order, now_us, wall_us),
            Command::Close(key, reason, done) => {
                self.close(key, &reason, now_us, wall_us);
                let _ = done.try_send(());
            }
            #[cfg(test)]
            Command::Panic(0) => panic!("asked for by a test"),
            #[cfg(test)]
            Command::Panic(key) => self.with_session(key, |_| panic!("asked for by a test")),
            Command::Stop => {
                self.stopping = true;
                self.stop(now_us, wall_us);
            }
        }
    }

    pub(super) fn index_of(&self, key: u64) -> Option<usize> {
        let index = self.keys.iter().position(|&other| other == key)?;
        matches!(self.slots.get(index), Some(Some(_))).then_some(index)
    }

    pub(super) fn with_session(&mut self, key: u64, work: impl FnOnce(&mut Slot)) {
        if let Some(index) = self.index_of(key) {
            self.with_slot(index, |slot, _, _, _, _| work(slot));
        }
    }

    fn adopt(&mut self, key: u64, arrival: Arrival, now_us: u64, wall_us: i64) {
        let Some(index) = self.index_of(key) else {
            return;
        };
        self.with_slot(index, |slot, poller, _, _, deliveries| {
            if let Intake::Tcp(tcp) = &mut slot.intake {
                let token = token(index, Door::Connection);
                tcp.take(poller, token, arrival, &mut slot.receiver, now_us);
                slot.receiver.settle(&mut Scene {
                    now_us,
                    wall_us,
                    deliveries,
                });
            }
        });
    }

    fn feed(&mut self, key: u64, feed: &Feed, now_us: u64, wall_us: i64) {
        let Some(index) = self.index_of(key) else {
            return;
        };
        self.with_slot(index, |slot, _, _, _, deliveries| {
            slot.receiver.receive_feed(
                feed,
                &mut Scene {
                    now_us,
                    wall_us,
                    deliveries,
                },
            );
        });
    }

    fn play(&mut self, key: u64, played: Played, now_us: u64, wall_us: i64) {
        let Some(index) = self.index_of(key) else {
            return;
        };
        self.with_slot(index, |slot, _, _, _, deliveries| {
            slot.receiver.receive_played(
                played,
                &mut Scene {
                    now_us,
                    wall_us,
                    deliveries,
                },
            );
        });
    }

    fn open(&mut self, receiver: Box<Receiver>, mut intake: Intake) {
        intake.move_in(&self.share);
        let index = self
            .slots
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.slots.len());
        let slot = Slot { receiver, intake };
        if let Err(error) = slot.intake.watch(&self.poller, |door| token(index, door)) {
            let message = format!("epoll: {error}");
            self.facts.push(
                &slot.receiver.shared.session_id,
                FactKind::SessionFailed { message },
            );
            return;
        }
        let key = slot.receiver.shared.key;
        if index == self.slots.len() {
            self.slots.push(Some(slot));
            self.keys.push(key);
        } else {
            self.slots[index] = Some(slot);
            self.keys[index] = key;
        }
    }

    fn close(&mut self, key: u64, reason: &str, now_us: u64, wall_us: i64) {
        let Some(index) = self.index_of(key) else {
            return;
        };
        self.with_slot(index, |slot, _, _, _, deliveries| {
            slot.receiver.end(
                reason,
                &mut Scene {
                    now_us,
                    wall_us,
                    deliveries,
                },
            );
        });
        self.release_relay(index, reason, now_us, wall_us);
        if let Some(slot) = self.slots[index].take() {
            slot.intake.unwatch(&self.poller);
        }
        self.outputs.post(&mut self.deliveries);
    }

    fn stop(&mut self, now_us: u64, wall_us: i64) {
        let keys: Vec<u64> = self
            .slots
            .iter()
            .flatten()
            .map(|slot| slot.receiver.shared.key)
            .collect();
        for key in keys {
            self.close(key, "server stopping", now_us, wall_us);
        }
        self.abandon_lingering(wall_us);
    }
}
