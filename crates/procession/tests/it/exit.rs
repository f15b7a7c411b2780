//! The end of a program, and what becomes of its processes.
//!
//! The program is a process of procession itself, which ends as every program does.

use crate::support::{
    METHODS, gone, join, line, stay, stay_until_told, tell, wait_to_be_told, within,
};
use procession::{Fd, Process, StartMethod};
use std::os::unix::net::UnixStream;

/// Starts a daemon, and one that is not, and returns.
fn start_and_return(daemon: Fd<UnixStream>, other: Fd<UnixStream>, method: StartMethod) {
    for (line, is_daemon) in [(daemon, true), (other, false)] {
        let plan = Process::new(stay, (line,)).daemon(is_daemon).start_method(method);
        drop(plan.start().expect("a child"));
    }
}

#[test]
fn at_its_end_a_program_ends_its_daemons_and_waits_for_the_others() {
    for method in METHODS {
        let (mut daemon_events, daemon) = line();
        let (mut other_events, other) = line();
        let plan = Process::new(start_and_return, (daemon, other, method)).start_method(method);
        let mut program = plan.start().expect("a program");
        other_events.wait("the child that is no daemon");
        daemon_events.wait_for_end("the daemon, while the other goes on");
        assert!(program.try_join().expect("it runs").is_none(), "{method}: it did not wait");
        drop(other_events);
        join(program).expect("it ends after its last child");
    }
}

#[test]
fn a_program_ends_though_its_daemon_ignores_sigterm() {
    let deaf = |line: Fd<UnixStream>| {
        hostile::ignore(15).expect("ignored");
        stay(line);
    };
    let program = move |line: Fd<UnixStream>, mut own: Fd<UnixStream>, method: StartMethod| {
        let plan = Process::new(deaf, (line,)).daemon(true).start_method(method);
        drop(plan.start().expect("a daemon"));
        wait_to_be_told(&mut own);
    };
    for method in METHODS {
        let (mut events, line) = line();
        let (mut own_events, own) = self::line();
        let plan = Process::new(program, (line, own, method)).start_method(method);
        let child = plan.start().expect("a program");
        events.wait("a deaf daemon");
        own_events.tell();
        join(child).expect("it ends");
        events.wait_for_end("the daemon");
    }
}

#[test]
fn a_program_that_calls_exit_waits_like_one_that_returns() {
    let program = |line: Fd<UnixStream>, method: StartMethod| {
        drop(Process::new(stay_until_told, (line,)).start_method(method).start().expect("a child"));
        std::process::exit(5)
    };
    for method in METHODS {
        let (mut events, line) = line();
        let plan: Process<()> = Process::new(program, (line, method)).start_method(method);
        let mut child = plan.start().expect("a program");
        events.wait("its child");
        assert!(child.is_alive(), "{method}: it did not wait");
        events.tell();
        assert_eq!(join(child).expect_err("it exited").exit_code(), Some(5));
    }
}

/// Starts a daemon that has a daemon, and stays.
fn dynasty(levels: u32, mut line: Fd<UnixStream>, method: StartMethod) {
    if levels > 0 {
        let below = Fd(line.0.try_clone().expect("a duplicate"));
        let plan = Process::new(dynasty, (levels - 1, below, method)).start_method(method);
        // Without a word about it: a daemon's children are daemons.
        drop(plan.start().expect("a daemon"));
    }
    tell(&mut line);
    stay(line);
}

#[test]
fn daemons_of_daemons_end_with_a_killed_parent() {
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(dynasty, (3, line, method)).daemon(true).start_method(method);
        let child = plan.start().expect("a daemon");
        for _ in 0..4 {
            events.wait("a daemon");
            events.wait("its readiness");
        }
        child.kill().expect("SIGKILL");
        assert_eq!(join(child).expect_err("it was killed").signal(), Some(9), "{method}");
        events.wait_for_end("its daemons");
    }
}

#[test]
fn a_killed_parent_leaves_those_that_are_no_daemons_to_finish() {
    let program = |line: Fd<UnixStream>, mut own: Fd<UnixStream>, method: StartMethod| {
        let plan = Process::new(stay_until_told, (line,)).start_method(method);
        let child = plan.start().expect("a child");
        std::io::Write::write_all(&mut *own, &child.id().to_le_bytes()).expect("its id");
        stay(own);
    };
    for method in METHODS {
        let (mut events, line) = line();
        let (here, own) = UnixStream::pair().expect("a pair");
        let plan = Process::new(program, (line, Fd(own), method)).start_method(method);
        let child = plan.start().expect("a program");
        events.wait("its child");
        let id = within("its child's id", move || {
            let mut id = [0; 4];
            std::io::Read::read_exact(&mut &here, &mut id).expect("an id");
            (u32::from_le_bytes(id), here)
        });
        child.kill().expect("SIGKILL");
        join(child).expect_err("it was killed");
        events.tell();
        events.wait_for_end("a child that outlived its parent");
        gone(id.0, "a child that outlived its parent");
    }
}
