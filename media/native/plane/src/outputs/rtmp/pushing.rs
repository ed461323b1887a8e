//! Our pushes: connected, kept up, tried again after a break with growing pauses.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use tongshi_wire::VideoCodec;
use tongshi_wire::rtmp::{ClientEvent, ClientSession};

use super::connection::{Role, Talk};
use super::desk::RtmpDesk;
use super::messages::Maker;
use super::push::{self, PushCommand, PushShared, PushState};
use crate::facts::FactKind;
use crate::outputs::inbox::{Delivery, Desk};
use crate::outputs::viewer::Viewer;
use crate::sync::lock;
use crate::unit::StreamConfig;

/// Pause after the first failure; each further one doubles it.
const FIRST_PAUSE_US: u64 = 1_000_000;
const LONGEST_PAUSE_US: u64 = 30_000_000;
/// A push that ran so long was a good one: the pauses begin anew.
const GOOD_RUN_US: u64 = 10_000_000;

/// A push inside the desk.
pub(super) struct Push {
    shared: Arc<PushShared>,
    place: Place,
    attempt: u64,
    pause_us: u64,
    running_since_us: u64,
    /// Units up to this one were given from the cache.
    joined: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A thread connects.
    Connecting,
    /// The connection with this number.
    Connected(usize),
    Waiting {
        until_us: u64,
    },
}

impl RtmpDesk {
    pub(super) fn run_push_commands(&mut self, now_us: u64) {
        for command in self.mailbox.take() {
            match command {
                PushCommand::Open(shared) => self.open_push(shared),
                PushCommand::Close(key, reason) => self.close_push(key, &reason, now_us),
                PushCommand::Connected(key, attempt, made) => {
                    self.push_connected((key, attempt), made, now_us);
                }
            }
        }
    }

    fn open_push(&mut self, shared: Arc<PushShared>) {
        let mut stream = lock(&shared.session.stream);
        if stream.ended {
            drop(stream);
            return self.tell(&shared, PushState::Closed, "the session has ended");
        }
        // Counted from now on, so that the end of the session is heard of while there is no connection.
        stream.viewers.join(Desk::Rtmp);
        drop(stream);
        let key = shared.key;
        let push = Push {
            shared,
            place: Place::Connecting,
            attempt: 0,
            pause_us: FIRST_PAUSE_US,
            running_since_us: 0,
            joined: 0,
        };
        self.pushes.insert(key, push);
        self.try_push(key);
    }

    fn try_push(&mut self, key: u64) {
        let Some(push) = self.pushes.get_mut(&key) else {
            return;
        };
        push.place = Place::Connecting;
        push.attempt += 1;
        lock(&push.shared.stats).attempts += 1;
        push::connect(&self.mailbox, &push.shared, push.attempt);
        let shared = Arc::clone(&push.shared);
        self.tell(&shared, PushState::Connecting, "");
    }

    fn push_connected(
        &mut self,
        (key, attempt): (u64, u64),
        made: io::Result<TcpStream>,
        now_us: u64,
    ) {
        let Some(push) = self.pushes.get(&key) else {
            return;
        };
        if push.attempt != attempt || push.place != Place::Connecting {
            return;
        }
        let target = push.shared.target.clone();
        let opened = made.and_then(|stream| stream.peer_addr().map(|peer| (stream, peer)));
        let connection = match opened {
            Ok(connection) => connection,
            Err(error) => return self.wait_push(key, &error.to_string(), now_us),
        };
        let seed = self.next_seed();
        let talk = Talk::Client(Box::new(ClientSession::new(target, seed)));
        let deadline_us = now_us + self.config.rtmp_start_us;
        let admitted = self.admit(connection, talk, Role::Pushing(key), deadline_us);
        let Some(index) = admitted else {
            return self.wait_push(key, "the socket was refused", now_us);
        };
        if let Some(push) = self.pushes.get_mut(&key) {
            push.place = Place::Connected(index);
            push.running_since_us = 0;
        }
        self.flush(index, now_us);
    }

    /// What a server has said to us.
    pub(super) fn hear_server(&mut self, index: usize, said: Vec<ClientEvent>, now_us: u64) {
        for event in said {
            let Some(&mut Role::Pushing(key)) = self
                .connection(index)
                .map(|connection| &mut connection.role)
            else {
                return;
            };
            match event {
                ClientEvent::Ready { stream_id } => self.start_push(key, index, stream_id, now_us),
                ClientEvent::Refused { reason } => self.leave(index, &reason, now_us),
            }
        }
    }

    fn start_push(&mut self, key: u64, index: usize, stream_id: u32, now_us: u64) {
        let Some(push) = self.pushes.get_mut(&key) else {
            return;
        };
        let shared = Arc::clone(&push.shared);
        let stream = lock(&shared.session.stream);
        let (config, units) = (stream.config.clone(), stream.gop.whole().to_vec());
        drop(stream);
        push.running_since_us = now_us;
        push.joined = units.last().map_or(0, |unit| unit.sequence);
        if !may_send(&shared, config.as_deref()) {
            return self.close_push(key, "the stream is H265, which is not sent here", now_us);
        }
        let maker = Maker::new(stream_id, shared.request.g711);
        if let Some(connection) = self.connection(index) {
            connection.collect();
            connection.queue.make_with(maker);
            connection.queue.join(config.as_ref(), &units);
            self.dirty.insert(index);
        }
        lock(&shared.stats).connections += 1;
        self.tell(&shared, PushState::Running, "");
    }

    pub(super) fn deliver_to_pushes(&mut self, session: u64, delivery: &Delivery, now_us: u64) {
        let is_of = |push: &&Push| push.shared.session.key == session;
        let pushes = self.pushes.values().filter(is_of);
        let keys: Vec<(u64, Place, u64, bool)> = pushes
            .map(|push| {
                (
                    push.shared.key,
                    push.place,
                    push.joined,
                    push.running_since_us > 0,
                )
            })
            .collect();
        for (key, place, joined, is_running) in keys {
            if let Delivery::Ended(_, reason) = delivery {
                self.close_push(key, reason, now_us);
                continue;
            }
            if let Delivery::Config(_, config) = delivery
                && let Some(push) = self.pushes.get(&key)
                && !may_send(&push.shared, Some(config))
            {
                self.close_push(key, "the stream is H265, which is not sent here", now_us);
                continue;
            }
            let (Place::Connected(index), true) = (place, is_running) else {
                continue;
            };
            let Some(connection) = self.connection(index) else {
                continue;
            };
            match delivery {
                Delivery::Config(_, config) => connection.queue.describe(config),
                // The cache had those before.
                Delivery::Unit(_, unit) if unit.sequence > joined => {
                    connection.queue.offer(unit);
                }
                _ => continue,
            }
            self.dirty.insert(index);
        }
    }

    /// The connection of a push has closed.
    pub(super) fn push_broke(&mut self, key: u64, queue: &Viewer, reason: &str) {
        let now_us = crate::clock::monotonic_us();
        let Some(push) = self.pushes.get_mut(&key) else {
            return;
        };
        let mut stats = lock(&push.shared.stats);
        stats.sent_bytes += queue.sent_bytes;
        stats.skipped += queue.skipped;
        drop(stats);
        let ran_us = match push.running_since_us {
            0 => 0,
            since => now_us.saturating_sub(since),
        };
        if ran_us >= GOOD_RUN_US {
            push.pause_us = FIRST_PAUSE_US;
        }
        self.wait_push(key, reason, now_us);
    }

    fn wait_push(&mut self, key: u64, reason: &str, now_us: u64) {
        let Some(push) = self.pushes.get_mut(&key) else {
            return;
        };
        push.place = Place::Waiting {
            until_us: now_us + push.pause_us,
        };
        push.running_since_us = 0;
        push.pause_us = (push.pause_us * 2).min(LONGEST_PAUSE_US);
        let shared = Arc::clone(&push.shared);
        self.tell(&shared, PushState::Waiting, reason);
    }

    pub(super) fn tick_pushes(&mut self, now_us: u64) {
        let is_due =
            |push: &Push| matches!(push.place, Place::Waiting { until_us } if until_us <= now_us);
        let due = self.pushes.iter().filter(|(_, push)| is_due(push));
        let due: Vec<u64> = due.map(|(&key, _)| key).collect();
        for key in due {
            self.try_push(key);
        }
        self.close_slow_starts(now_us);
    }

    /// A server that does not answer in time is left.
    fn close_slow_starts(&mut self, now_us: u64) {
        let slow: Vec<usize> = self
            .pushes
            .values()
            .filter(|push| push.running_since_us == 0)
            .filter_map(|push| match push.place {
                Place::Connected(index) => Some(index),
                _ => None,
            })
            .collect();
        for index in slow {
            let late = self
                .connection(index)
                .is_some_and(|connection| connection.started_late(now_us));
            if late {
                self.close(index, "the server did not answer in time");
            }
        }
    }

    fn close_push(&mut self, key: u64, reason: &str, now_us: u64) {
        let Some(push) = self.pushes.remove(&key) else {
            return;
        };
        lock(&push.shared.session.stream).viewers.leave(Desk::Rtmp);
        if let Place::Connected(index) = push.place {
            if let Some(connection) = self.connection(index) {
                let mut stats = lock(&push.shared.stats);
                stats.sent_bytes += connection.queue.sent_bytes;
                stats.skipped += connection.queue.skipped;
            }
            self.leave(index, reason, now_us);
        }
        self.mailbox.remove(&push.shared.request.push_id);
        self.tell(&push.shared, PushState::Closed, reason);
    }

    pub(super) fn end_pushes(&mut self, reason: &str, now_us: u64) {
        let keys: Vec<u64> = self.pushes.keys().copied().collect();
        for key in keys {
            self.close_push(key, reason, now_us);
        }
    }

    fn tell(&mut self, shared: &PushShared, state: PushState, reason: &str) {
        let mut stats = lock(&shared.stats);
        stats.state = state;
        if !reason.is_empty() {
            reason.clone_into(&mut stats.last_reason);
        }
        drop(stats);
        let fact = FactKind::PushChanged {
            push_id: shared.request.push_id.clone(),
            state: state.name(),
            reason: reason.to_owned(),
        };
        self.facts.push(&shared.session.session_id, fact);
    }
}

/// Whether this push may carry a stream of this codec.
fn may_send(push: &PushShared, config: Option<&StreamConfig>) -> bool {
    let codec = config
        .and_then(|config| config.video.as_ref())
        .map(|video| video.codec);
    push.request.h265 || codec != Some(VideoCodec::H265)
}
