//! Our own recordings as sessions.

use std::sync::Arc;

use super::{Plane, check_id};
use crate::error::PlaneError;
use crate::intake::Intake;
use crate::recordings::{
    Control, Destination, MAX_SEGMENTS, Order, PlayState, PlaybackSnapshot, RecordingsRequest,
    SCALES,
};
use crate::session::{SessionShared, Transport};
use crate::source_lock::SourceLock;
use crate::sync::lock;

impl Plane {
    /// Opens a session that plays recorded files. Everything that reads a session can read it; its end is told by
    /// [`FactKind::RecordingEnded`](crate::FactKind::RecordingEnded) behind the last picture, and leaves it open.
    pub fn open_recordings(&self, request: RecordingsRequest) -> Result<(), PlaneError> {
        self.check_open()?;
        check_id(&request.session_id)?;
        check(&request)?;
        let nobody = SourceLock::new(None, false, 0, self.config.relock_us);
        let session_id = request.session_id.clone();
        let (way, place) = (Transport::Recorded, self.next_place());
        self.start_session(&session_id, way, place, (Intake::Fed, 0), nobody)?;
        let session = self.session(&session_id)?;
        *lock(&session.playback) = PlaybackSnapshot {
            state: if request.paused {
                PlayState::Paused
            } else {
                PlayState::Playing
            },
            position_us: if request.scale < 0.0 {
                request.end_us
            } else {
                request.begin_us
            },
            scale: request.scale,
            ..PlaybackSnapshot::default()
        };
        let mailbox = Arc::clone(&self.mailboxes[session.worker]);
        let to = Destination { session, mailbox };
        self.pacer.post(Order::Open(Box::new(request), to));
        Ok(())
    }

    /// Pause, resume, another place or another pace. Done within some milliseconds, in the order of the calls.
    pub fn control_recordings(&self, session_id: &str, control: Control) -> Result<(), PlaneError> {
        let session = self.recorded(session_id)?;
        if let Control::Scale(scale) = control {
            check_scale(scale, false)?;
        }
        self.pacer.post(Order::Control(session.key, control));
        Ok(())
    }

    /// Where a playback stands.
    pub fn recordings_snapshot(&self, session_id: &str) -> Result<PlaybackSnapshot, PlaneError> {
        Ok(*lock(&self.recorded(session_id)?.playback))
    }

    fn recorded(&self, session_id: &str) -> Result<Arc<SessionShared>, PlaneError> {
        let session = self.session(session_id)?;
        if session.transport == Transport::Recorded {
            Ok(session)
        } else {
            Err(PlaneError::BadArgument(format!(
                "{session_id} plays no recordings"
            )))
        }
    }
}

fn check(request: &RecordingsRequest) -> Result<(), PlaneError> {
    let bad = |text: String| Err(PlaneError::BadArgument(text));
    if request.segments.is_empty() || request.segments.len() > MAX_SEGMENTS {
        return bad(format!(
            "{} files: 1 to {MAX_SEGMENTS}",
            request.segments.len()
        ));
    }
    if request.end_us <= request.begin_us {
        return bad("the end is not behind the begin".into());
    }
    let mut starts = request.segments.windows(2);
    if starts.any(|pair| pair[0].start_us > pair[1].start_us) {
        return bad("the files are not in the order of their times".into());
    }
    check_scale(request.scale, request.download)
}

fn check_scale(scale: f64, download: bool) -> Result<(), PlaneError> {
    let known = if download {
        scale == 0.0 || SCALES.contains(&scale)
    } else {
        SCALES.contains(&scale.abs())
    };
    if known {
        Ok(())
    } else {
        Err(PlaneError::BadArgument(format!(
            "{scale} is no scale that can be played"
        )))
    }
}
