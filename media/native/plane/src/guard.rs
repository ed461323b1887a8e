//! What happens when our own code panics: it is told as a fact, what it was about ends, and its thread goes on.
//!
//! State behind a panic may be half changed. So each thread guards small pieces of work, ends the connection, session or
//! file that such a piece was for, and keeps nothing of it; a panic that gets past them all begins its loop anew.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::facts::{FactKind, FactQueue};
use crate::sync::panic_text;

/// Rest before a loop begins anew: one that panics at once must not spin.
const REST: Duration = Duration::from_millis(100);
/// The reason given to whoever was served when it happened.
pub(crate) const REASON: &str = "internal error";

/// Runs `work`; what a panic said, if there was one.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panic_text(&*panic))
}

/// Tells the owner of the plane that a thread has survived a panic.
pub(crate) fn tell(thread: &str, message: String, facts: &FactQueue) {
    let thread = thread.to_owned();
    facts.push("", FactKind::ThreadPanicked { thread, message });
}

/// Calls `run`, the loop of a thread, until it returns by itself.
pub(crate) fn keep(thread: &str, facts: &FactQueue, mut run: impl FnMut()) {
    while let Err(message) = caught(&mut run) {
        tell(thread, message, facts);
        std::thread::sleep(REST);
    }
}

/// Starts a thread and [keeps](keep) it.
pub(crate) fn spawn(
    thread: String,
    facts: Arc<FactQueue>,
    run: impl FnMut() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(thread.clone())
        .spawn(move || keep(&thread, &facts, run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_panics_is_told_and_begins_anew() {
        let facts = Arc::new(FactQueue::new().unwrap());
        let mut rounds = 0;
        let thread = spawn("media-test".into(), Arc::clone(&facts), move || {
            rounds += 1;
            assert!(rounds > 2, "round {rounds}");
        });
        thread.unwrap().join().unwrap();
        let told: Vec<String> = facts
            .drain()
            .0
            .into_iter()
            .map(|fact| format!("{:?}", fact.kind))
            .collect();
        assert_eq!(told.len(), 2);
        assert!(
            told[1].contains("media-test") && told[1].contains("round 2"),
            "{told:?}"
        );
    }
}
