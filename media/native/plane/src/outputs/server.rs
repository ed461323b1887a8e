//! The output thread: accepts viewers, checks what they hold, and writes to all of them without waiting for any.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, RwLock};

use crate::clock;
use crate::config::PlaneConfig;
use crate::facts::{FactKind, FactQueue};
use crate::guard::{self, caught};
use crate::outputs::admission;
use crate::outputs::connection::{Connection, FAREWELL_US, IDLE_US, Phase, Written};
use crate::outputs::connections::Connections;
use crate::outputs::hls::stream::HlsStream;
use crate::outputs::inbox::OutputInbox;
use crate::outputs::link::Link;
use crate::outputs::tls::Certificate;
use crate::session::SessionShared;
use crate::sys::epoll::{Interest, Poller, Readiness};
use crate::sys::socket;

mod asking;
mod fetching;
mod watching;

/// Sessions by id, shared with the owner of the plane.
pub(crate) type SessionMap = RwLock<HashMap<String, Arc<SessionShared>>>;

const EVENTS: usize = 512;
const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;
/// The number of no connection.
const NOBODY: u64 = u64::MAX;
const THREAD: &str = "media-out";
/// Time between two looks at deadlines.
const TICK_MS: i32 = 250;
/// Bytes that the kernel may hold unsent for a viewer.
const UNSENT_BYTES: usize = 128 << 10;
/// Connections that have not shown a good URL yet, above the number of viewers.
const EXTRA_CONNECTIONS: usize = 64;
/// One read of a connection.
const READ_BYTES: usize = 4_096;

/// Who watches one session.
#[derive(Default)]
struct Audience {
    viewers: Vec<u64>,
    hls: Option<Box<HlsStream>>,
}

impl Audience {
    fn is_empty(&self) -> bool {
        self.viewers.is_empty() && self.hls.is_none()
    }
}

/// The thread's own things.
pub(crate) struct Server {
    config: PlaneConfig,
    certificate: Option<Certificate>,
    listener: TcpListener,
    is_listening: bool,
    poller: Poller,
    sessions: Arc<SessionMap>,
    inbox: Arc<OutputInbox>,
    facts: Arc<FactQueue>,
    connections: Connections,
    /// Viewers, readers of HLS included.
    viewers: usize,
    audiences: HashMap<u64, Audience>,
    dirty: Vec<u64>,
    stopping: bool,
}

impl Server {
    pub(crate) fn bind(
        config: PlaneConfig,
        address: SocketAddr,
        certificate: Option<Certificate>,
        sessions: Arc<SessionMap>,
        inbox: Arc<OutputInbox>,
        facts: Arc<FactQueue>,
    ) -> io::Result<(Server, SocketAddr)> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let poller = Poller::new(EVENTS)?;
        poller.add(listener.as_raw_fd(), LISTENER, Interest::Read)?;
        poller.add(inbox.raw_fd(), WAKE, Interest::Read)?;
        let server = Server {
            config,
            certificate,
            listener,
            is_listening: true,
            poller,
            sessions,
            inbox,
            facts,
            connections: Connections::default(),
            viewers: 0,
            audiences: HashMap::new(),
            dirty: Vec::new(),
            stopping: false,
        };
        Ok((server, bound))
    }

    /// Runs until `Delivery::Stop`.
    pub(crate) fn run(&mut self) {
        let mut ready: Vec<Readiness> = Vec::with_capacity(EVENTS);
        let mut deliveries = Vec::new();
        let mut tick_at_us = 0;
        while !self.stopping {
            if self
                .poller
                .wait(self.timeout_ms(), EVENTS, &mut ready)
                .is_err()
            {
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
                    id => self.guarded(id, |server| server.serve(id, *readiness, now_us)),
                }
            }
            if now_us >= tick_at_us {
                tick_at_us = now_us + TICK_MS as u64 * 1_000;
                self.guarded(NOBODY, |server| server.tick(now_us));
            }
            self.write_dirty(now_us);
        }
    }

    /// Runs `work` for one connection. A panic costs that connection.
    fn guarded(&mut self, id: u64, work: impl FnOnce(&mut Server)) {
        if let Err(message) = caught(|| work(self)) {
            guard::tell(THREAD, message, &self.facts);
            self.close(id, guard::REASON);
        }
    }

    fn timeout_ms(&self) -> i32 {
        let is_idle = self.connections.len() == 0 && self.audiences.is_empty();
        if is_idle && self.is_listening && self.certificate.is_none() {
            -1
        } else {
            TICK_MS
        }
    }

    fn accept(&mut self, now_us: u64) {
        loop {
            match self.listener.accept() {
                Ok((stream, peer)) => self.welcome(stream, peer.ip(), now_us),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    // No descriptors are left: the listener rests until the next tick, or the thread would spin.
                    self.is_listening = false;
                    self.poller.remove(self.listener.as_raw_fd());
                    return;
                }
            }
        }
    }

    fn welcome(&mut self, stream: TcpStream, source: IpAddr, now_us: u64) {
        if self.connections.strangers(source) >= self.config.max_strangers {
            return;
        }
        if self.connections.len() >= self.config.max_viewers + EXTRA_CONNECTIONS {
            match self.connections.oldest_stranger() {
                Some(id) => self.close(id, "another connection needs the place"),
                None => return,
            }
        }
        let _ = stream.set_nodelay(true);
        socket::set_unsent_limit(&stream, UNSENT_BYTES);
        if self.config.viewer_send_buffer_bytes > 0 {
            socket::set_send_buffer(&stream, self.config.viewer_send_buffer_bytes);
        }
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let tls = self.certificate.as_ref().map(Certificate::config);
        let Ok(link) = Link::new(stream, tls) else {
            return;
        };
        let fd = link.raw_fd();
        let id = self.connections.insert(Connection {
            link,
            source,
            phase: Phase::Asking,
            heard: Vec::new(),
            deadline_us: now_us + self.config.request_deadline_us,
            is_proven: false,
            is_dirty: false,
            wants_write: false,
        });
        if self.poller.add(fd, id, Interest::Read).is_err() {
            self.connections.remove(id);
        }
    }

    fn serve(&mut self, id: u64, readiness: Readiness, now_us: u64) {
        if readiness.readable {
            self.read(id, now_us);
        }
        if readiness.writable {
            self.write(id, now_us);
        }
    }

    fn read(&mut self, id: u64, now_us: u64) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.link.check_start().is_err() {
            self.refuse_plain(id, now_us);
        }
        let mut buffer = [0u8; READ_BYTES];
        loop {
            let Some(connection) = self.connections.get_mut(id) else {
                return;
            };
            match connection.read(&mut buffer) {
                Ok(0) => return self.close(id, "closed by the viewer"),
                Ok(count) => self.hear(id, &buffer[..count], now_us),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.close(id, "connection lost"),
            }
        }
        if let Some(connection) = self.connections.get_mut(id)
            && connection.link.wants_write()
        {
            self.mark(id);
        }
    }

    /// A peer without TLS is told so in plain words.
    fn refuse_plain(&mut self, id: u64, now_us: u64) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.link.be_plain();
        }
        self.refuse(id, admission::NOT_TLS, now_us);
    }

    /// Something waits to be written.
    fn mark(&mut self, id: u64) {
        if let Some(connection) = self.connections.get_mut(id)
            && !std::mem::replace(&mut connection.is_dirty, true)
        {
            self.dirty.push(id);
        }
    }

    fn write_dirty(&mut self, now_us: u64) {
        let mut next = 0;
        while let Some(&id) = self.dirty.get(next) {
            next += 1;
            if let Some(connection) = self.connections.get_mut(id) {
                connection.is_dirty = false;
                self.guarded(id, |server| server.write(id, now_us));
            }
        }
        self.dirty.clear();
    }

    fn write(&mut self, id: u64, now_us: u64) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        match connection.write(now_us, self.config.viewer_stuck_us) {
            Written::Lost => self.close(id, "connection lost"),
            Written::Over if matches!(connection.phase, Phase::Answering { .. }) => {
                connection.phase = Phase::Leaving;
                connection.deadline_us = now_us + FAREWELL_US;
                connection.link.say_goodbye();
                self.watch_writing(id, false);
            }
            Written::Over => self.close(id, "ended"),
            Written::Next => {
                connection.phase = Phase::Asking;
                connection.deadline_us = now_us + IDLE_US;
                self.watch_writing(id, false);
                self.ask(id, now_us);
            }
            Written::Waiting(is_full) => self.watch_writing(id, is_full),
        }
    }

    /// The poller is told only when it matters: while a socket is full.
    fn watch_writing(&mut self, id: u64, wants_write: bool) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.wants_write != wants_write {
            connection.wants_write = wants_write;
            let interest = if wants_write {
                Interest::ReadWrite
            } else {
                Interest::Read
            };
            let _ = self.poller.modify(connection.link.raw_fd(), id, interest);
        }
    }

    fn tick(&mut self, now_us: u64) {
        if !self.is_listening {
            let fd = self.listener.as_raw_fd();
            self.is_listening = self.poller.add(fd, LISTENER, Interest::Read).is_ok();
        }
        if let Some(outcome) = self
            .certificate
            .as_mut()
            .and_then(|certificate| certificate.refresh(now_us))
        {
            let message = outcome.err().unwrap_or_default();
            self.facts.push("", FactKind::CertificateRead { message });
        }
        let overdue: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_overdue(now_us))
            .map(|(id, _)| id)
            .collect();
        for id in overdue {
            self.guarded(id, |server| server.expire(id, now_us));
        }
        self.end_passes();
        self.forget_readers(now_us);
    }

    fn expire(&mut self, id: u64, now_us: u64) {
        match self.connections.get_mut(id).map(|open| &open.phase) {
            Some(Phase::Waiting(_)) => self.refuse(id, admission::NO_MEDIA, now_us),
            _ => self.close(id, "stuck"),
        }
    }

    fn close(&mut self, id: u64, reason: &'static str) {
        let Some(mut connection) = self.connections.remove(id) else {
            return;
        };
        self.poller.remove(connection.link.raw_fd());
        connection.link.say_goodbye();
        if let Phase::Viewing(viewing) = connection.phase {
            self.leave(id, *viewing, reason);
        }
    }

    /// One try to say goodbye; nobody is waited for.
    fn stop(&mut self, now_us: u64) {
        self.stopping = true;
        let ids: Vec<u64> = self.connections.iter().map(|(id, _)| id).collect();
        for id in ids {
            if let Some(Phase::Viewing(viewing)) =
                self.connections.get_mut(id).map(|open| &mut open.phase)
            {
                viewing.viewer.end("server stopping");
            }
            self.write(id, now_us);
            self.close(id, "server stopping");
        }
        self.forget_all_readers("server stopping");
    }
}
