//! The threads that wait for the disk, so that nobody else has to.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::guard::{self, caught};
use crate::recordings::chunk::Chunk;
use crate::recordings::pacer::{Order, PacerBox};
use crate::recordings::reader::Reader;
use crate::sync::lock;

/// Threads that a disk may hold at a time, before nothing is read any more.
const MAX_LOST: usize = 16;
/// Longest wait for a thread at the end; one that the disk holds is left behind.
const JOIN_WAIT: Duration = Duration::from_secs(2);

/// One reading.
pub(super) struct Errand {
    pub(super) key: u64,
    pub(super) epoch: u64,
    pub(super) reader: Box<Reader>,
}

#[derive(Default)]
struct Shared {
    errands: VecDeque<Errand>,
    /// By number of the thread: whose errand it runs, and since when.
    running: Vec<Option<(u64, u64, u64)>>,
    lost: usize,
    stopping: bool,
}

/// The queue of readings and its threads.
pub(super) struct Pool {
    shared: Arc<(Mutex<Shared>, Condvar)>,
    pacer: Arc<PacerBox>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn open(threads: usize, pacer: &Arc<PacerBox>) -> io::Result<Pool> {
        let mut pool = Pool {
            shared: Arc::default(),
            pacer: Arc::clone(pacer),
            threads: Vec::new(),
        };
        for _ in 0..threads.max(1) {
            pool.add_thread()?;
        }
        Ok(pool)
    }

    pub(super) fn send(&self, errand: Errand) {
        let (shared, ready) = &*self.shared;
        lock(shared).errands.push_back(errand);
        ready.notify_one();
    }

    /// Gives up threads that the disk holds for longer than `limit_us`, and starts others: whose errands they had,
    /// with their epochs.
    pub(super) fn give_up(&mut self, now_us: u64, limit_us: u64) -> Vec<(u64, u64)> {
        let mut lost = Vec::new();
        let mut shared = lock(&self.shared.0);
        for index in 0..shared.running.len() {
            let late = shared.running[index]
                .filter(|(_, _, since)| now_us.saturating_sub(*since) > limit_us);
            if let (Some((key, epoch, _)), true) = (late, shared.lost < MAX_LOST) {
                // The thread finds that its place is taken, and ends.
                shared.running[index] = None;
                shared.lost += 1;
                lost.push((key, epoch));
            }
        }
        drop(shared);
        for _ in &lost {
            // Without a thread the others do the work.
            let _ = self.add_thread();
        }
        self.threads.retain(|thread| !thread.is_finished());
        lost
    }

    fn add_thread(&mut self) -> io::Result<()> {
        let (shared, pacer) = (Arc::clone(&self.shared), Arc::clone(&self.pacer));
        let mut held = lock(&self.shared.0);
        let number = held.running.len();
        held.running.push(None);
        drop(held);
        let thread = std::thread::Builder::new()
            .name(format!("media-vod-{number}"))
            .spawn(move || work(number, &shared, &pacer))?;
        self.threads.push(thread);
        Ok(())
    }

    pub(super) fn close(&mut self) {
        lock(&self.shared.0).stopping = true;
        self.shared.1.notify_all();
        let until = std::time::Instant::now() + JOIN_WAIT;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && std::time::Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

fn work(number: usize, shared: &(Mutex<Shared>, Condvar), pacer: &PacerBox) {
    let mut buffer = Vec::new();
    while let Some(Errand {
        key,
        epoch,
        mut reader,
    }) = next_errand(number, shared)
    {
        let chunk = caught(|| reader.next_chunk(&mut buffer)).unwrap_or_else(|_| Chunk {
            end: Some(guard::REASON),
            ..Chunk::default()
        });
        let mut held = lock(&shared.0);
        let mine = held.running[number].take().is_some();
        if !mine {
            held.lost = held.lost.saturating_sub(1);
        }
        drop(held);
        if !mine {
            return;
        }
        pacer.post(Order::Read {
            key,
            epoch,
            reader,
            chunk,
        });
    }
}

fn next_errand(number: usize, shared: &(Mutex<Shared>, Condvar)) -> Option<Errand> {
    let (shared, ready) = shared;
    let mut held = lock(shared);
    loop {
        if held.stopping {
            return None;
        }
        if let Some(errand) = held.errands.pop_front() {
            held.running[number] = Some((errand.key, errand.epoch, clock::monotonic_us()));
            return Some(errand);
        }
        held = ready.wait(held).unwrap_or_else(PoisonError::into_inner);
    }
}
