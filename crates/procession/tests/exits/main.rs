//! How a program ends, and what becomes of its processes then.
//!
//! Each test runs a program of its own (`host.rs`, built as `exits_host`) and watches it from
//! outside: the lines it prints, its exit status, and who of its processes is alive.

#[expect(dead_code, reason = "the observer serves more than these tests")]
#[path = "../../../../examples/support/observer.rs"]
mod observer;
#[path = "../../../../examples/support/program.rs"]
mod program;

mod abrupt;
mod campaign;
mod constructors;
mod foreign;
mod host_program;
mod lacking;
mod nested;
mod orderly;
mod refused;
mod terminal;

use host_program::host_program;
use observer::Gone;
use program::{PATIENCE, Program};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The daemons of a family, as the host starts them.
const DAEMONS: [&str; 5] = ["idle", "spawned", "stopped", "polite", "deaf"];

/// Runs the host for a case.
fn host(words: &[&str]) -> Program {
    run(Command::new(host_program()).arg("--case").args(words))
}

/// Runs a command whose input stays open.
fn run(command: &mut Command) -> Program {
    Program::start(command.stdin(Stdio::piped()))
}

/// Runs the host for a case that begins with a family, until all of it has begun.
fn family(way: &str) -> Program {
    let mut program = host(&[way]);
    wait_for_family(&mut program);
    program
}

fn wait_for_family(program: &mut Program) {
    for name in DAEMONS.into_iter().chain(["worker"]) {
        program.wait_for(&format!("begun {name}"), 1);
    }
}

/// Waits until nobody of the program is alive but those named; fails where somebody else is.
fn wait_until_gone_but(program: &Program, excepted: &[&str]) {
    let Gone { at, left } = program.observed.wait_until_gone(excepted, Instant::now() + PATIENCE);
    assert!(at.is_some(), "still alive: {left:?}");
}

/// Now that main has ended, nobody of its program is alive, but for its fork server and what that
/// kept ready, who are on their way out.
fn assert_nobody_is_left(program: &Program) {
    let mut left = program.observed.alive();
    left.retain(|member| member.name != "forkserver");
    assert!(left.is_empty(), "alive after main: {left:?}");
    wait_until_gone_but(program, &[]);
}
