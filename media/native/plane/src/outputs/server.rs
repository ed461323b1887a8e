//! The output thread: accepts viewers, checks what they hold, and writes to all of them without waiting for any.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::{Arc, RwLock};

use crate::clock;
use crate::config::PlaneConfig;
use crate::facts::{FactKind, FactQueue};
use crate::outputs::admission;
use crate::outputs::connection::{Connection, FAREWELL_US, Phase, Written, hear_frames};
use crate::outputs::format::Carrier;
use crate::outputs::http::{self, Problem, Request};
use crate::outputs::inbox::{Delivery, Desk, OutputInbox};
use crate::outputs::signed_url::Pass;
use crate::outputs::viewer::Viewer;
use crate::session::SessionShared;
use crate::sync::lock;
use crate::sys::epoll::{Interest, Poller, Readiness};
use crate::sys::socket;

/// Sessions by id, shared with the owner of the plane.
pub(crate) type SessionMap = RwLock<HashMap<String, Arc<SessionShared>>>;

const EVENTS: usize = 512;
const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;
/// Time between two looks at deadlines.
const TICK_MS: i32 = 250;
/// Bytes that the kernel may hold unsent for a viewer.
const UNSENT_BYTES: usize = 128 << 10;
/// Connections that have not shown a good URL yet, above the number of viewers.
const EXTRA_CONNECTIONS: usize = 64;

/// The thread's own things.
pub(crate) struct Server {
    config: PlaneConfig,
    listener: TcpListener,
    poller: Poller,
    sessions: Arc<SessionMap>,
    inbox: Arc<OutputInbox>,
    facts: Arc<FactQueue>,
    connections: Vec<Option<Connection>>,
    open: usize,
    viewers: usize,
    by_session: HashMap<u64, BTreeSet<usize>>,
    dirty: BTreeSet<usize>,
    stopping: bool,
}

impl Server {
    pub(crate) fn bind(
        config: PlaneConfig,
        address: SocketAddr,
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
            listener,
            poller,
            sessions,
            inbox,
            facts,
            connections: Vec::new(),
            open: 0,
            viewers: 0,
            by_session: HashMap::new(),
            dirty: BTreeSet::new(),
            stopping: false,
        };
        Ok((server, bound))
    }

    /// Runs until [`Delivery::Stop`].
    pub(crate) fn run(&mut self) {
        let mut ready: Vec<Readiness> = Vec::with_capacity(EVENTS);
        let mut deliveries = Vec::new();
        let mut tick_at_us = 0;
        while !self.stopping {
            if self
                .poller
                .wait(if self.open == 0 { -1 } else { TICK_MS }, &mut ready)
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
                        deliveries
                            .drain(..)
                            .for_each(|delivery| self.deliver(&delivery));
                    }
                    index => self.serve(index as usize, *readiness, now_us),
                }
            }
            if now_us >= tick_at_us {
                tick_at_us = now_us + TICK_MS as u64 * 1_000;
                self.close_overdue(now_us);
            }
            for index in std::mem::take(&mut self.dirty) {
                self.write(index, now_us);
            }
        }
    }

    fn accept(&mut self, now_us: u64) {
        while let Ok((stream, _)) = self.listener.accept() {
            let _ = stream.set_nodelay(true);
            socket::set_unsent_limit(&stream, UNSENT_BYTES);
            if self.config.viewer_send_buffer_bytes > 0 {
                socket::set_send_buffer(&stream, self.config.viewer_send_buffer_bytes);
            }
            if self.open >= self.config.max_viewers + EXTRA_CONNECTIONS
                || stream.set_nonblocking(true).is_err()
            {
                continue;
            }
            let index = self
                .connections
                .iter()
                .position(Option::is_none)
                .unwrap_or(self.connections.len());
            if self
                .poller
                .add(stream.as_raw_fd(), index as u64, Interest::Read)
                .is_err()
            {
                continue;
            }
            let deadline_us = now_us + self.config.request_deadline_us;
            let connection = Connection {
                stream,
                phase: Phase::Head(Vec::new()),
                deadline_us,
                wants_write: false,
            };
            if index == self.connections.len() {
                self.connections.push(Some(connection));
            } else {
                self.connections[index] = Some(connection);
            }
            self.open += 1;
        }
    }

    fn serve(&mut self, index: usize, readiness: Readiness, now_us: u64) {
        if readiness.readable {
            self.read(index, now_us);
        }
        if readiness.writable {
            self.write(index, now_us);
        }
    }

    fn read(&mut self, index: usize, now_us: u64) {
        let mut buffer = [0u8; 4_096];
        loop {
            let Some(Some(connection)) = self.connections.get_mut(index) else {
                return;
            };
            match connection.stream.read(&mut buffer) {
                Ok(0) => return self.close(index, "closed by the viewer"),
                Ok(count) => {
                    self.hear(index, &buffer[..count], now_us);
                    if count < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.close(index, "connection lost"),
            }
        }
    }

    fn hear(&mut self, index: usize, bytes: &[u8], now_us: u64) {
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            return;
        };
        match &mut connection.phase {
            Phase::Refused { .. } => {}
            Phase::Head(head) => {
                head.extend_from_slice(bytes);
                match http::parse_request(head) {
                    Ok(None) => {}
                    Ok(Some(request)) => {
                        if let Err(problem) = self.admit(index, &request) {
                            self.refuse(index, problem, now_us);
                        }
                    }
                    Err(problem) => self.refuse(index, problem, now_us),
                }
            }
            Phase::Viewing { viewer, heard, .. } => {
                if viewer.way.carrier == Carrier::Http || viewer.is_ending {
                    return;
                }
                heard.extend_from_slice(bytes);
                hear_frames(viewer, heard);
                self.dirty.insert(index);
            }
        }
    }

    fn admit(&mut self, index: usize, request: &Request) -> Result<(), Problem> {
        let now_s = clock::wall_us() / 1_000_000;
        let ticket = admission::check(&self.config.url_key, request, now_s)?;
        let session = self
            .session(ticket.session_id)
            .ok_or(admission::NOT_FOUND)?;
        let head = ticket.head(request);
        if self.viewers >= self.config.max_viewers {
            return Err(admission::CROWDED);
        }
        let viewer = Viewer::new(ticket.way, head, self.config.viewer_queue_bytes);
        self.join(index, session, ticket.pass, viewer)
    }

    fn session(&self, session_id: &str) -> Option<Arc<SessionShared>> {
        let sessions = self
            .sessions
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        sessions.get(session_id).cloned()
    }

    fn join(
        &mut self,
        index: usize,
        session: Arc<SessionShared>,
        pass: Pass,
        mut viewer: Viewer,
    ) -> Result<(), Problem> {
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            return Ok(());
        };
        let mut stream = lock(&session.stream);
        if stream.ended {
            return Err(admission::NOT_FOUND);
        }
        if stream.refuses(&pass) {
            return Err(admission::REVOKED);
        }
        // Under the lock: every unit is either in the cache now or delivered later, none twice.
        let (viewers, config, units) = (
            stream.viewers.join(Desk::Http),
            stream.config.clone(),
            stream.gop.whole().to_vec(),
        );
        drop(stream);
        let way = viewer.way.name();
        viewer.join(config.as_ref(), &units);
        self.viewers += 1;
        self.by_session
            .entry(session.key)
            .or_default()
            .insert(index);
        self.facts.push(
            &session.session_id,
            FactKind::ViewerOpened {
                tag: pass.tag.clone(),
                user: pass.user.clone(),
                way,
                viewers,
            },
        );
        connection.phase = Phase::Viewing {
            viewer,
            session,
            pass,
            heard: Vec::new(),
        };
        self.dirty.insert(index);
        Ok(())
    }

    fn refuse(&mut self, index: usize, problem: Problem, now_us: u64) {
        if let Some(Some(connection)) = self.connections.get_mut(index) {
            connection.phase = Phase::Refused {
                answer: http::problem_response(problem),
                written: 0,
            };
            connection.deadline_us = now_us + FAREWELL_US;
            self.dirty.insert(index);
        }
    }

    fn deliver(&mut self, delivery: &Delivery) {
        let key = match delivery {
            Delivery::Config(key, _)
            | Delivery::Unit(key, _)
            | Delivery::Ended(key, _)
            | Delivery::Revoke(key, _) => key,
            Delivery::Stop => {
                self.stop();
                return;
            }
        };
        let Some(indexes) = self.by_session.get(key) else {
            return;
        };
        for &index in indexes {
            let Some(Some(Connection {
                phase: Phase::Viewing { viewer, pass, .. },
                ..
            })) = self.connections.get_mut(index)
            else {
                continue;
            };
            match delivery {
                Delivery::Config(_, config) => viewer.describe(config),
                Delivery::Unit(_, unit) => {
                    viewer.offer(unit);
                }
                Delivery::Ended(_, reason) => viewer.end(reason),
                Delivery::Revoke(_, cut) if cut.hits(pass) => viewer.end("revoked"),
                Delivery::Revoke(..) | Delivery::Stop => continue,
            }
            self.dirty.insert(index);
        }
    }

    fn write(&mut self, index: usize, now_us: u64) {
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            return;
        };
        match connection.write(now_us, self.config.viewer_stuck_us) {
            Written::Lost => self.close(index, "connection lost"),
            Written::Over => self.close(index, "ended"),
            Written::Waiting(wants_write) if wants_write != connection.wants_write => {
                connection.wants_write = wants_write;
                let interest = if wants_write {
                    Interest::ReadWrite
                } else {
                    Interest::Read
                };
                let fd = connection.stream.as_raw_fd();
                let _ = self.poller.modify(fd, index as u64, interest);
            }
            Written::Waiting(_) => {}
        }
    }

    fn close_overdue(&mut self, now_us: u64) {
        let now_unix_s = clock::wall_us() / 1_000_000;
        for index in 0..self.connections.len() {
            if let Some(Some(Connection {
                phase: Phase::Viewing { viewer, pass, .. },
                ..
            })) = self.connections.get_mut(index)
                && pass.is_over(now_unix_s)
            {
                viewer.end("pass ended");
                self.dirty.insert(index);
            }
            let connection = self.connections[index].as_ref();
            if connection.is_some_and(|connection| connection.is_overdue(now_us)) {
                self.close(index, "stuck");
            }
        }
    }

    fn close(&mut self, index: usize, reason: &'static str) {
        let Some(Some(connection)) = self.connections.get_mut(index).map(Option::take) else {
            return;
        };
        self.open -= 1;
        self.poller.remove(connection.stream.as_raw_fd());
        self.dirty.remove(&index);
        let Phase::Viewing {
            viewer,
            session,
            pass,
            ..
        } = connection.phase
        else {
            return;
        };
        self.viewers -= 1;
        if let Some(indexes) = self.by_session.get_mut(&session.key) {
            indexes.remove(&index);
            if indexes.is_empty() {
                self.by_session.remove(&session.key);
            }
        }
        let mut stream = lock(&session.stream);
        let viewers = stream.viewers.leave(Desk::Http);
        drop(stream);
        let (way, sent_bytes, skipped) = (viewer.way.name(), viewer.sent_bytes, viewer.skipped);
        let fact = FactKind::ViewerClosed {
            tag: pass.tag,
            user: pass.user,
            way,
            viewers,
            reason,
            sent_bytes,
            skipped,
        };
        self.facts.push(&session.session_id, fact);
    }

    /// One try to say goodbye; nobody is waited for.
    fn stop(&mut self) {
        let now_us = clock::monotonic_us();
        for index in 0..self.connections.len() {
            if let Some(Some(Connection {
                phase: Phase::Viewing { viewer, .. },
                ..
            })) = self.connections.get_mut(index)
            {
                viewer.end("server stopping");
            }
            self.write(index, now_us);
            self.close(index, "server stopping");
        }
        self.stopping = true;
    }
}
