//! RTMP: the listener, and our pushes to other servers.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use tongshi_wire::rtmp::PushTarget;

use super::{Plane, check_id, resolve};
use crate::config::PlaneConfig;
use crate::error::PlaneError;
use crate::facts::FactQueue;
use crate::outputs::inbox::{Desk, Desks};
use crate::outputs::publishing::Publishing;
use crate::outputs::rtmp::desk::{Links, RtmpDesk};
use crate::outputs::rtmp::push::{PushBox, PushCommand, PushRequest, PushShared, PushStats};
use crate::outputs::server::SessionMap;
use crate::sync::lock;
use crate::worker::WorkerBox;

/// Binds the listener, if there is to be one.
pub(super) fn listen(config: &PlaneConfig) -> Result<Option<TcpListener>, PlaneError> {
    if config.rtmp_port == 0 {
        return Ok(None);
    }
    let address = resolve(&config.output_host, config.rtmp_port)?;
    TcpListener::bind(address)
        .map(Some)
        .map_err(|error| PlaneError::system(format!("RTMP TCP {address}"), error))
}

/// The desk, not running yet, with what the plane needs to speak to it. It also runs without a listener: for our
/// own pushes.
pub(super) fn desk(
    config: &PlaneConfig,
    listener: Option<TcpListener>,
    (sessions, mailboxes): (&Arc<SessionMap>, &[Arc<WorkerBox>]),
    (outputs, facts): (&Arc<Desks>, &Arc<FactQueue>),
) -> io::Result<(RtmpDesk, Arc<Publishing>, Arc<PushBox>)> {
    let publishing = Arc::new(Publishing::new(
        (Arc::clone(facts), Arc::clone(outputs)),
        (Arc::clone(sessions), mailboxes.to_vec()),
        (config.publish_replaces, config.relock_us),
    ));
    let pushes = Arc::new(PushBox::new()?);
    let links = Links {
        sessions: Arc::clone(sessions),
        inbox: outputs.inbox(Desk::Rtmp),
        facts: Arc::clone(facts),
        publishing: Arc::clone(&publishing),
        pushes: Arc::clone(&pushes),
    };
    let desk = RtmpDesk::new(config.clone(), listener, links)?;
    Ok((desk, publishing, pushes))
}

impl Plane {
    /// Pushes a session to another server until [`Plane::close_push`] or the end of the session. Facts tell how
    /// it goes.
    pub fn open_push(&self, session_id: &str, request: &PushRequest) -> Result<(), PlaneError> {
        self.check_open()?;
        check_id(&request.push_id)?;
        let target = PushTarget::parse(&request.url).ok_or_else(|| {
            PlaneError::BadArgument("a push goes to rtmp://host[:port]/app/name".into())
        })?;
        let shared = Arc::new(PushShared {
            key: self.next_key.fetch_add(1, Ordering::Relaxed),
            request: request.clone(),
            target,
            session: self.session(session_id)?,
            stats: Mutex::default(),
        });
        if !self.pushes.insert(Arc::clone(&shared)) {
            let push_id = &request.push_id;
            return Err(PlaneError::BadArgument(format!(
                "a push has the id {push_id} already"
            )));
        }
        self.pushes.send(PushCommand::Open(shared));
        Ok(())
    }

    /// Ends a push; false when it has ended before.
    pub fn close_push(&self, push_id: &str, reason: &str) -> bool {
        let Some(push) = self.pushes.get(push_id) else {
            return false;
        };
        self.pushes
            .send(PushCommand::Close(push.key, reason.to_owned()));
        true
    }

    /// The counters of a push, while it is open.
    pub fn push_stats(&self, push_id: &str) -> Option<PushStats> {
        let push = self.pushes.get(push_id)?;
        let stats = lock(&push.stats).clone();
        Some(stats)
    }
}
