//! A time limit in the plan, and handles that kill when they are dropped.

use crate::support::{DEADLINE, Line, METHODS, alone, gone, join, line, stay, tell, within};
use procession::{Child, Ending, Fd, Process, Value};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(100);

/// A child that has said that it is there and has a limit of time.
fn limited(timeout: Duration) -> (Child<()>, Line) {
    let (mut events, line) = line();
    let child = Process::new(stay, (line,)).timeout(timeout).start().expect("a child");
    events.wait("the child");
    (child, events)
}

#[test]
fn a_process_that_runs_longer_than_its_timeout_is_killed_and_says_so() {
    for method in METHODS {
        let (_open, line) = line();
        let begun = Instant::now();
        let plan = Process::new(stay, (line,)).start_method(method).timeout(SOON).name("slow");
        let error = join(plan.start().expect("a child")).expect_err("its time is over");
        assert!(begun.elapsed() >= SOON, "{method}: it was killed before its time");
        assert!(error.is_timed_out(), "{method}: {error}");
        assert_eq!(error.ending(), &Ending::TimedOut, "{method}");
        assert!(error.to_string().contains("longer than its timeout"), "{error}");
    }
}

#[test]
fn a_process_within_its_timeout_gives_its_value() {
    for method in METHODS {
        let plan = Process::new(|n: u64| n * 2, (21,)).start_method(method);
        for timeout in [DEADLINE, Duration::MAX] {
            let plan = Process::new(|n: u64| n * 2, (21,)).start_method(method).timeout(timeout);
            assert_eq!(join(plan.start().expect("a child")).expect("a value"), 42, "{method}");
        }
        assert_eq!(join(plan.start().expect("a child")).expect("a value"), 42, "{method}");
    }
}

#[test]
fn a_kill_before_the_timeout_is_no_timeout() {
    let (child, _events) = limited(DEADLINE);
    child.kill().expect("SIGKILL");
    assert_eq!(join(child).expect_err("it was killed").signal(), Some(9));
}

#[test]
fn a_value_that_was_sent_whole_before_the_timeout_is_delivered() {
    let work = || {
        let linger = || loop {
            thread::park();
        };
        procession_sys::exit::at_exit(linger).expect("a handler");
        "whole".to_owned()
    };
    for method in METHODS {
        // A slow machine may take longer than the first of these times to send the value.
        let value = [SOON, 10 * SOON, 100 * SOON].into_iter().find_map(|timeout| {
            let plan = Process::new(work, ()).start_method(method).timeout(timeout);
            join(plan.start().expect("a child")).ok()
        });
        assert_eq!(value.as_deref(), Some("whole"), "{method}");
    }
}

#[test]
fn a_timeout_holds_while_nothing_waits_for_the_process() {
    let (child, mut events) = limited(SOON);
    // The line ends with the process, and its handle is not touched.
    events.wait_for_end("a process whose time is over");
    assert!(join(child).expect_err("its time is over").is_timed_out());
}

#[test]
fn a_timeout_holds_while_the_fork_server_is_stopped() {
    alone(|| {
        let server = || {
            let status = std::fs::read_to_string("/proc/self/stat").expect("its status");
            let (_, rest) = status.rsplit_once(')').expect("a name");
            rest.split_whitespace().nth(1).expect("a parent").parse::<i32>().expect("a number")
        };
        let server = Process::new(server, ()).start().expect("a child").join().expect("a number");
        let server = nix::unistd::Pid::from_raw(server);
        let (child, mut events) = limited(SOON);
        nix::sys::signal::kill(server, nix::sys::signal::SIGSTOP).expect("SIGSTOP");
        events.wait_for_end("a process whose time is over");
        nix::sys::signal::kill(server, nix::sys::signal::SIGCONT).expect("SIGCONT");
        assert!(join(child).expect_err("its time is over").is_timed_out());
    });
}

#[test]
fn a_timeout_holds_after_the_process_has_become_another_program() {
    let become_a_sleeper = || {
        let error = Command::new("sleep").arg("3600").exec();
        error.to_string()
    };
    for method in METHODS {
        let plan = Process::new(become_a_sleeper, ()).start_method(method).timeout(SOON);
        let error = join(plan.start().expect("a child")).expect_err("its time is over");
        assert!(error.is_timed_out(), "{method}: {error}");
    }
}

#[test]
fn a_timeout_of_no_time_at_all_ends_the_process() {
    let (_open, line) = line();
    let child = Process::new(stay, (line,)).timeout(Duration::ZERO).start().expect("a child");
    assert!(join(child).expect_err("it has no time").is_timed_out());
}

#[test]
fn hundreds_of_timeouts_end_their_processes_without_anything_waiting() {
    let lines: Vec<(Child<()>, Line)> = (0..100)
        .map(|_| {
            let (events, line) = line();
            let plan = Process::new(stay, (line,)).timeout(SOON);
            (plan.start().expect("a child"), events)
        })
        .collect();
    for (child, mut events) in lines {
        events.count_until_end("a process whose time is over");
        assert!(join(child).expect_err("its time is over").is_timed_out());
    }
}

fn is_killed_by_a_drop<R: Value>(drop_it: impl FnOnce(Child<R>), child: Child<R>, what: &str) {
    let (id, end) = (child.id(), child.as_fd().try_clone_to_owned().expect("a duplicate"));
    drop_it(child);
    crate::support::ready(end, what);
    gone(id, what);
}

#[test]
fn a_dropped_handle_kills_where_the_plan_says_so() {
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(stay, (line,)).start_method(method).kill_on_drop(true);
        let child = plan.start().expect("a child");
        events.wait("the child");
        is_killed_by_a_drop(drop, child, "a child whose handle was dropped");
        events.wait_for_end("a child whose handle was dropped");
    }
}

// Where panics end the process, no handle is dropped by one.
#[cfg(panic = "unwind")]
#[test]
fn a_handle_that_panicking_drops_kills_too() {
    let (mut events, line) = line();
    let child = Process::new(stay, (line,)).kill_on_drop(true).start().expect("a child");
    events.wait("the child");
    let owner = thread::spawn(move || {
        let _child = child;
        panic!("as planned");
    });
    within("the thread", || owner.join()).expect_err("it panicked");
    events.wait_for_end("a child whose handle was dropped");
}

/// What an exit handler waits for the end of.
static HELD: Mutex<Option<UnixStream>> = Mutex::new(None);

/// Gives its value, and stays in its exit handler until the line ends.
fn value_then_linger(mut line: Fd<UnixStream>) -> u32 {
    *HELD.lock().expect("no panic") = Some(line.try_clone().expect("a duplicate"));
    let linger = || {
        let held = HELD.lock().expect("no panic").take();
        held.map(|mut line| line.read_to_end(&mut Vec::new()));
    };
    procession_sys::exit::at_exit(linger).expect("a handler");
    tell(&mut line);
    7
}

#[test]
fn a_handle_that_gave_its_value_or_was_detached_does_not_kill() {
    let (mut events, line_of_one) = line();
    let plan = Process::new(value_then_linger, (line_of_one,)).kill_on_drop(true);
    let child = plan.start().expect("a child");
    let end = child.as_fd().try_clone_to_owned().expect("a duplicate");
    events.wait("the child");
    assert_eq!(within("its value", || child.value()).expect("a value"), 7);
    assert!(!crate::support::is_ready(&end, SOON), "it was killed on its way out");
    drop(events);
    crate::support::ready(end, "its end");

    let (mut events, line_of_another) = line();
    let plan = Process::new(stay, (line_of_another,)).kill_on_drop(true);
    let child = plan.start().expect("a child");
    let end = child.as_fd().try_clone_to_owned().expect("a duplicate");
    events.wait("the child");
    child.detach();
    assert!(!crate::support::is_ready(&end, SOON), "a detached child was killed");
    drop(events);
    crate::support::ready(end, "its end");
}
