//! The thread that writes files. It may wait for the disk; nobody waits for it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::facts::{FactKind, FactQueue};
use crate::guard::{self, caught};
use crate::recorder::RecorderConfig;
use crate::recorder::port::RecorderState;
use crate::recorder::segment::Segment;
use crate::sync::lock;
use crate::unit::{Unit, VIDEO_CLOCK};

const THREAD: &str = "media-disk";
/// Rest between two rounds, so that units come in batches.
const NAP: Duration = Duration::from_millis(20);
/// A key frame that comes so little before the end of a segment ends it (GOPs are rarely exact).
const EARLY_CUT: i64 = VIDEO_CLOCK / 10;

pub(crate) enum Job {
    Attach(u64, String, Box<RecorderConfig>, Arc<RecorderState>),
    Unit(u64, Arc<Unit>),
    /// Pictures are missing before the next unit.
    Gap(u64),
    Detach(u64, &'static str),
    /// Tests only: what happens when the code for one recorder panics, or that around it (key 0).
    #[cfg(test)]
    Panic(u64),
    Stop,
}

/// The way to the disk thread. Its bound is kept by each recorder's port, in bytes.
#[derive(Default)]
pub(crate) struct DiskQueue {
    jobs: Mutex<VecDeque<Job>>,
    ready: Condvar,
}

impl DiskQueue {
    pub(crate) fn push(&self, job: Job) {
        let mut jobs = lock(&self.jobs);
        jobs.push_back(job);
        if jobs.len() == 1 {
            self.ready.notify_one();
        }
    }

    /// Waits for jobs and takes all of them.
    pub(crate) fn take(&self, into: &mut VecDeque<Job>) {
        let mut jobs = lock(&self.jobs);
        while jobs.is_empty() {
            jobs = self
                .ready
                .wait(jobs)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut *jobs, into);
    }
}

pub(crate) fn spawn(queue: Arc<DiskQueue>, facts: Arc<FactQueue>) -> io::Result<JoinHandle<()>> {
    let mut disk = Disk {
        facts: Arc::clone(&facts),
        recorders: HashMap::new(),
    };
    let mut jobs = VecDeque::new();
    guard::spawn(THREAD.into(), facts, move || {
        loop {
            queue.take(&mut jobs);
            let mut stop = false;
            for job in jobs.drain(..) {
                stop |= matches!(job, Job::Stop);
                if let Err(message) = caught(|| disk.run(job)) {
                    guard::tell(THREAD, message, &disk.facts);
                }
            }
            if stop {
                return;
            }
            std::thread::sleep(NAP);
        }
    })
}

struct Disk {
    facts: Arc<FactQueue>,
    recorders: HashMap<u64, Recorder>,
}

struct Recorder {
    session_id: String,
    config: RecorderConfig,
    state: Arc<RecorderState>,
    segment: Option<Segment>,
    number: u32,
    gap: bool,
}

impl Disk {
    fn run(&mut self, job: Job) {
        match job {
            Job::Attach(key, session_id, config, state) => {
                let number = config.first_number;
                let recorder = Recorder {
                    session_id,
                    config: *config,
                    state,
                    segment: None,
                    number,
                    gap: false,
                };
                self.recorders.insert(key, recorder);
            }
            Job::Unit(key, unit) => {
                self.with_recorder(key, |recorder, facts| recorder.write(unit, facts));
            }
            Job::Gap(key) => {
                if let Some(recorder) = self.recorders.get_mut(&key) {
                    recorder.gap = true;
                }
            }
            Job::Detach(key, reason) => self.detach(key, reason),
            #[cfg(test)]
            Job::Panic(0) => panic!("asked for by a test"),
            #[cfg(test)]
            Job::Panic(key) => self.with_recorder(key, |_, _| panic!("asked for by a test")),
            Job::Stop => {
                let keys: Vec<u64> = self.recorders.keys().copied().collect();
                keys.into_iter()
                    .for_each(|key| self.detach(key, "server stopping"));
            }
        }
    }

    /// Runs `work` on one recorder. A panic ends it like a refusal of the disk.
    fn with_recorder(
        &mut self,
        key: u64,
        work: impl FnOnce(&mut Recorder, &FactQueue) -> io::Result<()>,
    ) {
        let Some(recorder) = self.recorders.get_mut(&key) else {
            return;
        };
        if let Err(error) = as_io(caught(|| work(recorder, &self.facts))) {
            self.fail(key, &error);
        }
    }

    fn detach(&mut self, key: u64, reason: &'static str) {
        let Some(mut recorder) = self.recorders.remove(&key) else {
            return;
        };
        let ended = caught(|| recorder.end_segment(&self.facts, reason, None));
        if let Err(error) = as_io(ended) {
            recorder.report_failure(&self.facts, &error);
        }
        let recorder_id = recorder.config.recorder_id.clone();
        self.facts.push(
            &recorder.session_id,
            FactKind::RecorderDetached { recorder_id },
        );
    }

    fn fail(&mut self, key: u64, error: &io::Error) {
        let Some(mut recorder) = self.recorders.remove(&key) else {
            return;
        };
        recorder.state.failed.store(true, Ordering::Relaxed);
        // The failure below is the one that counts; a second one while closing says nothing new.
        let _ = caught(|| recorder.end_segment(&self.facts, "failed", None));
        recorder.report_failure(&self.facts, error);
    }
}

/// A panic as an error of the disk.
fn as_io<T>(outcome: Result<io::Result<T>, String>) -> io::Result<T> {
    outcome.unwrap_or_else(|message| Err(io::Error::other(message)))
}

impl Recorder {
    fn write(&mut self, unit: Arc<Unit>, facts: &FactQueue) -> io::Result<()> {
        let size = unit.size_bytes();
        self.state.queued_bytes.fetch_sub(size, Ordering::Relaxed);
        self.receive(unit, facts)
    }

    fn receive(&mut self, unit: Arc<Unit>, facts: &FactQueue) -> io::Result<()> {
        if unit.is_key() {
            if let Some(reason) = self.cut_before(&unit) {
                // Seamless segments share their border; after a gap the end is where pictures ended.
                let border = (!self.gap).then_some((unit.time, unit.wall_us));
                self.end_segment(facts, reason, border)?;
            }
            if self.segment.is_none() {
                self.begin_segment(&unit, facts)?;
            }
            self.gap = false;
        }
        let fragment_ticks = (self.config.fragment_us * VIDEO_CLOCK as u64 / 1_000_000) as i64;
        let Some(segment) = &mut self.segment else {
            return Ok(());
        };
        let ends = unit.time + i64::from(unit.duration);
        if segment.held_ticks(ends) > fragment_ticks && segment.write_fragment(Some(unit.time))? {
            let (recorder_id, state) = (self.config.recorder_id.clone(), segment.state().clone());
            facts.push(
                &self.session_id,
                FactKind::SegmentGrown { recorder_id, state },
            );
        }
        segment.hold(unit);
        Ok(())
    }

    /// Why the segment ends before this key frame, if it does.
    fn cut_before(&self, unit: &Unit) -> Option<&'static str> {
        let segment = self.segment.as_ref()?;
        let wanted = (self.config.segment_us * VIDEO_CLOCK as u64 / 1_000_000) as i64;
        if !Arc::ptr_eq(segment.config(), &unit.config) {
            Some("stream changed")
        } else if self.gap {
            Some("gap")
        } else if segment.covered(unit.time) + EARLY_CUT.min(wanted / 10) >= wanted {
            Some("full")
        } else {
            None
        }
    }

    fn begin_segment(&mut self, unit: &Unit, facts: &FactQueue) -> io::Result<()> {
        let segment_id = format!("{}-{:06}", self.config.run, self.number);
        let segment = Segment::create(
            &self.config.directory,
            segment_id.clone(),
            &self.config.metadata,
            unit,
        )?;
        self.number += 1;
        let fact = FactKind::SegmentOpened {
            recorder_id: self.config.recorder_id.clone(),
            segment_id,
            path: segment.path().to_string_lossy().into_owned(),
            start_wall_us: unit.wall_us,
        };
        facts.push(&self.session_id, fact);
        self.segment = Some(segment);
        Ok(())
    }

    fn end_segment(
        &mut self,
        facts: &FactQueue,
        reason: &'static str,
        next: Option<(i64, i64)>,
    ) -> io::Result<()> {
        let Some(segment) = self.segment.take() else {
            return Ok(());
        };
        let (state, outcome) = segment.close(next);
        let recorder_id = self.config.recorder_id.clone();
        facts.push(
            &self.session_id,
            FactKind::SegmentClosed {
                recorder_id,
                state,
                reason,
            },
        );
        outcome
    }

    fn report_failure(&self, facts: &FactQueue, error: &io::Error) {
        let fact = FactKind::RecorderFailed {
            recorder_id: self.config.recorder_id.clone(),
            errno: error.raw_os_error().unwrap_or(0),
            message: error.to_string(),
        };
        facts.push(&self.session_id, fact);
    }
}
