//! A function that runs before a process's own, and the guard that it returns.

use crate::support::{Directory, METHODS, alone, join, line, wait_to_be_told};
use procession::{Defaults, Fd, Process, StartMethod, Stdio};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use tracing::info;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

/// As many lines as the appender's queue holds, and not more: it drops those that have no room.
const LINES: usize = 500;

/// Logging in the background: what is in its queue is lost unless the guard is dropped.
fn log_in_the_background(mut path: PathBuf) -> WorkerGuard {
    path.push("log");
    let file = File::create(path).expect("a log");
    let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(file);
    tracing_subscriber::fmt().with_writer(writer).init();
    guard
}

fn log_lines(lines: usize) {
    for line in 0..lines {
        info!("line {line}");
    }
}

fn lines_in(place: &Directory) -> usize {
    std::fs::read_to_string(place.0.join("log")).expect("a log").lines().count()
}

#[test]
fn a_guard_of_the_setup_is_kept_until_the_function_has_returned() {
    for method in METHODS {
        let place = Directory::new(&format!("guard-{method}").replace(' ', "-"));
        let directory = place.0.clone();
        let plan = Process::new(log_lines, (LINES,)).start_method(method);
        let child = plan.setup_with(log_in_the_background, (directory,)).start();
        join(child.expect("a child")).expect("a value");
        assert_eq!(lines_in(&place), LINES, "{method}");
    }
}

#[cfg(panic = "unwind")]
#[test]
fn a_guard_of_the_setup_is_dropped_after_a_panic() {
    let place = Directory::new("guard-panic");
    let directory = place.0.clone();
    let work = |lines: usize| {
        log_lines(lines);
        panic!("as planned");
    };
    let child: procession::Child<()> = Process::new(work, (LINES,))
        .setup_with(log_in_the_background, (directory,))
        .stderr(Stdio::Null)
        .start()
        .expect("a child");
    let error = join(child).expect_err("it panicked");
    assert_eq!(error.panic().expect("a panic").message(), "as planned");
    assert_eq!(lines_in(&place), LINES);
}

/// Says what happens to it.
struct Witness(UnixStream);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.write_all(b"dropped").expect("the other end");
    }
}

fn watch(line: Fd<UnixStream>) -> Witness {
    Witness(line.0)
}

#[test]
fn the_arguments_of_a_setup_may_have_descriptors() {
    for method in METHODS {
        let (here, there) = UnixStream::pair().expect("a pair");
        let (here_too, there_too) = UnixStream::pair().expect("a pair");
        let say = |mut line: Fd<UnixStream>| line.write_all(b"worked").expect("the other end");
        let plan = Process::new(say, (Fd(there_too),)).setup_with(watch, (Fd(there),));
        join(plan.start_method(method).start().expect("a child")).expect("a value");
        let said = [here, here_too].map(|mut line| {
            let mut text = String::new();
            line.read_to_string(&mut text).expect("text");
            text
        });
        assert_eq!(said, ["dropped", "worked"], "{method}");
    }
}

#[test]
fn the_value_is_there_before_the_guard_is_dropped() {
    /// Waits to be told before it goes.
    struct Slow(Fd<UnixStream>);
    impl Drop for Slow {
        fn drop(&mut self) {
            wait_to_be_told(&mut self.0);
        }
    }
    let (mut events, line) = line();
    let plan = Process::new(|| 5, ()).setup_with(|line: Fd<UnixStream>| Slow(line), (line,));
    let child = plan.start().expect("a child");
    let handle = child.handle();
    let value = crate::support::within("the value", || child.value());
    assert_eq!(value.expect("a value"), 5);
    assert!(!handle.is_finished(), "its guard is waiting");
    events.tell();
    assert!(handle.wait_timeout(crate::support::DEADLINE).expect("a wait"));
}

#[test]
fn a_guard_whose_destructor_panics_changes_no_ending() {
    struct Odd;
    impl Drop for Odd {
        fn drop(&mut self) {
            panic!("a destructor that panics");
        }
    }
    let plan = Process::new(|| 5, ()).setup(|| Odd).stderr(Stdio::Null);
    assert_eq!(join(plan.start().expect("a child")).expect("its value"), 5);
}

#[cfg(panic = "unwind")]
#[test]
fn a_setup_that_panics_is_told_and_the_function_is_not_called() {
    let (mut here, there) = UnixStream::pair().expect("a pair");
    let say = |mut line: Fd<UnixStream>| line.write_all(b"called").expect("the other end");
    let fail = |why: String| panic!("{why}");
    let plan = Process::new(say, (Fd(there),)).setup_with(fail, ("no log".to_owned(),));
    let error = join(plan.stderr(Stdio::Null).start().expect("a child")).expect_err("it panicked");
    assert_eq!(error.panic().expect("a panic").message(), "no log");
    let mut said = Vec::new();
    here.read_to_end(&mut said).expect("the end");
    assert!(said.is_empty(), "the function was called");
}

#[test]
fn a_copy_that_the_function_makes_does_not_drop_the_guard() {
    let (mut here, there) = UnixStream::pair().expect("a pair");
    let work = || {
        let proof = procession_sys::thread::SingleThreaded::prove().expect("one thread");
        if let procession_sys::fork::Fork::Parent(copy) =
            procession_sys::fork::fork(&proof).expect("a fork")
        {
            crate::support::gone(copy.as_raw().unsigned_abs(), "the copy");
        }
    };
    let plan = Process::new(work, ()).setup_with(watch, (Fd(there),));
    join(plan.start().expect("a child")).expect("a value");
    let mut said = String::new();
    here.read_to_string(&mut said).expect("text");
    assert_eq!(said, "dropped");
}

#[test]
fn a_setup_can_silence_panics_that_the_error_carries() {
    let silence = || std::panic::set_hook(Box::new(|_| ()));
    for method in METHODS {
        let plan: Process<()> = Process::new(|| panic!("only in the error"), ());
        let plan = plan.start_method(method).setup(silence).stderr(Stdio::Piped);
        let output = plan.start().expect("a child").join_with_output();
        let error = output.value.expect_err("it panicked");
        let panic = error.panic().expect("a panic");
        assert_eq!(
            (panic.message(), panic.file()),
            ("only in the error", Some(file!())),
            "{method}"
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{method}");
    }
}

static UNIT: OnceLock<&str> = OnceLock::new();

fn set_unit(unit: &'static str) {
    UNIT.set(unit).expect("a process is set up once");
}

fn unit() -> Option<String> {
    UNIT.get().map(|&unit| unit.to_owned())
}

#[test]
fn defaults_hold_for_all_children_whose_plans_say_nothing() {
    alone(|| {
        let spawn = StartMethod::Spawn;
        Defaults::new().setup_with(set_unit, ("words",)).start_method(spawn).set().expect("once");
        let layout = || (unit(), layout());
        let starts = [(), ()].map(|()| Process::new(layout, ()).start().expect("a child"));
        let [one, other] = starts.map(|child| join(child).expect("a unit"));
        assert_eq!(one.0.as_deref(), Some("words"));
        assert_ne!(one.1, other.1, "they were not spawned");

        let plan = Process::new(unit, ()).setup_with(set_unit, ("lines",));
        let plan = plan.start_method(StartMethod::ForkServer);
        assert_eq!(join(plan.start().expect("a child")).expect("one").as_deref(), Some("lines"));
        let bare = Process::new(unit, ()).setup(|| ()).start().expect("a child");
        assert_eq!(join(bare).expect("none"), None);
    });
}

fn layout() -> usize {
    layout as fn() -> usize as usize
}

#[test]
fn defaults_are_set_once_and_not_inherited_by_children_of_children() {
    alone(|| {
        Defaults::new().setup_with(set_unit, ("words",)).set().expect("once");
        let again = Defaults::new().set().expect_err("twice");
        assert!(again.to_string().contains("set before"), "{again}");
        let below = || {
            let below = Process::new(unit, ()).start().expect("a child").join().expect("a unit");
            (unit(), below)
        };
        let (own, below) = join(Process::new(below, ()).start().expect("a child")).expect("units");
        assert_eq!((own.as_deref(), below), (Some("words"), None));
    });
}
