//! Who may watch a session, and who may not any more.

use crate::clock;
use crate::error::PlaneError;
use crate::outputs::gauge::ViewerSnapshot;
use crate::outputs::inbox::{Deliveries, Delivery};
use crate::outputs::signed_url::Cut;
use crate::plane::Plane;
use crate::sync::lock;

impl Plane {
    /// Disconnects the viewers with this tag and refuses its URLs from now on.
    pub fn revoke(&self, session_id: &str, tag: &str) -> Result<(), PlaneError> {
        self.cut(session_id, Cut::Tag(tag.to_owned()))
    }

    /// Disconnects this user's viewers and refuses the URLs made for the user so far.
    pub fn revoke_user(&self, session_id: &str, user: &str) -> Result<(), PlaneError> {
        self.cut(session_id, Cut::User(user.to_owned()))
    }

    /// Who watches a session now.
    pub fn viewers(&self, session_id: &str) -> Result<Vec<ViewerSnapshot>, PlaneError> {
        let session = self.session(session_id)?;
        let gauges = lock(&session.stream).gauges.clone();
        let now_us = clock::monotonic_us();
        Ok(gauges.iter().map(|gauge| gauge.snapshot(now_us)).collect())
    }

    fn cut(&self, session_id: &str, cut: Cut) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        let mut deliveries = Deliveries::default();
        let mut stream = lock(&session.stream);
        stream.cut(cut.clone(), clock::wall_us() / 1_000_000);
        deliveries.push(stream.viewers, Delivery::Revoke(session.key, cut));
        drop(stream);
        self.outputs.post(&mut deliveries);
        Ok(())
    }

    /// Takes revocations of this tag and this user back.
    pub fn allow(&self, session_id: &str, tag: &str, user: &str) -> Result<(), PlaneError> {
        let session = self.session(session_id)?;
        let mut stream = lock(&session.stream);
        if !stream.revoked.is_empty() {
            stream.revoked.remove(&Cut::Tag(tag.to_owned()));
            stream.revoked.remove(&Cut::User(user.to_owned()));
        }
        Ok(())
    }
}
