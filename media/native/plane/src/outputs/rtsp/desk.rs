//! The thread: accepts connections, hands units to readers, and waits for none of them.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use super::connection::{Connection, Limits, Role, Waiting, WaitsFor, Written};
use super::hearing::READ_BYTES;
use super::udp::UdpPorts;
use crate::clock;
use crate::config::PlaneConfig;
use crate::facts::FactQueue;
use crate::guard::{self, caught};
use crate::outputs::inbox::{Delivery, OutputInbox};
use crate::outputs::publishing::Publishing;
use crate::outputs::server::SessionMap;
use crate::session::SessionShared;
use crate::sys::epoll::{Interest, Poller, Readiness};
use crate::sys::receive::ReceiveBatch;
use crate::sys::{address, bind, socket};

pub(super) use super::streams::StreamEntry;

const EVENTS: usize = 512;
const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;
const UDP_RTP: u64 = u64::MAX - 2;
const UDP_RTCP: u64 = u64::MAX - 3;
/// Time between two looks at deadlines.
/// The number of no connection.
const NOBODY: usize = usize::MAX;
const TICK_MS: i32 = 100;
/// Bytes that the kernel may hold unsent for a reader.
const UNSENT_BYTES: usize = 128 << 10;
/// Connections that do not watch, above the number of viewers.
const EXTRA_CONNECTIONS: usize = 64;

/// What the desk is made with.
pub(crate) struct DeskParts {
    pub(crate) config: PlaneConfig,
    pub(crate) sessions: Arc<SessionMap>,
    pub(crate) inbox: Arc<OutputInbox>,
    pub(crate) facts: Arc<FactQueue>,
    pub(crate) publishing: Arc<Publishing>,
}

/// The thread's own things.
pub(crate) struct Desk {
    pub(super) config: PlaneConfig,
    listener: TcpListener,
    poller: Poller,
    sessions: Arc<SessionMap>,
    inbox: Arc<OutputInbox>,
    pub(super) facts: Arc<FactQueue>,
    pub(super) publishing: Arc<Publishing>,
    pub(super) secret: RandomState,
    pub(super) connections: Vec<Option<Connection>>,
    open: usize,
    pub(super) viewers: usize,
    pub(super) streams: HashMap<u64, StreamEntry>,
    pub(super) udp: Option<UdpPorts>,
    /// Which connection a datagram belongs to.
    pub(super) by_address: HashMap<SocketAddr, usize>,
    pub(super) dirty: BTreeSet<usize>,
    /// Readers for whom datagrams wait.
    pub(super) pumping: BTreeSet<usize>,
    names: u64,
    pub(super) buffer: Vec<u8>,
    stopping: bool,
}

/// Bound before any thread starts, so that a port that is taken stops the start.
pub(crate) struct Sockets {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
    udp: Option<UdpPorts>,
}

impl Sockets {
    /// Binds the listener and, when they are wanted, the ports for datagrams.
    pub(crate) fn bind(config: &PlaneConfig, address: SocketAddr) -> io::Result<Sockets> {
        let listener = bind::tcp(address)?;
        let address = listener.local_addr()?;
        let ports = || {
            let (host, port) = (address.ip(), config.rtsp.udp_port);
            UdpPorts::bind(host, port, config.receive_buffer_bytes)
        };
        Ok(Sockets {
            listener,
            address,
            udp: config.rtsp.udp.then(ports).transpose()?,
        })
    }
}

impl Desk {
    /// A desk that does not run yet.
    pub(crate) fn new(parts: DeskParts, sockets: Sockets) -> io::Result<Desk> {
        let DeskParts {
            config,
            sessions,
            inbox,
            facts,
            publishing,
        } = parts;
        let Sockets { listener, udp, .. } = sockets;
        let poller = Poller::new(EVENTS)?;
        poller.add(listener.as_raw_fd(), LISTENER, Interest::Read)?;
        poller.add(inbox.raw_fd(), WAKE, Interest::Read)?;
        if let Some(ports) = &udp {
            poller.add(ports.rtp.as_raw_fd(), UDP_RTP, Interest::Read)?;
            poller.add(ports.rtcp.as_raw_fd(), UDP_RTCP, Interest::Read)?;
        }
        Ok(Desk {
            config,
            listener,
            poller,
            sessions,
            inbox,
            facts,
            publishing,
            secret: RandomState::new(),
            connections: Vec::new(),
            open: 0,
            viewers: 0,
            streams: HashMap::new(),
            udp,
            by_address: HashMap::new(),
            dirty: BTreeSet::new(),
            pumping: BTreeSet::new(),
            names: 0,
            buffer: vec![0; READ_BYTES],
            stopping: false,
        })
    }

    /// Runs until [`Delivery::Stop`].
    pub(crate) fn run(&mut self) {
        let mut ready: Vec<Readiness> = Vec::with_capacity(EVENTS);
        let mut deliveries = Vec::new();
        let mut batch = ReceiveBatch::new();
        let mut tick_at_us = 0;
        let mut pump_at_us = None;
        while !self.stopping {
            let timeout_ms = self.timeout_ms(pump_at_us);
            if self.poller.wait(timeout_ms, EVENTS, &mut ready).is_err() {
                // Only a broken descriptor can do this; without a rest the thread would spin.
                std::thread::sleep(Duration::from_millis(100));
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
                    UDP_RTP | UDP_RTCP => {
                        let is_rtcp = readiness.token == UDP_RTCP;
                        self.guarded(NOBODY, |desk| {
                            desk.receive_datagrams(&mut batch, is_rtcp, now_us);
                        });
                    }
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
            }
            pump_at_us = None;
            self.guarded(NOBODY, |desk| pump_at_us = desk.pump(now_us));
            for index in std::mem::take(&mut self.dirty) {
                self.guarded(index, |desk| desk.write(index, now_us));
            }
        }
    }

    /// Runs `work` for one connection. A panic costs that connection.
    fn guarded(&mut self, index: usize, work: impl FnOnce(&mut Desk)) {
        if let Err(message) = caught(|| work(self)) {
            self.survive(message);
            self.close(index, guard::REASON);
        }
    }

    /// A panic costs all readers of the session: which of them it was for is not known.
    fn deliver_guarded(&mut self, delivery: &Delivery, now_us: u64) {
        if let Err(message) = caught(|| self.deliver(delivery, now_us)) {
            self.survive(message);
            if let Some(key) = delivery.session() {
                self.end_all(key, guard::REASON, now_us);
            }
        }
    }

    fn survive(&mut self, message: String) {
        guard::tell("media-rtsp", message, &self.facts);
        // It may have been lent out.
        self.buffer.resize(READ_BYTES, 0);
    }

    fn timeout_ms(&self, pump_at_us: Option<u64>) -> i32 {
        let Some(pump_at_us) = pump_at_us else {
            return if self.open == 0 { -1 } else { TICK_MS };
        };
        let left_us = pump_at_us.saturating_sub(clock::monotonic_us());
        i32::try_from(left_us.div_ceil(1_000)).map_or(TICK_MS, |left| left.clamp(1, TICK_MS))
    }

    pub(super) fn connection(&mut self, index: usize) -> Option<&mut Connection> {
        self.connections.get_mut(index)?.as_mut()
    }

    pub(super) fn session(&self, session_id: &str) -> Option<Arc<SessionShared>> {
        let sessions = self
            .sessions
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        sessions.get(session_id).cloned()
    }

    /// Something that nobody can guess.
    pub(super) fn random_name(&mut self, index: usize) -> String {
        self.names += 1;
        let parts = ["high", "low"].map(|part| self.secret.hash_one((self.names, index, part)));
        format!("{:016x}{:016x}", parts[0], parts[1])
    }

    fn accept(&mut self, now_us: u64) {
        while let Ok((stream, peer)) = self.listener.accept() {
            let _ = stream.set_nodelay(true);
            socket::set_unsent_limit(&stream, UNSENT_BYTES);
            if self.config.viewer_send_buffer_bytes > 0 {
                socket::set_send_buffer(&stream, self.config.viewer_send_buffer_bytes);
            }
            let peer = address::plain(peer);
            if self.open >= self.config.max_viewers + EXTRA_CONNECTIONS
                || self.strangers(peer.ip()) >= self.config.max_strangers
                || stream.set_nonblocking(true).is_err()
            {
                continue;
            }
            let free = self.connections.iter().position(Option::is_none);
            let index = free.unwrap_or(self.connections.len());
            let watched = self
                .poller
                .add(stream.as_raw_fd(), index as u64, Interest::Read);
            if watched.is_err() {
                continue;
            }
            let nonce = self.random_name(index);
            let connection = Some(Connection::new(stream, peer, nonce, now_us));
            match self.connections.get_mut(index) {
                Some(slot) => *slot = connection,
                None => self.connections.push(connection),
            }
            self.open += 1;
        }
    }

    /// Connections of one address that have shown no right to anything.
    fn strangers(&self, source: IpAddr) -> usize {
        let open = self.connections.iter().flatten();
        open.filter(|open| !open.is_proven() && open.peer.ip() == source)
            .count()
    }

    fn write(&mut self, index: usize, now_us: u64) {
        let Some(connection) = self.connection(index) else {
            return;
        };
        let interest = match connection.write(now_us) {
            Written::Lost => return self.close(index, "connection lost"),
            Written::Over(reason) => return self.close(index, reason),
            Written::Waiting(wants_write) if wants_write == connection.wants_write => return,
            Written::Waiting(wants_write) => {
                connection.wants_write = wants_write;
                if wants_write {
                    Interest::ReadWrite
                } else {
                    Interest::Read
                }
            }
        };
        let fd = connection.stream.as_raw_fd();
        let _ = self.poller.modify(fd, index as u64, interest);
    }

    fn look_after(&mut self, index: usize, now_us: u64) {
        let limits = Limits {
            stuck_us: self.config.viewer_stuck_us,
            request_us: self.config.request_deadline_us,
            timeout_us: self.config.rtsp.timeout_us,
        };
        let now_unix_s = clock::wall_us() / 1_000_000;
        self.look_after_waiting(index, now_us);
        self.send_reports(index, now_us);
        self.look_after_publisher(index, now_us);
        self.show(index);
        let Some(connection) = self.connection(index) else {
            return;
        };
        let over = match &connection.role {
            Role::Reader(reader) => reader.pass.is_over(now_unix_s),
            Role::Fresh | Role::Publisher(_) => false,
        };
        if let Some(reason) = connection.overdue(&limits, now_us) {
            self.close(index, reason);
        } else if over {
            self.end(index, "pass ended", now_us);
        }
    }

    /// The reason when a peer leaves by itself.
    pub(super) fn gone(&self, index: usize) -> &'static str {
        match self.connections.get(index) {
            Some(Some(open)) if matches!(open.role, Role::Publisher(_)) => {
                "closed by the publisher"
            }
            _ => "closed by the viewer",
        }
    }

    /// Closes the connection. Its reader leaves for this reason.
    pub(super) fn close(&mut self, index: usize, reason: &'static str) {
        self.leave(index, reason);
        self.leave_session(index, reason, clock::monotonic_us());
        self.forget_addresses(index);
        let Some(connection) = self.connections.get_mut(index).and_then(Option::take) else {
            return;
        };
        if let Some(Waiting {
            what: WaitsFor::Leave(token, _),
            ..
        }) = connection.waiting
        {
            self.publishing.forget(token);
        }
        self.open -= 1;
        self.poller.remove(connection.stream.as_raw_fd());
        self.dirty.remove(&index);
        self.pumping.remove(&index);
    }

    /// One try to say goodbye; nobody is waited for.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        let now_us = clock::monotonic_us();
        for index in 0..self.connections.len() {
            self.end(index, "server stopping", now_us);
            self.write(index, now_us);
            self.close(index, "server stopping");
        }
    }

    pub(super) fn deliver(&mut self, delivery: &Delivery, now_us: u64) {
        match delivery {
            Delivery::Config(key, config) => self.deliver_config(*key, config, now_us),
            Delivery::Unit(key, unit) => self.deliver_unit(*key, unit),
            Delivery::Ended(key, _) => self.end_all(*key, "ended", now_us),
            Delivery::Revoke(key, cut) => self.deliver_cut(*key, cut, now_us),
            Delivery::PublishAnswer(token, answer) => self.deliver_answer(*token, answer, now_us),
            Delivery::Stop => self.stop(),
        }
    }
}
