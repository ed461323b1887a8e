//! The recorder's end in the receiving thread: never waits for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::facts::{FactKind, FactQueue};
use crate::recorder::RecorderConfig;
use crate::recorder::disk::{DiskQueue, Job};
use crate::session::SessionShared;
use crate::sync::lock;
use crate::unit::Unit;

/// What both ends of one recorder see.
#[derive(Debug, Default)]
pub(crate) struct RecorderState {
    /// Bytes on the way to the disk.
    pub(crate) queued_bytes: AtomicUsize,
    /// The disk end has given up.
    pub(crate) failed: AtomicBool,
}

struct Gap {
    dropped: u64,
    start_wall_us: i64,
    end_wall_us: i64,
}

/// Passes units on, and drops up to a key frame when the disk does not keep up.
pub(crate) struct RecorderPort {
    key: u64,
    config: Option<RecorderConfig>,
    recorder_id: String,
    shared: Arc<SessionShared>,
    state: Arc<RecorderState>,
    disk: Arc<DiskQueue>,
    facts: Arc<FactQueue>,
    max_bytes: usize,
    gap: Option<Gap>,
    is_open: bool,
}

impl RecorderPort {
    pub(crate) fn new(
        key: u64,
        config: RecorderConfig,
        shared: Arc<SessionShared>,
        (disk, facts): (Arc<DiskQueue>, Arc<FactQueue>),
        max_bytes: usize,
    ) -> RecorderPort {
        RecorderPort {
            key,
            recorder_id: config.recorder_id.clone(),
            config: Some(config),
            shared,
            state: Arc::default(),
            disk,
            facts,
            max_bytes,
            gap: None,
            is_open: false,
        }
    }

    pub(crate) fn recorder_id(&self) -> &str {
        &self.recorder_id
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.state.failed.load(Ordering::Relaxed)
    }

    /// Tells the disk thread that units of this recorder follow.
    pub(crate) fn open(&mut self) {
        if let Some(config) = self.config.take() {
            let session_id = self.shared.session_id.clone();
            self.disk.push(Job::Attach(
                self.key,
                session_id,
                Box::new(config),
                Arc::clone(&self.state),
            ));
            self.is_open = true;
        }
    }

    pub(crate) fn push(&mut self, unit: &Arc<Unit>) {
        if self.is_finished() {
            return;
        }
        let size = unit.size_bytes();
        let queued = self.state.queued_bytes.load(Ordering::Relaxed);
        // After a gap only half the room is filled with a first key frame, or gap would follow gap.
        let limit = if self.gap.is_some() {
            self.max_bytes / 2
        } else {
            self.max_bytes
        };
        let full = queued + size > limit;
        if full || (self.gap.is_some() && !unit.is_key()) {
            let gap = self.gap.get_or_insert(Gap {
                dropped: 0,
                start_wall_us: unit.wall_us,
                end_wall_us: 0,
            });
            gap.dropped += 1;
            gap.end_wall_us = unit.wall_us;
            return;
        }
        self.report_gap(unit.wall_us);
        self.state.queued_bytes.fetch_add(size, Ordering::Relaxed);
        self.disk.push(Job::Unit(self.key, Arc::clone(unit)));
    }

    fn report_gap(&mut self, end_wall_us: i64) {
        if let Some(gap) = self.gap.take() {
            self.disk.push(Job::Gap(self.key));
            self.facts.push(
                &self.shared.session_id,
                FactKind::RecorderGap {
                    recorder_id: self.recorder_id.clone(),
                    dropped_pictures: gap.dropped,
                    start_wall_us: gap.start_wall_us,
                    end_wall_us: end_wall_us.max(gap.end_wall_us),
                    reason: "disk too slow",
                },
            );
        }
    }

    /// No units follow. The disk thread closes the file.
    pub(crate) fn close(&mut self, reason: &'static str) {
        if self.is_open {
            self.is_open = false;
            let end = self.gap.as_ref().map_or(0, |gap| gap.end_wall_us);
            self.report_gap(end);
            self.disk.push(Job::Detach(self.key, reason));
        }
    }
}

impl Drop for RecorderPort {
    fn drop(&mut self) {
        if self.config.is_some() {
            // Its session was gone before it could begin: the owner still hears the end.
            let recorder_id = self.recorder_id.clone();
            self.facts.push(
                &self.shared.session_id,
                FactKind::RecorderDetached { recorder_id },
            );
            return;
        }
        self.close("session closed");
        let mut stream = lock(&self.shared.stream);
        stream.recorders = stream.recorders.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::path::PathBuf;

    use super::*;
    use crate::config::PlaneConfig;
    use crate::session::Transport;
    use crate::testing::{unit_of, video_config};
    use crate::unit::StreamConfig;

    #[test]
    fn a_disk_that_stands_still_costs_pictures_up_to_a_key_frame_and_a_gap_is_told() {
        let config = PlaneConfig::default();
        let shared = SessionShared::new("s".into(), 1, 0, (Transport::Udp, 1), &config);
        let disk = Arc::new(DiskQueue::default());
        let facts = Arc::new(FactQueue::new().unwrap());
        let recorder = RecorderConfig {
            recorder_id: "r".into(),
            run: "ab".into(),
            directory: PathBuf::new(),
            segment_us: 1,
            fragment_us: 1,
            metadata: Vec::new(),
            first_number: 1,
        };
        let links = (Arc::clone(&disk), Arc::clone(&facts));
        let mut port = RecorderPort::new(9, recorder, Arc::new(shared), links, 1_000);
        port.open();
        let stream = Arc::new(StreamConfig::new(video_config(64), None).unwrap());
        let unit = |sequence| unit_of(&stream, sequence, sequence % 10 == 1, 100);
        (1..=15).for_each(|sequence| port.push(&unit(sequence)));
        assert_eq!(port.state.queued_bytes.load(Ordering::Relaxed), 1_000);
        // The disk moves again, but too late for the rest of this group of pictures.
        port.state.queued_bytes.store(0, Ordering::Relaxed);
        (16..=22).for_each(|sequence| port.push(&unit(sequence)));
        port.close("over");
        let mut jobs = VecDeque::new();
        disk.take(&mut jobs);
        let order: Vec<String> = jobs
            .iter()
            .map(|job| match job {
                Job::Attach(..) => "attach".into(),
                Job::Unit(_, unit) => unit.sequence.to_string(),
                Job::Gap(_) => "gap".into(),
                Job::Detach(..) => "detach".into(),
                Job::Panic(_) | Job::Stop => "stop".into(),
            })
            .collect();
        let expected = "attach 1 2 3 4 5 6 7 8 9 10 gap 21 22 detach";
        assert_eq!(order.join(" "), expected);
        let gap = FactKind::RecorderGap {
            recorder_id: "r".into(),
            dropped_pictures: 10,
            start_wall_us: unit(11).wall_us,
            end_wall_us: unit(21).wall_us,
            reason: "disk too slow",
        };
        assert_eq!(facts.drain().0[0].kind, gap);
    }
}
