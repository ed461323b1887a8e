//! Runs one stage once, for valgrind: `instructions STAGE`; without a stage it lists all with what they handle.
//!
//! `tests/benchmarks/bench_instructions.py` counts what happens inside [`measured`].

#[path = "../benches/stages/mod.rs"]
mod stages;

use stages::{Input, STAGES, Stage};

#[inline(never)]
fn measured(stage: &Stage, input: &Input) {
    (stage.run)(input);
}

fn main() {
    let input = Input::new();
    let Some(name) = std::env::args().nth(1) else {
        for stage in &STAGES {
            println!("{} {:?} {}", stage.name, stage.per, input.count(stage.per));
        }
        return;
    };
    let Some(stage) = STAGES.iter().find(|stage| stage.name == name) else {
        eprintln!("no stage is called {name}");
        std::process::exit(2);
    };
    // What is made at the first use is not the cost of the stage.
    (stage.run)(&input);
    measured(stage, &input);
}
