//! Main ends without a word: daemons are killed at once, the others finish their work.

use super::{assert_nobody_is_left, family, run, wait_for_family, wait_until_gone_but};
use crate::host_program::host_program;
use crate::program::Program;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// Daemons of a main process that is gone end; a worker goes on, with the server that guards it.
fn daemons_end_and_the_worker_finishes(program: &mut Program, parent_alive: bool) {
    // A main that becomes another program keeps its process id, and changes its name.
    let members = program.observed.alive();
    let main = members.iter().find(|member| member.pid == program.pid());
    let main = main.map_or("sleep", |main| main.name.as_str());
    wait_until_gone_but(program, &["worker", "forkserver", "sleep", main]);
    let workers = program.observed.alive().iter().filter(|one| one.name == "worker").count();
    assert_eq!(workers, 1, "the worker goes on");
    program.end_input();
    program.wait_for(&format!("finished, parent alive: {parent_alive}"), 1);
    wait_until_gone_but(program, &["sh", "sleep"]);
    assert_eq!(program.count("asked"), 0, "nobody was left to ask");
}

fn killed_by(signal: Signal) {
    // Under `nohup`, or behind a shell's `&`, this process ignores some of them.
    let default = ["--default-signal=HUP,INT,TERM", "--"];
    let mut command = Command::new("env");
    let mut program = run(command.args(default).arg(host_program()).args(["--case", "return"]));
    wait_for_family(&mut program);
    program.signal(signal);
    assert_eq!(program.wait().signal(), Some(signal.as_raw()));
    daemons_end_and_the_worker_finishes(&mut program, false);
}

#[test]
fn when_main_is_killed_its_daemons_are_killed_and_the_others_finish() {
    killed_by(Signal::KILL);
}

#[test]
fn sigint_sigterm_and_sighup_to_main_alone_count_as_a_kill() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        killed_by(signal);
    }
}

#[test]
fn when_main_aborts_its_daemons_are_killed_and_the_others_finish() {
    let mut program = family("abort");
    program.signal(Signal::USR1);
    assert_eq!(program.wait().signal(), Some(Signal::ABORT.as_raw()));
    daemons_end_and_the_worker_finishes(&mut program, false);
}

#[cfg(panic = "abort")]
#[test]
fn when_mains_panic_aborts_its_daemons_are_killed_and_the_others_finish() {
    let mut program = family("panic");
    program.signal(Signal::USR1);
    assert_eq!(program.wait().signal(), Some(Signal::ABORT.as_raw()));
    daemons_end_and_the_worker_finishes(&mut program, false);
}

#[test]
fn when_main_leaves_by_underscore_exit_its_daemons_are_killed_and_the_others_finish() {
    let mut program = family("_exit");
    program.signal(Signal::USR1);
    assert_eq!(program.wait().code(), Some(4));
    daemons_end_and_the_worker_finishes(&mut program, false);
}

#[test]
fn when_main_becomes_another_program_its_daemons_are_killed_and_the_others_finish() {
    let mut program = family("exec");
    program.signal(Signal::USR1);
    // Until then, it may still be seen by its old name.
    program.wait_for("became another", 1);
    daemons_end_and_the_worker_finishes(&mut program, true);
    program.signal(Signal::KILL);
    assert_eq!(program.wait().signal(), Some(9));
    assert_nobody_is_left(&program);
}
