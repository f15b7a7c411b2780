//! Main, the fork server or the child dies between two steps of a start: nobody survives.

use crate::host_program::host_program;
use crate::program::{PATIENCE, Program};
use rustix::process::Signal;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is started: a daemon, made when it is ordered by either method.
const ORDERED: [&[&str]; 2] = [&["one", "fork server", "daemon"], &["one", "spawn", "daemon"]];
/// A daemon, given to a child that was made ahead.
const SPARE: [&[&str]; 1] = [&["spare", "daemon"]];
/// The same, and no daemon.
const SPARES: [&[&str]; 2] = [&["spare", "daemon"], &["spare", "worker"]];

/// What main may do at the end of the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Main {
    /// It is killed by the fault.
    IsKilled,
    /// It lives, and its start failed with these words.
    IsRefused(&'static str),
    /// It lives, and its start was confirmed; the process is gone.
    HasStarted,
    /// It lives, and its start was confirmed; the process may be there.
    GoesOn,
}

const DIED: Main = Main::IsRefused("the fork server: it died 3 times before the process was there");
const ENDED: Main = Main::IsRefused("it ended before it was ready: signal: 9 (SIGKILL)");

/// Plans `fault`, plays the cases, and expects that nobody is left of them; gives how often a
/// victim's function had begun.
fn nobody_survives(fault: &str, cases: &[&[&str]], main: Main) -> usize {
    cases.iter().map(|case| survive(fault, case, main)).sum()
}

fn survive(fault: &str, case: &[&str], main: Main) -> usize {
    let mut command = Command::new(host_program());
    command.arg("--case").args(case).env("PROCESSION_FAULT", fault).stdin(Stdio::null());
    let mut program = Program::start(&mut command);
    match main {
        Main::IsKilled => {}
        Main::HasStarted | Main::GoesOn => program.wait_for("started", 1),
        Main::IsRefused(why) => {
            let words = format!("not started: process `victim` could not be started: {why}");
            program.wait_for(&words, 1);
        }
    }
    if matches!(main, Main::HasStarted | Main::IsRefused(_)) {
        // Main lives, and has nobody but a server, with spare children at most.
        let members = program.observed.alive();
        let own = members.iter().find(|member| member.pid == program.pid()).expect("main lives");
        let excepted = [own.name.as_str(), "forkserver"];
        let gone = program.observed.wait_until_gone(&excepted, Instant::now() + PATIENCE);
        assert!(gone.at.is_some(), "{fault}, {case:?}: {:?}", gone.left);
    }
    if main != Main::IsKilled {
        program.signal(Signal::KILL);
    }
    program.wait();
    let gone = program.observed.wait_until_gone(&[], Instant::now() + PATIENCE);
    assert!(gone.at.is_some(), "{fault}, {case:?}: {:?}", gone.left);
    program.all_lines().iter().filter(|line| *line == "begun victim").count()
}

#[test]
fn a_start_is_refused_whose_server_dies_after_its_fork_each_time() {
    let fault = "server.forked=die,child.forked=wait-for-orphanhood";
    assert_eq!(nobody_survives(fault, &ORDERED, DIED), 0);
}

#[test]
fn main_is_killed_after_the_fork() {
    nobody_survives("server.forked=kill-parent", &ORDERED, Main::IsKilled);
}

#[test]
fn the_server_dies_between_the_childs_word_and_its_start() {
    assert_eq!(nobody_survives("child.greeted=kill-parent", &ORDERED, Main::HasStarted), 0);
}

#[test]
fn the_server_dies_after_the_child_has_its_start() {
    assert_eq!(nobody_survives("child.started=kill-parent", &ORDERED, Main::HasStarted), 0);
}

#[test]
fn main_is_killed_at_each_step_of_a_child() {
    for step in ["child.forked", "child.armed", "child.greeted", "child.started"] {
        // Till the server has seen it, the child goes on.
        nobody_survives(&format!("{step}=kill-grandparent"), &ORDERED, Main::IsKilled);
    }
}

#[test]
fn a_child_that_dies_before_it_is_there_is_a_start_refused() {
    assert_eq!(nobody_survives("child.forked=die", &ORDERED, ENDED), 0);
    assert_eq!(nobody_survives("child.armed=die", &ORDERED, ENDED), 0);
}

#[test]
fn a_child_that_dies_once_it_is_there_was_started() {
    assert_eq!(nobody_survives("child.greeted=die", &ORDERED, Main::HasStarted), 0);
    assert_eq!(nobody_survives("child.started=die", &ORDERED, Main::HasStarted), 0);
}

#[test]
fn main_is_killed_between_asking_and_hearing() {
    nobody_survives("launch.asked=die", &ORDERED, Main::IsKilled);
}

#[test]
fn main_is_killed_before_a_spare_child_has_its_start() {
    for step in ["launch.taken", "launch.adopted"] {
        let fault = format!("{step}=die");
        assert_eq!(nobody_survives(&fault, &SPARES, Main::IsKilled), 0, "{step}");
    }
}

#[test]
fn main_is_killed_after_a_spare_child_got_its_start() {
    nobody_survives("launch.sent=die", &SPARE, Main::IsKilled);
}

#[test]
fn a_start_whose_server_dies_before_the_spare_child_has_it_happens_at_most_once() {
    // Killed and reaped by the kernel's rule or not yet, the child has it or another gets it.
    for step in ["launch.taken", "launch.adopted"] {
        let fault = format!("{step}=kill-children");
        assert!(nobody_survives(&fault, &SPARE, Main::GoesOn) <= 1, "{step}");
    }
}

#[test]
fn the_server_dies_after_a_spare_child_got_its_start() {
    nobody_survives("launch.sent=kill-children", &SPARE, Main::HasStarted);
}

/// Main dies between the adoption of a child that is no daemon and its start, while somebody else
/// holds main's end of the corridor; whether the child is left.
fn a_child_is_left_without_its_start(without: &str) -> bool {
    let mut command = Command::new(host_program());
    command.args(["--case", "spare", "worker"]).stdin(Stdio::null());
    command.env("PROCESSION_FAULT", "launch.adopted=leak,launch.adopted=die");
    command.env("PROCESSION_WITHOUT", without);
    let mut program = Program::start(&mut command);
    program.wait();
    let patience = if without.is_empty() { PATIENCE } else { Duration::from_secs(5) };
    let gone = program.observed.wait_until_gone(&["leaker"], Instant::now() + patience);
    gone.at.is_none()
}

#[test]
fn a_child_whose_start_never_comes_ends_though_its_corridor_was_leaked() {
    assert!(!a_child_is_left_without_its_start(""));
}

#[test]
fn without_a_server_that_withholds_starts_such_a_child_is_left() {
    assert!(a_child_is_left_without_its_start("withholding-starts"));
}

/// Three servers die after their forks and before the child is armed, while somebody else holds
/// main's ends of the corridors, so that each child can still say that it is there.
fn armed_too_late(without: &str) -> Program {
    let fault = "launch.asked=leak,server.forked=die,child.forked=wait-for-orphanhood";
    let mut command = Command::new(host_program());
    command.args(["--case", "one", "fork server", "daemon"]).stdin(Stdio::null());
    command.env("PROCESSION_FAULT", fault).env("PROCESSION_WITHOUT", without);
    Program::start(&mut command)
}

#[test]
fn a_child_armed_too_late_runs_nothing_and_ends() {
    let mut program = armed_too_late("");
    let Main::IsRefused(why) = DIED else { unreachable!("it is") };
    program.wait_for(&format!("not started: process `victim` could not be started: {why}"), 1);
    program.signal(Signal::KILL);
    program.wait();
    let gone = program.observed.wait_until_gone(&["leaker"], Instant::now() + PATIENCE);
    assert!(gone.at.is_some(), "{:?}", gone.left);
    for leaker in program.observed.alive() {
        leaker.signal(Signal::KILL);
    }
    assert!(!program.all_lines().contains(&"begun victim".to_owned()));
}

#[test]
fn without_the_parent_check_a_child_armed_too_late_outlives_everybody() {
    // Whether main hears of one of them or gives up, they run.
    let mut program = armed_too_late("parent-check");
    program.wait_for("begun victim", 1);
    program.signal(Signal::KILL);
    program.wait();
    let patience = Instant::now() + Duration::from_secs(5);
    assert!(program.observed.wait_until_gone(&["leaker"], patience).at.is_none());
}
