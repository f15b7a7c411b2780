//! The heartbeat of a real program, at a real monitor: each end has its verdict, and the program
//! is as it would be without.

mod away;
mod harness;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod token;
mod verdicts;
