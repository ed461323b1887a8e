//! The thread of the shared listener: finds out whose a connection is by its first packet, and hands it on.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tongshi_wire::framing::TcpFramer;

use super::directory::{Answer, Claim, Way};
use super::intake::SharedPorts;
use super::sources::{Place, Sources};
use crate::clock;
use crate::error::PlaneError;
use crate::facts::{FactKind, FactQueue};
use crate::guard::{self, caught};
use crate::rtcp;
use crate::sys::epoll::{Interest, Poller, Readiness};
use crate::sys::eventfd::EventFd;
use crate::sys::{address, bind};
use crate::worker::Command;

/// Connections that have not shown an SSRC of a session yet, and those of one host among them: a recorder or a
/// subordinate platform may open hundreds at once.
const WAITING_MAX: usize = 1_024;
const WAITING_PER_SOURCE: usize = 512;
/// How long a connection may take to show its first packet, and that packet to find its session.
const PATIENCE_US: u64 = 10_000_000;
/// Bytes in which the first packet must be whole: the largest one, with its framing and a vendor's header.
const HEAD_BYTES: usize = 72 << 10;
const READ_BYTES: usize = 8 << 10;
const EVENTS: usize = 64;
/// Time between two looks at those that wait.
const TICK_MS: i32 = 50;
const LISTENER: u64 = u64::MAX;
const THREAD: &str = "media-in-tcp";
/// Tests only: what happens when the code for one connection panics.
#[cfg(test)]
pub(crate) const PANICS: u32 = 0xDEAD_BEEF;
const BELL: u64 = u64::MAX - 1;

/// A connection with what was read of it.
pub(crate) struct Arrival {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    /// Bytes that were read already.
    pub(crate) head: Vec<u8>,
    /// An SSRC that was not agreed and that was waited for long enough.
    pub(crate) put_up_with: Option<u32>,
    /// Its place among the connections of its host.
    pub(crate) place: Option<Place>,
}

impl Arrival {
    /// A connection that nobody has read from.
    pub(crate) fn fresh(stream: TcpStream, peer: SocketAddr) -> Arrival {
        Arrival {
            stream,
            peer: address::plain(peer),
            head: Vec::new(),
            put_up_with: None,
            place: None,
        }
    }
}

/// Ends the thread.
pub(crate) struct Bell {
    stopped: AtomicBool,
    wake: EventFd,
}

impl Bell {
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.signal();
    }
}

/// The running thread: how to end it, and how to wait for that.
pub(crate) type Running = (Arc<Bell>, JoinHandle<()>);

struct Waiting {
    arrival: Arrival,
    framer: TcpFramer,
    ssrc: Option<u32>,
    /// Counted as unclaimed already.
    is_counted: bool,
    opened_at_us: u64,
    _early: Place,
}

struct Doorman {
    listener: TcpListener,
    poller: Poller,
    ports: Arc<SharedPorts>,
    facts: Arc<FactQueue>,
    bell: Arc<Bell>,
    early: Arc<Sources>,
    waiting: Vec<Option<Waiting>>,
    buffer: Vec<u8>,
}

/// Binds the listener and starts its thread.
pub(crate) fn spawn(
    listen: SocketAddr,
    ports: Arc<SharedPorts>,
    facts: Arc<FactQueue>,
) -> Result<Running, PlaneError> {
    let fail = |error| PlaneError::system(format!("shared TCP {listen}"), error);
    let listener = bind::tcp(listen).map_err(fail)?;
    let bell = Arc::new(Bell {
        stopped: AtomicBool::new(false),
        wake: EventFd::new().map_err(fail)?,
    });
    let poller = Poller::new(EVENTS).map_err(fail)?;
    for (fd, token) in [(listener.as_raw_fd(), LISTENER), (bell.wake.raw(), BELL)] {
        poller.add(fd, token, Interest::Read).map_err(fail)?;
    }
    let mut doorman = Doorman {
        listener,
        poller,
        ports,
        facts,
        bell: Arc::clone(&bell),
        early: Sources::new(WAITING_PER_SOURCE),
        waiting: Vec::new(),
        buffer: vec![0; READ_BYTES],
    };
    let facts = Arc::clone(&doorman.facts);
    let handle = guard::spawn(THREAD.into(), facts, move || doorman.run()).map_err(fail)?;
    Ok((bell, handle))
}

impl Doorman {
    fn run(&mut self) {
        let mut ready: Vec<Readiness> = Vec::with_capacity(EVENTS);
        while !self.bell.stopped.load(Ordering::Acquire) {
            let is_idle = self.waiting.iter().all(Option::is_none);
            let timeout_ms = if is_idle { -1 } else { TICK_MS };
            if self.poller.wait(timeout_ms, EVENTS, &mut ready).is_err() {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            let now_us = clock::monotonic_us();
            for readiness in &ready {
                match readiness.token {
                    LISTENER => self.accept(now_us),
                    BELL => self.bell.wake.clear(),
                    index => self.guarded(index as usize, |doorman, index| {
                        doorman.read(index, now_us);
                    }),
                }
            }
            for index in 0..self.waiting.len() {
                self.guarded(index, |doorman, index| doorman.look_again(index, now_us));
            }
            let waiting = self.waiting.iter().flatten().count();
            let counter = &self.ports.counters.waiting;
            counter.store(waiting, Ordering::Relaxed);
        }
    }

    /// Runs `work` for one connection. A panic costs that connection.
    fn guarded(&mut self, index: usize, work: impl FnOnce(&mut Doorman, usize)) {
        if let Err(message) = caught(|| work(self, index)) {
            guard::tell(THREAD, message, &self.facts);
            self.turn_away(index);
        }
    }

    fn accept(&mut self, now_us: u64) {
        // Bounded, so that a flood does not keep those that wait from being looked at.
        for _ in 0..EVENTS {
            let Ok((stream, peer)) = self.listener.accept() else {
                return;
            };
            let counter = if self.admit(Arrival::fresh(stream, peer), now_us) {
                &self.ports.counters.connections
            } else {
                &self.ports.counters.refused
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn admit(&mut self, mut arrival: Arrival, now_us: u64) -> bool {
        let free = self.waiting.iter().position(Option::is_none);
        let index = free.unwrap_or(self.waiting.len());
        if index >= WAITING_MAX || arrival.stream.set_nonblocking(true).is_err() {
            return false;
        }
        let ip = arrival.peer.ip();
        let (Some(place), Some(early)) = (self.ports.sources.admit(ip), self.early.admit(ip))
        else {
            return false;
        };
        let fd = arrival.stream.as_raw_fd();
        if self.poller.add(fd, index as u64, Interest::Read).is_err() {
            return false;
        }
        arrival.place = Some(place);
        let waiting = Some(Waiting {
            arrival,
            framer: TcpFramer::new(),
            ssrc: None,
            is_counted: false,
            opened_at_us: now_us,
            _early: early,
        });
        match self.waiting.get_mut(index) {
            Some(slot) => *slot = waiting,
            None => self.waiting.push(waiting),
        }
        true
    }

    fn read(&mut self, index: usize, now_us: u64) {
        let Some(Some(waiting)) = self.waiting.get_mut(index) else {
            return;
        };
        match waiting.arrival.stream.read(&mut self.buffer) {
            Ok(0) => self.turn_away(index),
            Ok(count) => {
                waiting.take(&self.buffer[..count]);
                if waiting.ssrc.is_some() {
                    // What follows stays in the kernel until it is known where to.
                    self.poller.remove(waiting.arrival.stream.as_raw_fd());
                    self.find(index, now_us);
                } else if waiting.arrival.head.len() > HEAD_BYTES {
                    self.turn_away(index);
                }
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.turn_away(index),
        }
    }

    /// Asks the directory for the session of a connection that has shown its SSRC.
    fn find(&mut self, index: usize, now_us: u64) {
        let Some(Some(waiting)) = self.waiting.get_mut(index) else {
            return;
        };
        let Some(ssrc) = waiting.ssrc else { return };
        #[cfg(test)]
        assert!(ssrc != PANICS, "asked for by a test");
        let source = waiting.arrival.peer;
        let count = u64::from(!std::mem::replace(&mut waiting.is_counted, true));
        let directory = &self.ports.directory;
        match directory.find(ssrc, source, Way::Tcp, count, now_us) {
            Answer::Known(claim) => self.hand_on(index, claim, None),
            Answer::PutUpWith(claim) => self.hand_on(index, claim, Some(ssrc)),
            Answer::Nobody { is_new: true } => self.facts.push(
                "",
                FactKind::UnknownSsrc {
                    ssrc,
                    source,
                    way: "tcp",
                },
            ),
            Answer::Nobody { is_new: false } => {}
        }
    }

    fn hand_on(&mut self, index: usize, claim: Claim, put_up_with: Option<u32>) {
        let Some(waiting) = self.waiting.get_mut(index).and_then(Option::take) else {
            return;
        };
        let mut arrival = waiting.arrival;
        arrival.put_up_with = put_up_with;
        if let Some(mailbox) = self.ports.mailbox(claim.worker) {
            mailbox.send(Command::Adopt(claim.key, Box::new(arrival)));
        }
    }

    /// Sessions may have been opened or told another SSRC meanwhile.
    fn look_again(&mut self, index: usize, now_us: u64) {
        let Some(Some(waiting)) = self.waiting.get(index) else {
            return;
        };
        let is_overdue = now_us.saturating_sub(waiting.opened_at_us) >= PATIENCE_US;
        if waiting.ssrc.is_some() {
            self.find(index, now_us);
        }
        if is_overdue {
            self.turn_away(index);
        }
    }

    fn turn_away(&mut self, index: usize) {
        if let Some(waiting) = self.waiting.get_mut(index).and_then(Option::take) {
            self.poller.remove(waiting.arrival.stream.as_raw_fd());
            self.ports
                .counters
                .unclaimed
                .fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Waiting {
    fn take(&mut self, bytes: &[u8]) {
        self.arrival.head.extend_from_slice(bytes);
        let ssrc = &mut self.ssrc;
        self.framer.feed(bytes, &mut |packet| {
            *ssrc = ssrc.or_else(|| rtcp::ssrc_of(packet));
        });
    }
}
