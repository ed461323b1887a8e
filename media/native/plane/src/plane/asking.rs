//! What the owner asks of a running session: its loss policy, its payload types, a capture of what arrives.

use std::net::{IpAddr, SocketAddr};
use std::thread::JoinHandle;

use tongshi_wire::ingest::Label;

use super::{Plane, check_id};
use crate::capture::{CapturePort, CaptureRequest};
use crate::error::PlaneError;
use crate::receiver::Ask;
use crate::session::{SessionShared, Transport};
use crate::sync::lock;
use crate::worker::Command;

/// Captures at a time, over all sessions.
pub const MAX_CAPTURES: usize = 8;

impl Plane {
    /// Damaged pictures are passed on, marked, or dropped up to the next key frame.
    pub fn pass_damaged(&self, session_id: &str, pass: bool) -> Result<(), PlaneError> {
        self.ask(session_id, Ask::PassDamaged(pass))
    }

    /// The session description says what a payload type is, and gives parameter sets of video. The bytes may
    /// prove otherwise.
    pub fn name_payload(
        &self,
        session_id: &str,
        payload_type: u8,
        label: Label,
        sets: Vec<Vec<u8>>,
    ) -> Result<(), PlaneError> {
        if payload_type > 127 {
            return Err(PlaneError::BadArgument(format!(
                "{payload_type} is no payload type"
            )));
        }
        self.ask(session_id, Ask::Name(payload_type, label, sets))
    }

    /// Begins to write down what arrives; a capture that runs for the session ends. Its end is a fact.
    pub fn start_capture(
        &self,
        session_id: &str,
        request: CaptureRequest,
    ) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        check_id(&request.capture_id)?;
        if request.max_bytes == 0 || request.max_us == 0 {
            return Err(PlaneError::BadArgument("a capture of nothing".into()));
        }
        if matches!(session.transport, Transport::Fed | Transport::Recorded) {
            return Err(PlaneError::BadArgument(format!(
                "{session_id} receives no packets"
            )));
        }
        let mut running = lock(&self.captures);
        join_finished(&mut running);
        if running.len() >= MAX_CAPTURES {
            return Err(PlaneError::BadArgument(format!(
                "{MAX_CAPTURES} captures run already"
            )));
        }
        let datagrams = session.transport == Transport::Udp;
        let local = self.local_address(&session);
        let facts = std::sync::Arc::clone(&self.facts);
        let (port, handle) = CapturePort::open(request, session_id, local, datagrams, facts)?;
        running.push(handle);
        drop(running);
        self.ask(session_id, Ask::Capture(Box::new(port)))
    }

    /// Ends the capture of a session, if one runs.
    pub fn stop_capture(&self, session_id: &str) -> Result<(), PlaneError> {
        self.ask(session_id, Ask::EndCapture("stopped"))
    }

    fn ask(&self, session_id: &str, ask: Ask) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        self.mailboxes[session.worker].send(Command::Ask(session.key, ask));
        Ok(())
    }

    /// Where the session receives, as far as a capture needs to know.
    fn local_address(&self, session: &SessionShared) -> SocketAddr {
        let host = self.config.receive_host.parse();
        SocketAddr::new(host.unwrap_or(IpAddr::from([0, 0, 0, 0])), session.port)
    }

    /// All sessions are closed: their captures end by themselves and are waited for.
    pub(super) fn join_captures(&self) {
        for handle in lock(&self.captures).drain(..) {
            let _ = handle.join();
        }
    }
}

fn join_finished(running: &mut Vec<JoinHandle<()>>) {
    let (finished, rest): (Vec<_>, Vec<_>) = running.drain(..).partition(JoinHandle::is_finished);
    *running = rest;
    for handle in finished {
        let _ = handle.join();
    }
}
