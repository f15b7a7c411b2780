//! Main returns, exits or panics: daemons are asked and then killed, the others are waited for.

use super::{assert_nobody_is_left, family, host, host_program, run, wait_for_family};
use rustix::process::Signal;
use std::process::Command;

/// Ends a family in an orderly way and follows the order of events.
fn the_family_ends_before_main(way: &str, code: i32) {
    let mut program = family(way);
    program.signal(Signal::USR1);
    program.wait_for("leaving", 1);
    program.wait_for("asked", 1);
    // Main and worker wait for one another: it for the worker's end, that for the input's.
    assert!(program.observed.alive().iter().any(|member| member.name == "worker"));
    program.end_input();
    assert_eq!(program.wait().code(), Some(code));
    // The fork server, too, has been reaped before main was gone.
    let left = program.observed.alive();
    assert!(left.is_empty(), "alive after main: {left:?}");
    program.wait_for("finished, parent alive: true", 1);
}

#[test]
fn when_main_returns_its_daemons_end_and_the_others_are_waited_for() {
    the_family_ends_before_main("return", 0);
}

#[test]
fn when_main_exits_its_daemons_end_and_the_others_are_waited_for() {
    the_family_ends_before_main("exit", 3);
}

#[cfg(panic = "unwind")]
#[test]
fn when_main_panics_its_daemons_end_and_the_others_are_waited_for() {
    the_family_ends_before_main("panic", 101);
}

#[test]
fn a_program_says_nothing_while_only_its_daemons_take_their_time() {
    let script = "exec \"$0\" --case return 2>&1";
    let mut program = run(Command::new("sh").args(["-c", script]).arg(host_program()));
    wait_for_family(&mut program);
    program.end_input();
    program.wait_for("finished, parent alive: true", 1);
    program.signal(Signal::USR1);
    assert_eq!(program.wait().code(), Some(0));
    let lines = program.all_lines();
    assert!(!lines.iter().any(|line| line.contains("has ended and waits")), "{lines:?}");
}

#[test]
fn a_program_that_waits_at_its_end_says_for_whom() {
    let script = "exec \"$0\" --case waiting 2>&1";
    let mut program = run(Command::new("sh").args(["-c", script]).arg(host_program()));
    let main = program.pid();
    let waits = |whom: &str| {
        format!(
            "procession: process `main` (pid {main}) has ended and waits for `{whom}`; join such \
             processes, detach them, or start them as daemons"
        )
    };
    program.wait_for(&waits("forked"), 1);
    let members = program.observed.alive();
    let forked = members.iter().find(|member| member.name == "forked").expect("it is waited for");
    forked.signal(Signal::KILL);
    program.wait_for(&waits("worker"), 1);
    program.end_input();
    assert_eq!(program.wait().code(), Some(0));
    let lines = program.all_lines();
    assert!(
        !lines.iter().any(|line| line.contains("loose") || line.contains("idle`")),
        "{lines:?}"
    );
    super::wait_until_gone_but(&program, &[]);
}

#[test]
fn a_detached_process_is_not_waited_for_and_finishes() {
    let mut program = host(&["detached"]);
    program.wait_for("begun worker", 1);
    program.signal(Signal::USR1);
    assert_eq!(program.wait().code(), Some(0));
    program.end_input();
    program.wait_for("finished, parent alive: false", 1);
    super::wait_until_gone_but(&program, &[]);
}

#[test]
fn an_exit_under_starts_in_flight_leaves_nobody() {
    for _round in 0..20 {
        let mut program = host(&["in-flight"]);
        program.wait_for("begun Process-5", 1);
        program.signal(Signal::USR1);
        assert_eq!(program.wait().code(), Some(3));
        assert_nobody_is_left(&program);
    }
}
