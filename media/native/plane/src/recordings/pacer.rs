//! The thread that keeps the rhythm of all playbacks. It never waits for a disk or a reader.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::config::PlaneConfig;
use crate::facts::{FactKind, FactQueue};
use crate::guard::{self, caught};
use crate::recordings::chunk::{Chunk, Skip};
use crate::recordings::player::{Player, Turn};
use crate::recordings::pool::{Errand, Pool};
use crate::recordings::reader::Reader;
use crate::recordings::{Control, Played, RecordingsRequest};
use crate::session::SessionShared;
use crate::sync::lock;
use crate::worker::{Command, WorkerBox};

/// Pictures that are due within one beat go out together.
const BEAT_US: u64 = 10_000;
/// How often it is looked for disks that do not answer and sessions that have ended.
const SWEEP_US: u64 = 250_000;

/// Where the pictures of one playback go.
pub(crate) struct Destination {
    pub(crate) session: Arc<SessionShared>,
    pub(crate) mailbox: Arc<WorkerBox>,
}

/// What the pacer is told.
pub(crate) enum Order {
    Open(Box<RecordingsRequest>, Destination),
    Control(u64, Control),
    Read {
        key: u64,
        epoch: u64,
        reader: Box<Reader>,
        chunk: Chunk,
    },
    Stop,
}

#[derive(Default)]
struct Waiting {
    orders: VecDeque<Order>,
    /// The pacer sleeps until it is woken: there is no beat.
    sleeps: bool,
}

/// The way to the pacer.
#[derive(Default)]
pub(crate) struct PacerBox {
    waiting: Mutex<Waiting>,
    ready: Condvar,
}

impl PacerBox {
    pub(crate) fn post(&self, order: Order) {
        let mut waiting = lock(&self.waiting);
        waiting.orders.push_back(order);
        if waiting.sleeps {
            self.ready.notify_one();
        }
    }

    /// Waits until `until_us`, or for an order; takes all orders. None of them ends a wait for the next beat.
    fn take(&self, until_us: Option<u64>, into: &mut VecDeque<Order>) {
        let left_us = until_us.map(|until_us| until_us.saturating_sub(clock::monotonic_us()));
        if let Some(left_us @ ..=BEAT_US) = left_us {
            std::thread::sleep(Duration::from_micros(left_us));
            std::mem::swap(&mut lock(&self.waiting).orders, into);
            return;
        }
        let mut waiting = lock(&self.waiting);
        waiting.sleeps = true;
        while waiting.orders.is_empty() {
            let Some(left_us) = left_us else {
                waiting = self
                    .ready
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let limit = Duration::from_micros(left_us);
            let woken = self.ready.wait_timeout(waiting, limit);
            let (held, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
            waiting = held;
            if timeout.timed_out() {
                break;
            }
        }
        waiting.sleeps = false;
        std::mem::swap(&mut waiting.orders, into);
    }
}

struct Playing {
    player: Player,
    to: Destination,
    next_us: Option<u64>,
}

struct Pacer {
    inbox: Arc<PacerBox>,
    facts: Arc<FactQueue>,
    pool: Pool,
    read_timeout_us: u64,
    playing: BTreeMap<u64, Playing>,
    sweep_at_us: u64,
}

/// Starts the pacer and its pool. It ends on [`Order::Stop`].
pub(crate) fn spawn(
    config: &PlaneConfig,
    facts: &Arc<FactQueue>,
) -> io::Result<(Arc<PacerBox>, JoinHandle<()>)> {
    let inbox = Arc::new(PacerBox::default());
    let pool = Pool::open(config.playback_threads, &inbox)?;
    let mut pacer = Pacer {
        inbox: Arc::clone(&inbox),
        facts: Arc::clone(facts),
        pool,
        read_timeout_us: config.playback_read_us,
        playing: BTreeMap::new(),
        sweep_at_us: 0,
    };
    let handle = guard::spawn("media-vod".into(), Arc::clone(facts), move || {
        pacer.run();
        pacer.pool.close();
    })?;
    Ok((inbox, handle))
}

impl Pacer {
    fn run(&mut self) {
        let mut orders = VecDeque::new();
        let mut until_us = None;
        loop {
            self.inbox.take(until_us, &mut orders);
            let now_us = clock::monotonic_us();
            for order in orders.drain(..) {
                match order {
                    Order::Stop => return,
                    order => self.obey(order, now_us),
                }
            }
            let next_us = self.advance(now_us);
            if now_us >= self.sweep_at_us {
                self.sweep_at_us = now_us + SWEEP_US;
                self.sweep(now_us);
            }
            let next_us = match next_us {
                None if self.playing.is_empty() => None,
                next_us => {
                    Some(next_us.map_or(self.sweep_at_us, |next_us| next_us.min(self.sweep_at_us)))
                }
            };
            // The next beat at or after what is due next.
            until_us = next_us.map(|next_us| next_us.max(now_us + 1).div_ceil(BEAT_US) * BEAT_US);
        }
    }

    fn obey(&mut self, order: Order, now_us: u64) {
        match order {
            Order::Open(request, to) => {
                let backlog = Arc::clone(&to.session.backlog);
                match caught(|| Player::new(*request, backlog, now_us)) {
                    Ok(player) => {
                        let next_us = Some(now_us);
                        let key = to.session.key;
                        self.playing.insert(
                            key,
                            Playing {
                                player,
                                to,
                                next_us,
                            },
                        );
                    }
                    Err(message) => fail(&to.session, message, &self.facts),
                }
            }
            Order::Control(key, control) => self.with(key, |playing, _| {
                #[cfg(test)]
                assert!(
                    control != Control::Scale(super::PANICS),
                    "asked for by a test"
                );
                playing.player.control(control, now_us);
                playing.next_us = Some(now_us);
            }),
            Order::Read {
                key,
                epoch,
                reader,
                chunk,
            } => self.with(key, |playing, facts| {
                if epoch == playing.player.epoch() {
                    let skipped = playing.player.receive(reader, chunk, now_us);
                    tell(facts, &playing.to.session, skipped);
                    playing.next_us = Some(now_us);
                }
            }),
            Order::Stop => {}
        }
    }

    /// Runs `work` on one playback. A panic ends it, not the thread.
    fn with(&mut self, key: u64, work: impl FnOnce(&mut Playing, &FactQueue)) {
        let Some(playing) = self.playing.get_mut(&key) else {
            return;
        };
        let facts = &*self.facts;
        if let Err(message) = caught(|| work(playing, facts)) {
            fail(&playing.to.session, message, facts);
            self.playing.remove(&key);
        }
    }

    /// Sends what is due; when something is due next.
    fn advance(&mut self, now_us: u64) -> Option<u64> {
        let due: Vec<u64> = self
            .playing
            .iter()
            .filter(|(_, playing)| playing.next_us.is_some_and(|next_us| next_us <= now_us))
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            let mut errand = None;
            self.with(key, |playing, _| {
                let mut turn = Turn::default();
                let session = Arc::clone(&playing.to.session);
                playing
                    .player
                    .advance(now_us, &|| session.untaken_bytes(), &mut turn);
                playing.next_us = turn.next_us;
                playing.send(turn);
                errand = playing.player.take_reader().map(|reader| Errand {
                    key,
                    epoch: playing.player.epoch(),
                    reader,
                });
            });
            if let Some(errand) = errand {
                self.pool.send(errand);
            }
        }
        self.playing
            .values()
            .filter_map(|playing| playing.next_us)
            .min()
    }

    fn sweep(&mut self, now_us: u64) {
        self.playing
            .retain(|_, playing| !lock(&playing.to.session.stream).ended);
        for (key, epoch) in self.pool.give_up(now_us, self.read_timeout_us) {
            self.with(key, |playing, facts| {
                if epoch == playing.player.epoch() {
                    let skipped = playing.player.give_up_reading();
                    tell(facts, &playing.to.session, skipped);
                    playing.next_us = Some(now_us);
                }
            });
        }
    }
}

impl Playing {
    fn send(&self, turn: Turn) {
        let snapshot = self.player.snapshot();
        *lock(&self.to.session.playback) = snapshot;
        if turn.out.is_empty() && turn.ended.is_none() {
            return;
        }
        let played = Played {
            items: turn.out,
            ended: turn.ended.map(|reason| FactKind::RecordingEnded {
                reason,
                position_wall_us: snapshot.position_us,
                seeks: self.player.seeks(),
            }),
        };
        let key = self.to.session.key;
        self.to.mailbox.send(Command::Play(key, Box::new(played)));
    }
}

fn fail(session: &SessionShared, message: String, facts: &FactQueue) {
    facts.push(&session.session_id, FactKind::SessionFailed { message });
}

fn tell(facts: &FactQueue, session: &SessionShared, skipped: impl IntoIterator<Item = Skip>) {
    for skip in skipped {
        let fact = FactKind::RecordingSkipped {
            file: skip.file,
            start_wall_us: skip.start_us,
            reason: skip.reason,
        };
        facts.push(&session.session_id, fact);
    }
}
