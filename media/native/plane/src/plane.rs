//! The face of this crate: few coarse calls, from any thread.

mod asking;
mod desks;
mod feeding;
mod opening;
mod playing;
mod relaying;
mod rtmp;
mod sharing;
mod tapping;
mod viewing;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::config::PlaneConfig;
use crate::error::PlaneError;
use crate::facts::{Fact, FactQueue};
use crate::former::Formers;
use crate::outputs::inbox::{Desk, Desks};
use crate::outputs::publishing::Publishing;
use crate::outputs::rtmp::push::PushBox;
use crate::outputs::server::{Server, SessionMap};
use crate::outputs::tls::Certificate;
use crate::recorder::RecorderConfig;
use crate::recorder::disk::{self, DiskQueue, Job};
use crate::recorder::port::RecorderPort;
use crate::recordings::{self, Order, PacerBox};
use crate::senders::RelayConfig;
use crate::session::{SessionShared, SessionSnapshot, Transport};
use crate::shared::doorman::Running;
use crate::shared::intake::SharedPorts;
use crate::sync::lock;
use crate::sys::memory;
use crate::worker::{self, Command, WorkerBox};

/// Longest wait for a worker to close a session.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// What a session is opened with.
#[derive(Clone, Debug)]
pub struct SessionRequest {
    /// Unique; part of the URLs.
    pub session_id: String,
    /// How packets come.
    pub transport: Transport,
    /// Local address to receive on.
    pub host: IpAddr,
    /// Local port; 0 = any.
    pub port: u16,
    /// SSRC agreed in the offer, if any.
    pub ssrc: Option<u32>,
    /// Never take another SSRC.
    pub strict_ssrc: bool,
    /// Receive on the shared port of the transport; an SSRC is agreed then.
    pub shared: bool,
}

struct Threads {
    workers: Vec<(Arc<WorkerBox>, JoinHandle<()>)>,
    desks: Vec<JoinHandle<()>>,
    disk: Option<JoinHandle<()>>,
    doorman: Option<Running>,
    pacer: Option<JoinHandle<()>>,
}

/// The data plane: receiving threads, one output thread, one disk thread.
pub struct Plane {
    config: PlaneConfig,
    relay: Arc<RelayConfig>,
    facts: Arc<FactQueue>,
    sessions: Arc<SessionMap>,
    pub(crate) outputs: Arc<Desks>,
    disk: Arc<DiskQueue>,
    shared: Arc<SharedPorts>,
    pacer: Arc<PacerBox>,
    formers: Mutex<Formers>,
    address: SocketAddr,
    rtsp_address: Option<SocketAddr>,
    mailboxes: Vec<Arc<WorkerBox>>,
    publishing: Arc<Publishing>,
    pushes: Arc<PushBox>,
    threads: Mutex<Option<Threads>>,
    captures: Mutex<Vec<JoinHandle<()>>>,
    next_key: AtomicU64,
    next_worker: AtomicUsize,
}

impl Plane {
    /// Binds the listener for viewers and starts the threads.
    pub fn open(config: PlaneConfig) -> Result<Plane, PlaneError> {
        memory::keep_freed();
        let address = resolve(&config.output_host, config.output_port)?;
        let thread_error = |error| PlaneError::system("thread", error);
        let facts = Arc::new(FactQueue::new().map_err(thread_error)?);
        let sessions: Arc<SessionMap> = Arc::new(RwLock::new(HashMap::new()));
        let outputs = Arc::new(Desks::new().map_err(thread_error)?);
        let (mut server, address) = Server::bind(
            config.clone(),
            address,
            Certificate::of(&config)?,
            Arc::clone(&sessions),
            outputs.inbox(Desk::Http),
            Arc::clone(&facts),
        )
        .map_err(|error| PlaneError::system(format!("TCP {address}"), error))?;
        let rtsp = desks::bind_rtsp(&config)?;
        let rtmp_listener = rtmp::listen(&config)?;
        let (shared, shares) = SharedPorts::open(&config, config.threads.max(1))?;
        let disk_queue = Arc::new(DiskQueue::default());
        let disk =
            disk::spawn(Arc::clone(&disk_queue), Arc::clone(&facts)).map_err(thread_error)?;
        let workers = shares
            .into_iter()
            .map(|share| {
                worker::spawn(
                    share,
                    Arc::clone(&outputs),
                    Arc::clone(&facts),
                    config.nap_us,
                )
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(thread_error)?;
        let mailboxes: Vec<Arc<WorkerBox>> = workers
            .iter()
            .map(|(mailbox, _)| Arc::clone(mailbox))
            .collect();
        shared.set_mailboxes(mailboxes.clone());
        let doorman = sharing::open_door(&config, &shared, &facts)?;
        let (pacer_box, pacer) = recordings::spawn(&config, &facts).map_err(thread_error)?;
        let (mut rtmp, publishing, pushes) = rtmp::desk(
            &config,
            rtmp_listener,
            (&sessions, &mailboxes),
            (&outputs, &facts),
        )
        .map_err(thread_error)?;
        let rtsp_address = rtsp.as_ref().map(|sockets| sockets.address);
        let mut desks = vec![desks::spawn("media-out", &facts, move || server.run())?];
        if let Some(sockets) = rtsp {
            let told = (&*outputs, &facts);
            let mut desk = desks::rtsp(sockets, &config, &sessions, told, &publishing)?;
            desks.push(desks::spawn("media-rtsp", &facts, move || desk.run())?);
        }
        desks.push(desks::spawn("media-rtmp", &facts, move || rtmp.run())?);
        Ok(Plane {
            relay: Arc::new(config.relay.clone()),
            config,
            facts,
            sessions,
            outputs,
            disk: disk_queue,
            shared,
            pacer: pacer_box,
            formers: Mutex::default(),
            address,
            rtsp_address,
            mailboxes,
            publishing,
            pushes,
            threads: Mutex::new(Some(Threads {
                workers,
                desks,
                disk: Some(disk),
                doorman,
                pacer: Some(pacer),
            })),
            captures: Mutex::default(),
            next_key: AtomicU64::new(1),
            next_worker: AtomicUsize::new(0),
        })
    }

    /// Where viewers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Readable while facts wait.
    pub fn fact_fd(&self) -> i32 {
        self.facts.raw_fd()
    }

    /// All facts since the last call, and how many were lost because nobody called.
    pub fn drain_facts(&self) -> (Vec<Fact>, u64) {
        self.facts.drain()
    }

    /// What is known about one session.
    pub fn snapshot(&self, session_id: &str) -> Result<SessionSnapshot, PlaneError> {
        Ok(self.seen(&*self.session(session_id)?))
    }

    /// What is known about all sessions.
    pub fn snapshots(&self) -> Vec<SessionSnapshot> {
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        let sessions: Vec<Arc<SessionShared>> = sessions.values().cloned().collect();
        sessions.iter().map(|session| self.seen(session)).collect()
    }

    /// Codec and Annex B bytes of the newest key frame.
    pub fn keyframe(
        &self,
        session_id: &str,
    ) -> Result<Option<(&'static str, Vec<u8>)>, PlaneError> {
        Ok(self.session(session_id)?.keyframe())
    }

    /// Begins to record.
    pub fn attach_recorder(
        &self,
        session_id: &str,
        recorder: RecorderConfig,
    ) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        check_id(&recorder.run)?;
        if recorder.segment_us == 0 || recorder.fragment_us == 0 {
            return Err(PlaneError::BadArgument(
                "a segment and a fragment last longer than 0".into(),
            ));
        }
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        let (worker, session_key) = (session.worker, session.key);
        let links = (Arc::clone(&self.disk), Arc::clone(&self.facts));
        let port = RecorderPort::new(
            key,
            recorder,
            session,
            links,
            self.config.recorder_queue_bytes,
        );
        self.mailboxes[worker].send(Command::Attach(session_key, Box::new(port)));
        Ok(())
    }

    /// Ends a recording; facts tell when its file is closed.
    pub fn detach_recorder(&self, session_id: &str, recorder_id: &str) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        self.mailboxes[session.worker].send(Command::Detach(session.key, recorder_id.to_owned()));
        Ok(())
    }

    /// Ends a session. When this returns its port is free.
    pub fn close_session(&self, session_id: &str, reason: &str) -> Result<(), PlaneError> {
        let mut sessions = self
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let session = sessions
            .remove(session_id)
            .ok_or_else(|| PlaneError::UnknownSession(session_id.to_owned()))?;
        drop(sessions);
        self.shared
            .directory
            .close(session.key, clock::monotonic_us());
        let (done, closed) = mpsc::sync_channel(1);
        self.mailboxes[session.worker].send(Command::Close(session.key, reason.to_owned(), done));
        // A worker that is gone drops its end; a stuck one is not waited for longer.
        let _ = closed.recv_timeout(CLOSE_WAIT);
        self.remember_sender(&session);
        Ok(())
    }

    /// Ends all sessions and joins all threads. The second call does nothing.
    pub fn close(&self) {
        let Some(mut threads) = lock(&self.threads).take() else {
            return;
        };
        if let Some((bell, handle)) = threads.doorman.take() {
            bell.stop();
            let _ = handle.join();
        }
        self.pacer.post(Order::Stop);
        for (mailbox, _) in &threads.workers {
            mailbox.send(Command::Stop);
        }
        for (_, handle) in threads.workers.drain(..) {
            let _ = handle.join();
        }
        self.join_captures();
        self.outputs.stop();
        self.disk.push(Job::Stop);
        let others = [&mut threads.disk, &mut threads.pacer].map(Option::take);
        for handle in threads.desks.drain(..).chain(others.into_iter().flatten()) {
            let _ = handle.join();
        }
        self.sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn check_open(&self) -> Result<(), PlaneError> {
        if lock(&self.threads).is_some() {
            Ok(())
        } else {
            Err(PlaneError::Closed)
        }
    }

    pub(crate) fn session(&self, session_id: &str) -> Result<Arc<SessionShared>, PlaneError> {
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        sessions
            .get(session_id)
            .cloned()
            .ok_or_else(|| PlaneError::UnknownSession(session_id.to_owned()))
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.close();
    }
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, PlaneError> {
    (host, port)
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| PlaneError::BadArgument(format!("{host} is no address of this machine")))
}

/// Ids become parts of URLs and file names.
fn check_id(id: &str) -> Result<(), PlaneError> {
    let good = !id.is_empty()
        && id.len() <= 64
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if good {
        Ok(())
    } else {
        Err(PlaneError::BadArgument(format!(
            "{id:?} is no id: 1 to 64 of A-Z a-z 0-9 - _"
        )))
    }
}

#[cfg(test)]
#[path = "plane_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "panic_tests.rs"]
mod panic_tests;
