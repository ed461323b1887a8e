//! Our pushes to other servers, as their owner sees them; and the mailbox of the thread that carries them.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tongshi_wire::rtmp::PushTarget;

use crate::guard::caught;
use crate::session::SessionShared;
use crate::sync::lock;
use crate::sys::eventfd::EventFd;

/// Longest wait for one address of the server.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

/// What a push is asked to be.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// Unique among the pushes of this plane.
    pub push_id: String,
    /// `rtmp://host[:port]/app/name[?query]`.
    pub url: String,
    /// Send G.711 as FLV codec 7 or 8; else such a stream goes without sound.
    pub g711: bool,
    /// Send H.265 in the enhanced form; else such a stream is not sent.
    pub h265: bool,
}

/// Where a push is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PushState {
    /// A connection is being made.
    #[default]
    Connecting,
    /// The server takes the stream.
    Running,
    /// The last attempt failed; the next one follows.
    Waiting,
    /// Over.
    Closed,
}

impl PushState {
    /// The name in facts.
    pub fn name(self) -> &'static str {
        match self {
            PushState::Connecting => "connecting",
            PushState::Running => "running",
            PushState::Waiting => "waiting",
            PushState::Closed => "closed",
        }
    }
}

/// Counters of one push. They only rise.
#[derive(Clone, Debug, Default)]
pub struct PushStats {
    /// Where it is.
    pub state: PushState,
    /// Connections tried.
    pub attempts: u64,
    /// Connections on which the server took the stream.
    pub connections: u64,
    /// Bytes sent, of all connections.
    pub sent_bytes: u64,
    /// Units left out because the server was too slow.
    pub skipped: u64,
    /// Why the last connection ended; empty before.
    pub last_reason: String,
}

/// One push, shared by its owner and the desk.
pub(crate) struct PushShared {
    pub(crate) key: u64,
    pub(crate) request: PushRequest,
    pub(crate) target: PushTarget,
    pub(crate) session: Arc<SessionShared>,
    pub(crate) stats: Mutex<PushStats>,
}

/// What the desk is asked.
pub(crate) enum PushCommand {
    Open(Arc<PushShared>),
    Close(u64, String),
    /// A connection of the push with this key, from this attempt.
    Connected(u64, u64, io::Result<TcpStream>),
}

/// The mailbox of the desk for pushes, and the list of all of them.
pub(crate) struct PushBox {
    commands: Mutex<VecDeque<PushCommand>>,
    wake: EventFd,
    open: Mutex<HashMap<String, Arc<PushShared>>>,
}

impl PushBox {
    pub(crate) fn new() -> io::Result<PushBox> {
        Ok(PushBox {
            commands: Mutex::default(),
            wake: EventFd::new()?,
            open: Mutex::default(),
        })
    }

    pub(crate) fn send(&self, command: PushCommand) {
        lock(&self.commands).push_back(command);
        self.wake.signal();
    }

    pub(crate) fn take(&self) -> VecDeque<PushCommand> {
        self.wake.clear();
        std::mem::take(&mut *lock(&self.commands))
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.wake.raw()
    }

    /// Adds a push; false when the id is taken.
    pub(crate) fn insert(&self, push: Arc<PushShared>) -> bool {
        let mut open = lock(&self.open);
        let is_new = !open.contains_key(&push.request.push_id);
        if is_new {
            open.insert(push.request.push_id.clone(), push);
        }
        is_new
    }

    pub(crate) fn get(&self, push_id: &str) -> Option<Arc<PushShared>> {
        lock(&self.open).get(push_id).cloned()
    }

    pub(crate) fn remove(&self, push_id: &str) {
        lock(&self.open).remove(push_id);
    }
}

/// Resolves the name and connects, in a thread of its own: both may take long.
pub(crate) fn connect(mailbox: &Arc<PushBox>, push: &PushShared, attempt: u64) {
    let (key, target) = (push.key, push.target.clone());
    let to = Arc::clone(mailbox);
    let spawned = std::thread::Builder::new()
        .name("media-push".into())
        .spawn(move || {
            let made = caught(|| open(&target));
            let made = made.unwrap_or_else(|message| Err(io::Error::other(message)));
            to.send(PushCommand::Connected(key, attempt, made));
        });
    if let Err(error) = spawned {
        mailbox.send(PushCommand::Connected(key, attempt, Err(error)));
    }
}

fn open(target: &PushTarget) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (target.host.as_str(), target.port)
        .to_socket_addrs()?
        .take(MAX_ADDRESSES)
    {
        match TcpStream::connect_timeout(&address, CONNECT_WAIT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
