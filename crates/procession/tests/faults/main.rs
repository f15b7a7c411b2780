//! Somebody is killed at the worst moment there is, again and again at the same one.
//!
//! Only in a build with kill points:
//! `RUSTFLAGS="--cfg procession_faults" cargo test -p procession --test faults --test exits_host`.
//! Each test runs the program of the tests of exits, or processes of its own, and plans its fault
//! through the environment.
#![cfg(procession_faults)]

#[expect(dead_code, reason = "it serves more than these tests")]
#[path = "../it/crossfire.rs"]
mod crossfire;
#[path = "../exits/host_program.rs"]
mod host_program;
#[expect(dead_code, reason = "it serves more than these tests")]
#[path = "../it/long_vectors.rs"]
mod long_vectors;
#[expect(dead_code, reason = "the observer serves more than these tests")]
#[path = "../../../../examples/support/observer.rs"]
mod observer;
#[path = "../../../../examples/support/program.rs"]
mod program;
#[expect(dead_code, reason = "it serves more than these tests")]
#[path = "../it/support.rs"]
mod support;

mod channel_controls;
mod channel_points;
mod kill_points;
mod lent_memory;
mod negative_controls;
mod removed;
