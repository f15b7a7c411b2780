//! The panics of [`unwinding`](super) where nothing unwinds: the first one ends its process, and is
//! told by the hook or by nobody.

use crate::endings::ending;
use crate::support::METHODS;
use procession::{Process, current};
use std::panic::{catch_unwind, resume_unwind};

#[test]
fn a_resumed_panic_that_aborts_is_told_by_nobody() {
    for method in METHODS {
        let plan: Process<()> = Process::new(|| resume_unwind(Box::new("carried over")), ());
        let error = ending(method, plan);
        assert_eq!(error.signal(), Some(6), "{method}: {error}");
    }
}

#[test]
fn a_panic_of_another_thread_that_aborts_is_told_with_its_thread() {
    let fail = || {
        let thread = std::thread::Builder::new().name("helper".to_owned());
        let thread = thread.spawn(|| assert!(current().id() == 0, "in a thread"));
        drop(thread.expect("a thread").join());
    };
    for method in METHODS {
        let error = ending(method, Process::new(fail, ()));
        let panic = error.panic().expect("a panic");
        let told = (panic.message(), panic.thread());
        assert_eq!(told, ("in a thread", Some("helper")), "{method}");
    }
}

#[test]
fn a_panic_that_aborts_is_the_ending_whoever_would_catch_it() {
    let recover = || catch_unwind(|| panic!("caught by nobody")).is_err();
    for method in METHODS {
        let error = ending(method, Process::new(recover, ()));
        assert_eq!(error.panic().expect("a panic").message(), "caught by nobody", "{method}");
    }
}

#[test]
fn a_panic_that_aborts_drops_nothing_that_could_panic_again() {
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
        let error = ending::<()>(method, Process::new(fail, ()));
        assert_eq!(error.panic().expect("a panic").message(), "once", "{method}");
    }
}
