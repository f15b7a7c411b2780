//! Panics that are caught, carried over and doubled: what only a program has whose panics unwind.

use crate::endings::ending;
use crate::support::{METHODS, join, line, stay_until_told, within};
use procession::{Process, Stdio, current, scope};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[test]
fn a_resumed_panic_is_a_panic_without_a_place() {
    for method in METHODS {
        let plan: Process<()> = Process::new(|| resume_unwind(Box::new("carried over")), ());
        let error = ending(method, plan);
        let panic = error.panic().expect("a panic");
        assert_eq!(panic.message(), "carried over");
        assert_eq!((panic.file(), panic.line(), panic.column()), (None, None, None), "{method}");
    }
}

#[test]
fn a_panic_of_another_thread_that_is_carried_over_is_told() {
    let fail = || {
        let thread = std::thread::Builder::new().name("helper".to_owned());
        let thread = thread.spawn(|| assert!(current().id() == 0, "in a thread"));
        if let Err(payload) = thread.expect("a thread").join() {
            resume_unwind(payload);
        }
    };
    for method in METHODS {
        let error = ending(method, Process::new(fail, ()));
        assert_eq!(error.panic().expect("a panic").message(), "in a thread", "{method}");
    }
}

#[test]
fn a_panic_that_was_caught_is_no_ending() {
    let recover = || catch_unwind(|| panic!("caught")).is_err();
    for method in METHODS {
        let plan = Process::new(recover, ()).start_method(method).stderr(Stdio::Null);
        assert!(join(plan.start().expect("a child")).expect("a value"), "{method}");
    }
}

#[test]
fn a_panic_while_panicking_is_an_abort() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    let fail = || {
        let _bomb = Bomb;
        panic!("once");
    };
    for method in METHODS {
        let plan: Process<()> = Process::new(fail, ()).start_method(method).stderr(Stdio::Null);
        let error = join(plan.start().expect("a child")).expect_err("it aborted");
        assert_eq!(error.signal(), Some(6), "{method}: {error}");
    }
}

#[test]
fn a_scope_that_unwinds_waits_for_its_children_too() {
    for method in METHODS {
        let (mut events, line) = line();
        let unwound = std::thread::spawn(move || {
            catch_unwind(AssertUnwindSafe(|| {
                scope(|scope| {
                    let plan = Process::new(stay_until_told, (line,)).start_method(method);
                    let _child = scope.start(plan).expect("a child");
                    resume_unwind(Box::new("out of the block"));
                })
            }))
        });
        events.wait("the child");
        assert!(!unwound.is_finished(), "{method}: the scope has ended before its child");
        events.tell();
        let payload = within("the scope", move || unwound.join().expect("it was caught"));
        let payload = payload.expect_err("it unwound");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"out of the block"));
        events.wait_for_end("the child");
    }
}
