//! Senders to other platforms.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Plane, check_id};
use crate::clock;
use crate::error::PlaneError;
use crate::senders::{
    Link, Order, RtpSender, SenderRequest, SenderShared, SenderSnapshot, SenderTransport,
};
use crate::session::SessionShared;
use crate::sync::lock;
use crate::worker::Command;

impl Plane {
    /// Binds the local port of a new sender; the port's number. It sends after [`Plane::start_sender`].
    pub fn attach_sender(
        &self,
        session_id: &str,
        request: SenderRequest,
    ) -> Result<u16, PlaneError> {
        self.check_open()?;
        check_id(&request.sender_id)?;
        check_request(&request)?;
        let session = self.session(session_id)?;
        if find(&session, &request.sender_id).is_some() {
            let text = format!("{} is a sender of {session_id} already", request.sender_id);
            return Err(PlaneError::BadArgument(text));
        }
        let (link, port) = Link::bind(&request)?;
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        let now_us = clock::monotonic_us();
        let shared = Arc::new(SenderShared::new(&request, key, port, now_us));
        let config = Arc::clone(&self.relay);
        let sender = RtpSender::new(request, config, link, Arc::clone(&shared), now_us);
        lock(&session.senders).push(shared);
        self.mailboxes[session.worker]
            .send(Command::Relay(session.key, Order::Attach(Box::new(sender))));
        Ok(port)
    }

    /// Lets a sender send: the receiver has sent its ACK. Nothing happens when it has ended.
    pub fn start_sender(&self, session_id: &str, sender_id: &str) -> Result<(), PlaneError> {
        self.order(session_id, sender_id, |sender| Order::Start(sender.key))
    }

    /// Ends a sender; a fact tells when its port is free. Nothing happens when it has ended.
    pub fn close_sender(
        &self,
        session_id: &str,
        sender_id: &str,
        reason: &str,
    ) -> Result<(), PlaneError> {
        self.order(session_id, sender_id, |sender| {
            Order::Close(sender.key, reason.to_owned())
        })
    }

    /// What is known about one sender; none when it has ended.
    pub fn sender_snapshot(
        &self,
        session_id: &str,
        sender_id: &str,
    ) -> Result<Option<SenderSnapshot>, PlaneError> {
        let session = self.session(session_id)?;
        Ok(find(&session, sender_id).map(|sender| sender.snapshot()))
    }

    fn order(
        &self,
        session_id: &str,
        sender_id: &str,
        order: impl FnOnce(&SenderShared) -> Order,
    ) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        if let Some(sender) = find(&session, sender_id) {
            let command = Command::Relay(session.key, order(&sender));
            self.mailboxes[session.worker].send(command);
        }
        Ok(())
    }
}

fn find(session: &SessionShared, sender_id: &str) -> Option<Arc<SenderShared>> {
    let senders = lock(&session.senders);
    let is_it = |sender: &&Arc<SenderShared>| sender.sender_id == sender_id;
    senders.iter().find(is_it).cloned()
}

fn check_request(request: &SenderRequest) -> Result<(), PlaneError> {
    let has_peer = request
        .peer
        .is_some_and(|peer| peer.port() != 0 && !peer.ip().is_unspecified());
    if request.transport != SenderTransport::TcpPassive && !has_peer {
        let text = "a receiver that does not connect to us has an address and a port".to_owned();
        return Err(PlaneError::BadArgument(text));
    }
    if request.payload_type > 127 {
        let text = format!("{} is no payload type", request.payload_type);
        return Err(PlaneError::BadArgument(text));
    }
    Ok(())
}
