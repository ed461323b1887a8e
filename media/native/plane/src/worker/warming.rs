//! What the next sessions of a round need is fetched while the one before them is served.
//!
//! Hundreds of sessions take turns on a thread, each with as many bytes of pictures as a cache holds: when a session has
//! its turn nothing of it is there any more. Its turn begins with a call to the kernel, which is time enough.

use super::{SHARED_RTCP, SHARED_RTP, Slot, WAKE, Worker};
use crate::senders::Token;
use crate::sys::epoll::Readiness;
use crate::sys::memory::prefetch;

impl Worker {
    /// `coming`: whose turn it is after the present one. Where a session's formats are is known only when the session
    /// itself is there, so that goes one turn ahead.
    #[inline]
    pub(super) fn warm(&self, coming: &[Readiness]) {
        if let Some(slot) = coming.get(1).and_then(|readiness| self.slot_of(readiness)) {
            prefetch(&*slot.receiver);
        }
        if let Some(slot) = coming.first().and_then(|readiness| self.slot_of(readiness)) {
            slot.receiver.reading.warm();
            prefetch(&*slot.receiver.shared);
        }
    }

    #[inline]
    fn slot_of(&self, readiness: &Readiness) -> Option<&Slot> {
        match readiness.token {
            WAKE | SHARED_RTP | SHARED_RTCP => None,
            token if Token::decode(token).is_some() => None,
            token => self.slots.get((token >> 2) as usize)?.as_ref(),
        }
    }
}
