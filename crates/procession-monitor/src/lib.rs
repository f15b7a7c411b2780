//! The monitor of procession: who reports, who fell silent, and who is told.
//!
//! ```text
//! beats, pings --> intake --> registry --> store (the log, one writer)
//!                                |             |
//!                      judge (pure, in memory) |  letters, once committed
//!                                              v
//!                                            alerts --> webhook, command
//! ```
//!
//! Memory is the truth and the database its log. [`run()`](run::run) is the server.

// They panic where the output takes nothing.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[cfg(not(target_os = "linux"))]
compile_error!("procession-monitor works on Linux only: it uses pidfds and memory files");

pub mod alerts;
pub mod clock;
mod descriptors;
pub mod intake;
pub mod judge;
mod log;
pub mod registry;
pub mod run;
mod serve;
pub mod sim;
pub mod store;

pub use alerts::Receiver;
pub use registry::Scope;
pub use run::{Config, Monitor, RunError, run};
