//! Sessions without a socket: frames are given by another thread of the plane, or by the plane's owner.

use std::sync::Arc;

use tongshi_wire::fed::Fed;

use super::{Plane, check_id};
use crate::error::PlaneError;
use crate::feed::FeedPort;
use crate::intake::Intake;
use crate::session::{SessionShared, Transport};
use crate::source_lock::SourceLock;

impl Plane {
    /// Opens a session that is given its frames. Everything that reads a session can read it.
    pub fn open_fed_session(&self, session_id: &str) -> Result<(), PlaneError> {
        self.check_open()?;
        check_id(session_id)?;
        let nobody = SourceLock::new(None, false, 0, self.config.relock_us);
        let place = self.next_place();
        self.start_session(session_id, Transport::Fed, place, (Intake::Fed, 0), nobody)
            .map(|_| ())
    }

    /// Gives frames in decoding order to a session that [`Plane::open_fed_session`] has opened.
    ///
    /// Never blocks: when the receiving thread cannot follow, frames are left out up to a key frame and counted
    /// (`SessionStats::feed_dropped`).
    pub fn feed(&self, session_id: &str, frames: Vec<Fed>) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        if session.transport != Transport::Fed {
            return Err(PlaneError::BadArgument(format!(
                "{session_id} receives by itself: it is given no frames"
            )));
        }
        self.feed_port(session).feed(frames);
        Ok(())
    }

    /// Answers a [`FactKind::PublishRequested`](crate::FactKind::PublishRequested): the session that the publisher
    /// feeds, or why it may not. False when the publisher did not wait.
    pub fn answer_publish(&self, token: u64, answer: Result<String, String>) -> bool {
        self.publishing.answer(token, answer)
    }

    pub(crate) fn feed_port(&self, session: Arc<SessionShared>) -> FeedPort {
        let mailbox = Arc::clone(&self.mailboxes[session.worker]);
        FeedPort::new(session, mailbox)
    }
}
