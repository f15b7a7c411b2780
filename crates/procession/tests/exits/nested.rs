//! A child ends by the same rules as main: its own children are its business.

use super::{assert_nobody_is_left, host, wait_until_gone_but};
use crate::program::Program;
use rustix::process::Signal;

/// Main with a child that has a daemon and a worker; tells the child to leave.
fn leaving_branch(way: &str) -> Program {
    let mut program = host(&["branch", way]);
    for name in ["branch", "polite", "worker"] {
        program.wait_for(&format!("begun {name}"), 1);
    }
    let members = program.observed.alive();
    let branch = members.iter().find(|member| member.name == "branch").expect("a branch");
    branch.signal(Signal::USR1);
    program
}

fn a_child_waits_for_its_worker(way: &str, ending: &str) {
    let mut program = leaving_branch(way);
    program.wait_for("asked", 1);
    program.end_input();
    program.wait_for("finished, parent alive: true", 1);
    program.wait_for(ending, 1);
    assert_eq!(program.wait().code(), Some(0));
    assert_nobody_is_left(&program);
}

#[test]
fn a_child_that_returns_ends_its_daemons_and_waits_for_the_others() {
    a_child_waits_for_its_worker("return", "branch returned");
}

#[test]
fn a_child_that_exits_ends_its_daemons_and_waits_for_the_others() {
    a_child_waits_for_its_worker("exit", "branch ended: Some(3) false");
}

#[cfg(panic = "unwind")]
#[test]
fn a_child_that_panics_ends_its_daemons_and_waits_for_the_others() {
    a_child_waits_for_its_worker("panic", "branch ended: None true");
}

fn a_child_waits_for_nobody(way: &str, ending: &str) {
    let mut program = leaving_branch(way);
    program.wait_for(ending, 1);
    assert_eq!(program.wait().code(), Some(0));
    program.end_input();
    program.wait_for("finished, parent alive: false", 1);
    wait_until_gone_but(&program, &[]);
    assert_eq!(program.count("asked"), 0);
}

#[test]
fn a_child_that_leaves_by_underscore_exit_waits_for_nobody() {
    a_child_waits_for_nobody("_exit", "branch ended: Some(4) false");
}

#[cfg(panic = "abort")]
#[test]
fn a_child_whose_panic_aborts_waits_for_nobody() {
    a_child_waits_for_nobody("panic", "branch ended: None true");
}
