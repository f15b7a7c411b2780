//! The lock, the ring and the lent memory of a channel under every order of memory that the language allows.
//!
//! Only in a build with `--cfg procession_loom` (the deep step `loom`):
//! `RUSTFLAGS="--cfg procession_loom" cargo test -p procession-sys --release --test orders`.
//! What runs here is a copy of the steps of `procession_sys::robust` and of `channel/README.md`,
//! small enough to be tried out whole, with the orders that the code has: the code itself works on
//! memory that processes share, which loom cannot see into. Deaths are the matter of
//! `channel/model.rs`, which knows one order of memory only; here it is the other way round.
//!
//! A message is a cell that loom watches: reading it without having been told, by an acquired
//! release, that it was written is a race, and an error. Waiting for ever is one, too. Each change
//! of an order or a step must be noticed.
#![cfg(procession_loom)]

mod loan;
mod lock;
mod ring;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use std::process::Command;

/// A weakened order or a step left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// The lock is taken without acquiring.
    LockRelaxed,
    /// It is given back without releasing.
    UnlockRelaxed,
    /// Emptying the word and looking for sleepers have no order, nor have counting and sleeping.
    NoOneOrder,
    /// `tail` is stored without releasing.
    TailRelaxed,
    /// `head` is stored without releasing.
    HeadRelaxed,
    /// S5 left out.
    NoRing,
    /// A2 left out.
    ArmBlindly,
    /// W2 left out.
    WaitBlindly,
    /// Lent memory is taken without acquiring.
    TakeRelaxed,
    /// It is given back without releasing.
    GiveRelaxed,
    /// It is given back before it was read.
    GiveFirst,
}

const CHANGES: [Change; 11] = [
    Change::LockRelaxed,
    Change::UnlockRelaxed,
    Change::NoOneOrder,
    Change::TailRelaxed,
    Change::HeadRelaxed,
    Change::NoRing,
    Change::ArmBlindly,
    Change::WaitBlindly,
    Change::TakeRelaxed,
    Change::GiveRelaxed,
    Change::GiveFirst,
];

/// A number that only one may use at a time, which loom checks at each use.
pub(crate) struct Watched(UnsafeCell<u32>);

// SAFETY: a second use at the same time ends the run before it happens.
unsafe impl Sync for Watched {}
// SAFETY: a number.
unsafe impl Send for Watched {}

impl Watched {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn read(&self) -> u32 {
        // SAFETY: loom has found that nobody writes it now.
        self.0.with(|number| unsafe { *number })
    }

    fn write(&self, value: u32) {
        // SAFETY: loom has found that nobody else uses it now.
        self.0.with_mut(|number| unsafe { *number = value });
    }
}

/// Tries every order, with so many changes of the running thread at moments of loom's choice.
fn explore(switches: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(switches);
    builder.max_branches = 20_000;
    builder.check(model);
}

/// Says which change the tests of this process are to notice.
const CHANGE: &str = "PROCESSION_ORDERS_CHANGE";

/// The change that this process is to notice.
fn change() -> Change {
    let name = std::env::var(CHANGE).unwrap_or_default();
    let changes = CHANGES.into_iter().find(|change| format!("{change:?}") == name);
    changes.unwrap_or(Change::None)
}

/// Runs a test of this program with a change, in a process of its own, since a model that fails may
/// take its process along; it must fail for a race, a wrong value or a wait without end.
fn must_notice(test: &str, change: Change) {
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new(own);
    command.args([test, "--exact", "--nocapture"]).env("RUST_BACKTRACE", "0");
    let run = command.env(CHANGE, format!("{change:?}")).output().expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr);
    let reasons = ["deadlock", "Causality violation", "concurrent", "assertion"];
    let noticed = reasons.iter().any(|reason| said.contains(reason));
    assert!(!run.status.success() && noticed, "{change:?}: {}\n{said}", run.status);
}
