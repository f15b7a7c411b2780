//! Who a process is, whose child, and who its own are.

use crate::support::{
    METHODS, alone, children, join, line, stay, stay_until_told, tell, wait_to_be_told,
};
use procession::{Fd, Process, StartMethod, active_children, current, parent};
use std::os::unix::net::UnixStream;

#[test]
fn the_first_process_is_main_and_has_no_parent() {
    alone(|| {
        for method in METHODS {
            let here = current();
            assert_eq!((here.name(), here.id()), ("main", std::process::id()));
            assert!(!here.is_daemon());
            assert!(parent().is_none());
            // Having children changes nothing of that.
            let child = Process::new(|| (), ()).start_method(method).start().expect("a child");
            join(child).expect("it ends");
        }
    });
}

#[test]
fn a_child_knows_itself_and_its_parent() {
    let describe = || {
        let (own, parent) = (current(), parent().expect("a parent"));
        let own = (own.name().to_owned(), own.id(), own.is_daemon());
        (own, parent.name().to_owned(), parent.id(), parent.is_alive().expect("pidfds"))
    };
    for method in METHODS {
        let plan = Process::new(describe, ()).name("curious").daemon(true).start_method(method);
        let child = plan.start().expect("a child");
        let id = child.id();
        let (own, parent, parent_id, alive) = join(child).expect("answers");
        assert_eq!(own, ("curious".to_owned(), id, true), "{method}");
        assert_eq!((parent.as_str(), parent_id, alive), ("main", std::process::id(), true));
    }
}

#[test]
fn a_grandchilds_parent_is_the_child() {
    let middle = |method: StartMethod| {
        let name = || parent().map(|parent| (parent.name().to_owned(), parent.id()));
        let plan = Process::new(name, ()).start_method(method);
        plan.start().expect("a child").join().expect("a name")
    };
    for method in METHODS {
        let plan = Process::new(middle, (method,)).name("middle").start_method(method);
        let child = plan.start().expect("a child");
        let expected = Some(("middle".to_owned(), child.id()));
        assert_eq!(join(child).expect("a name"), expected, "{method}");
    }
}

/// Tells that its parent lives, and then that it has ended.
fn watch_parent(mut line: Fd<UnixStream>) {
    let parent = parent().expect("a parent");
    assert!(parent.is_alive().expect("pidfds"));
    assert!(!parent.wait_timeout(std::time::Duration::ZERO).expect("pidfds"));
    tell(&mut line);
    parent.wait().expect("pidfds");
    assert!(!parent.is_alive().expect("pidfds"));
    tell(&mut line);
}

#[test]
fn a_grandchild_sees_its_parent_alive_and_then_its_end() {
    for method in METHODS {
        let (mut events, watched) = line();
        let middle = |watched: Fd<UnixStream>, method: StartMethod| {
            let plan = Process::new(watch_parent, (watched,)).start_method(method);
            let _grandchild = plan.start().expect("a grandchild");
            loop {
                std::thread::park();
            }
        };
        let plan: Process<()> = Process::new(middle, (watched, method)).start_method(method);
        let child = plan.start().expect("a child");
        events.wait("a grandchild whose parent lives");
        child.terminate().expect("SIGTERM");
        assert_eq!(join(child).expect_err("it was terminated").signal(), Some(15));
        events.wait("a grandchild whose parent has ended");
        events.wait_for_end("the grandchild");
    }
}

#[test]
fn active_children_are_those_between_start_and_end() {
    alone(|| {
        assert_eq!(active_children(), []);
        for method in METHODS {
            let (mut events, first) = line();
            let plan = Process::new(stay_until_told, (first,)).name("first").start_method(method);
            let first = plan.start().expect("a child");
            let (_other_events, second) = line();
            let plan = Process::new(stay, (second,)).name("second").daemon(true);
            let second = plan.start_method(method).start().expect("a child");
            events.wait("the first");

            let alive: Vec<_> = active_children()
                .into_iter()
                .map(|child| (child.name().to_owned(), child.id(), child.is_daemon()))
                .collect();
            let expected =
                [("first".to_owned(), first.id(), false), ("second".to_owned(), second.id(), true)];
            assert_eq!(alive, expected, "{method}");

            events.tell();
            join(first).expect("an id");
            let names: Vec<_> =
                active_children().iter().map(|child| child.name().to_owned()).collect();
            assert_eq!(names, ["second"], "{method}");
            second.kill().expect("SIGKILL");
            join(second).expect_err("it was killed");
            assert_eq!(active_children(), [], "{method}");
        }
    });
}

#[test]
fn a_process_without_a_handle_is_still_an_active_child() {
    alone(|| {
        for method in METHODS {
            let mut events: Vec<_> = ["dropped", "detached"]
                .into_iter()
                .map(|name| {
                    let (mut events, line) = line();
                    let plan = Process::new(stay_until_told, (line,)).name(name);
                    let child = plan.start_method(method).start().expect("a child");
                    events.wait(name);
                    if name == "detached" {
                        child.detach();
                    }
                    events
                })
                .collect();
            let names: Vec<_> =
                active_children().iter().map(|child| child.name().to_owned()).collect();
            assert_eq!(names, ["dropped", "detached"], "{method}");
            for events in &mut events {
                events.tell();
                events.wait_for_end("a child without a handle");
            }
            // Its end of the line closes as it ends, a moment before it is reaped.
            let deadline = std::time::Instant::now() + crate::support::DEADLINE;
            while !active_children().is_empty() {
                assert!(std::time::Instant::now() < deadline, "{:?}", active_children());
                std::thread::yield_now();
            }
        }
    });
}

/// Has a process, which has its standard streams, open no descriptor more.
fn open_no_more(process: Option<rustix::process::Pid>) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let none = Rlimit { current: Some(3), maximum: Some(3) };
    prlimit(process, Resource::Nofile, none).expect("a lower limit");
}

#[test]
fn active_children_are_listed_where_nobody_has_a_descriptor_left() {
    alone(|| {
        // Together more than a packet holds.
        let names: Vec<String> = (0..10).map(|number| format!("{number:09000}")).collect();
        let mut events = Vec::new();
        for name in &names {
            let (mut event, line) = line();
            let plan = Process::new(stay, (line,)).name(name).daemon(true);
            plan.start().expect("a child").detach();
            event.wait("a child");
            events.push(event);
        }
        let listed = || {
            let alive = active_children();
            alive.iter().map(|child| child.name().to_owned()).collect::<Vec<_>>()
        };
        let server = rustix::process::Pid::from_raw(i32::try_from(children()[0]).expect("an id"));
        for process in [None, server] {
            open_no_more(process);
            assert_eq!(listed(), names);
        }
    });
}

#[test]
fn threads_that_ask_at_once_are_each_told_of_their_own_child() {
    alone(|| {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let (mut events, line) = line();
                        let child = Process::new(stay, (line,)).start().expect("a child");
                        events.wait("a child");
                        let alive = || active_children().iter().any(|one| one.id() == child.id());
                        assert!(alive());
                        child.kill().expect("SIGKILL");
                        join(child).expect_err("it was killed");
                    }
                });
            }
        });
    });
}

#[test]
fn children_see_only_their_own() {
    let count = || active_children().len();
    for method in METHODS {
        let (mut events, line) = line();
        let sibling = Process::new(stay, (line,)).start_method(method).start().expect("a child");
        events.wait("a sibling");
        let child = Process::new(count, ()).start_method(method).start().expect("a child");
        assert_eq!(join(child).expect("a count"), 0, "{method}");
        sibling.kill().expect("SIGKILL");
        join(sibling).expect_err("it was killed");
    }
}

#[test]
fn a_child_without_input_starts_children_of_its_own() {
    let nested = |mut line: Fd<UnixStream>, method: StartMethod| {
        let plan = Process::new(|n: u32| n + 1, (1,)).start_method(method);
        let value = plan.start().expect("a child").join().expect("a value");
        wait_to_be_told(&mut line);
        value
    };
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(nested, (line, method)).stdin(procession::Stdio::Null);
        let child = plan.start_method(method).start().expect("a child");
        events.tell();
        assert_eq!(join(child).expect("a value"), 2, "{method}");
    }
}
