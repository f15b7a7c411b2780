//! Ctrl-C at a terminal: it reaches main and its processes, and not what guards them.

use super::{assert_nobody_is_left, host};
use crate::observer::Member;
use crate::program::Program;
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

fn server(program: &Program) -> Member {
    let main = program.pid();
    let mut members = program.observed.alive();
    members.retain(|member| member.name == "forkserver" && member.parent == main);
    assert_eq!(members.len(), 1, "one fork server: {members:?}");
    members.remove(0)
}

#[test]
fn ctrl_c_reaches_main_and_its_processes_and_not_the_fork_server() {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&keyboard).expect("its other side is ours");
    unlockpt(&keyboard).expect("its other side may be opened");
    let path = ptsname(&keyboard, Vec::new()).expect("its name").into_string().expect("text");
    let mut program = host(&["terminal", &path]);
    program.wait_for("begun idle", 1);
    let before = server(&program);

    rustix::io::write(&keyboard, b"\x03").expect("Ctrl-C");
    program.wait_for("main interrupted", 1);
    program.wait_for("child interrupted: Some(2)", 1);
    program.wait_for("then Ok(42)", 1);
    assert_eq!(server(&program).pid, before.pid, "the fork server lives on");

    program.signal(Signal::USR1);
    assert_eq!(program.wait().code(), Some(0));
    assert_nobody_is_left(&program);
}
