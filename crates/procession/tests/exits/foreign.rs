//! Programs that do what libraries do not expect: copies of themselves, waits for any child,
//! SIGCHLD ignored, life as process 1.

use super::wait_until_gone_but;
use super::{assert_nobody_is_left, host, host_program, run, wait_for_family};
use crate::observer::Member;
use crate::program::Program;
use rustix::process::Signal;
use std::process::Command;

#[test]
fn a_copy_of_main_that_ends_does_not_end_or_await_mains_processes() {
    let mut program = host(&["copies"]);
    program.wait_for("copy has Ok(42)", 1);
    program.wait_for("copy ended: Some(0)", 2);
    program.wait_for("main has Ok(42), daemon alive: true", 1);
    let copied = program.observed.alive().iter().any(|member| member.name == "copied");
    assert!(!copied, "the copy's own daemon ended with the copy");
    program.end_input();
    program.wait_for("finished, parent alive: true", 1);
    program.signal(Signal::USR1);
    assert_eq!(program.wait().code(), Some(0));
    assert_nobody_is_left(&program);
}

/// A program that makes copies of itself while its threads are at work; all copies end.
fn copying(case: &str) -> Program {
    let mut program = host(&[case]);
    for copies in (10..=300).step_by(10) {
        program.wait_for(&format!("{copies} copies have ended"), 1);
    }
    program
}

#[test]
fn a_copy_of_a_program_whose_threads_start_processes_starts_one_and_ends() {
    let mut program = copying("copies under starts");
    assert_eq!(program.wait().code(), Some(0));
    assert_eq!(program.all_lines().len(), 30);
    assert_nobody_is_left(&program);
}

#[test]
fn a_copy_of_a_program_whose_threads_accept_clients_accepts_its_own() {
    let mut program = copying("copies under accepts");
    program.wait_for("a copy serves: Some(7)", 1);
    program.wait_for("that copy ends: true", 1);
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn a_copy_of_a_program_whose_threads_wait_for_jobs_waits_for_none() {
    let mut program = copying("copies under jobs");
    program.wait_for("lost: [0]", 1);
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn a_program_whose_main_thread_has_ended_starts_processes_and_ends_in_an_orderly_way() {
    let mut program = host(&["without main"]);
    program.wait_for("fork server: Ok(42)", 1);
    program.wait_for("spawn: Ok(42)", 1);
    program.wait_for("leaving", 1);
    program.end_input();
    program.wait_for("finished, parent alive: true", 1);
    assert_eq!(program.wait().code(), Some(3));
    assert_nobody_is_left(&program);
}

#[test]
fn a_program_that_reaps_every_child_steals_nothing() {
    let mut program = host(&["reaping"]);
    program.wait_for("first Ok(42), others right: true", 1);
    assert_eq!(program.count("reaped true"), 0, "no child but the fork server, which lives");
    let main = program.pid();
    let members = program.observed.alive();
    let server = members.iter().find(|member| member.parent == main).expect("a fork server");
    server.signal(Signal::KILL);
    program.wait_for("reaped true", 1);
    program.wait_for("then Ok(42)", 1);
    program.signal(Signal::USR1);
    assert_eq!(program.wait().code(), Some(0));
    assert_nobody_is_left(&program);
}

#[test]
fn a_program_that_ignores_sigchld_has_every_value_and_exit_code() {
    let mut program = run(Command::new("env")
        .arg("--ignore-signal=CHLD")
        .arg(host_program())
        .args(["--case", "ignoring"]));
    program.wait_for("ignores SIGCHLD: true", 1);
    program.wait_for("Ok(42), Err(Some(7))", 2);
    program.signal(Signal::USR1);
    assert_eq!(program.wait().code(), Some(0));
    assert_nobody_is_left(&program);
}

/// A family whose main is process 1 of a pid namespace of its own, and that main.
///
/// Where this kernel or this user may not make one, the test fails and says what `unshare` said.
fn contained(way: &str) -> (Program, Member) {
    let mut program = run(Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc"])
        .arg(host_program())
        .args(["--case", way]));
    wait_for_family(&mut program);
    let outside = program.pid();
    let mut members = program.observed.alive();
    members.retain(|member| member.parent == outside);
    assert_eq!(members.len(), 1, "unshare has one child: {members:?}");
    (program, members.remove(0))
}

#[test]
fn with_a_main_that_is_process_1_everything_dies() {
    let (mut program, main) = contained("return");
    main.signal(Signal::KILL);
    program.wait();
    // Nobody, the worker included, which still has its input.
    wait_until_gone_but(&program, &[]);
    program.end_input();
    let finished = program.all_lines().iter().any(|line| line.starts_with("finished"));
    assert!(!finished, "the kernel ends a namespace with its first process");
}

#[test]
fn a_main_that_is_process_1_ends_in_an_orderly_way() {
    let (mut program, main) = contained("exit");
    main.signal(Signal::USR1);
    program.wait_for("asked", 1);
    program.end_input();
    program.wait_for("finished, parent alive: true", 1);
    assert_eq!(program.wait().code(), Some(3));
    assert_nobody_is_left(&program);
}

#[test]
fn a_main_that_is_process_1_and_adopts_a_stranger_leaves_it_to_its_user() {
    let mut program = run(Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc"])
        .arg(host_program())
        .args(["--case", "adopting"]));
    program.wait_for("values are right: true", 1);
    program.wait_for("stranger ended: Some(7)", 1);
}
