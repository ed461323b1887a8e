//! The threads that serve viewers, one for each protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::{Plane, resolve};
use crate::config::PlaneConfig;
use crate::error::PlaneError;
use crate::facts::FactQueue;
use crate::guard;
use crate::outputs::inbox::{Desk, Desks};
use crate::outputs::publishing::Publishing;
use crate::outputs::rtsp::desk::{Desk as RtspDesk, DeskParts, Sockets};
use crate::outputs::server::SessionMap;

impl Plane {
    /// Where RTSP players connect, if they may.
    pub fn rtsp_address(&self) -> Option<SocketAddr> {
        self.rtsp_address
    }
}

/// Binds the sockets of the RTSP desk, if it has a port.
pub(super) fn bind_rtsp(config: &PlaneConfig) -> Result<Option<Sockets>, PlaneError> {
    if config.rtsp.port == 0 {
        return Ok(None);
    }
    let address = resolve(&config.output_host, config.rtsp.port)?;
    Sockets::bind(config, address)
        .map(Some)
        .map_err(|error| PlaneError::system(format!("RTSP {address}"), error))
}

/// The desk behind these sockets, not running yet.
pub(super) fn rtsp(
    sockets: Sockets,
    config: &PlaneConfig,
    sessions: &Arc<SessionMap>,
    (outputs, facts): (&Desks, &Arc<FactQueue>),
    publishing: &Arc<Publishing>,
) -> Result<RtspDesk, PlaneError> {
    let parts = DeskParts {
        config: config.clone(),
        sessions: Arc::clone(sessions),
        inbox: outputs.inbox(Desk::Rtsp),
        facts: Arc::clone(facts),
        publishing: Arc::clone(publishing),
    };
    RtspDesk::new(parts, sockets).map_err(|error| PlaneError::system("RTSP desk", error))
}

/// Starts a thread that runs until its inbox says [`Stop`](crate::outputs::inbox::Delivery::Stop).
pub(super) fn spawn(
    name: &str,
    facts: &Arc<FactQueue>,
    run: impl FnMut() + Send + 'static,
) -> Result<JoinHandle<()>, PlaneError> {
    guard::spawn(name.into(), Arc::clone(facts), run)
        .map_err(|error| PlaneError::system("thread", error))
}
