//! Panic hooks that the user sets in a child.

use crate::support::{METHODS, join};
use procession::{JoinError, Process, StartMethod, Stdio};
use std::panic;

/// The line of the panic in [`fail`].
const LINE: u32 = line!() + 3;

fn fail() {
    panic!("the number was {}", 3);
}

/// Runs [`fail`] after this setup; returns how it ended.
fn ending(method: StartMethod, setup: impl FnOnce(Process<()>) -> Process<()>) -> JoinError {
    let plan = Process::new(fail, ()).name("checker").start_method(method).stderr(Stdio::Piped);
    join(setup(plan).start().expect("a child")).expect_err("it panicked")
}

fn assert_has_message_and_place(error: &JoinError) {
    let panic = error.panic().unwrap_or_else(|| panic!("a panic, not: {error:?}"));
    assert_eq!(panic.message(), "the number was 3");
    assert_eq!((panic.file(), panic.line()), (Some(file!()), Some(LINE)));
    assert_eq!(panic.thread(), Some("main"));
}

#[test]
fn a_hook_that_setup_sets_prints_and_the_error_has_message_and_place() {
    let set_hook = || panic::set_hook(Box::new(|_| eprintln!("own hook")));
    for method in METHODS {
        let error = ending(method, |plan| plan.setup(set_hook));
        assert_has_message_and_place(&error);
        assert_eq!(error.stderr(), "own hook\n", "{method}");
    }
}

#[test]
fn a_hook_that_setup_puts_before_ours_prints_beside_it() {
    let set_hook = || {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            eprintln!("own hook");
            before(info);
        }));
    };
    for method in METHODS {
        let error = ending(method, |plan| plan.setup(set_hook));
        assert_has_message_and_place(&error);
        let printed = error.stderr();
        assert!(printed.starts_with("own hook\nprocess `checker` panicked at"), "{printed}");
        assert_eq!(printed.matches("the number was 3").count(), 1, "{method}: {printed}");
    }
}

#[test]
fn the_hook_of_color_eyre_keeps_message_and_place_in_the_error() {
    let install = || color_eyre::install().expect("the first of this process");
    for method in METHODS {
        // The last lines of a child's errors would be its backtrace.
        let error = ending(method, |plan| plan.env("RUST_BACKTRACE", "0").setup(install));
        assert_has_message_and_place(&error);
        let printed = error.stderr();
        assert!(printed.contains("The application panicked"), "{method}: {printed}");
        assert!(!printed.contains("process `checker`"), "{method}: {printed}");
    }
}

#[test]
fn a_setup_without_a_hook_leaves_ours() {
    for method in METHODS {
        let error = ending(method, |plan| plan.setup(|| ()));
        assert_has_message_and_place(&error);
        let printed = error.stderr();
        assert_eq!(printed.matches("process `checker` panicked at").count(), 1, "{printed}");
    }
}
