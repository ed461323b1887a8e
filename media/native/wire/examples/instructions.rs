//! Runs all stages once, for valgrind, and lists them in their order with what they handle.
//!
//! `tests/benchmarks/bench_instructions.py` counts what happens inside [`measured`], call by call.

#[path = "../benches/stages/mod.rs"]
mod stages;

use stages::{Input, STAGES, Stage};

#[inline(never)]
fn measured(stage: &Stage, input: &Input) {
    (stage.run)(input);
}

fn main() {
    let input = Input::new();
    for stage in &STAGES {
        // What is made at the first use is not the cost of the stage.
        (stage.run)(&input);
        measured(stage, &input);
        println!("{} {:?} {}", stage.name, stage.per, input.count(stage.per));
    }
}
