//! Readers in the hands of the plane's owner.

use super::Plane;
use crate::error::PlaneError;
use crate::tap::{self, Tap};
use crate::worker::Command;

impl Plane {
    /// Reads a session from its newest key frame on; at most `max_bytes` wait to be taken.
    pub fn tap(&self, session_id: &str, max_bytes: usize) -> Result<Tap, PlaneError> {
        let session = self.session(session_id)?;
        let (tap, port) =
            tap::open(max_bytes).map_err(|error| PlaneError::system("eventfd", error))?;
        self.mailboxes[session.worker].send(Command::Tap(session.key, port));
        Ok(tap)
    }
}
