//! Main or the fork server dies between two steps of a start: nobody survives.

use crate::host_program::host_program;
use crate::program::{PATIENCE, Program};
use rustix::process::Signal;
use std::process::{Command, Stdio};
use std::time::Instant;

const METHODS: [&str; 2] = ["fork server", "spawn"];

/// What main may do at the end of the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Main {
    /// It is killed by the fault.
    IsKilled,
    /// It lives, and its start failed.
    IsRefused,
    /// It lives, and its start was confirmed.
    HasStarted,
}

/// Plans `fault`, starts one daemon by each method, and expects that nobody is left of it; gives
/// how often the daemon's function had begun.
fn nobody_survives(fault: &str, main: Main) -> usize {
    METHODS.into_iter().map(|method| survive(fault, method, main)).sum()
}

fn survive(fault: &str, method: &str, main: Main) -> usize {
    let mut command = Command::new(host_program());
    command.args(["--case", "one", method]).env("PROCESSION_FAULT", fault).stdin(Stdio::null());
    let mut program = Program::start(&mut command);
    match main {
        Main::IsKilled => {}
        Main::HasStarted => program.wait_for("started", 1),
        Main::IsRefused => program.wait_for(
            "not started: process `victim` could not be started: the fork server: it died 3 times \
             before the start was confirmed",
            1,
        ),
    }
    if main != Main::IsKilled {
        // Main lives, and has nobody but a server that has no child.
        let members = program.observed.alive();
        let own = members.iter().find(|member| member.pid == program.pid()).expect("main lives");
        let excepted = [own.name.as_str(), "forkserver"];
        let gone = program.observed.wait_until_gone(&excepted, Instant::now() + PATIENCE);
        assert!(gone.at.is_some(), "{fault}, {method}: {:?}", gone.left);
        program.signal(Signal::KILL);
    }
    program.wait();
    let gone = program.observed.wait_until_gone(&[], Instant::now() + PATIENCE);
    assert!(gone.at.is_some(), "{fault}, {method}: {:?}", gone.left);
    program.all_lines().iter().filter(|line| *line == "begun victim").count()
}

#[test]
fn a_start_is_refused_whose_server_dies_after_its_fork_each_time() {
    assert_eq!(nobody_survives("server.forked=die", Main::IsRefused), 0);
}

#[test]
fn main_is_killed_after_the_fork() {
    nobody_survives("server.forked=kill-parent", Main::IsKilled);
}

#[test]
fn the_server_dies_between_confirming_a_start_and_handing_it_over() {
    assert_eq!(nobody_survives("server.confirmed=die", Main::HasStarted), 0);
}

#[test]
fn main_is_killed_between_the_confirmation_and_the_handing_over() {
    nobody_survives("server.confirmed=kill-parent", Main::IsKilled);
}

#[test]
fn the_server_dies_after_handing_a_start_over() {
    nobody_survives("server.forwarded=die", Main::HasStarted);
}

#[test]
fn the_server_hands_a_start_over_and_dies_before_the_child_is_armed() {
    let fault = "server.forwarded=die,child.forked=wait-for-orphanhood";
    assert_eq!(nobody_survives(fault, Main::HasStarted), 0);
}

#[test]
fn a_child_dies_before_it_is_armed_and_after() {
    assert_eq!(nobody_survives("child.forked=die", Main::HasStarted), 0);
    assert_eq!(nobody_survives("child.armed=die", Main::HasStarted), 0);
}

#[test]
fn main_is_killed_before_the_child_is_armed_and_after() {
    nobody_survives("child.forked=kill-grandparent", Main::IsKilled);
    nobody_survives("child.armed=kill-grandparent", Main::IsKilled);
}

#[test]
fn main_is_killed_between_asking_and_hearing() {
    nobody_survives("launch.asked=die", Main::IsKilled);
}
