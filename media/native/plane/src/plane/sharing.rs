//! The calls about ports that sessions share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Plane, SessionRequest};
use crate::clock;
use crate::config::PlaneConfig;
use crate::error::PlaneError;
use crate::facts::FactQueue;
use crate::intake::Intake;
use crate::session::{SessionShared, SessionSnapshot, Transport};
use crate::shared::directory::{Claim, Way};
use crate::shared::doorman::{self, Running};
use crate::shared::intake::{SharedPortStats, SharedPorts};
use crate::sync::lock;
use crate::sys::bind::{BufferGrant, probe_buffers};

impl Plane {
    /// The device of a session on a shared port is, or may be, at this address; `port`: what its answer announced.
    pub fn expect_peer(
        &self,
        session_id: &str,
        ip: IpAddr,
        port: Option<u16>,
    ) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        self.shared
            .directory
            .expect_peer(session.key, ip.to_canonical(), port);
        Ok(())
    }

    /// What is known about the shared ports.
    pub fn shared_ports(&self) -> SharedPortStats {
        self.shared.stats()
    }

    /// Asks the system for buffers of `bytes` for a socket that is thrown away.
    pub fn probe_buffers(bytes: usize) -> Result<BufferGrant, PlaneError> {
        probe_buffers(bytes).map_err(|error| PlaneError::system("socket buffers", error))
    }

    /// A place at a shared port; the session belongs to the worker that the kernel gives its SSRC to.
    pub(super) fn open_shared(
        &self,
        request: &SessionRequest,
        (key, worker): &mut (u64, usize),
    ) -> Result<(Intake, usize), PlaneError> {
        let bad = |text: &str| PlaneError::BadArgument(text.into());
        let way = match request.transport {
            Transport::Udp => Way::Udp,
            Transport::TcpPassive => Way::Tcp,
            Transport::Fed | Transport::Recorded => return Err(bad("frames need no port")),
        };
        let (port, granted) = self
            .shared
            .port(way)
            .ok_or_else(|| bad("there is no shared port for this transport"))?;
        let ssrc = request
            .ssrc
            .ok_or_else(|| bad("a session on a shared port needs an SSRC"))?;
        *worker = ssrc as usize % self.mailboxes.len();
        let claim = Claim {
            key: *key,
            worker: *worker,
            way,
        };
        let directory = &self.shared.directory;
        directory.open(ssrc, claim, clock::monotonic_us())?;
        Ok((Intake::shared(&self.shared, way, port, *key), granted))
    }

    /// What a session of a port of its own received last, for the next session there.
    pub(super) fn remember_sender(&self, session: &SessionShared) {
        let is_shared = [Way::Udp, Way::Tcp]
            .iter()
            .filter_map(|way| self.shared.port(*way))
            .any(|(port, _)| port == session.port);
        if session.port > 0 && !is_shared {
            let stats = lock(&session.stats);
            lock(&self.formers).remember(session.transport, session.port, &stats);
        }
    }

    /// A snapshot with what only the directory knows.
    pub(super) fn seen(&self, session: &SessionShared) -> SessionSnapshot {
        let mut snapshot = session.snapshot();
        snapshot.stats.wrong_ssrc += self.shared.directory.foreign(session.key);
        snapshot
    }
}

/// Starts the thread of the shared listener, where there is one.
pub(super) fn open_door(
    config: &PlaneConfig,
    ports: &Arc<SharedPorts>,
    facts: &Arc<FactQueue>,
) -> Result<Option<Running>, PlaneError> {
    if config.shared_tcp_port == 0 {
        return Ok(None);
    }
    let host: IpAddr = config.receive_host.parse().map_err(|_| {
        PlaneError::BadArgument(format!("{:?} is no IP address", config.receive_host))
    })?;
    let listen = SocketAddr::new(host, config.shared_tcp_port);
    let (ports, facts) = (Arc::clone(ports), Arc::clone(facts));
    doorman::spawn(listen, ports, facts).map(Some)
}
