//! The handle of a running process.

use crate::support::{
    DEADLINE, Line, METHODS, alone, gone, is_ready, join, line, ready, status, stay,
    stay_until_told, tell, wait_to_be_told, within,
};
use procession::{Child, Ending, Fd, Process, StartMethod};
use procession_sys::exit;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A process that stays for as long as the line is kept.
fn sleeper(method: StartMethod) -> (Child<()>, Line) {
    let (mut events, line) = line();
    let child = Process::new(stay, (line,)).start_method(method).start().expect("a child");
    events.wait("a sleeper");
    (child, events)
}

#[test]
fn a_handle_is_right_before_during_and_after_the_life_of_its_process() {
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(stay_until_told, (line,)).name("worker").start_method(method);
        let mut child = plan.start().expect("a child");
        events.wait("the worker");
        assert_eq!(child.name(), "worker");
        assert!(child.is_alive());
        assert_eq!(child.try_join().expect("it runs"), None);
        assert_eq!(
            format!("{child:?}"),
            format!("Child {{ name: \"worker\", id: {} }}", child.id())
        );
        events.tell();
        ready(&child, "the worker's end");
        assert!(!child.is_alive());
        let id = child.id();
        assert_eq!(child.try_join().expect("a value"), Some(id), "{method}");
    }
}

#[test]
fn the_descriptor_is_ready_exactly_when_joining_would_not_wait() {
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(stay_until_told, (line,)).start_method(method);
        let mut child = plan.start().expect("a child");
        events.wait("the worker");
        assert!(!is_ready(&child, Duration::ZERO));
        assert!(child.try_join().expect("it runs").is_none());
        events.tell();
        ready(&child, "the worker's end");
        assert!(child.try_join().expect("a value").is_some(), "{method}: ready, and still waits");
        assert!(is_ready(&child, Duration::ZERO), "{method}: it stays ready");
    }
}

#[test]
fn joining_with_no_time_left_returns_at_once() {
    for method in METHODS {
        let (mut child, _line) = sleeper(method);
        assert!(child.join_timeout(Duration::ZERO).expect("it runs").is_none());
        assert!(child.join_timeout(Duration::from_millis(1)).expect("it runs").is_none());
        assert!(child.join_deadline(Instant::now()).expect("it runs").is_none());
        let past = Instant::now().checked_sub(Duration::from_millis(5)).expect("a past");
        assert!(child.join_deadline(past).expect("it runs").is_none());
        child.terminate().expect("SIGTERM");
        let error = child.join_timeout(DEADLINE).expect_err("it was terminated");
        assert_eq!(error.signal(), Some(15), "{method}");
    }
}

#[test]
fn joining_with_a_timeout_gives_the_value_when_it_comes() {
    for method in METHODS {
        for timeout in [DEADLINE, Duration::MAX] {
            let plan = Process::new(|| 7, ()).start_method(method);
            let mut child = plan.start().expect("a child");
            let value = within("a value", move || child.join_timeout(timeout).expect("a value"));
            assert_eq!(value, Some(7), "{method}");
        }
    }
}

#[test]
fn signals_reach_the_process_and_are_its_ending() {
    for method in METHODS {
        type Send = fn(&Child<()>) -> std::io::Result<()>;
        let cells: [(Send, i32, &str); 3] = [
            (Child::interrupt, 2, "SIGINT"),
            (Child::terminate, 15, "SIGTERM"),
            (Child::kill, 9, "SIGKILL"),
        ];
        for (send, number, name) in cells {
            let (child, _line) = sleeper(method);
            send(&child).expect("a signal");
            let error = join(child).expect_err("it was killed");
            let expected = Ending::Killed { signal: number, core_dumped: false };
            assert_eq!(error.ending(), &expected, "{method}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

#[test]
fn a_signal_to_a_process_that_has_ended_is_no_error() {
    for method in METHODS {
        let mut child = Process::new(|| 1, ()).start_method(method).start().expect("a child");
        ready(&child, "its end");
        for _ in 0..2 {
            child.interrupt().expect("it has ended");
            child.terminate().expect("it has ended");
            child.kill().expect("it has ended");
            // The second time, it has been joined and its id may be somebody else's.
            let _ = child.try_join();
        }
    }
}

#[test]
fn a_handle_resolves_once_and_an_error_stays_the_same() {
    for method in METHODS {
        let mut child = Process::new(|| 5, ()).start_method(method).start().expect("a child");
        assert_eq!(child.join_timeout(DEADLINE).expect("a value"), Some(5));
        for _ in 0..2 {
            let error = child.join_timeout(DEADLINE).expect_err("it was taken");
            assert_eq!(error.ending(), &Ending::Taken, "{method}");
            assert!(!child.is_alive());
        }
        assert_eq!(join(child).expect_err("it was taken").ending(), &Ending::Taken);

        let exit = || std::process::exit(6);
        let plan: Process<()> = Process::new(exit, ()).start_method(method);
        let mut child = plan.start().expect("a child");
        for _ in 0..3 {
            let error = child.join_timeout(DEADLINE).expect_err("it exited");
            assert_eq!(error.ending(), &Ending::Exited(6), "{method}");
        }
        assert_eq!(join(child).expect_err("it exited").ending(), &Ending::Exited(6));
    }
}

/// A child's way out, held up in its exit handlers until it is told to go on.
fn value_then_slow_exit(line: Fd<UnixStream>) -> u32 {
    static LINE: Mutex<Option<Fd<UnixStream>>> = Mutex::new(None);
    *LINE.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    exit::at_exit(|| {
        if let Some(line) = &mut *LINE.lock().unwrap_or_else(PoisonError::into_inner) {
            tell(line);
            wait_to_be_told(line);
        }
    })
    .expect("an exit handler");
    42
}

#[test]
fn the_value_is_there_before_the_process_is_gone() {
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(value_then_slow_exit, (line,)).start_method(method);
        let mut child = plan.start().expect("a child");
        let id = child.id();
        events.wait("its exit handlers");
        assert!(child.is_alive());
        assert!(child.try_join().expect("it runs").is_none(), "{method}: it is not gone yet");
        let value = within("its value", move || child.value().expect("a value"));
        assert_eq!(value, 42, "{method}");
        assert_eq!(status(id, "Pid"), id.to_string(), "it is still there");
        events.tell();
        events.wait_for_end("the process");
    }
}

#[test]
fn joining_waits_until_the_process_is_gone() {
    for method in METHODS {
        let child = Process::new(|| 1, ()).start_method(method).start().expect("a child");
        let id = child.id();
        join(child).expect("a value");
        let left = std::fs::read_to_string(format!("/proc/{id}/stat"));
        assert!(left.is_err(), "{method}: not even a zombie: {left:?}");
    }
}

#[test]
fn value_of_a_process_without_one_is_its_ending() {
    for method in METHODS {
        let plan: Process<()> = Process::new(|| std::process::exit(9), ()).start_method(method);
        let child = plan.start().expect("a child");
        let error = within("its ending", move || child.value().expect_err("no value"));
        assert_eq!(error.exit_code(), Some(9), "{method}");
    }
}

#[test]
fn stopping_an_obedient_process_ends_it_by_sigterm() {
    for method in METHODS {
        let (child, _line) = sleeper(method);
        let error = within("its end", move || child.stop(DEADLINE).expect_err("no value"));
        assert_eq!(error.signal(), Some(15), "{method}");
    }
}

#[test]
fn stopping_gives_the_value_of_one_that_was_done() {
    for method in METHODS {
        let child = Process::new(|| 3, ()).start_method(method).start().expect("a child");
        ready(&child, "its end");
        assert_eq!(within("its end", move || child.stop(DEADLINE).expect("a value")), 3);
    }
}

#[test]
fn stopping_a_process_that_ignores_sigterm_kills_it_after_the_grace() {
    let deaf = |line: Fd<UnixStream>| {
        hostile::ignore(15).expect("ignored");
        stay(line);
    };
    for method in METHODS {
        let (mut events, line) = line();
        let child = Process::new(deaf, (line,)).start_method(method).start().expect("a child");
        events.wait("a deaf process");
        let grace = Duration::from_millis(20);
        let error = within("its end", move || child.stop(grace).expect_err("no value"));
        assert_eq!(error.signal(), Some(9), "{method}");
    }
}

#[test]
fn stopping_a_stopped_process_continues_it_so_that_it_can_obey() {
    for method in METHODS {
        let (mut events, line) = line();
        let stop_itself = |mut line: Fd<UnixStream>| {
            tell(&mut line);
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::STOP).expect("SIGSTOP");
            stay(line);
        };
        let child = Process::new(stop_itself, (line,)).start_method(method).start();
        let child = child.expect("a child");
        events.wait("a process that is about to stop");
        let error = within("its end", move || child.stop(DEADLINE).expect_err("no value"));
        assert_eq!(error.signal(), Some(15), "{method}");
    }
}

#[test]
fn a_stopped_process_is_alive_and_can_be_killed() {
    for method in METHODS {
        let (mut child, _line) = sleeper(method);
        let id = i32::try_from(child.id()).expect("an id");
        let pid = rustix::process::Pid::from_raw(id).expect("an id");
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("SIGSTOP");
        assert!(child.is_alive());
        child.kill().expect("SIGKILL");
        assert_eq!(join(child).expect_err("it was killed").signal(), Some(9), "{method}");
    }
}

#[test]
fn dropping_a_handle_neither_kills_nor_waits_and_the_process_is_still_reaped() {
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(stay_until_told, (line,)).start_method(method);
        let child = plan.start().expect("a child");
        let id = child.id();
        events.wait("a process");
        drop(child);
        assert_eq!(status(id, "Pid"), id.to_string(), "it goes on");
        events.tell();
        events.wait_for_end("the process");
        gone(id, "a process whose handle was dropped");
    }
}

#[test]
fn a_detached_process_is_not_waited_for_and_others_are() {
    let (mut detached_events, detached_line) = line();
    let (mut waited_events, waited_line) = line();
    let start_both = |detached: Fd<UnixStream>, waited: Fd<UnixStream>| {
        let started = Process::new(stay_until_told, (detached,)).start().expect("a child");
        started.detach();
        drop(Process::new(stay_until_told, (waited,)).start().expect("a child"));
    };
    let mut child =
        Process::new(start_both, (detached_line, waited_line)).start().expect("a child");
    detached_events.wait("the detached one");
    waited_events.wait("the other");
    assert!(child.try_join().expect("it runs").is_none(), "it waits for its child");
    waited_events.tell();
    join(child).expect("it ends while the detached one lives");
    detached_events.tell();
    detached_events.wait_for_end("the detached one");
}

#[test]
fn a_wait_survives_the_handler_of_a_signal() {
    alone(|| {
        hostile::catch(10).expect("a handler for SIGUSR1");
        for method in METHODS {
            let interrupt_parent = |mut line: Fd<UnixStream>| {
                wait_to_be_told(&mut line);
                let parent = rustix::process::Pid::from_raw(
                    i32::try_from(procession::parent().expect("a parent").id()).expect("an id"),
                );
                for _ in 0..100 {
                    let signal = rustix::process::Signal::USR1;
                    rustix::process::kill_process(parent.expect("an id"), signal).expect("SIGUSR1");
                    std::thread::yield_now();
                }
                "done".to_owned()
            };
            let (mut events, line) = line();
            let plan = Process::new(interrupt_parent, (line,)).start_method(method);
            let child = plan.start().expect("a child");
            events.tell();
            // On this thread, which is the one that gets the signals.
            assert_eq!(child.join().expect("words"), "done", "{method}");
        }
    });
}
