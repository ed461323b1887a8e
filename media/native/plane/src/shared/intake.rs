//! The sockets of the shared datagram port, and what a session that receives there keeps of its own.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::directory::{Directory, Way};
use super::handover::{HandOver, Parcel};
use super::routes::{Routes, Touched};
use super::sources::Sources;
use super::unknown::UnknownSsrc;
use crate::config::PlaneConfig;
use crate::error::PlaneError;
use crate::intake::report::Reporter;
use crate::receiver::Receiver;
use crate::sys::bind;
use crate::sys::socket;
use crate::worker::WorkerBox;

/// Rows of a snapshot's table of hosts.
const SOURCE_ROWS: usize = 64;

/// What all workers and the doorman know of the shared ports.
pub(crate) struct SharedPorts {
    pub(crate) directory: Directory,
    pub(crate) handovers: Vec<HandOver>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) counters: Counters,
    mailboxes: OnceLock<Vec<Arc<WorkerBox>>>,
    udp_port: u16,
    tcp_port: u16,
    buffer_bytes: usize,
    steered: bool,
}

/// Counted by several threads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) malformed: AtomicU64,
    pub(crate) stray_rtcp: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) unclaimed: AtomicU64,
    pub(crate) waiting: AtomicUsize,
}

/// What is known of the shared ports at one moment.
#[derive(Clone, Debug, Default)]
pub struct SharedPortStats {
    /// The datagram port; 0 = none.
    pub udp_port: u16,
    /// The listener; 0 = none.
    pub tcp_port: u16,
    /// Kernel buffer of each socket of the datagram port.
    pub receive_buffer_bytes: usize,
    /// The kernel gives each datagram to the worker of its SSRC.
    pub steered: bool,
    /// Datagrams that are no RTP.
    pub malformed: u64,
    /// RTCP of an SSRC that nobody claims.
    pub stray_rtcp: u64,
    /// Datagrams and connections with an SSRC that nobody claims.
    pub unknown: u64,
    /// The newest of them, by SSRC and host.
    pub unknown_rows: Vec<UnknownSsrc>,
    /// Datagrams that one worker handed to another.
    pub handed: u64,
    /// Such datagrams that were dropped because the other did not follow.
    pub handed_dropped: u64,
    /// Connections taken.
    pub connections: u64,
    /// Connections refused: too many of one host, or too many without a packet.
    pub refused: u64,
    /// Connections closed because no session claimed them in time.
    pub unclaimed: u64,
    /// Connections that have shown no SSRC of a session yet.
    pub waiting: usize,
    /// Open connections by host, the most first.
    pub sources: Vec<(std::net::IpAddr, usize)>,
}

/// The sockets of one worker.
pub(crate) struct SharedSockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: Arc<UdpSocket>,
}

/// One worker's part in the shared ports.
pub(crate) struct Share {
    pub(crate) ports: Arc<SharedPorts>,
    pub(crate) worker: usize,
    pub(crate) sockets: Option<SharedSockets>,
    pub(crate) routes: Routes,
    pub(crate) parcel: Parcel,
    pub(crate) touched: Touched,
    /// Workers that were handed something in this round.
    pub(crate) handed: Touched,
}

impl SharedPorts {
    /// Binds the datagram port once for each worker.
    pub(crate) fn open(
        config: &PlaneConfig,
        workers: usize,
    ) -> Result<(Arc<SharedPorts>, Vec<Share>), PlaneError> {
        let mut sockets: Vec<Option<SharedSockets>> = Vec::new();
        let (mut buffer_bytes, mut steered) = (0, false);
        for _ in 0..workers {
            sockets.push(None);
        }
        if config.shared_udp_port > 0 {
            for each in &mut sockets {
                let (made, granted) = bind_pair(config)?;
                buffer_bytes = granted;
                *each = Some(made);
            }
            steered = sockets.iter().flatten().take(1).all(|first| {
                bind::steer_by_ssrc(&first.rtp, workers)
                    && bind::steer_by_ssrc(&*first.rtcp, workers)
            });
        }
        let ports = Arc::new(SharedPorts {
            directory: Directory::new(
                config.ssrc_window_us,
                config.cool_down_us,
                config.strict_ssrc,
            ),
            handovers: (0..workers).map(|_| HandOver::default()).collect(),
            sources: Sources::new(config.connections_per_source),
            counters: Counters::default(),
            mailboxes: OnceLock::new(),
            udp_port: config.shared_udp_port,
            tcp_port: config.shared_tcp_port,
            buffer_bytes,
            steered,
        });
        let shares = sockets
            .into_iter()
            .enumerate()
            .map(|(worker, sockets)| Share {
                ports: Arc::clone(&ports),
                worker,
                sockets,
                routes: Routes::default(),
                parcel: Parcel::default(),
                touched: Touched::default(),
                handed: Touched::default(),
            })
            .collect();
        Ok((ports, shares))
    }

    /// The workers, once they run.
    pub(crate) fn set_mailboxes(&self, mailboxes: Vec<Arc<WorkerBox>>) {
        let _ = self.mailboxes.set(mailboxes);
    }

    pub(crate) fn mailbox(&self, worker: usize) -> Option<&Arc<WorkerBox>> {
        self.mailboxes.get()?.get(worker)
    }

    /// The port, and the kernel's buffer, of a way in.
    pub(crate) fn port(&self, way: Way) -> Option<(u16, usize)> {
        let (port, buffer) = match way {
            Way::Udp => (self.udp_port, self.buffer_bytes),
            Way::Tcp => (self.tcp_port, 0),
        };
        (port > 0).then_some((port, buffer))
    }

    pub(crate) fn stats(&self) -> SharedPortStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (unknown, unknown_rows) = self.directory.unknown();
        let counts = self.handovers.iter().map(HandOver::counts);
        let (handed, handed_dropped) =
            counts.fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
        SharedPortStats {
            udp_port: self.udp_port,
            tcp_port: self.tcp_port,
            receive_buffer_bytes: self.buffer_bytes,
            steered: self.steered,
            malformed: read(&self.counters.malformed),
            stray_rtcp: read(&self.counters.stray_rtcp),
            unknown,
            unknown_rows,
            handed,
            handed_dropped,
            connections: read(&self.counters.connections),
            refused: read(&self.counters.refused),
            unclaimed: read(&self.counters.unclaimed),
            waiting: self.counters.waiting.load(Ordering::Relaxed),
            sources: self.sources.rows(SOURCE_ROWS),
        }
    }
}

fn bind_pair(config: &PlaneConfig) -> Result<(SharedSockets, usize), PlaneError> {
    let host = config.receive_host.parse().map_err(|_| {
        PlaneError::BadArgument(format!("{:?} is no IP address", config.receive_host))
    })?;
    let above = config
        .shared_udp_port
        .checked_add(1)
        .ok_or_else(|| PlaneError::BadArgument("no port above 65535 for RTCP".into()))?;
    let bound = |port: u16| {
        let address = SocketAddr::new(host, port);
        bind::udp(address, true)
            .map_err(|error| PlaneError::system(format!("shared UDP {address}"), error))
    };
    let (rtp, rtcp) = (bound(config.shared_udp_port)?, bound(above)?);
    let granted = socket::set_receive_buffer(&rtp, config.shared_buffer_bytes);
    socket::enable_udp_gro(&rtp);
    let sockets = SharedSockets {
        rtp,
        rtcp: Arc::new(rtcp),
    };
    Ok((sockets, granted))
}

/// Tells the directory whether a session's media comes.
pub(crate) struct Member {
    ports: Arc<SharedPorts>,
    key: u64,
    media: Option<SocketAddr>,
}

impl Member {
    pub(crate) fn new(ports: Arc<SharedPorts>, key: u64) -> Member {
        Member {
            ports,
            key,
            media: None,
        }
    }

    pub(crate) fn attend(&mut self, receiver: &Receiver, now_us: u64) {
        let locked = receiver.source_lock.locked();
        let media = locked
            .filter(|_| receiver.source_lock.is_alive(now_us))
            .map(|(source, _)| source);
        if media != self.media {
            self.media = media;
            self.ports.directory.media_from(self.key, media);
        }
    }
}

/// A session's own things at the shared datagram port.
pub(crate) struct SharedIntake {
    port: u16,
    member: Member,
    reporter: Reporter,
    /// Of the session's worker; set when the worker takes the session.
    rtcp: Option<Arc<UdpSocket>>,
}

impl SharedIntake {
    pub(crate) fn new(ports: Arc<SharedPorts>, key: u64, port: u16) -> SharedIntake {
        SharedIntake {
            port,
            member: Member::new(ports, key),
            reporter: Reporter::new(key as u32),
            rtcp: None,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn move_in(&mut self, share: &Share) {
        self.rtcp = share
            .sockets
            .as_ref()
            .map(|sockets| Arc::clone(&sockets.rtcp));
    }

    /// One RTCP packet of the RTCP port.
    pub(crate) fn receive_rtcp(
        &mut self,
        source: SocketAddr,
        packet: &[u8],
        receiver: &mut Receiver,
        now_us: u64,
    ) {
        self.reporter.receive_rtcp(source, packet, receiver, now_us);
    }

    pub(crate) fn tick(&mut self, receiver: &mut Receiver, now_us: u64) {
        self.member.attend(receiver, now_us);
        if let Some(rtcp) = &self.rtcp {
            self.reporter.send(rtcp, receiver, now_us);
        }
    }
}
