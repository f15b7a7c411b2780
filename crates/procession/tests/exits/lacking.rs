//! The end of a program on a kernel without pidfds, or with a sandbox that forbids `posix_spawn`.

use super::{assert_nobody_is_left, run, wait_for_family, wait_until_gone_but};
use crate::host_program::host_program;
use crate::program::Program;
use hostile::Lack;
use rustix::process::Signal;
use std::process::Command;

/// What a sandbox says to calls that it does not know.
const EPERM: i32 = 1;

fn family_without(lacks: &[Lack]) -> Program {
    let mut command = Command::new(host_program());
    hostile::forbid_in(command.args(["--case", "return"]), lacks);
    let mut program = run(&mut command);
    wait_for_family(&mut program);
    program
}

fn each_lack(check: impl Fn(Program)) {
    check(family_without(&[hostile::lack_of("pidfd_open")]));
    check(family_without(&[hostile::lack_of("clone3").says(EPERM)]));
    check(family_without(&hostile::LACKS));
}

#[test]
fn daemons_die_with_a_killed_main_whatever_the_kernel_lacks() {
    each_lack(|mut program| {
        program.signal(Signal::KILL);
        program.wait();
        wait_until_gone_but(&program, &["worker", "forkserver"]);
        program.end_input();
        wait_until_gone_but(&program, &[]);
    });
}

#[test]
fn a_main_that_returns_waits_for_its_worker_whatever_the_kernel_lacks() {
    each_lack(|mut program| {
        program.signal(Signal::USR1);
        program.wait_for("asked", 1);
        program.end_input();
        assert_eq!(program.wait().code(), Some(0));
        assert_nobody_is_left(&program);
    });
}
