//! Constructors that start processes, which every process of the program runs again.
//!
//! In: a variable, without which nothing happens. Out: a line for each start. What always holds: a
//! process that is three starts below the program starts nothing and ends, so that a missing
//! defence makes a handful of processes and no more.

use super::answer;
use procession::{Process, StartMethod};
use std::sync::Mutex;

/// How many starts of constructors lie between the program and this process.
const DEPTH: &str = "PROCESSION_TEST_CONSTRUCTORS";
const DEEPEST: u32 = 3;

/// What came of the starts of constructors in this process, and in the one that it was forked from.
static OUTCOMES: Mutex<Vec<String>> = Mutex::new(Vec::new());

hostile::constructors!(start_in_constructor);

fn start_in_constructor(which: &str) {
    let Ok(depth) = std::env::var(DEPTH) else { return };
    let depth: u32 = depth.parse().expect("a number");
    if depth == DEEPEST {
        println!("a constructor runs {depth} starts below the program");
        procession_sys::exit::now(9);
    }
    hostile::set_variable(DEPTH, &(depth + 1).to_string());
    let outcome = match Process::new(answer, ()).start() {
        Ok(child) => format!("{which}, depth {depth}: {:?}", child.join()),
        Err(error) => format!("{which}, depth {depth}: refused: {error}"),
    };
    println!("{outcome}");
    OUTCOMES.lock().expect("no panic").push(outcome);
    hostile::set_variable(DEPTH, &depth.to_string());
}

/// What the same program does in its `main`. A process that runs the program afresh has the standard
/// output of its server while its constructors run: what came of their starts is its value.
pub(super) fn start_in_main() {
    let outcomes = || OUTCOMES.lock().expect("no panic").join("\n");
    let child = Process::new(outcomes, ()).start_method(StartMethod::Spawn).start();
    println!("{}", child.expect("a start").join().expect("the outcomes"));
    println!("main: {:?}", Process::new(answer, ()).start().expect("a start").join());
}
