//! A receiving thread: waits for its sockets, reads in batches, rests a few milliseconds.

mod orders;
mod relaying;
mod sharing;
mod warming;

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
    /// Slots whose sessions have senders.
    relaying: Vec<usize>,
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
            relaying: Vec::new(),
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
            for (position, readiness) in ready.iter().enumerate() {
                self.warm(&ready[position + 1..]);
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
        // One is enough to know that there is something; who else is ready will be asked after the rest.
        let mut outcome = self.poller.wait(timeout_ms, 1, ready);
        let fed = self.mailbox.fed.swap(false, Ordering::Relaxed);
        let media = fed || ready.iter().any(|readiness| readiness.token != WAKE);
        if outcome.is_ok() && media {
            if !self.nap.is_zero() {
                std::thread::sleep(self.nap);
            }
            outcome = self.poller.wait(0, EVENTS, ready);
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
}
