//! Time of the wire part: `cargo bench -p tongshi-wire`. Single thread, data in cache; the counters tell packets, or
//! pictures, for each second. Nothing is asserted: times belong with their machine and commit.

#![allow(missing_docs, reason = "a program, not a library")]

mod stages;

use divan::Bencher;
use divan::counter::ItemsCount;
use stages::{Input, STAGES, Stage};

fn main() {
    divan::main();
}

#[divan::bench(args = STAGES)]
fn stage(bencher: Bencher<'_, '_>, stage: &Stage) {
    let input = Input::new();
    bencher
        .counter(ItemsCount::new(input.count(stage.per)))
        .bench_local(|| (stage.run)(&input));
}
