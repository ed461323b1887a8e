//! Sessions that receive: how they are opened, and what their senders are expected to be.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Plane, SessionRequest, check_id};
use crate::clock;
use crate::error::PlaneError;
use crate::intake::Intake;
use crate::receiver::Receiver;
use crate::session::{SessionShared, Transport};
use crate::shared::doorman::Arrival;
use crate::source_lock::SourceLock;
use crate::sync::lock;
use crate::worker::Command;

impl Plane {
    /// Binds the port and begins to receive; the port's number.
    pub fn open_session(&self, request: &SessionRequest) -> Result<u16, PlaneError> {
        self.check_open()?;
        check_id(&request.session_id)?;
        let bytes = self.config.receive_buffer_bytes;
        let mut place = self.next_place();
        let (intake, granted) = match request.transport {
            _ if request.shared => self.open_shared(request, &mut place)?,
            Transport::Udp => Intake::udp(request.host, request.port, bytes)?,
            Transport::TcpPassive => Intake::tcp(request.host, request.port, bytes)?,
            Transport::Fed | Transport::Recorded => {
                return Err(PlaneError::BadArgument("frames need no port".into()));
            }
        };
        let source_lock = SourceLock::new(
            request.ssrc,
            request.strict_ssrc,
            self.config.ssrc_window_us,
            self.config.relock_us,
        );
        self.start_session(
            &request.session_id,
            request.transport,
            place,
            (intake, granted),
            source_lock,
        )
    }

    /// A new key, and the worker whose turn it is.
    pub(super) fn next_place(&self) -> (u64, usize) {
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        let turn = self.next_worker.fetch_add(1, Ordering::Relaxed);
        (key, turn % self.mailboxes.len())
    }

    pub(super) fn start_session(
        &self,
        session_id: &str,
        transport: Transport,
        (key, worker): (u64, usize),
        (intake, granted): (Intake, usize),
        source_lock: SourceLock,
    ) -> Result<u16, PlaneError> {
        let port = intake.port();
        let session_id = session_id.to_owned();
        let shared = SessionShared::new(
            session_id.clone(),
            key,
            worker,
            (transport, port),
            &self.config,
        );
        lock(&shared.stats).receive_buffer_bytes = granted;
        let shared = Arc::new(shared);
        let mut receiver = Receiver::new(
            Arc::clone(&shared),
            source_lock,
            Arc::clone(&self.facts),
            &self.config,
        );
        receiver.former = lock(&self.formers).of(transport, port);
        let mut sessions = self
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if sessions.contains_key(&session_id) {
            self.shared.directory.close(key, clock::monotonic_us());
            return Err(PlaneError::DuplicateSession(session_id));
        }
        sessions.insert(session_id, shared);
        drop(sessions);
        self.mailboxes[worker].send(Command::Open(Box::new(receiver), Box::new(intake)));
        Ok(port)
    }

    /// The answer named its SSRC.
    pub fn expect_ssrc(&self, session_id: &str, ssrc: u32) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        let now_us = clock::monotonic_us();
        self.shared.directory.add(session.key, ssrc, now_us)?;
        self.mailboxes[session.worker].send(Command::ExpectSsrc(session.key, ssrc));
        Ok(())
    }

    /// Opens the connection of a session that receives over TCP, where the device is the one that listens.
    ///
    /// Blocks until the device has accepted, refused, or `timeout` is over.
    pub fn connect(
        &self,
        session_id: &str,
        peer: SocketAddr,
        timeout: Duration,
    ) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        if session.transport != Transport::TcpPassive {
            return Err(PlaneError::BadArgument(
                "only a session over TCP has a connection".into(),
            ));
        }
        let stream = TcpStream::connect_timeout(&peer, timeout)
            .map_err(|error| PlaneError::system(format!("TCP to {peer}"), error))?;
        let arrival = Box::new(Arrival::fresh(stream, peer));
        self.mailboxes[session.worker].send(Command::Adopt(session.key, arrival));
        Ok(())
    }

    /// The device was asked for another position or speed of a history playback: the next jump of its time
    /// stamps is taken out. `by_arrival`: at another speed than 1, times are those of arrival, without sound.
    pub fn retime(&self, session_id: &str, by_arrival: bool) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        self.mailboxes[session.worker].send(Command::Retime(session.key, by_arrival));
        Ok(())
    }
}
