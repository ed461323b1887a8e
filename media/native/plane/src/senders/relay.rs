//! All senders of one session, from their orders to their ends.

mod handing;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::facts::{FactKind, FactQueue};
use crate::feed::Reading;
use crate::senders::history::History;
use crate::senders::muxer::SessionMuxer;
use crate::senders::piece::{Item, Piece, Unpacked};
use crate::senders::sender::{Form, RtpSender};
use crate::senders::{SenderEnd, Token};
use crate::session::SessionShared;
use crate::sync::lock;
use crate::sys::epoll::Poller;
use crate::unit::Unit;

/// Time between two rounds of deadlines.
const TICK_US: u64 = 100_000;

/// What the owner of the plane asks of the senders of a session.
pub(crate) enum Order {
    Attach(Box<RtpSender>),
    /// The sender with this key may send.
    Start(u64),
    Close(u64, String),
}

/// What a round of senders needs from its surroundings.
pub(crate) struct RelayScene<'a> {
    pub(crate) now_us: u64,
    pub(crate) wall_us: i64,
    pub(crate) poller: &'a Poller,
    /// Of the source.
    pub(crate) bitrate_bps: u64,
}

/// The senders of one session.
pub(crate) struct Relay {
    shared: Arc<SessionShared>,
    facts: Arc<FactQueue>,
    senders: Vec<Option<Box<RtpSender>>>,
    muxer: SessionMuxer,
    /// Units of this round.
    units: Vec<Arc<Unit>>,
    last_unit: u64,
    history: History,
    /// Frames of the source that were handed out: their buffers come back.
    used: VecDeque<Arc<Piece>>,
    /// What takes the times of units to the source's own stamps.
    shift_90k: i64,
    tick_at_us: u64,
}

impl Relay {
    pub(crate) fn new(shared: Arc<SessionShared>, facts: Arc<FactQueue>) -> Relay {
        Relay {
            shared,
            facts,
            senders: Vec::new(),
            muxer: SessionMuxer::default(),
            units: Vec::new(),
            last_unit: 0,
            history: History::default(),
            used: VecDeque::new(),
            shift_90k: 0,
            tick_at_us: 0,
        }
    }

    /// Key of the session.
    pub(crate) fn session(&self) -> u64 {
        self.shared.key
    }

    /// Whether there is anything to do.
    pub(crate) fn is_due(&self, reading: &Reading, now_us: u64) -> bool {
        !self.units.is_empty()
            || now_us >= self.next_timer()
            || matches!(reading, Reading::Packets(ingest) if ingest.has_taped())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.senders.iter().all(Option::is_none)
    }

    /// When [`Relay::run`] wants to be called.
    pub(crate) fn next_timer(&self) -> u64 {
        let wakes = self.senders.iter().flatten();
        let wake = wakes.filter_map(|sender| sender.wake_at_us).min();
        wake.map_or(self.tick_at_us, |at| at.min(self.tick_at_us))
    }

    /// Takes the next unit of the stream.
    pub(crate) fn take_unit(&mut self, unit: &Arc<Unit>) {
        self.units.push(Arc::clone(unit));
    }

    /// Does what the owner of the plane asks.
    pub(crate) fn obey(&mut self, order: Order, scene: &RelayScene<'_>) {
        match order {
            Order::Attach(sender) => self.attach(sender),
            Order::Start(key) => {
                if let Some(number) = self.number_of(key) {
                    self.with(number, |sender, token| {
                        sender.start(token, scene.poller, scene.now_us);
                        sender.wake_at_us = Some(scene.now_us);
                    });
                }
            }
            Order::Close(key, reason) => {
                if let Some(number) = self.number_of(key) {
                    self.with(number, |sender, _| {
                        sender.end(SenderEnd::Closed, reason);
                        sender.wake_at_us = Some(scene.now_us);
                    });
                }
            }
        }
    }

    fn attach(&mut self, sender: Box<RtpSender>) {
        let free = self.senders.iter().position(Option::is_none);
        match free {
            Some(number) => self.senders[number] = Some(sender),
            None => self.senders.push(Some(sender)),
        }
    }

    fn number_of(&self, key: u64) -> Option<usize> {
        let is_it = |sender: &Option<Box<RtpSender>>| {
            sender
                .as_ref()
                .is_some_and(|sender| sender.shared.key == key)
        };
        self.senders.iter().position(is_it)
    }

    fn with<T>(
        &mut self,
        number: usize,
        work: impl FnOnce(&mut RtpSender, Token) -> T,
    ) -> Option<T> {
        let token = Token {
            session: self.session(),
            number,
            is_rtcp: false,
        };
        let sender = self.senders.get_mut(number)?.as_mut()?;
        Some(work(sender, token))
    }

    /// A descriptor of a sender is ready.
    pub(crate) fn ready(&mut self, token: Token, scene: &RelayScene<'_>) {
        let (now_us, wall_us) = (scene.now_us, scene.wall_us);
        self.with(token.number, |sender, _| {
            sender.ready(token, scene.poller, now_us, wall_us);
            sender.wake_at_us = Some(now_us);
        });
    }

    /// Hands out what is new, sends what may go, and ends who must end.
    pub(crate) fn run(&mut self, reading: Option<&mut Reading>, scene: &RelayScene<'_>) {
        if let Some(Reading::Packets(ingest)) = reading {
            self.take_tape(ingest, scene.wall_us);
        } else if !self.units.is_empty() {
            self.hand_out_units(None);
        }
        self.open(scene);
        let now_us = scene.now_us;
        let session = self.session();
        for (number, sender) in self.senders.iter_mut().enumerate() {
            let Some(sender) = sender else { continue };
            sender.pump(&mut self.muxer, now_us);
            let token = Token {
                session,
                number,
                is_rtcp: false,
            };
            sender.watch_room(token, scene.poller);
        }
        if now_us >= self.tick_at_us {
            self.tick_at_us = now_us + TICK_US;
            self.tick(scene);
        }
        self.bury(scene);
        let waiting = self.senders.iter().flatten();
        let most = waiting.map(|sender| sender.stats.queued_bytes).max();
        self.shared.backlog.set_unsent(most.unwrap_or(0));
    }

    fn tick(&mut self, scene: &RelayScene<'_>) {
        for number in 0..self.senders.len() {
            self.with(number, |sender, token| {
                sender.tick(token, scene.poller, scene.now_us, scene.wall_us);
                sender.set_pace(scene.bitrate_bps, scene.now_us);
                sender.publish(scene.now_us);
            });
        }
        let packs = self
            .senders
            .iter()
            .flatten()
            .any(|sender| sender.form == Form::Units || sender.stats.queued_bytes > 0);
        if !packs {
            self.muxer.forget();
        }
    }

    /// Gives a sender whose link has opened what there is since the newest key frame.
    fn open(&mut self, scene: &RelayScene<'_>) {
        if !self.senders.iter().flatten().any(|sender| sender.opened) {
            return;
        }
        let units = lock(&self.shared.stream).gop.whole().to_vec();
        let bytes = units.iter().map(|unit| unit.size_bytes()).sum();
        if let Some(last) = units.last() {
            self.last_unit = self.last_unit.max(last.sequence);
        }
        let waiting = Form::Waiting {
            unit: self.last_unit,
            packet: 0,
        };
        let shift_90k = self.shift_90k;
        for sender in self.senders.iter_mut().flatten() {
            if !std::mem::take(&mut sender.opened) {
                continue;
            }
            if units.is_empty() || !sender.request.from_cache {
                sender.begin(waiting, 0);
                continue;
            }
            sender.begin(Form::Units, bytes);
            for unit in &units {
                let sound = sender.sound(unit.config.audio.as_ref());
                sender.push(Item::Unpacked(Unpacked {
                    unit: Arc::clone(unit),
                    shift_90k,
                    sound,
                }));
            }
            sender.set_pace(scene.bitrate_bps, scene.now_us);
        }
    }

    /// Says goodbye to senders that have ended, and why.
    fn bury(&mut self, scene: &RelayScene<'_>) {
        for place in &mut self.senders {
            let Some(sender) = place else { continue };
            for fact in sender.facts.drain(..) {
                self.facts.push(&self.shared.session_id, fact);
            }
            if sender.has_ended() {
                sender.say_goodbye(scene.wall_us);
                sender.unwatch(scene.poller);
                sender.publish(scene.now_us);
                lock(&self.shared.senders).retain(|other| other.key != sender.shared.key);
                if let Some(fact) = sender.closed_fact() {
                    *place = None;
                    self.facts.push(&self.shared.session_id, fact);
                }
            }
        }
    }

    /// The session has ended: what waits is still sent, for a while.
    pub(crate) fn end(&mut self, reason: &str, scene: &RelayScene<'_>) {
        for sender in self.senders.iter_mut().flatten() {
            sender.drain(reason, scene.now_us);
            sender.set_pace(scene.bitrate_bps, scene.now_us);
        }
        self.tick_at_us = 0;
        self.run(None, scene);
    }

    /// The code for the session failed, or the plane stops: nothing more is sent.
    pub(crate) fn abandon(&mut self, end: SenderEnd, reason: &str, wall_us: Option<i64>) {
        for sender in self.senders.iter_mut().flatten() {
            sender.end(end, reason);
            if let Some(wall_us) = wall_us {
                sender.say_goodbye(wall_us);
            }
            if let Some(fact) = sender.closed_fact() {
                self.facts.push(&self.shared.session_id, fact);
            }
        }
        self.senders.clear();
        lock(&self.shared.senders).clear();
    }
}

impl RtpSender {
    fn closed_fact(&self) -> Option<FactKind> {
        let crate::senders::sender::Stage::Ended(end, detail) = &self.stage else {
            return None;
        };
        Some(FactKind::SenderClosed {
            sender_id: self.shared.sender_id.clone(),
            reason: end.name(),
            detail: detail.clone(),
            stats: Box::new(self.shared.snapshot()),
        })
    }
}
