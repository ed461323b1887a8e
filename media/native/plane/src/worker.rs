//! A receiving thread: waits for its sockets, reads in batches, rests a few milliseconds.

mod relaying;
mod sharing;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::facts::{FactKind, FactQueue};
use crate::feed::Feed;
use crate::guard::{self, caught};
use crate::intake::{Door, Intake, READ_BYTES};
use crate::outputs::inbox::{Deliveries, Desks};
use crate::receiver::{Ask, Receiver, Scene};
use crate::recorder::port::RecorderPort;
use crate::recordings::Played;
use crate::senders::{Order, Relay, Token};
use crate::shared::doorman::Arrival;
use crate::shared::intake::Share;
use crate::sync::lock;
use crate::sys::epoll::{Interest, Poller, Readiness};
use crate::sys::eventfd::EventFd;
use crate::sys::receive::ReceiveBatch;
use crate::tap::TapPort;

/// Time between two rounds of timers and statistics.
const TICK_US: u64 = 50_000;
/// A round may be so late: with media coming it rides on a wake-up that happens anyway.
const TICK_SLACK_US: u64 = 50_000;
const EVENTS: usize = 512;
const WAKE: u64 = u64::MAX;
const SHARED_RTP: u64 = u64::MAX - 1;
const SHARED_RTCP: u64 = u64::MAX - 2;

/// What the owner of the plane asks of a worker.
pub(crate) enum Command {
    Open(Box<Receiver>, Box<Intake>),
    ExpectSsrc(u64, u32),
    Adopt(u64, Box<Arrival>),
    Retime(u64, bool),
    /// What a running session is asked for.
    Ask(u64, Ask),
    /// Frames of a session without a socket.
    Feed(u64, Feed),
    /// Pictures of our own recordings.
    Play(u64, Box<Played>),
    Attach(u64, Box<RecorderPort>),
    Tap(u64, TapPort),
    Relay(u64, Order),
    Detach(u64, String),
    Close(u64, String, SyncSender<()>),
    /// Tests only: what happens when the code for one session panics, or that around it (key 0).
    #[cfg(test)]
    Panic(u64),
    Stop,
}

/// The mailbox of a worker.
pub(crate) struct WorkerBox {
    commands: Mutex<VecDeque<Command>>,
    wake: EventFd,
    /// Frames were given since the last round.
    fed: AtomicBool,
}

impl WorkerBox {
    pub(crate) fn send(&self, command: Command) {
        if matches!(command, Command::Feed(..) | Command::Play(..)) {
            self.fed.store(true, Ordering::Relaxed);
        }
        let mut commands = lock(&self.commands);
        let was_empty = commands.is_empty();
        commands.push_back(command);
        drop(commands);
        // The worker clears the signal before it takes them: while some wait, it is still to come.
        if was_empty {
            self.wake.signal();
        }
    }
}

struct Slot {
    receiver: Box<Receiver>,
    intake: Intake,
}

/// The thread's own things.
struct Worker {
    mailbox: Arc<WorkerBox>,
    poller: Poller,
    slots: Vec<Option<Slot>>,
    /// Which session each slot has, or had: looked through for every order, so they lie side by side.
    keys: Vec<u64>,
    batch: ReceiveBatch,
    /// Of the shared datagram port; lent out while it is read.
    shared_batch: Option<ReceiveBatch>,
    buffer: Vec<u8>,
    deliveries: Deliveries,
    outputs: Arc<Desks>,
    facts: Arc<FactQueue>,
    share: Share,
    nap: Duration,
    /// Senders of sessions that have ended, while they send the rest.
    lingering: Vec<Relay>,
    /// When senders want to be called.
    relay_at_us: u64,
    stopping: bool,
}

/// Starts a thread. It ends on [`Command::Stop`].
pub(crate) fn spawn(
    share: Share,
    outputs: Arc<Desks>,
    facts: Arc<FactQueue>,
    nap_us: u64,
) -> io::Result<(Arc<WorkerBox>, JoinHandle<()>)> {
    let mailbox = Arc::new(WorkerBox {
        commands: Mutex::new(VecDeque::new()),
        wake: EventFd::new()?,
        fed: AtomicBool::new(false),
    });
    let poller = Poller::new(EVENTS)?;
    poller.add(mailbox.wake.raw(), WAKE, Interest::Read)?;
    share.watch(&poller, SHARED_RTP, SHARED_RTCP)?;
    let shared = Arc::clone(&mailbox);
    let name = format!("media-in-{}", share.worker);
    let handle = std::thread::Builder::new().name(name).spawn(move || {
        let mut worker = Worker {
            mailbox: shared,
            poller,
            slots: Vec::new(),
            keys: Vec::new(),
            batch: ReceiveBatch::new(),
            shared_batch: share.sockets.as_ref().map(|_| ReceiveBatch::new()),
            buffer: vec![0; READ_BYTES],
            deliveries: Deliveries::default(),
            outputs,
            facts: Arc::clone(&facts),
            share,
            nap: Duration::from_micros(nap_us),
            lingering: Vec::new(),
            relay_at_us: u64::MAX,
            stopping: false,
        };
        guard::keep(&worker.name(), &facts, || worker.run());
    })?;
    Ok((mailbox, handle))
}

/// A token is the slot's index and the door; a stale one finds an empty slot or an empty socket.
fn token(index: usize, door: Door) -> u64 {
    (index as u64) << 2 | door as u64
}

impl Worker {
    fn run(&mut self) {
        let mut ready: Vec<Readiness> = Vec::with_capacity(EVENTS);
        let mut tick_at_us = 0;
        while !self.stopping {
            self.wait(tick_at_us, &mut ready);
            let now_us = clock::monotonic_us();
            let wall_us = clock::wall_us();
            for readiness in &ready {
                match readiness.token {
                    WAKE => {
                        self.run_commands(now_us, wall_us);
                        self.guarded(|worker| worker.take_handed(now_us, wall_us));
                    }
                    SHARED_RTP | SHARED_RTCP => {
                        let is_rtcp = readiness.token == SHARED_RTCP;
                        self.guarded(|worker| worker.read_shared(is_rtcp, now_us, wall_us));
                    }
                    token => match Token::decode(token) {
                        Some(token) => {
                            self.guarded(|worker| worker.sender_ready(token, now_us, wall_us));
                        }
                        None => self.read(token, now_us, wall_us),
                    },
                }
            }
            if now_us >= tick_at_us {
                tick_at_us = now_us + TICK_US;
                self.tick(now_us, wall_us);
            }
            self.outputs.post(&mut self.deliveries);
            self.run_relays(now_us, wall_us);
        }
    }

    /// Waits for something to do. The first packet of a picture is followed by the rest of it: after a short rest
    /// one round reads all of it, and what came for other sessions meanwhile.
    fn wait(&mut self, tick_at_us: u64, ready: &mut Vec<Readiness>) {
        let timeout_ms = self.timeout_ms(tick_at_us);
        let mut outcome = self.poller.wait(timeout_ms, ready);
        let fed = self.mailbox.fed.swap(false, Ordering::Relaxed);
        let media = fed || ready.iter().any(|readiness| readiness.token != WAKE);
        if outcome.is_ok() && media && !self.nap.is_zero() {
            std::thread::sleep(self.nap);
            outcome = self.poller.wait(0, ready);
        }
        if outcome.is_err() {
            // Only a broken descriptor can do this; without a rest the thread would spin.
            ready.clear();
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn timeout_ms(&self, tick_at_us: u64) -> i32 {
        if self.slots.iter().all(Option::is_none) && self.lingering.is_empty() {
            return -1;
        }
        let at_us = self.relay_at_us.min(tick_at_us + TICK_SLACK_US);
        let left_us = at_us.saturating_sub(clock::monotonic_us());
        i32::try_from(left_us.div_ceil(1_000)).unwrap_or(0)
    }

    /// Runs `work` on one slot. A panic ends that session, not the thread.
    fn with_slot(
        &mut self,
        index: usize,
        work: impl FnOnce(&mut Slot, &Poller, &mut ReceiveBatch, &mut [u8], &mut Deliveries),
    ) {
        let Some(Some(slot)) = self.slots.get_mut(index) else {
            return;
        };
        let (poller, batch, buffer, deliveries) = (
            &self.poller,
            &mut self.batch,
            &mut self.buffer[..],
            &mut self.deliveries,
        );
        let Err(message) = caught(|| work(slot, poller, batch, buffer, deliveries)) else {
            return;
        };
        if let Some(mut slot) = self.slots[index].take() {
            slot.intake.unwatch(&self.poller);
            slot.receiver.report(FactKind::SessionFailed { message });
            slot.receiver.abandon_relay(guard::REASON);
            slot.receiver.abandon(guard::REASON, &mut self.deliveries);
        }
    }

    /// Runs `work` that is for no session alone. A panic is told, and nothing else stops for it.
    fn guarded(&mut self, work: impl FnOnce(&mut Worker)) {
        if let Err(message) = caught(|| work(self)) {
            guard::tell(&self.name(), message, &self.facts);
            if self.share.sockets.is_some() {
                self.shared_batch.get_or_insert_with(ReceiveBatch::new);
            }
        }
    }

    fn name(&self) -> String {
        format!("media-in-{}", self.share.worker)
    }

    fn read(&mut self, token: u64, now_us: u64, wall_us: i64) {
        let door = Door::ALL[(token & 3) as usize];
        self.with_slot(
            (token >> 2) as usize,
            |slot, poller, batch, buffer, deliveries| {
                let receiver = &mut *slot.receiver;
                match (&mut slot.intake, door) {
                    (Intake::Udp(udp), Door::Rtp | Door::Rtcp) => {
                        udp.read(door, batch, receiver, now_us)
                    }
                    (Intake::Tcp(tcp), Door::Listener) => {
                        let token = token & !3 | Door::Connection as u64;
                        tcp.accept(poller, token, receiver, now_us);
                    }
                    (Intake::Tcp(tcp), Door::Connection) => {
                        tcp.read(poller, buffer, receiver, now_us)
                    }
                    _ => {}
                }
                receiver.settle(&mut Scene {
                    now_us,
                    wall_us,
                    deliveries,
                });
            },
        );
    }

    fn tick(&mut self, now_us: u64, wall_us: i64) {
        for index in 0..self.slots.len() {
            self.with_slot(index, |slot, _, _, _, deliveries| {
                slot.receiver.tick(&mut Scene {
                    now_us,
                    wall_us,
                    deliveries,
                });
                slot.intake.tick(&mut slot.receiver, now_us);
            });
        }
    }

    fn run_commands(&mut self, now_us: u64, wall_us: i64) {
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

    fn index_of(&self, key: u64) -> Option<usize> {
        let index = self.keys.iter().position(|&other| other == key)?;
        matches!(self.slots.get(index), Some(Some(_))).then_some(index)
    }

    fn with_session(&mut self, key: u64, work: impl FnOnce(&mut Slot)) {
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
