//! The thread of RTMP: accepts, reads, and writes to all without waiting for any.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, PoisonError};

use tongshi_wire::rtmp::{ClientEvent, ServerEvent, ServerSession};

use super::connection::{Connection, Role, Talk, Written};
use super::push::PushBox;
use super::pushing::Push;
use crate::clock;
use crate::config::PlaneConfig;
use crate::facts::FactQueue;
use crate::guard::{self, caught};
use crate::outputs::inbox::{Delivery, OutputInbox};
use crate::outputs::publishing::Publishing;
use crate::outputs::server::SessionMap;
use crate::session::SessionShared;
use crate::sys::epoll::{Interest, Poller, Readiness};
use crate::sys::socket;

const EVENTS: usize = 256;
const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;
const PUSHES: u64 = u64::MAX - 2;
/// The number of no connection.
const NOBODY: usize = usize::MAX;
const TICK_MS: i32 = 250;
const READ_BYTES: usize = 64 << 10;
/// Reads before another connection has its turn.
const TURNS: usize = 8;
/// Connections that have not asked for anything yet, above the number of viewers.
const EXTRA_CONNECTIONS: usize = 64;
/// Bytes that the kernel may hold unsent for a peer.
const UNSENT_BYTES: usize = 128 << 10;

/// What the desk shares with the rest of the plane.
pub(crate) struct Links {
    pub(crate) sessions: Arc<SessionMap>,
    pub(crate) inbox: Arc<OutputInbox>,
    pub(crate) facts: Arc<FactQueue>,
    pub(crate) publishing: Arc<Publishing>,
    pub(crate) pushes: Arc<PushBox>,
}

/// The thread's own things.
pub(crate) struct RtmpDesk {
    pub(super) config: PlaneConfig,
    listener: Option<TcpListener>,
    poller: Poller,
    sessions: Arc<SessionMap>,
    inbox: Arc<OutputInbox>,
    pub(super) facts: Arc<FactQueue>,
    pub(super) publishing: Arc<Publishing>,
    pub(super) mailbox: Arc<PushBox>,
    connections: Vec<Option<Connection>>,
    open: usize,
    pub(super) players: usize,
    per_source: HashMap<IpAddr, usize>,
    pub(super) by_session: HashMap<u64, BTreeSet<usize>>,
    pub(super) asking: HashMap<u64, usize>,
    pub(super) pushes: HashMap<u64, Push>,
    pub(super) dirty: BTreeSet<usize>,
    buffer: Vec<u8>,
    seed: u64,
    stopping: bool,
}

impl RtmpDesk {
    /// Without a listener the desk only pushes.
    pub(crate) fn new(
        config: PlaneConfig,
        listener: Option<TcpListener>,
        links: Links,
    ) -> io::Result<RtmpDesk> {
        let poller = Poller::new(EVENTS)?;
        if let Some(listener) = &listener {
            listener.set_nonblocking(true)?;
            poller.add(listener.as_raw_fd(), LISTENER, Interest::Read)?;
        }
        poller.add(links.inbox.raw_fd(), WAKE, Interest::Read)?;
        poller.add(links.pushes.raw_fd(), PUSHES, Interest::Read)?;
        Ok(RtmpDesk {
            config,
            listener,
            poller,
            sessions: links.sessions,
            inbox: links.inbox,
            facts: links.facts,
            publishing: links.publishing,
            mailbox: links.pushes,
            connections: Vec::new(),
            open: 0,
            players: 0,
            per_source: HashMap::new(),
            by_session: HashMap::new(),
            asking: HashMap::new(),
            pushes: HashMap::new(),
            dirty: BTreeSet::new(),
            buffer: vec![0; READ_BYTES],
            seed: clock::wall_us() as u64,
            stopping: false,
        })
    }

    /// Runs until [`Delivery::Stop`].
    pub(crate) fn run(&mut self) {
        let mut ready: Vec<Readiness> = Vec::with_capacity(EVENTS);
        let mut deliveries = Vec::new();
        let mut tick_at_us = 0;
        while !self.stopping {
            let is_idle = self.open == 0 && self.pushes.is_empty();
            let wait_ms = if is_idle { -1 } else { TICK_MS };
            if self.poller.wait(wait_ms, EVENTS, &mut ready).is_err() {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            let now_us = clock::monotonic_us();
            for readiness in &ready {
                match readiness.token {
                    LISTENER => self.accept(now_us),
                    WAKE => {
                        self.inbox.take(&mut deliveries);
                        for delivery in deliveries.drain(..) {
                            self.deliver_guarded(&delivery, now_us);
                        }
                    }
                    PUSHES => self.guarded(NOBODY, |desk| desk.run_push_commands(now_us)),
                    index => {
                        let index = index as usize;
                        self.guarded(index, |desk| desk.serve(index, *readiness, now_us));
                    }
                }
            }
            if now_us >= tick_at_us {
                tick_at_us = now_us + TICK_MS as u64 * 1_000;
                for index in 0..self.connections.len() {
                    self.guarded(index, |desk| desk.look_after(index, now_us));
                }
                self.guarded(NOBODY, |desk| desk.tick_pushes(now_us));
            }
            for index in std::mem::take(&mut self.dirty) {
                self.guarded(index, |desk| desk.write(index, now_us));
            }
        }
    }

    /// Runs `work` for one connection. A panic costs that connection.
    fn guarded(&mut self, index: usize, work: impl FnOnce(&mut RtmpDesk)) {
        if let Err(message) = caught(|| work(self)) {
            self.survive(message);
            self.close(index, guard::REASON);
        }
    }

    /// A panic costs all players of the session: which of them it was for is not known.
    fn deliver_guarded(&mut self, delivery: &Delivery, now_us: u64) {
        if let Err(message) = caught(|| self.deliver(delivery, now_us)) {
            self.survive(message);
            let players = delivery.session().and_then(|key| self.by_session.get(&key));
            for index in players.cloned().unwrap_or_default() {
                self.close(index, guard::REASON);
            }
        }
    }

    fn survive(&mut self, message: String) {
        guard::tell("media-rtmp", message, &self.facts);
        // It may have been lent out.
        self.buffer.resize(READ_BYTES, 0);
    }

    fn accept(&mut self, now_us: u64) {
        while let Some(Ok((stream, peer))) = self.listener.as_ref().map(TcpListener::accept) {
            let from_there = self.per_source.get(&peer.ip()).copied().unwrap_or(0);
            if self.open >= self.config.max_viewers + EXTRA_CONNECTIONS
                || from_there >= self.config.rtmp_per_source
            {
                continue;
            }
            self.seed = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ now_us;
            let talk = Talk::Server(Box::new(ServerSession::new(self.seed)));
            let deadline_us = now_us + self.config.rtmp_start_us;
            if self
                .admit((stream, peer), talk, Role::Greeting, deadline_us)
                .is_some()
            {
                *self.per_source.entry(peer.ip()).or_default() += 1;
            }
        }
    }

    /// A connection takes its place; its number.
    pub(super) fn admit(
        &mut self,
        (stream, peer): (TcpStream, SocketAddr),
        talk: Talk,
        role: Role,
        deadline_us: u64,
    ) -> Option<usize> {
        let _ = stream.set_nodelay(true);
        socket::set_unsent_limit(&stream, UNSENT_BYTES);
        if self.config.viewer_send_buffer_bytes > 0 {
            socket::set_send_buffer(&stream, self.config.viewer_send_buffer_bytes);
        }
        stream.set_nonblocking(true).ok()?;
        let free = self.connections.iter().position(Option::is_none);
        let index = free.unwrap_or(self.connections.len());
        self.poller
            .add(stream.as_raw_fd(), index as u64, Interest::Read)
            .ok()?;
        let limits = (self.config.viewer_queue_bytes, deadline_us);
        let connection = Connection::new((stream, peer), talk, role, limits);
        match self.connections.get_mut(index) {
            Some(place) => *place = Some(connection),
            None => self.connections.push(Some(connection)),
        }
        self.open += 1;
        self.dirty.insert(index);
        Some(index)
    }

    pub(super) fn next_seed(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ clock::monotonic_us();
        self.seed
    }

    pub(super) fn connection(&mut self, index: usize) -> Option<&mut Connection> {
        self.connections.get_mut(index)?.as_mut()
    }

    pub(super) fn session(&self, session_id: &str) -> Option<Arc<SessionShared>> {
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        sessions.get(session_id).cloned()
    }

    fn serve(&mut self, index: usize, readiness: Readiness, now_us: u64) {
        if readiness.readable {
            self.read(index, now_us);
        }
        if readiness.writable {
            self.dirty.insert(index);
        }
    }

    fn read(&mut self, index: usize, now_us: u64) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..TURNS {
            let Some(connection) = self.connection(index) else {
                break;
            };
            match connection.stream.read(&mut buffer) {
                Ok(0) => {
                    self.close(index, "closed by the peer");
                    break;
                }
                Ok(count) => {
                    self.hear(index, buffer.get(..count).unwrap_or_default(), now_us);
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.close(index, "connection lost");
                    break;
                }
            }
        }
        self.buffer = buffer;
    }

    fn hear(&mut self, index: usize, bytes: &[u8], now_us: u64) {
        let (mut asked, mut said): (Vec<ServerEvent>, Vec<ClientEvent>) = Default::default();
        let Some(connection) = self.connection(index) else {
            return;
        };
        // What comes after the last words is not listened to.
        if connection.reason.is_some() {
            return;
        }
        let heard = match &mut connection.talk {
            Talk::Server(session) => session.receive(bytes, &mut asked),
            Talk::Client(session) => session.receive(bytes, &mut said),
        };
        if !asked.is_empty() {
            self.obey(index, asked, now_us);
        }
        if !said.is_empty() {
            self.hear_server(index, said, now_us);
        }
        match heard {
            Ok(()) => self.flush(index, now_us),
            Err(error) => self.leave(index, &format!("no RTMP: {error}"), now_us),
        }
    }

    /// Takes what the protocol has to say.
    pub(super) fn flush(&mut self, index: usize, now_us: u64) {
        let Some(connection) = self.connection(index) else {
            return;
        };
        if connection.collect() {
            self.dirty.insert(index);
        } else {
            self.leave(index, "answers are not read", now_us);
        }
    }

    /// Says goodbye; the connection closes when that is written.
    pub(super) fn leave(&mut self, index: usize, reason: &str, now_us: u64) {
        if let Some(connection) = self.connection(index) {
            connection.leave(reason, now_us);
            self.dirty.insert(index);
        }
    }

    fn deliver(&mut self, delivery: &Delivery, now_us: u64) {
        let key = match delivery {
            Delivery::Config(key, _)
            | Delivery::Unit(key, _)
            | Delivery::Ended(key, _)
            | Delivery::Revoke(key, _) => *key,
            Delivery::PublishAnswer(token, answer) => return self.answered(*token, answer, now_us),
            Delivery::Stop => return self.stop(now_us),
        };
        self.deliver_to_pushes(key, delivery, now_us);
        let indexes = self.by_session.get(&key).cloned().unwrap_or_default();
        for index in indexes {
            let Some(connection) = self.connection(index) else {
                continue;
            };
            match (delivery, &connection.role) {
                (Delivery::Config(_, config), _) => connection.queue.describe(config),
                (Delivery::Unit(_, unit), _) => {
                    connection.queue.offer(unit);
                }
                (Delivery::Ended(_, reason), _) => connection.leave(reason, now_us),
                (Delivery::Revoke(_, cut), Role::Playing { pass, .. }) if cut.hits(pass) => {
                    connection.leave("revoked", now_us);
                }
                _ => continue,
            }
            self.dirty.insert(index);
        }
    }

    fn write(&mut self, index: usize, now_us: u64) {
        let stuck_us = self.config.viewer_stuck_us;
        let Some(connection) = self.connection(index) else {
            return;
        };
        match connection.write(now_us, stuck_us) {
            Written::Lost => self.close(index, "connection lost"),
            Written::Over => self.close(index, "ended"),
            Written::Waiting(wants_write) if wants_write != connection.wants_write => {
                connection.wants_write = wants_write;
                let fd = connection.stream.as_raw_fd();
                let interest = if wants_write {
                    Interest::ReadWrite
                } else {
                    Interest::Read
                };
                let _ = self.poller.modify(fd, index as u64, interest);
            }
            Written::Waiting(_) => {}
        }
    }

    fn look_after(&mut self, index: usize, now_us: u64) {
        let now_unix_s = clock::wall_us() / 1_000_000;
        let Some(connection) = self.connection(index) else {
            return;
        };
        let is_over =
            matches!(&connection.role, Role::Playing { pass, .. } if pass.is_over(now_unix_s));
        if is_over {
            connection.leave("pass ended", now_us);
            self.dirty.insert(index);
        } else if let Some(reason) = connection.overdue(now_us) {
            self.close(index, reason);
        }
    }

    /// Ends a connection. What it was for is told of the reason it gave before, if it did.
    pub(super) fn close(&mut self, index: usize, reason: &str) {
        let Some(mut connection) = self.connections.get_mut(index).and_then(Option::take) else {
            return;
        };
        self.open -= 1;
        self.poller.remove(connection.stream.as_raw_fd());
        self.dirty.remove(&index);
        let address = connection.peer.ip();
        if matches!(connection.talk, Talk::Server(_))
            && let Some(count) = self.per_source.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.per_source.remove(&address);
            }
        }
        let reason = connection
            .reason
            .take()
            .unwrap_or_else(|| reason.to_owned());
        self.part(index, connection, &reason);
    }

    /// One try to say goodbye; nobody is waited for.
    fn stop(&mut self, now_us: u64) {
        self.stopping = true;
        self.end_pushes("server stopping", now_us);
        for index in 0..self.connections.len() {
            self.leave(index, "server stopping", now_us);
            self.write(index, now_us);
            self.close(index, "server stopping");
        }
    }
}
